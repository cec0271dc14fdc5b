//! Converts jobs that the first version stored, all in one queue (`payouts:31337`) and without names:
//! `{"task":{"Activate":{"number":7}}, "tries":0}`. They are brought into the present form in place, whatever became of them.

use serde::Deserialize;
use sqlx::PgPool;

use agents::risk::Watched;
use alloy::primitives::{Address, B256};
use domain::AssetId;
use queue::{QueueError, Request, Stored};

use crate::{
    JobError,
    jobs::{
        Activate, Analyse, ApplyDeliveries, Appraise, AppraiseListed, Assess, Balance, Close, Introduce, Publish,
        Screen,
    },
};

#[derive(Deserialize)]
enum Task {
    Close,
    Publish,
    Activate { number: u64 },
    Balance,
    ApplyDeliveries { work: i64 },
    Appraise { asset: u64 },
    AppraiseListed { after: u64 },
    AssessWork { asset: u64, through: u64 },
    AssessAccount { account: Address, through: u64 },
    Screen { order: B256 },
    Analyse,
    Introduce,
}

#[derive(Deserialize)]
struct Old {
    task: Task,
    tries: u32,
}

/// Converts all of them, in one transaction. Other jobs stay as they are.
///
/// # Errors
/// When the database fails, or a job cannot be read.
pub async fn convert(pool: &PgPool) -> Result<(), JobError> {
    let mut tx = pool.begin().await?;
    let rows: Vec<(String, String, Vec<u8>)> =
        sqlx::query_as("SELECT id, job_type, job FROM apalis.jobs WHERE job_type LIKE 'payouts:%' FOR UPDATE")
            .fetch_all(&mut *tx)
            .await?;
    let (mut ids, mut queues, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
    for (id, queue, job) in rows {
        let chain_id = queue.strip_prefix("payouts:").and_then(|chain| chain.parse().ok());
        if let (Some(chain_id), Some((request, tries))) = (chain_id, read(&job)?) {
            ids.push(id);
            queues.push(request.queue().name(chain_id));
            jobs.push(Stored { tries, ..request.stored().clone() }.bytes());
        }
    }
    sqlx::query(
        "UPDATE apalis.jobs j SET job_type = n.queue, job = n.job
         FROM unnest($1::text[], $2::text[], $3::bytea[]) AS n (id, queue, job) WHERE j.id = n.id",
    )
    .bind(ids)
    .bind(queues)
    .bind(jobs)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

fn read(job: &[u8]) -> Result<Option<(Request, u32)>, QueueError> {
    let Ok(Old { task, tries }) = serde_json::from_slice(job) else { return Ok(None) };
    let request = match task {
        Task::Close => Request::of(&Close {}),
        Task::Publish => Request::of(&Publish {}),
        Task::Activate { number } => Request::of(&Activate { number }),
        Task::Balance => Request::of(&Balance {}),
        Task::ApplyDeliveries { work } => Request::of(&ApplyDeliveries { work }),
        Task::Appraise { asset } => Request::of(&Appraise { asset }),
        Task::AppraiseListed { after } => Request::of(&AppraiseListed { after }),
        Task::AssessWork { asset, through } => Request::of(&Assess::of(Watched::Work(AssetId(asset)), through)),
        Task::AssessAccount { account, through } => Request::of(&Assess::of(Watched::Account(account), through)),
        Task::Screen { order } => Request::of(&Screen { order }),
        Task::Analyse => Request::of(&Analyse {}),
        Task::Introduce => Request::of(&Introduce {}),
    };
    Ok(Some((request?, tries)))
}

#[cfg(test)]
mod tests {
    use facts::ChainId;

    use super::*;

    #[test]
    fn jobs_of_the_first_version_are_read() {
        let account = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
        let hash = format!("0x{}", "ab".repeat(32));
        let golden = [
            (r#""Close""#.to_owned(), "chain", r#"{"name":"close","version":1,"tries":0,"arguments":{}}"#.to_owned()),
            (r#""Publish""#.into(), "chain", r#"{"name":"publish","version":1,"tries":0,"arguments":{}}"#.into()),
            (
                r#"{"Activate":{"number":7}}"#.into(),
                "chain",
                r#"{"name":"activate","version":1,"tries":0,"arguments":{"number":7}}"#.into(),
            ),
            (r#""Balance""#.into(), "chain", r#"{"name":"balance","version":1,"tries":0,"arguments":{}}"#.into()),
            (
                r#"{"ApplyDeliveries":{"work":5}}"#.into(),
                "hooks",
                r#"{"name":"apply_deliveries","version":1,"tries":0,"arguments":{"work":5}}"#.into(),
            ),
            (
                r#"{"Appraise":{"asset":3}}"#.into(),
                "agents",
                r#"{"name":"appraise","version":1,"tries":0,"arguments":{"asset":3}}"#.into(),
            ),
            (
                r#"{"AppraiseListed":{"after":0}}"#.into(),
                "agents",
                r#"{"name":"appraise_listed","version":1,"tries":0,"arguments":{"after":0}}"#.into(),
            ),
            (
                r#"{"AssessWork":{"asset":3,"through":9}}"#.into(),
                "agents",
                r#"{"name":"assess","version":1,"tries":0,"arguments":{"subject":"asset:3","through":9}}"#.into(),
            ),
            (
                format!(r#"{{"AssessAccount":{{"account":"{account}","through":9}}}}"#),
                "agents",
                r#"{"name":"assess","version":1,"tries":0,"arguments":{"subject":"account:0x70997970C51812dc3A010C7d01b50e0d17dc79C8","through":9}}"#
                    .into(),
            ),
            (
                format!(r#"{{"Screen":{{"order":"{hash}"}}}}"#),
                "agents",
                format!(r#"{{"name":"screen","version":1,"tries":0,"arguments":{{"order":"{hash}"}}}}"#),
            ),
            (r#""Analyse""#.into(), "agents", r#"{"name":"analyse","version":1,"tries":0,"arguments":{}}"#.into()),
            (r#""Introduce""#.into(), "agents", r#"{"name":"introduce","version":1,"tries":0,"arguments":{}}"#.into()),
        ];
        for (task, queue, expected) in golden {
            let (request, tries) = read(format!(r#"{{"task":{task},"tries":3}}"#).as_bytes()).unwrap().unwrap();
            let bytes = request.stored().bytes();
            assert_eq!((String::from_utf8_lossy(&bytes).as_ref(), tries), (expected.as_str(), 3));
            assert_eq!(request.queue().name(ChainId(1)), format!("{queue}:1"));
        }
        assert!(read(br#"{"task":"Sleep","tries":0}"#).unwrap().is_none());
    }
}
