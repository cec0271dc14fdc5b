//! What wakes the workers of a queue: a job that was stored, and a beat for whatever nobody told them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{PollSnapshot, PollStrategy};
use serde::Deserialize;
use service::error_chain;
use sqlx::{PgPool, postgres::PgListener};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval},
};

/// The channel on which the queue's package tells that a job was stored which is due.
const STORED: &str = "apalis::job::insert";
/// How long to wait before listening again after the connection failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How long after a worker was woken it looks once more. It may have been woken during a fetch that did not see the job yet.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// Wakes the workers of one queue.
#[derive(Clone, Debug)]
pub struct Wake(mpsc::Sender<()>);

/// What a [`Wake`] wakes.
pub type Woken = mpsc::Receiver<()>;

impl Wake {
    pub fn now(&self) {
        // A channel that is full wakes them already.
        let _ = self.0.try_send(());
    }
}

/// Returns a wake and what it wakes, for one queue after another worker of the queue.
pub fn wake() -> (Wake, Arc<Mutex<Woken>>) {
    let (sender, receiver) = mpsc::channel(1);
    (Wake(sender), Arc::new(Mutex::new(receiver)))
}

#[derive(Deserialize)]
struct JobStored {
    #[serde(rename = "job_type")]
    queue: String,
}

/// Wakes the workers of a queue whenever a job for it was stored. The map has the names of the queues.
pub async fn listen(pool: PgPool, wakes: HashMap<String, Wake>) {
    loop {
        if let Err(error) = hear(&pool, &wakes).await {
            tracing::debug!("stored jobs are found by the beat alone: {}", error_chain(&error));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(pool: &PgPool, wakes: &HashMap<String, Wake>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(STORED).await?;
    loop {
        // Whatever was stored while nobody listened is found now.
        wakes.values().for_each(Wake::now);
        while let Some(told) = listener.try_recv().await? {
            let stored: Option<JobStored> = serde_json::from_str(told.payload()).ok();
            if let Some(wake) = stored.and_then(|stored| wakes.get(&stored.queue)) {
                wake.now();
            }
        }
    }
}

/// Wakes a worker with every beat, and whenever it is woken.
///
/// The queue's package has a timer of its own for this, but does not wait for it while it fetches jobs. When the timer fires
/// during a fetch that finds nothing, nothing wakes the worker again. Its heartbeat stops, and jobs stay where they are.
pub struct Pulse {
    beats: Interval,
    woken: Arc<Mutex<Woken>>,
}

impl Pulse {
    pub fn every(beat: Duration, woken: Arc<Mutex<Woken>>) -> Self {
        let mut beats = interval(beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { beats, woken }
    }
}

impl PollStrategy for Pulse {
    /// Always leaves the worker waiting for the next beat, and for being woken.
    fn poll_drive(&mut self, context: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        while let Poll::Ready(Some(())) = woken.poll_recv(context) {
            self.beats.reset_after(SECOND_LOOK);
        }
        while self.beats.poll_tick(context).is_ready() {}
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Polls a pulse until it was polled so many times.
    async fn polled(pulse: &mut Pulse, times: u32) {
        let mut polls = 0;
        poll_fn(|context| {
            polls += 1;
            assert!(pulse.poll_drive(context, &PollSnapshot::new()).is_pending());
            if polls == times { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// The first beat is there at once, like a beat that came during a fetch. The others have to wake the worker.
    #[tokio::test]
    async fn a_worker_is_woken_by_every_beat_also_after_one_that_came_while_it_was_busy() {
        let (_wake, woken) = wake();
        polled(&mut Pulse::every(Duration::from_millis(1), woken), 4).await;
    }

    #[tokio::test]
    async fn a_worker_that_is_woken_looks_at_once_and_once_more() {
        let (wake, woken) = wake();
        let mut pulse = Pulse::every(Duration::from_secs(3_600), woken);
        polled(&mut pulse, 1).await;
        wake.now();
        wake.now();
        polled(&mut pulse, 2).await;
    }
}
