//! What a job is.

use std::{collections::BTreeMap, error::Error, future::Future, pin::Pin};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What jobs of one kind are about; each kind has a queue of its own on each chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Money: divisions, payout roots, books.
    Chain,
    /// What others delivered to us.
    Hooks,
    /// Advice, which may take a processor for seconds.
    Agents,
}

impl Queue {
    /// All queues.
    pub const ALL: [Self; 3] = [Self::Chain, Self::Hooks, Self::Agents];

    /// Returns its name on a chain, as the database has it.
    pub fn name(self, chain_id: u64) -> String {
        let purpose = match self {
            Self::Chain => "chain",
            Self::Hooks => "hooks",
            Self::Agents => "agents",
        };
        format!("{purpose}:{chain_id}")
    }

    /// Returns how many of its jobs run at a time in a process. Each may use a connection to the database; together they leave
    /// most of a pool to others, however many jobs wait.
    pub const fn at_once(self) -> usize {
        match self {
            Self::Chain => 4,
            // Deliveries are applied one after the other.
            Self::Hooks => 1,
            Self::Agents => 2,
        }
    }
}

/// Why a job did not do its work.
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

    /// Its name in the database; never reused for something else.
    const NAME: &'static str;
    /// Where it waits.
    const QUEUE: Queue;
    /// The version of its arguments: grows when older ones would be misread.
    const VERSION: u16 = 1;
    /// How often it is tried before it is given up.
    const TRIES: u32 = 12;

    /// Does the work. It may have been done before, or be under way elsewhere: doing it again must change nothing.
    fn run(&self, context: &Self::Context) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Arguments of an older version in the present form; none when they cannot be brought up to date.
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
    /// Adds a job. Its name must be its own: the last one of a name is the one that runs.
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
