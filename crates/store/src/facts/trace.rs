//! The trace that is being worked on. Facts that are told meanwhile carry it, and so does what follows from them.

use std::future::Future;

use ::facts::TraceContext;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// Runs a future as part of a trace.
pub async fn within<T>(trace: Option<TraceContext>, future: impl Future<Output = T>) -> T {
    match trace {
        Some(trace) => CURRENT.scope(trace, future).await,
        None => future.await,
    }
}

/// Returns the trace that the running task is part of.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|trace| *trace).ok()
}
