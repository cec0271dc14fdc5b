//! Reads the chain. Everything that a command asks goes to the node as one JSON-RPC batch, which is one HTTP request.

use std::marker::PhantomData;

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, Bytes},
    providers::{DynProvider, Provider},
    rpc::{
        client::{BatchRequest, Waiter},
        types::TransactionRequest,
    },
    sol_types::SolCall,
    transports::{TransportError, TransportErrorKind},
};

use crate::{Error, Result};

/// Questions about the newest block that are sent together.
pub struct Batch<'a>(BatchRequest<'a>);

/// The answer to a call, which is there once its batch was sent.
#[must_use]
pub struct Answer<C> {
    waiter: Waiter<Bytes>,
    call: PhantomData<C>,
}

impl<'a> Batch<'a> {
    pub fn new(provider: &'a DynProvider) -> Self {
        Self(BatchRequest::new(provider.client()))
    }

    /// Adds a call of a contract to the batch.
    ///
    /// # Errors
    /// When the question cannot be written as JSON.
    pub fn call<C: SolCall>(&mut self, to: Address, call: &C) -> Result<Answer<C>> {
        let request = TransactionRequest::default().to(to).input(call.abi_encode().into());
        let waiter = self.0.add_call("eth_call", &(request, BlockNumberOrTag::Latest)).map_err(Error::Chain)?;
        Ok(Answer { waiter, call: PhantomData })
    }

    /// Asks for the code at an address, which is empty where there is no contract.
    ///
    /// # Errors
    /// When the question cannot be written as JSON.
    pub fn code(&mut self, at: Address) -> Result<Waiter<Bytes>> {
        self.0.add_call("eth_getCode", &(at, BlockNumberOrTag::Latest)).map_err(Error::Chain)
    }

    /// Sends all questions. Their answers can be read from then on.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn send(self) -> Result<()> {
        self.0.send().await.map_err(Error::Chain)
    }
}

impl<C: SolCall> Answer<C> {
    /// Returns the answer of a contract of ours, which never refuses these questions.
    ///
    /// # Errors
    /// When the node does not answer, or the contract is not ours.
    pub async fn value(self) -> Result<C::Return> {
        let bytes = self.waiter.await.map_err(Error::Chain)?;
        C::abi_decode_returns(&bytes).map_err(|error| Error::Chain(TransportErrorKind::custom(error)))
    }

    /// Returns the answer of a contract that may refuse the question. Returns `None` when it refuses, when it answers something
    /// else, or when there is no contract.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn value_if_any(self) -> Result<Option<C::Return>> {
        Ok(self.bytes_if_any().await?.and_then(|bytes| C::abi_decode_returns(&bytes).ok()))
    }

    /// Returns the same answer without decoding it.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn bytes_if_any(self) -> Result<Option<Bytes>> {
        match self.waiter.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(TransportError::ErrorResp(_)) => Ok(None),
            Err(error) => Err(Error::Chain(error)),
        }
    }
}
