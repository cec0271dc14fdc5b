//! The health of an endpoint: its latency, successes and lag, and whether it may be asked.

use std::time::{Duration, Instant};

use super::{Failure, limit::RangeLimit};

/// The hedging time until an endpoint's latency is known.
const FIRST_HEDGE: Duration = Duration::from_millis(500);
const FIRST_SUSPENSION: Duration = Duration::from_millis(250);
const LONGEST_SUSPENSION: Duration = Duration::from_secs(60);
/// The weight of the newest outcome in the success rate.
const NEWEST: f64 = 0.2;
/// Blocks behind the best head at which an endpoint counts as lagging.
pub(super) const LAGGING: u64 = 8;
/// An endpoint is suspended after this many blocks that it claimed to have but did not give.
const MISSES: u32 = 3;
/// An endpoint that disagrees with the majority this often in a row is dropped.
const DISAGREEMENTS: u32 = 3;

/// The kinds of reads, each of which has its own typical time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Head,
    Header,
    /// One block with its logs.
    Block,
    /// Many blocks with their logs.
    Range,
    /// Whatever a provider asks.
    Call,
}

/// An exponentially weighted mean with its mean deviation, in seconds, as TCP estimates round trips.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    mean: f64,
    deviation: f64,
    known: bool,
}

impl Estimate {
    fn add(&mut self, sample: Duration) {
        let sample = sample.as_secs_f64();
        if !self.known {
            *self = Self { mean: sample, deviation: sample / 2.0, known: true };
            return;
        }
        self.deviation += ((sample - self.mean).abs() - self.deviation) / 4.0;
        self.mean += (sample - self.mean) / 8.0;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Healthy,
    /// Far behind the best head, and used for the blocks that it has.
    Lagging,
    /// Left alone for a while after failures.
    Suspended,
    /// It lied, and is not asked for data again.
    Dropped,
}

#[derive(Debug)]
pub(super) struct Health {
    success: f64,
    post: Estimate,
    reads: [Estimate; 5],
    failures: u32,
    misses: u32,
    /// How often in a row it disagreed with the majority.
    pub disagreements: u32,
    suspended_until: Option<Instant>,
    dropped: bool,
    pub reason: Option<Failure>,
    pub head: u64,
    /// When it showed its head.
    pub head_at: Option<Instant>,
    /// The endpoint has pruned the blocks below this one.
    pub oldest: u64,
    pub limit: RangeLimit,
    pub calls: u64,
    pub errors: u64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            success: 1.0,
            post: Estimate::default(),
            reads: [Estimate::default(); 5],
            failures: 0,
            misses: 0,
            disagreements: 0,
            suspended_until: None,
            dropped: false,
            reason: None,
            head: 0,
            head_at: None,
            oldest: 0,
            limit: RangeLimit::default(),
            calls: 0,
            errors: 0,
        }
    }
}

impl Health {
    /// Notes that a request was answered after this time.
    pub fn posted(&mut self, time: Duration) {
        self.post.add(time);
    }

    pub fn succeeded(&mut self, read: Read, time: Duration) {
        self.reads[read as usize].add(time);
        self.success += (1.0 - self.success) * NEWEST;
        self.failures = 0;
        // These reads do not show whether the endpoint gives the blocks that it claims to have.
        if !matches!(read, Read::Head | Read::Call) {
            self.misses = 0;
        }
        self.suspended_until = None;
        if !self.dropped {
            self.reason = None;
        }
    }

    /// Notes that the endpoint showed a block of this height.
    pub fn saw_head(&mut self, number: u64, now: Instant) {
        self.head = number;
        self.head_at = Some(now);
    }

    /// Notes that others were quicker, so that the answer was given up after this time.
    pub fn outrun(&mut self, read: Read, time: Duration) {
        self.reads[read as usize].add(time);
        self.post.add(time);
        self.success += (0.5 - self.success) * NEWEST;
    }

    /// Notes a failure. Returns true when the endpoint is dropped because of it.
    pub fn failed(&mut self, failure: &Failure, now: Instant) -> bool {
        match failure {
            Failure::Moved | Failure::OtherBranch => return false,
            Failure::Missing(number) if *number > self.head || self.misses < MISSES => {
                if *number <= self.head {
                    self.misses += 1;
                    if number + 128 < self.head {
                        self.oldest = self.oldest.max(number + 1);
                    }
                }
                return false;
            }
            _ => {}
        }
        self.errors += 1;
        self.success -= self.success * NEWEST;
        if self.dropped {
            return false;
        }
        self.reason = Some(failure.clone());
        if matches!(failure, Failure::Minority(_)) {
            self.disagreements += 1;
        }
        if matches!(failure, Failure::Lie(_)) || self.disagreements >= DISAGREEMENTS {
            self.dropped = true;
            return true;
        }
        let pause = FIRST_SUSPENSION.saturating_mul(1 << self.failures.min(16)).min(LONGEST_SUSPENSION);
        self.failures += 1;
        self.suspended_until = Some(now + pause);
        false
    }

