//! How far an import is, and how its two halves stop each other.

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
    /// Files of HEAD were hashed; equal ones count once.
    Files,
    /// Packages of the lock files were read.
    Dependencies,
}

/// How far a phase is. Phases run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is counted.
    pub phase: Phase,
    /// How many are done.
    pub done: u64,
    /// How many there will be, where that is known.
    pub total: Option<u64>,
}

/// Reports are this many steps apart.
const STEP: u64 = 256;

/// One half's end of the line to the caller.
#[derive(Debug, Clone)]
pub(crate) struct Reporter<'a> {
    sender: Sender<Progress>,
    stop: &'a AtomicBool,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(sender: Sender<Progress>, stop: &'a AtomicBool) -> Self {
        Self { sender, stop }
    }

    /// Says how far a loop is, now and then; an error when the other half has failed.
    pub(crate) fn step(&self, phase: Phase, done: u64, total: Option<u64>) -> Result<(), ImportError> {
        if done.is_multiple_of(STEP) || Some(done) == total {
            if self.stop.load(Ordering::Relaxed) {
                return Err(ImportError::Stopped);
            }
            // Nobody listens only when the import is over.
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
