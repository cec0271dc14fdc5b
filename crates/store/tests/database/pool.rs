//! A connection that comes back to the pool is in no transaction, wherever its user was dropped.

use anyhow::Result;
use sqlx::Row;
use testkit::polled;

#[tokio::test]
async fn whoever_begins_and_is_dropped_leaves_no_transaction_behind() -> Result<()> {
    let pool = store::connect(&testkit::database_url().await?, 1).await?;
    let (mut polls, mut dropped) = (1, 0);
    loop {
        let begun = polled(pool.begin(), polls).await.is_some();
        let began = sqlx::raw_sql("SELECT now() = statement_timestamp()").fetch_one(&pool).await?;
        assert!(began.try_get::<bool, _>(0)?, "in the transaction of one that was dropped after {polls} polls");
        if begun {
            break;
        }
        (polls, dropped) = (polls + 1, dropped + 1);
    }
    assert!(dropped > 0, "nothing was dropped midway");
    Ok(())
}
