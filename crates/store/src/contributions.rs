//! What the ledger is told of contributions: who did what, at what cost and quality. People are named by their number alone: an
//! address of mail does not belong into a record that nobody can take back.

use serde_json::json;
use sqlx::PgConnection;

use crate::{StoreError, ledger};

/// Tells of contributions that this transaction recorded.
pub async fn tell_recorded(tx: &mut PgConnection, ids: &[i64]) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, work_id, contributor_id, kind, trim_scale(cost)::text AS "cost!", trim_scale(coherence)::text AS "coherence!",
                  trim_scale(confidence)::text AS "confidence!", weight::text AS "weight!", source_key, evidence,
                  encode(recorded_by, 'hex') AS "recorded_by!"
           FROM contributions WHERE id = ANY ($1) ORDER BY id"#,
        ids
    )
    .fetch_all(&mut *tx)
    .await?;
    let events = rows
        .into_iter()
        .map(|row| {
            let body = json!({
                "work": row.work_id.to_string(), "contributor": row.contributor_id.to_string(), "kind": row.kind,
                "cost": row.cost, "coherence": row.coherence, "confidence": row.confidence, "weight": row.weight,
                "reference": row.source_key, "evidence": row.evidence, "recordedBy": format!("0x{}", row.recorded_by),
            });
            let streams = [format!("work:{}", row.work_id), format!("contributor:{}", row.contributor_id)];
            ledger::event("contribution.recorded", format!("contribution:{}", row.id), streams, &body)
        })
        .collect::<Result<Vec<_>, _>>()?;
    ledger::append(tx, &events).await
}
