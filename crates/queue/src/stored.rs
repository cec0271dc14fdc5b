//! A job as the database holds it.

use std::time::Duration;

use facts::TraceContext;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Job, Queue, QueueError};

/// A job in the database: its name, the version of its arguments, the arguments, and how often it
/// was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// The version of its arguments.
    pub version: u16,
    /// How often it failed.
    pub tries: u32,
    /// Its arguments.
    pub arguments: Value,
    /// What caused the job. This field must come last, because the bytes before it decide whether
    /// two jobs are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// A job to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub(crate) queue: Queue,
    pub(crate) delay: Duration,
    stored: Stored,
}

impl Request {
    /// Creates a job to be run as soon as possible.
    ///
    /// # Errors
    /// When the arguments cannot be written as JSON.
    pub fn of<J: Job>(job: &J) -> Result<Self, QueueError> {
        let arguments = serde_json::to_value(job).map_err(|source| QueueError::Arguments { name: J::NAME, source })?;
        let stored = Stored { name: J::NAME.to_owned(), version: J::VERSION, tries: 0, arguments, trace: None };
        Ok(Self { queue: J::QUEUE, delay: Duration::ZERO, stored })
    }

    /// Delays the job by this time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Creates the next try of a job that failed, after this time.
    pub(crate) fn again(stored: Stored, queue: Queue, delay: Duration) -> Self {
        Self { queue, delay, stored: Stored { tries: stored.tries + 1, trace: None, ..stored } }
    }

    /// Returns where it waits.
    pub fn queue(&self) -> Queue {
        self.queue
    }

    /// Returns the job as it is stored.
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// Returns the beginning of the job's bytes, up to its cause. Equal jobs have equal beginnings.
    pub(crate) fn sameness(&self) -> Vec<u8> {
        let mut bytes = self.bytes(None);
        bytes.pop();
        bytes
    }

    /// Returns its bytes in the database.
    pub(crate) fn bytes(&self, trace: Option<TraceContext>) -> Vec<u8> {
        let stored = Stored { trace: trace.map(|trace| trace.to_string()), ..self.stored.clone() };
        stored.bytes()
    }
}

impl Stored {
    /// Returns the job as JSON.
    pub fn bytes(&self) -> Vec<u8> {
        // Text, numbers and a JSON value can always be written as JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_jobs_begin_equally_whatever_caused_them() {
        let stored = Stored {
            name: "close".into(),
            version: 1,
            tries: 0,
            arguments: serde_json::json!({"asset": 1}),
            trace: None,
        };
        let of = |stored: Stored| Request { queue: Queue::Chain, delay: Duration::ZERO, stored };
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
        let request = of(stored.clone());
        assert!(request.bytes(None).starts_with(&request.sameness()));
        assert!(request.bytes(Some(trace)).starts_with(&request.sameness()));
        let longer = of(Stored { arguments: serde_json::json!({"asset": 12}), ..stored.clone() });
        assert!(!longer.bytes(None).starts_with(&request.sameness()), "1 is not the beginning of 12");
        let again = Request::again(stored, Queue::Chain, Duration::ZERO);
        assert!(!again.bytes(None).starts_with(&request.sameness()));
        let read: Stored = serde_json::from_slice(&request.bytes(Some(trace))).unwrap();
        assert_eq!(read.trace, Some(trace.to_string()));
    }
}
