//! Checks the books: every entry that came since the last check by itself, and all accounts against what the contracts hold at the
//! mirror's newest block. Once a day everything is counted from the beginning. Faults in a currency stop its distributions and
//! roots until a check finds that they are gone.

use std::time::Duration;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol,
    sol_types::SolCall,
    transports::RpcError,
};
use bindings::{Market, Payouts};
use domain::money::Amount;
use futures::{StreamExt, TryStreamExt, stream};
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};
use service::error_chain;
use store::payouts::books::{self, Books};

use crate::{Context, JobError, Worker};

sol! {
    function balanceOf(address account) external view returns (uint256);
}

/// How long a node may take to answer, so that it does not hold up the job and others for ever.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many currencies are compared with the contracts. There is a limit, because anyone can give an asset income in any token.
const MOST_CURRENCIES: usize = 256;
/// How many questions the node is asked at the same time.
const AT_ONCE: usize = 8;

/// Check the books.
#[derive(Debug, Serialize, Deserialize)]
pub struct Balance {}

impl Job for Balance {
    type Context = Worker;
    const NAME: &str = "balance";
    const QUEUE: Queue = Queue::Chain;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        Ok(balance(&worker.context).await?)
    }
}

/// Checks the chain's books and records the result. Repeating this adds a check and changes nothing else.
///
/// # Errors
/// [`JobError::NotYet`] when the node does not answer in time, and other errors when the database or the node fails. A fault in
/// the books is not an error of this function.
pub async fn balance(context: &Context) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let Some(mut reading) = books::check(&context.pool, chain_id).await? else { return Ok(()) };
    match tokio::time::timeout(PATIENCE, compare(context, &mut reading.books)).await {
        Ok(compared) => compared?,
        Err(_) => return Err(JobError::NotYet(format!("the node did not answer within {PATIENCE:?}"))),
    }
    let mut tx = context.pool.begin().await?;
    books::record(&mut tx, chain_id, &reading).await?;
    tx.commit().await?;
    let books = reading.books;
    metrics::gauge!("books_faults", "chain" => chain_id.to_string()).set(books.faults.len() as f64);
    for fault in &books.faults {
        tracing::error!(
            "the books of chain {chain_id} do not hold in {}: {}: {}. Nothing is distributed in it until they do",
            fault.token,
            fault.rule,
            fault.detail
        );
    }
    Ok(())
}

/// Adds what the contracts hold of every currency, at the books' own block.
async fn compare(context: &Context, books: &mut Books) -> Result<(), JobError> {
    let payouts = context.deployment.payouts;
    let pot = Payouts::new(payouts, &context.provider).pot().call().await;
    let pot =
        pot.map_err(|error| JobError::NotYet(format!("the node did not name the pot: {}", error_chain(&error))))?;
    let at = books.block_hash;
    let tokens: Vec<Address> = books.currencies.iter().map(|currency| currency.token).take(MOST_CURRENCIES).collect();
    let held: Vec<(Address, Option<Amount>)> = stream::iter(tokens)
        .map(|token| async move {
            let (waiting, declared) = (held(context, token, pot, at).await?, held(context, token, payouts, at).await?);
            let credit = credit(context, token, pot, at).await?;
            let held = waiting
                .zip(declared)
                .and_then(|(waiting, declared)| waiting.checked_add(declared)?.checked_add(credit));
            Ok::<_, JobError>((token, held))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (token, held) in held {
        if let Some(held) = held {
            books.compare(token, held);
        }
    }
    Ok(())
}

/// Returns what the market keeps for the pot at a block, because a token refused to pay it.
async fn credit(context: &Context, token: Address, pot: Address, at: B256) -> Result<Amount, JobError> {
    let market = Market::new(context.deployment.market, &context.provider);
    let credit = market.creditOf(pot, token).block(BlockId::from(at)).call().await;
    let credit =
        credit.map_err(|error| JobError::NotYet(format!("the node does not say what the pot's credit is: {error}")))?;
    Ok(Amount(credit))
}

/// Returns what an account holds at a block, in base units. `None` if the token does not say.
async fn held(context: &Context, token: Address, account: Address, at: B256) -> Result<Option<Amount>, JobError> {
    let not_yet = |error| {
        let why = error_chain(&error);
        JobError::NotYet(format!("the node does not say what the contracts held at block {at}: {why}"))
    };
    if token.is_zero() {
        let balance = context.provider.get_balance(account).block_id(BlockId::from(at)).await.map_err(not_yet)?;
        return Ok(Some(Amount(balance)));
    }
    let call = balanceOfCall { account }.abi_encode();
    let request = TransactionRequest::default().to(token).input(call.into());
    match context.provider.call(request).block(BlockId::from(at)).await {
        Ok(answer) => Ok(balanceOfCall::abi_decode_returns(&answer).ok().map(Amount)),
        // The token itself refuses the call, and not the node.
        Err(RpcError::ErrorResp(error)) if error.as_revert_data().is_some() || error.code == 3 => Ok(None),
        Err(error) => Err(not_yet(error)),
    }
}
