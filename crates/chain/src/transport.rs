//! The pool as alloy's transport. Every provider of this program is built on it, so that a URL that is dead, limits requests
//! or has pruned the requested data costs a moment and stops nothing.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use alloy::{
    rpc::json_rpc::{
        ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, RpcError, SerializedRequest,
    },
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use serde_json::{Value, value::to_raw_value};
use tower::Service;

use crate::pool::{Answer, Call, NodeError, Pool};

/// The longest time for a call, so that a lock or a transaction that is held meanwhile is held no longer than this.
const PATIENCE: Duration = Duration::from_secs(30);

/// The endpoints of one chain, for alloy's providers. Several calls in one packet go to one endpoint together.
#[derive(Clone, Debug)]
pub struct PoolTransport(Arc<Pool>);

impl PoolTransport {
    pub fn new(pool: Arc<Pool>) -> Self {
        Self(pool)
    }
}

impl Service<RequestPacket> for PoolTransport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let pool = self.0.clone();
        Box::pin(async move {
            let chain_id = pool.chain_id();
            // This is a task of its own, so that the outcome still counts for the endpoint when the caller gives up.
            let answered = tokio::spawn(tokio::time::timeout(PATIENCE, answer(pool, packet)));
            match answered.await.map_err(TransportErrorKind::custom)? {
                Ok(packet) => packet,
                Err(_) => Err(TransportErrorKind::custom_str(&format!(
                    "no endpoint of chain {chain_id} answered within {PATIENCE:?}"
                ))),
            }
        })
    }
}

async fn answer(pool: Arc<Pool>, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
    match packet {
        RequestPacket::Single(request) => {
            let call = call(&request)?;
            let answer = match &*call.method {
                "eth_sendRawTransaction" => Some(pool.broadcast(call).await.map_err(TransportErrorKind::custom)?),
                _ => pool.ask(&[call]).await.map_err(TransportErrorKind::custom)?.pop(),
            };
            let answer = answer.ok_or_else(|| TransportErrorKind::missing_batch_response(request.id().clone()))?;
            Ok(ResponsePacket::Single(response(&request, answer)))
        }
        RequestPacket::Batch(requests) => {
            let calls = requests.iter().map(call).collect::<Result<Vec<_>, _>>()?;
            let answers = pool.ask(&calls).await.map_err(TransportErrorKind::custom)?;
            Ok(ResponsePacket::Batch(requests.iter().zip(answers).map(|(to, answer)| response(to, answer)).collect()))
        }
    }
}

fn call(request: &SerializedRequest) -> Result<Call, TransportError> {
    let params = match request.params() {
        Some(params) => serde_json::from_str(params.get()).map_err(RpcError::SerError)?,
        None => Value::Array(Vec::new()),
    };
    Ok(Call::new(request.method_clone(), params))
}

fn response(request: &SerializedRequest, answer: Answer) -> Response {
    let payload = match answer {
        Ok(result) => ResponsePayload::Success(result),
        Err(NodeError { code, message, data }) => {
            let data = data.and_then(|data| to_raw_value(&data).ok());
            ResponsePayload::Failure(ErrorPayload { code, message: message.into(), data })
        }
    };
    Response { id: request.id().clone(), payload }
}
