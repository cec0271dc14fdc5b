//! The reasons why a job did not do its work.

use advisors::AdvisorError;
use queue::{Failure, QueueError};
use store::StoreError;

/// The reasons why a job did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Sender(#[from] sender::SenderError),
    #[error("the vault refused: {0}")]
    Vault(#[from] vault::VaultError),
    #[error(transparent)]
    Advisor(#[from] AdvisorError),
    /// It may work later.
    #[error("{0}")]
    NotYet(String),
    /// It will never work.
    #[error("{0}")]
    Refused(String),
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Refused(_) | JobError::Advisor(AdvisorError::Refused(_)) => Self::Never(Box::new(error)),
            error => Self::Again(Box::new(error)),
        }
    }
}
