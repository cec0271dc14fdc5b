//! How many blocks an endpoint accepts in one `eth_getLogs`, learned from its answers.

use std::time::Duration;

const FIRST: u64 = 250;
const FIRST_CAP: u64 = 10_000;
const LAST_CAP: u64 = 100_000;
/// An answer beyond one of these limits is large, so less is asked for next time.
const LARGE_LOGS: usize = 10_000;
const LARGE_BYTES: usize = 4 << 20;
const LARGE_TIME: Duration = Duration::from_secs(3);
/// This many good answers at the cap are needed before the cap is doubled, and before a refused size is tried again.
const PATIENCE: u32 = 16;

/// The learned range limit of one endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeLimit {
    blocks: u64,
    cap: u64,
    /// The smallest size that was refused lately.
    refused: Option<u64>,
    good: u32,
}

impl Default for RangeLimit {
    fn default() -> Self {
        Self { blocks: FIRST, cap: FIRST_CAP, refused: None, good: 0 }
    }
}

impl RangeLimit {
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Notes that a range of `asked` blocks was answered with this many logs and bytes.
    pub fn answered(&mut self, asked: u64, logs: usize, bytes: usize, time: Duration) {
        let load = [
            logs as f64 / LARGE_LOGS as f64,
            bytes as f64 / LARGE_BYTES as f64,
            time.as_secs_f64() / LARGE_TIME.as_secs_f64(),
        ];
        let load = load.into_iter().fold(0.0, f64::max);
        if load > 1.0 {
            let fitting = (asked as f64 / load) as u64;
            self.blocks = self.blocks.min(fitting.max(asked / 4)).max(1);
            self.good = 0;
            return;
        }
        // The cost of a small part of the limit says little about the whole.
        if asked < self.blocks || load > 0.4 {
            return;
        }
        self.good += 1;
        if self.good >= PATIENCE {
            self.good = 0;
            self.refused = None;
            self.cap = (self.cap * 2).min(LAST_CAP);
        }
        let below_refused = self.refused.map_or(u64::MAX, |size| size.saturating_sub(1));
        self.blocks = (self.blocks * 2).min(self.cap).min(below_refused).max(self.blocks);
    }

    /// Notes that a range of `asked` blocks, more than one, was refused with this text, or that its answer was too
    /// large or too late.
    pub fn refused(&mut self, asked: u64, text: &str) {
        let suggested = suggestion(text).filter(|blocks| (1..asked).contains(blocks));
        self.blocks = self.blocks.min(suggested.unwrap_or(asked / 2)).max(1);
        self.refused = Some(suggested.map_or(asked, |blocks| blocks + 1));
        self.good = 0;
    }
}

/// Returns the number of blocks that an error's text mentions: a range to try instead, or a limit.
fn suggestion(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    if let [from, to] = hex_numbers(&text)[..] {
        return to.checked_sub(from).map(|blocks| blocks + 1);
    }
    if !text.contains("block") && !text.contains("range") {
        return None;
    }
    decimal_numbers(&text)
        .into_iter()
        .filter(|(_, after)| {
            !["result", "log", "event", "row", "second", "ms", "mb", "kb", "byte"]
                .iter()
                .any(|unit| after.starts_with(unit))
        })
        .map(|(number, _)| number)
        .filter(|number| (1..=LAST_CAP).contains(number))
        .min()
}

fn hex_numbers(text: &str) -> Vec<u64> {
    text.split("0x")
        .skip(1)
        .filter_map(|rest| {
            let digits: &str = rest.split(|c: char| !c.is_ascii_hexdigit()).next()?;
            u64::from_str_radix(digits, 16).ok()
        })
        .collect()
}

/// Returns the decimal numbers of a text (`10,000`, `10k` and `10000` alike), each with the text after it.
fn decimal_numbers(text: &str) -> Vec<(u64, &str)> {
    let mut numbers = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let tail = &rest[start..];
        let end = tail.find(|c: char| !(c.is_ascii_digit() || c == ',' || c == '_')).unwrap_or(tail.len());
        let digits: String = tail[..end].chars().filter(char::is_ascii_digit).collect();
        let (thousands, after) = match tail[end..].strip_prefix('k') {
            Some(after) if !after.starts_with(|c: char| c.is_ascii_alphabetic()) => (1_000, after),
            _ => (1, &tail[end..]),
        };
        if let Ok(number) = digits.parse::<u64>() {
            numbers.push((number.saturating_mul(thousands), after.trim_start()));
        }
        rest = after;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_found_in_the_texts_of_providers() {
        let cases = [
            ("eth_getLogs block range is limited to 2000", Some(2_000)),
            ("exceed maximum block range: 5000", Some(5_000)),
            ("eth_getLogs is limited to a 10,000 range", Some(10_000)),
            ("query exceeds max block range 10k", Some(10_000)),
            ("Under the Free tier plan, you can make requests with up to a 10 block range.", Some(10)),
            ("query returned more than 10000 results. Try with this block range [0x10, 0x1f].", Some(16)),
            ("Log response size exceeded. This block range should work: [0x3e8, 0x7cf]", Some(1_000)),
            ("try 0x1-0x64", Some(100)),
            ("query returned more than 10000 results", None),
            ("block range too large, more than 10000 logs", None),
            ("query timeout exceeded", None),
            ("", None),
        ];
        for (text, blocks) in cases {
            assert_eq!(suggestion(text), blocks, "{text}");
        }
    }

    #[test]
    fn a_limit_shrinks_at_once_and_grows_with_care() {
        let mut limit = RangeLimit::default();
        let quick = Duration::from_millis(5);
        for _ in 0..PATIENCE - 1 {
            limit.answered(limit.blocks(), 10, 1_000, quick);
        }
        assert_eq!(limit.blocks(), FIRST_CAP, "the first cap holds");
        for _ in 0..200 {
            limit.answered(limit.blocks(), 10, 1_000, quick);
        }
        assert_eq!(limit.blocks(), LAST_CAP, "and no limit goes beyond the last");
        limit.refused(100_000, "no");
        assert_eq!(limit.blocks(), 50_000);
        limit.refused(50_000, "block range is limited to 2000");
        assert_eq!(limit.blocks(), 2_000);
        limit.answered(2_000, 10, 1_000, quick);
        assert_eq!(limit.blocks(), 2_000, "a size that was refused is not tried again at once");
        for _ in 0..PATIENCE {
            limit.answered(limit.blocks(), 10, 1_000, quick);
        }
        assert!(limit.blocks() > 2_000, "but later it is");
        let before = limit.blocks();
        limit.answered(before, LARGE_LOGS * 2, 1_000, quick);
        assert_eq!(limit.blocks(), before / 2, "a large answer halves it without an error");
        limit.answered(10, 10, 1_000, quick);
        assert_eq!(limit.blocks(), before / 2, "a small question says nothing");
        limit.refused(1, "whatever");
        assert_eq!(limit.blocks(), 1, "never below one block");
    }
}
