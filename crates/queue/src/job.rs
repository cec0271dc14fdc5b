//! What a job is.

use std::{collections::BTreeMap, error::Error, future::Future, pin::Pin};

use facts::ChainId;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The purpose of jobs. Each purpose has a queue of its own on each chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Money: divisions, payout roots, books.
    Chain,
    /// What others delivered to us.
    Hooks,
    /// Advice, which may keep a processor busy for seconds.
    Agents,
}

impl Queue {
    /// All queues.
    pub const ALL: [Self; 3] = [Self::Chain, Self::Hooks, Self::Agents];

    /// Returns the queue's name on a chain, as the database has it.
    pub fn name(self, chain_id: ChainId) -> String {
        let purpose = match self {
            Self::Chain => "chain",
            Self::Hooks => "hooks",
            Self::Agents => "agents",
        };
        format!("{purpose}:{chain_id}")
    }

    /// Returns how many of the queue's jobs run at a time in a process. Each may use a connection to the database. Together
    /// they leave most of a pool to others, however many jobs wait.
    pub const fn at_once(self) -> usize {
        match self {
            Self::Chain => 4,
            // Deliveries are applied one after the other.
            Self::Hooks => 1,
            Self::Agents => 2,
        }
    }
}

/// The reason why a job did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// It may work later.
    Again(Box<dyn Error + Send + Sync>),
    /// It will never work.
    Never(Box<dyn Error + Send + Sync>),
}

/// A piece of background work. Its fields are its arguments, and are stored as JSON.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it works with.
    type Context: Send + Sync + 'static;

    /// The job's name in the database, which must never be reused for something else.
    const NAME: &'static str;
    /// The queue in which it waits.
    const QUEUE: Queue;
    /// The version of its arguments. It must grow when older arguments would be misread.
    const VERSION: u16 = 1;
    /// How often it is tried before it is given up.
    const TRIES: u32 = 12;

    /// Does the work. The work may have been done before, or may be under way elsewhere, so doing it again must change
    /// nothing.
    ///
    /// # Errors
    /// When the work was not done. The job is then tried again later, unless this was its last try.
    fn run(&self, context: &Self::Context) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Brings arguments of an older version into the present form. `None` when this is not possible.
    fn upgrade(_version: u16, _arguments: Value) -> Option<Value> {
        None
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;
type Run<C> = for<'a> fn(Value, u16, &'a C) -> Running<'a>;

/// The jobs that a program can run.
pub struct Registry<C>(BTreeMap<&'static str, Entry<C>>);

pub(crate) struct Entry<C> {
    pub(crate) run: Run<C>,
    pub(crate) tries: u32,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<C: Send + Sync + 'static> Registry<C> {
    /// Adds a job. Its name must be unique, because the last job added under a name is the one that runs.
    #[must_use]
    pub fn with<J: Job<Context = C>>(mut self) -> Self {
        self.0.insert(J::NAME, Entry { run: run::<J>, tries: J::TRIES });
        self
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Entry<C>> {
        self.0.get(name)
    }
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the arguments of the job are not those of version {0}: {1}")]
    Arguments(u16, serde_json::Error),
    #[error("the job was stored in version {0} of its arguments, which this program cannot read")]
    Version(u16),
}

fn run<J: Job>(arguments: Value, version: u16, context: &J::Context) -> Running<'_> {
    Box::pin(async move {
        let arguments = match version == J::VERSION {
            true => arguments,
            false => {
                J::upgrade(version, arguments).ok_or_else(|| Failure::Never(Box::new(Unreadable::Version(version))))?
            }
        };
        let job: J = serde_json::from_value(arguments)
            .map_err(|error| Failure::Never(Box::new(Unreadable::Arguments(version, error))))?;
        job.run(context).await
    })
}
