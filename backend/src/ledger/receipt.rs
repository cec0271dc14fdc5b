//! GET /v1/ledger/events/{seq}/receipt and GET /v1/ledger/consistency

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use domain::ledger::{Receipt, receipt::Anchored, signature::TreeHead, tree::Consistency};
use serde::{Deserialize, Serialize};
use store::ledger;
use utoipa::{IntoParams, ToSchema};

use super::{no_event, parse_seq, sign};
use crate::{
    AppState,
    cached::unchanging,
    extract::{Path, Query},
    problem::{Problem, Result},
};

/// The receipt of an event: a file for `tributary verify`, which says what is in it. Its proof leads to the newest root whose
/// anchor is final; while none covers the event, to the present root, and `anchored` is null.
#[utoipa::path(get, path = "/v1/ledger/events/{seq}/receipt", operation_id = "get_ledger_receipt", tag = "ledger", params(("seq" = String, Path, description = "the event's number")),
    responses((status = 200, body = serde_json::Value, description = "see docs/ledger.md"), (status = 404, body = Problem)))]
pub async fn receipt(State(state): State<AppState>, Path(seq): Path<String>) -> Result<Response> {
    let number = parse_seq(&seq)?;
    let mut tx = store::snapshot(&state.pool).await?;
    let entry = ledger::entry(&mut tx, number).await?.ok_or_else(|| no_event(number))?;
    let newest = ledger::newest_anchor(&mut tx, state.chain_id(), true).await?;
    let newest = newest.filter(|newest| newest.anchor.size >= number);
    let (size, root) = match &newest {
        Some(newest) => (newest.anchor.size, newest.anchor.root),
        None => {
            let size = ledger::head(&mut tx).await?.size;
            (size, ledger::root_at(&mut tx, size).await?)
        }
    };
    let proof = ledger::proof(&mut tx, number, size).await?;
    let tree = TreeHead { chain_id: state.chain_id().0, contract: state.deployment.anchor, size, root };
    let anchored = newest.map(|newest| Anchored {
        transaction: newest.transaction,
        block: newest.block,
        previous_head: newest.previous_head,
        anchors: vec![newest.anchor],
        head: newest.head,
    });
    // A ledger that differs from what was anchored has no receipts.
    let mut receipt = Receipt::new(entry, proof, tree, anchored).map_err(Problem::internal)?;
    receipt.signature = sign(&state, &tree).await?;
    let text = receipt.text().map_err(Problem::internal)?.into_string();
    let name = format!("attachment; filename=\"receipt-{number}.json\"");
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_DISPOSITION, &name)];
    Ok((headers, text).into_response())
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Sizes {
    /// The size of the smaller ledger, at least 1.
    pub from: u64,
    /// The size of the larger one.
    pub to: u64,
}

/// The proof that the ledger of one size begins with the one of another size, unchanged.
#[derive(Debug, Serialize, ToSchema)]
pub struct Growth {
    pub from: SizedRoot,
    pub to: SizedRoot,
    /// The peaks of the smaller tree, the largest first: together they give its root.
    pub peaks: Vec<String>,
    /// The nodes of what was added, in order: appended to the peaks they give the larger root.
    pub added: Vec<String>,
}

/// A size of the ledger and the root over so many events.
#[derive(Debug, Serialize, ToSchema)]
pub struct SizedRoot {
    pub size: u64,
    pub root: String,
}

/// Proves that the ledger only grew between two sizes.
#[utoipa::path(get, path = "/v1/ledger/consistency", operation_id = "get_ledger_consistency", tag = "ledger", params(Sizes),
    responses((status = 200, body = Growth), (status = 304), (status = 422, body = Problem)))]
pub async fn consistency(
    State(state): State<AppState>,
    Query(Sizes { from, to }): Query<Sizes>,
    asked: HeaderMap,
) -> Result<Response> {
    let mut tx = store::snapshot(&state.pool).await?;
    let size = ledger::head(&mut tx).await?.size;
    if to > size {
        return Err(Problem::field("to", "out_of_range", format!("is more than the {size} events of the ledger")));
    }
    if from == 0 || from > to {
        return Err(Problem::field("from", "out_of_range", "is between 1 and `to`"));
    }
    let (first, last) = (ledger::root_at(&mut tx, from).await?, ledger::root_at(&mut tx, to).await?);
    let Consistency { peaks, added } = ledger::consistency(&mut tx, from, to).await?;
    let hex = |hashes: Vec<domain::B256>| hashes.iter().map(ToString::to_string).collect();
    let growth = Growth {
        from: SizedRoot { size: from, root: first.to_string() },
        to: SizedRoot { size: to, root: last.to_string() },
        peaks: hex(peaks),
        added: hex(added),
    };
    Ok(unchanging(&asked, format!("{first}-{last}"), axum::Json(growth)))
}
