//! What the jobs of a process share: their context, the agents' memories, and the turns for which they
//! wait.

use advisors::{market, partners, pricing, risk};
use facts::ChainId;
use tokio::sync::{Mutex, MutexGuard};

use crate::Context;

/// The context of jobs, and what they keep in memory.
pub struct Worker {
    pub(crate) context: Context,
    /// Jobs that need the pots' lock wait here, without a connection.
    pub(crate) pots: Turn,
    pub(crate) next_close: Mutex<()>,
    pub(crate) next_publish: Mutex<()>,
    /// What the pricing agent has learned. It answers one question at a time, because a fit keeps a
    /// processor busy for seconds.
    pub(crate) prices: Mutex<pricing::Memory>,
    /// What the risk agent knows.
    pub(crate) risks: risk::Memory,
    /// What the market agent has learned.
    pub(crate) days: Mutex<market::Memory>,
    /// When partners were looked for last.
    pub(crate) people: Mutex<partners::Memory>,
}

impl Worker {
    /// Creates a worker with empty memories, which the first questions fill.
    pub fn new(context: Context) -> Self {
        let risks = risk::Memory::new(context.pool.clone(), context.deployment.chain_id);
        Self {
            context,
            pots: Turn::default(),
            next_close: Mutex::default(),
            next_publish: Mutex::default(),
            prices: Mutex::default(),
            risks,
            days: Mutex::default(),
            people: Mutex::default(),
        }
    }

    pub(crate) fn chain_id(&self) -> ChainId {
        self.context.deployment.chain_id
    }
}

/// Something that only one job at a time may do.
#[derive(Default)]
pub(crate) struct Turn(Mutex<()>);

impl Turn {
    /// Waits for the turn. `None` when an equal job waits already, which will see everything that this one
    /// is about.
    pub(crate) async fn turn_after(&self, next: &Mutex<()>) -> Option<MutexGuard<'_, ()>> {
        let _next = next.try_lock().ok()?;
        Some(self.0.lock().await)
    }
}
