//! What the jobs of a process share: what they work with, what the agents remember, and whose turn it is.

use advisors::{market, partners, pricing, risk};
use facts::ChainId;
use tokio::sync::{Mutex, MutexGuard};

use crate::Context;

/// What jobs work with, and what they keep in memory between them.
pub struct Worker {
    pub(crate) context: Context,
    /// Jobs under the pots' lock wait for it here, without a connection.
    pub(crate) pots: Turn,
    pub(crate) next_close: Mutex<()>,
    pub(crate) next_publish: Mutex<()>,
    /// What the pricing agent has learned. One question at a time: a fit takes a processor for seconds.
    pub(crate) prices: Mutex<pricing::Memory>,
    /// What the risk agent knows.
    pub(crate) risks: risk::Memory,
    /// What the market agent has learned.
    pub(crate) days: Mutex<market::Memory>,
    /// As of when partners were looked for last.
    pub(crate) people: Mutex<partners::Memory>,
}

impl Worker {
    /// With empty memories, which the first questions fill.
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

/// Something that one job at a time may do.
#[derive(Default)]
pub(crate) struct Turn(Mutex<()>);

impl Turn {
    /// Waits for the turn; none when an equal job waits already, which will see all that this one is about.
    pub(crate) async fn turn_after(&self, next: &Mutex<()>) -> Option<MutexGuard<'_, ()>> {
        let _next = next.try_lock().ok()?;
        Some(self.0.lock().await)
    }
}
