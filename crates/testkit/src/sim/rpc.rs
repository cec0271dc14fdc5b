//! JSON-RPC over HTTP, as nodes speak it: single requests and batches, and answers that are made of
//! prepared pieces.

use alloy::{
    primitives::{Address, B256, Bytes},
    rpc::types::Filter,
};
use axum::{
    body::Body,
    http::{Response, header},
};
use futures::stream;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

/// Answers below this many bytes are sent in one piece.
const ONE_PIECE: usize = 1 << 16;

#[derive(Debug, Deserialize)]
pub struct Request {
    pub id: Option<Box<RawValue>>,
    pub method: String,
    #[serde(default)]
    pub params: Vec<Value>,
}

/// What a node refuses with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: i64,
    pub message: String,
}

impl Refusal {
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub fn of_params(message: impl std::fmt::Display) -> Self {
        Self::new(-32602, format!("invalid argument: {message}"))
    }

    pub fn of_method(method: &str) -> Self {
        Self::new(-32601, format!("the method {method} does not exist/is not available"))
    }
}

/// A result as JSON, in pieces.
pub type Answer = Result<Vec<Bytes>, Refusal>;

impl Request {
    /// Returns the parameter at a place.
    ///
    /// # Errors
    /// When the parameter is missing or malformed.
    pub fn param<T: DeserializeOwned>(&self, place: usize) -> Result<T, Refusal> {
        let value = self.params.get(place).cloned().unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(Refusal::of_params)
    }
}

/// Returns whether a filter matches such a log, regardless of the block.
pub fn matches(filter: &Filter, address: Address, topics: &[B256]) -> bool {
    (filter.address.is_empty() || filter.address.contains(&address))
        && filter
            .topics
            .iter()
            .enumerate()
            .all(|(place, wanted)| wanted.is_empty() || topics.get(place).is_some_and(|topic| wanted.contains(topic)))
}

/// Reads the requests of a body, and returns them and whether they came as a batch.
///
/// # Errors
/// When the body is not JSON-RPC.
pub fn parse(body: &[u8]) -> Result<(Vec<Request>, bool), serde_json::Error> {
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Ok((serde_json::from_slice(body)?, true));
    }
    Ok((vec![serde_json::from_slice(body)?], false))
}

/// Returns the answer to all requests of a body.
pub fn respond(body: &[u8], answer: impl Fn(&Request) -> Answer) -> Vec<Bytes> {
    match parse(body) {
        Ok((requests, false)) => requests.iter().flat_map(|request| enclose(request, answer(request))).collect(),
        Ok((requests, true)) => {
            let mut pieces = vec![Bytes::from_static(b"[")];
            for (place, request) in requests.iter().enumerate() {
                if place > 0 {
                    pieces.push(Bytes::from_static(b","));
                }
                pieces.extend(enclose(request, answer(request)));
            }
            pieces.push(Bytes::from_static(b"]"));
            pieces
        }
        Err(error) => vec![refusal("null", &Refusal::new(-32700, format!("parse error: {error}")))],
    }
}

/// Returns a result or a refusal under its request's id.
pub fn enclose(request: &Request, answer: Answer) -> Vec<Bytes> {
    let id = request.id.as_ref().map_or("null", |id| id.get());
    match answer {
        Ok(pieces) => {
            let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#);
            let ends = [Bytes::from(start.into_bytes()), Bytes::from_static(b"}")];
            let [start, end] = ends;
            [start].into_iter().chain(pieces).chain([end]).collect()
        }
        Err(refused) => vec![refusal(id, &refused)],
    }
}

fn refusal(id: &str, refused: &Refusal) -> Bytes {
    let error = serde_json::json!({"code": refused.code, "message": refused.message});
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into_bytes())
}

/// Returns a JSON value as an answer.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn json(value: impl serde::Serialize) -> Answer {
    let bytes = serde_json::to_vec(&value).map_err(|error| Refusal::new(-32603, error.to_string()))?;
    Ok(vec![Bytes::from(bytes)])
}

/// Returns a number as an answer.
///
/// # Errors
/// Never. The type is the same as that of other answers.
pub fn quantity(number: u64) -> Answer {
    Ok(vec![Bytes::from(format!("\"{number:#x}\"").into_bytes())])
}

/// Returns an HTTP response made of pieces. Long ones are sent as they are, without joining them.
pub fn response(pieces: Vec<Bytes>) -> Response<Body> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let body = if length < ONE_PIECE {
        Body::from(pieces.concat())
    } else {
        Body::from_stream(stream::iter(pieces.into_iter().map(|piece| Ok::<_, std::convert::Infallible>(piece.0))))
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(body: &str) -> String {
        let pieces = respond(body.as_bytes(), |request| match request.method.as_str() {
            "eth_chainId" => quantity(31337),
            other => Err(Refusal::of_method(other)),
        });
        String::from_utf8(pieces.concat()).expect("JSON is UTF-8")
    }

    #[test]
    fn requests_are_answered_under_their_ids_alone_or_in_a_batch() {
        assert_eq!(
            answered(r#"{"jsonrpc":"2.0","id":"a","method":"eth_chainId"}"#),
            r#"{"jsonrpc":"2.0","id":"a","result":"0x7a69"}"#
        );
        let many: Value = serde_json::from_str(&answered(
            r#" [{"id":1,"method":"eth_chainId","params":[]},{"id":2,"method":"eth_mine","params":[]}]"#,
        ))
        .expect("a batch is JSON");
        assert_eq!((&many[0]["id"], &many[0]["result"]), (&1.into(), &"0x7a69".into()));
        assert_eq!((&many[1]["id"], &many[1]["error"]["code"]), (&2.into(), &(-32601).into()));
        assert!(answered("{").contains("-32700"));
    }
}
