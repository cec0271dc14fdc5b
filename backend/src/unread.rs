//! Lets clients see why they are refused. A request may be refused before all of its body came. Closing the connection then would
//! discard the answer on its way to a client that is still sending, so the rest of the body is read, and dropped, first.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use futures::{Stream, StreamExt};

/// How long the rest of a refused body is read. A client that sends for longer finds its connection closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A body that a handler reads, and whoever waits for the handler after it.
#[derive(Clone)]
struct Shared(Arc<Mutex<BodyDataStream>>);

impl Stream for Shared {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
    }
}

/// Answers a refused request when its body has been read to the end.
pub async fn read(request: Request, next: Next) -> Response {
    // Who asks first whether to send the body waits for the answer and not for us.
    let sends = request.headers().contains_key(header::CONTENT_LENGTH)
        || request.headers().contains_key(header::TRANSFER_ENCODING);
    if !sends || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let body = Shared(Arc::new(Mutex::new(body.into_data_stream())));
    let response = next.run(Request::from_parts(head, Body::from_stream(body.clone()))).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        let rest = body.take_while(|part| std::future::ready(part.is_ok())).for_each(|_| std::future::ready(()));
        if tokio::time::timeout(PATIENCE, rest).await.is_err() {
            tracing::debug!("a client was still sending {PATIENCE:?} after it was refused");
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use axum::{Router, http::StatusCode, middleware, routing::post};
    use futures::stream;
    use tower::ServiceExt;

    use super::*;

    /// Sends a body in pieces, of which `ends` says whether there is a last one. Returns the status, and how many were read.
    async fn refused(status: StatusCode, ends: bool, asks: bool) -> (StatusCode, usize) {
        let read = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&read);
        let pieces = stream::iter(0..100).map(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, io::Error>(Bytes::from_static(b"piece"))
        });
        let body = if ends { Body::from_stream(pieces) } else { Body::from_stream(pieces.chain(stream::pending())) };
        let mut request = Request::post("/").header(header::TRANSFER_ENCODING, "chunked");
        if asks {
            request = request.header(header::EXPECT, "100-continue");
        }
        let router =
            Router::new().route("/", post(move || async move { status })).layer(middleware::from_fn(super::read));
        let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
        (response.status(), read.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn the_body_of_a_refused_request_is_read_and_no_other() {
        let too_large = StatusCode::PAYLOAD_TOO_LARGE;
        assert_eq!(refused(too_large, true, false).await, (too_large, 100));
        assert_eq!(refused(too_large, false, false).await, (too_large, 100), "a body that never ends is given up");
        assert_eq!(refused(too_large, true, true).await, (too_large, 0), "the client waits for our word");
        assert_eq!(refused(StatusCode::OK, true, false).await, (StatusCode::OK, 0));
    }
}
