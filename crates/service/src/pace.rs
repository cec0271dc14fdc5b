use std::time::Duration;

/// After this long without work, a part is at rest.
const REST_AFTER: Duration = Duration::from_secs(5);
/// The pause between the rounds of a part at rest.
const PAUSE_AT_REST: Duration = Duration::from_millis(500);

/// How long a part that looks for work again and again pauses between two rounds: briefly at first, and longer once it has found
/// nothing for some seconds.
#[derive(Clone, Debug)]
pub struct Pace {
    pause: Duration,
    idle: Duration,
}

impl Pace {
    /// Starts with this pause.
    pub const fn new(pause: Duration) -> Self {
        Self { pause, idle: Duration::ZERO }
    }

    /// Returns the pause after a round that found work, or did not.
    pub fn after(&mut self, found_work: bool) -> Duration {
        self.idle = if found_work { Duration::ZERO } else { self.idle.saturating_add(self.pause) };
        if self.idle > REST_AFTER { PAUSE_AT_REST } else { self.pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_long_after_five_seconds_without_work_and_short_again_with_the_next_work() {
        let pause = Duration::from_millis(100);
        let mut pace = Pace::new(pause);
        for _ in 0..2 {
            assert_eq!(pace.after(true), pause);
            for _ in 0..50 {
                assert_eq!(pace.after(false), pause);
            }
            assert_eq!(pace.after(false), PAUSE_AT_REST);
            assert_eq!(pace.after(false), PAUSE_AT_REST);
        }
    }
}
