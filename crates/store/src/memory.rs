//! What is read from the database once and kept in memory for as long as it is current.
//!
//! A [`Source`] says how to read a value, and which version of it the database has now, which must cost little. [`Memory`] holds the
//! newest value that was read. Readers never wait for a value that is being read anew: that happens in the background, once at a
//! time, and for at most a part of the time.

use std::{
    fmt::Display,
    future::Future,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use sqlx::{PgConnection, PgPool};
use tokio::sync::Mutex;

/// Where a value comes from.
pub trait Source: Send + Sync + 'static {
    /// Two equal versions have the same value.
    type Version: PartialEq + Send + Sync;
    /// The value that is kept.
    type Value: Send + Sync;
    /// The error when the value cannot be read.
    type Error: From<sqlx::Error> + Display + Send;

    /// Reading takes at most this fraction of the time: one part in `SHARE`. With 1, the value is read as often as it changes.
    const SHARE: u32 = 1;

    /// Returns what the value is, for the log.
    fn name(&self) -> String;

    /// Returns the version that the database has now.
    fn version(&self, conn: &mut PgConnection) -> impl Future<Output = Result<Self::Version, Self::Error>> + Send;

    /// Returns the present value and its version, as of one moment.
    fn read(&self, pool: &PgPool) -> impl Future<Output = Result<Held<Self>, Self::Error>> + Send;
}

/// A value and its version.
pub struct Held<S: Source + ?Sized> {
    pub version: S::Version,
    pub value: S::Value,
}

/// The newest value of a source that was read. It is cheap to clone.
pub struct Memory<S: Source>(Arc<Inner<S>>);

struct Inner<S: Source> {
    pool: PgPool,
    source: S,
    held: RwLock<Option<Arc<Held<S>>>>,
    /// Held by whoever reads the next value, with the time before which there is no need to.
    reading: Arc<Mutex<Option<Instant>>>,
}

impl<S: Source> Clone for Memory<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Source> Memory<S> {
    /// Returns an empty memory, which the first question fills.
    pub fn new(pool: PgPool, source: S) -> Self {
        Self(Arc::new(Inner { pool, source, held: RwLock::default(), reading: Arc::default() }))
    }

    /// Returns the source of the value.
    pub fn source(&self) -> &S {
        &self.0.source
    }

    /// Returns the database that the value is read from.
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// Returns the newest value that was read, which may be of an older version, or `None` when none was read yet. It never
    /// waits for the database.
    pub fn latest(&self) -> Option<Arc<Held<S>>> {
        // A panic cannot leave half a value here.
        self.0.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the value of the version that `conn` sees. When the memory does not hold it, this begins to read the present
    /// one, unless that is under way, and returns `None` at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn current(&self, conn: &mut PgConnection) -> Result<Option<Arc<Held<S>>>, S::Error> {
        let version = self.0.source.version(conn).await?;
        Ok(self.refreshing(&version).filter(|held| held.version == version))
    }

    /// Returns the newest value that was read, or `None` when none was read yet. When it is not the present one, this
    /// begins to read that, unless that is under way or was done a moment ago, and does not wait for it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest(&self, conn: &mut PgConnection) -> Result<Option<Arc<Held<S>>>, S::Error> {
        let version = self.0.source.version(conn).await?;
        Ok(self.refreshing(&version))
    }

    /// Returns the present value. It is read when it is not known, unless that was done a moment ago.
    ///
    /// # Errors
    /// When the database does not answer, or what it holds cannot be read.
    pub async fn fresh(&self) -> Result<Arc<Held<S>>, S::Error> {
        let mut next = self.0.reading.lock().await;
        let version = self.0.source.version(&mut *self.0.pool.acquire().await?).await?;
        match self.latest().filter(|held| held.version == version || !is_due(*next)) {
            Some(held) => Ok(held),
            None => self.read(&mut next).await,
        }
    }

    /// Returns the newest value, and first begins to read the present one if that is another.
    fn refreshing(&self, version: &S::Version) -> Option<Arc<Held<S>>> {
        let held = self.latest();
        if held.as_ref().is_none_or(|held| held.version != *version)
            && let Ok(mut next) = self.0.reading.clone().try_lock_owned()
            && is_due(*next)
        {
            let memory = self.clone();
            tokio::spawn(async move {
                if let Err(error) = memory.read(&mut next).await {
                    tracing::error!("{} stay as they were: {error}", memory.0.source.name());
                }
            });
        }
        held
    }

    async fn read(&self, next: &mut Option<Instant>) -> Result<Arc<Held<S>>, S::Error> {
        let start = Instant::now();
        let held = Arc::new(self.0.source.read(&self.0.pool).await?);
        *self.0.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held.clone());
        *next = Some(Instant::now() + start.elapsed() * (S::SHARE - 1));
        Ok(held)
    }
}

fn is_due(next: Option<Instant>) -> bool {
    next.is_none_or(|next| next <= Instant::now())
}
