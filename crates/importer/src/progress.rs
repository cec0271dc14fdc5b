//! The progress of an import, and how its two halves stop each other.

use std::sync::{
    atomic::{AtomicBool, Ordering},
    mpsc::Sender,
};

use crate::ImportError;

/// What the importer is counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Commits of the history were read.
    Commits,
    /// Files of HEAD were hashed. Equal files count once.
    Files,
    /// Packages of the lock files were read.
    Dependencies,
}

/// The progress of a phase. Phases run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is counted.
    pub phase: Phase,
    /// How many are done.
    pub done: u64,
    /// How many there will be, if that is known.
    pub total: Option<u64>,
}

/// Reports are this many steps apart.
const STEP: u64 = 256;

/// Reports the progress of one half of the import to the caller.
#[derive(Debug, Clone)]
pub(crate) struct Reporter<'a> {
    sender: Sender<Progress>,
    stop: &'a AtomicBool,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(sender: Sender<Progress>, stop: &'a AtomicBool) -> Self {
        Self { sender, stop }
    }

    /// Reports the progress of a loop from time to time. Returns an error when the other half has
    /// failed.
    pub(crate) fn step(&self, phase: Phase, done: u64, total: Option<u64>) -> Result<(), ImportError> {
        if done.is_multiple_of(STEP) || Some(done) == total {
            if self.stop.load(Ordering::Relaxed) {
                return Err(ImportError::Stopped);
            }
            // If nobody listens, the import is over.
            let _ = self.sender.send(Progress { phase, done, total });
        }
        Ok(())
    }

    /// Tells the other half to stop when this one failed.
    pub(crate) fn end<T>(&self, result: Result<T, ImportError>) -> Result<T, ImportError> {
        if result.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        result
    }
}
