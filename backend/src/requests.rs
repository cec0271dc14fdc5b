//! One id for each request: in the header `x-request-id`, in every line of the log about it, and in the problem document that
//! answers it. The facts and jobs that follow from it carry its trace.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use facts::TraceContext;
use store::facts::trace;
use tracing::Instrument;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const TRACE: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static ID: String;
}

/// Returns the id of the request that is being answered. Outside of a request, it is a new id, which names nothing.
pub fn id() -> String {
    ID.try_with(Clone::clone).unwrap_or_else(|_| random())
}

/// Gives the request its id, unless the sender did, its step of a trace, and its span in the log.
pub async fn track(request: Request, next: Next) -> Response {
    let step = step(request.headers());
    // What is stored because of the request names it as the log does, unless the sender gave a trace of its own.
    let id = given(request.headers()).unwrap_or_else(|| format!("{:016x}", step.step));
    // The span has the level of errors, so that no filter keeps an error and drops its request's id.
    let span = tracing::error_span!("request", %id, method = %request.method(), path = request.uri().path());
    let answered = ID.scope(id.clone(), trace::within(Some(step), next.run(request)));
    let mut response = answered.instrument(span).await;
    // Both kinds of ids have only letters, digits, `-` and `_`, which any header can hold.
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// Returns the id that a proxy in front of us or the client gave. It is written to the log, so only plain ids are accepted.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    ((8..=64).contains(&id.len()) && plain).then(|| id.to_owned())
}

/// Returns a step of the trace that was given, or the first step of a new one. As in the standard, a malformed trace counts
/// as a missing one.
fn step(headers: &HeaderMap) -> TraceContext {
    let given = || headers.get(TRACE)?.to_str().ok()?.parse::<TraceContext>().ok();
    let trace = given().map_or_else(|| rand::random_range(1..=u128::MAX), |given| given.trace);
    TraceContext { trace, step: rand::random_range(1..=u64::MAX) }
}

fn random() -> String {
    format!("{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex, PoisonError},
    };

    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::problem::Problem;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn lines(&self) -> Vec<String> {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the price could not be read")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the file is cut off")]
    struct Inner;

    async fn answer(id: Option<&str>, path: &str) -> (String, Vec<u8>) {
        let fails = || async {
            tracing::info!("before");
            Problem::internal(Outer(Inner))
        };
        let router = Router::new().route("/fails", get(fails)).layer(middleware::from_fn(track));
        let mut request = Request::builder().uri(path);
        if let Some(id) = id {
            request = request.header(HEADER, id);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let header = response.headers()[HEADER].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (header, body.to_vec())
    }

    /// Asks for what always fails, and returns the id of the answer and the problem in it.
    async fn problem(id: Option<&str>) -> (String, serde_json::Value) {
        let (header, body) = answer(id, "/fails").await;
        (header, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn header_problem_and_every_line_of_the_log_have_the_same_id() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let (id, problem) = problem(None).await;
        drop(guard);
        assert_eq!(id.len(), 16);
        assert_eq!(problem["traceId"], id);
        let lines = log.lines();
        assert!(
            lines.iter().all(|line| line.contains(&format!("request{{id={id} method=GET path=\"/fails\"}}"))),
            "{lines:?}"
        );
        let errors: Vec<&String> = lines.iter().filter(|line| line.contains("ERROR")).collect();
        assert_eq!((lines.len(), errors.len()), (2, 1), "an error is logged once: {lines:?}");
        assert!(errors[0].ends_with("the price could not be read: the file is cut off"), "{errors:?}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(!detail.is_empty() && !detail.contains("file"), "what went wrong is for the log alone: {detail}");
    }

    #[tokio::test]
    async fn a_trace_that_was_given_goes_on_in_a_step_with_the_name_of_the_request() {
        let told = || async { trace::current().map(|step| step.to_string()).unwrap_or_default() };
        let router = Router::new().route("/told", get(told)).layer(middleware::from_fn(track));
        for (given, kept) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("'; DROP TABLE outbox", false),
            ("", false),
        ] {
            let request = Request::builder().uri("/told").header(TRACE, given).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let id = response.headers()[HEADER].to_str().unwrap().to_owned();
            let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
            let step = String::from_utf8(body.to_vec()).unwrap();
            assert!(step.ends_with(&format!("-{id}-01")), "{step} of {id}");
            assert_eq!(step.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), kept, "{given}");
            assert!(step.parse::<TraceContext>().is_ok(), "{step}");
        }
    }

    #[tokio::test]
    async fn an_id_that_was_given_is_kept_where_it_is_plain() {
        for (given, kept) in [
            ("0194-abcd_EF", true),
            (&"x".repeat(64), true),
            ("short", false),
            (&"x".repeat(65), false),
            ("with spaces in it", false),
            ("a=b\u{e9}12345", false),
        ] {
            let (id, problem) = problem(Some(given)).await;
            assert_eq!(problem["traceId"], id);
            assert_eq!(id == given, kept, "{given}");
        }
        assert_ne!(answer(None, "/other").await.0, answer(None, "/other").await.0);
    }
}