    pub fn state(&self, best_head: u64, now: Instant) -> State {
        if self.dropped {
            State::Dropped
        } else if self.suspended_until.is_some_and(|until| until > now) {
            State::Suspended
        } else if self.head + LAGGING < best_head {
            State::Lagging
        } else {
            State::Healthy
        }
    }

    /// Returns whether the endpoint counts in decisions. It does not count after a failure until it answers again,
    /// nor when it holds back blocks.
    pub fn has_voice(&self) -> bool {
        !self.dropped && self.failures == 0 && self.misses < MISSES
    }

    /// Returns a score from 0 to 1: the success rate, reduced for latency and lag.
    pub fn score(&self, best_head: u64) -> f64 {
        if self.dropped {
            return 0.0;
        }
        let lag = best_head.saturating_sub(self.head) as f64;
        self.success / (1.0 + self.post.mean) / (1.0 + (lag - 1.0).max(0.0) / LAGGING as f64)
    }

    pub fn latency(&self) -> Duration {
        Duration::from_secs_f64(self.post.mean)
    }

    /// Returns how long this read takes at most when nothing is wrong. After this time, another endpoint is asked as
    /// well. It is never below `shortest`.
    pub fn hedge(&self, read: Read, shortest: Duration, timeout: Duration) -> Duration {
        let estimate = self.reads[read as usize];
        let usual = if estimate.known {
            Duration::from_secs_f64(estimate.mean + 4.0 * estimate.deviation)
        } else {
            FIRST_HEDGE
        };
        usual.max(shortest).min(timeout / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_suspend_ever_longer_and_an_answer_ends_it() {
        let (mut health, now) = (Health::default(), Instant::now());
        assert!(!health.failed(&Failure::Timeout, now));
        assert_eq!(health.state(0, now), State::Suspended);
        assert_eq!(health.state(0, now + FIRST_SUSPENSION), State::Healthy, "it comes back by itself");
        health.failed(&Failure::Timeout, now);
        assert_eq!(health.state(0, now + FIRST_SUSPENSION), State::Suspended);
        for _ in 0..100 {
            health.failed(&Failure::Timeout, now);
        }
        assert_eq!(health.state(0, now + LONGEST_SUSPENSION), State::Healthy);
        assert!(!health.has_voice());
        let low = health.score(0);
        health.succeeded(Read::Header, Duration::from_millis(1));
        assert_eq!((health.state(0, now), health.has_voice()), (State::Healthy, true));
        assert!(health.score(0) > low);
    }

    #[test]
    fn a_lie_drops_for_good_and_a_gap_does_not() {
        let (mut health, now) = (Health { head: 10, ..Health::default() }, Instant::now());
        assert!(!health.failed(&Failure::Missing(11), now));
        assert_eq!((health.state(10, now), health.state(19, now)), (State::Healthy, State::Lagging));
        assert!(health.failed(&Failure::Lie("x".into()), now));
        assert!(!health.failed(&Failure::Lie("y".into()), now), "said once");
        health.succeeded(Read::Header, Duration::ZERO);
        assert_eq!((health.state(10, now), health.score(10)), (State::Dropped, 0.0));
        assert_eq!(health.reason, Some(Failure::Lie("x".into())));
    }

    #[test]
    fn an_endpoint_that_never_gives_what_it_claims_is_suspended() {
        let (mut health, now) = (Health { head: 1_000_000, ..Health::default() }, Instant::now());
        for _ in 0..MISSES {
            health.failed(&Failure::Missing(5), now);
            assert_eq!(health.state(0, now), State::Healthy);
        }
        assert_eq!(health.oldest, 6);
        health.failed(&Failure::Missing(5), now);
        assert_eq!(health.state(0, now), State::Suspended);
    }

    #[test]
    fn the_hedge_follows_the_latency() {
        let mut health = Health::default();
        let (shortest, timeout) = (Duration::from_millis(50), Duration::from_secs(10));
        assert_eq!(health.hedge(Read::Head, shortest, timeout), FIRST_HEDGE);
        for _ in 0..100 {
            health.succeeded(Read::Head, Duration::from_millis(2));
        }
        assert_eq!(health.hedge(Read::Head, shortest, timeout), shortest);
        for _ in 0..100 {
            health.succeeded(Read::Head, Duration::from_millis(400));
        }
        let hedge = health.hedge(Read::Head, shortest, timeout);
        assert!(hedge > Duration::from_millis(390) && hedge < Duration::from_millis(600), "{hedge:?}");
        assert_eq!(health.hedge(Read::Range, shortest, timeout), FIRST_HEDGE, "each kind has its own");
    }
}
