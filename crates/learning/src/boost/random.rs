//! Seeded numbers for sampling rows and features: SplitMix64 (Steele, Lea, Flood 2014), the same on every machine.

pub(super) struct Random(u64);

impl Random {
    /// Creates a random stream, which is different for each pair.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03));
        random.next();
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns each of `0..count` with probability `share`, in ascending order.
    pub(super) fn rows(&mut self, count: u32, share: f64) -> Vec<u32> {
        if share >= 1.0 {
            return (0..count).collect();
        }
        (0..count).filter(|_| self.unit() < share).collect()
    }

    /// Returns `share` of `0..count`, at least one, in ascending order.
    pub(super) fn features(&mut self, count: usize, share: f64) -> Vec<usize> {
        let mut all: Vec<usize> = (0..count).collect();
        let wanted = ((count as f64 * share).ceil() as usize).clamp(1, count.max(1));
        if wanted < count {
            for place in 0..wanted {
                let other = place + (self.next() % (count - place) as u64) as usize;
                all.swap(place, other);
            }
            all.truncate(wanted);
            all.sort_unstable();
        }
        all
    }
}
