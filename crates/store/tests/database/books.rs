//! The books by running totals are the books counted from the beginning, whatever happens in between.

use anyhow::{Context, Result, ensure};
use domain::money::Amount;
use facts::ChainId;
use sqlx::{AssertSqlSafe, PgPool};
use store::payouts::books::{self, HELD, RUNNING, Reading};
use testkit::{polled, sim::Rng};

/// How many stories are told, and how many things happen in each.
const STORIES: u64 = 8;
const STEPS: u64 = 50;

/// A market in which anything may happen next. It has a chain of its own in a database that all stories share.
struct Story {
    pool: PgPool,
    chain: i64,
    rng: Rng,
    /// The newest block.
    head: i64,
    /// How many records there are, for numbers that nothing else has.
    records: i64,
    /// Checks that were made and not recorded.
    unrecorded: Vec<Reading>,
}

impl Story {
    async fn begin(pool: &PgPool, seed: u64) -> Result<Self> {
        let chain = 1000 + seed as i64;
        let story =
            Self { pool: pool.clone(), chain, rng: Rng::new(seed), head: 1, records: 0, unrecorded: Vec::new() };
        story.run("SELECT chain.create_generation($CHAIN, 1, true)").await?;
        story.run("SELECT chain.attach_generation($CHAIN, 1)").await?;
        story.run("SELECT chain.index_generation($CHAIN, 1, NULL)").await?;
        story
            .run(
                "INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number)
                 VALUES ($CHAIN, 1, sha256('1'), 0, 0, 1)",
            )
            .await?;
        story
            .run("INSERT INTO sender_accounts (chain_id, account, next_nonce) SELECT $CHAIN, repeat(x, 20)::bytea, 0 FROM unnest('{e,f}'::text[]) x")
            .await?;
        Ok(story)
    }

    fn id(&self) -> ChainId {
        ChainId(self.chain as u64)
    }

    /// Runs a statement about this story's chain. Returns how many rows it changed.
    async fn run(&self, statement: &str) -> Result<u64> {
        let statement = statement.replace("$CHAIN", &self.chain.to_string());
        let done = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&self.pool).await;
        Ok(done.with_context(|| statement)?.rows_affected())
    }

    /// Returns a number below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.rng.below(n)
    }

    /// Returns one of few people, or one of few currencies: what happens should meet.
    fn someone(&mut self) -> String {
        format!("decode(repeat('a{}', 20), 'hex')", self.below(4))
    }

    fn token(&mut self) -> String {
        format!("decode(repeat('0{}', 20), 'hex')", self.below(2))
    }

    fn next(&mut self) -> i64 {
        self.records += 1;
        self.records
    }

    /// A block with money in it: income, a fee, claims by whoever has something to claim.
    async fn block(&mut self) -> Result<()> {
        self.head += 1;
        let (head, token, amount, log) = (self.head, self.token(), self.below(1000) + 1, self.next());
        let place = format!("$CHAIN, {head}, {log}, sha256('t'), now()");
        match self.below(3) {
            0 => {
                self.run(&format!(
                    "INSERT INTO chain.fills (chain_id, block_number, log_index, tx_hash, at, order_hash, asset_id, maker, taker, side,
                                              currency, price, fee, royalty, net, nonce)
                     VALUES ({place}, sha256('o'), 1, repeat('a', 20)::bytea, repeat('b', 20)::bytea, 'SELL', {token}, {amount}, {fee}, 0,
                             {amount} - {fee}, {log})",
                    fee = amount / 40
                ))
                .await?;
            }
            1 => {
                self.run(&format!(
                    "INSERT INTO chain.claims (chain_id, block_number, log_index, tx_hash, at, account, token, recipient, amount, cumulative)
                     SELECT {place}, account, token, account, left_over, left_over
                     FROM (SELECT p.account, p.token, sum(p.amount) - coalesce((
                               SELECT sum(c.amount) FROM chain.claims c
                               WHERE c.chain_id = $CHAIN AND c.account = p.account AND c.token = p.token), 0) AS left_over
                           FROM payouts p WHERE p.chain_id = $CHAIN GROUP BY p.account, p.token ORDER BY 1, 2) p
                     WHERE left_over > 0 LIMIT 1"
                ))
                .await?;
            }
            _ => {
                self.run(&format!(
                    "INSERT INTO chain.incomes (chain_id, block_number, log_index, tx_hash, at, asset_id, token, payer, amount, reason)
                     VALUES ({place}, 1, {token}, repeat('a', 20)::bytea, {amount}, 'gift')"
                ))
                .await?;
            }
        }
        self.run(&format!(
            "UPDATE chain.cursors SET block_number = {head}, head_number = {head} WHERE chain_id = $CHAIN"
        ))
        .await?;
        Ok(())
    }

    /// Takes blocks back, as the indexer does: by the partition's own name.
    async fn take_back(&mut self, above: i64) -> Result<()> {
        for table in ["incomes", "claims", "fills"] {
            self.run(&format!("DELETE FROM chain_$CHAIN_1.{table} WHERE block_number > {above}")).await?;
        }
        self.head = above;
        self.run(&format!(
            "UPDATE chain.cursors SET block_number = {above}, head_number = {above} WHERE chain_id = $CHAIN"
        ))
        .await?;
        Ok(())
    }

    async fn finalized(&self) -> Result<i64> {
        let query = "SELECT finalized_number FROM chain.cursors WHERE chain_id = $1";
        Ok(sqlx::query_scalar(query).bind(self.chain).fetch_one(&self.pool).await?)
    }

    /// Divides what is final of a currency: some is paid, some is reserved, some is carried, and what was carried is brought.
    async fn divide(&mut self) -> Result<()> {
        let (token, someone, other, name) = (self.token(), self.someone(), self.someone(), self.next());
        self.run(&format!(
            "WITH incomes AS (
                 SELECT i.chain_id, i.block_number, i.log_index, i.amount FROM chain.incomes i JOIN chain.cursors c USING (chain_id)
                 WHERE chain_id = $CHAIN AND i.token = {token} AND i.block_number <= c.finalized_number AND NOT EXISTS (
                     SELECT FROM distributed_incomes x
                     WHERE (x.chain_id, x.block_number, x.log_index) = (i.chain_id, i.block_number, i.log_index))),
             given AS (SELECT sum(amount) AS amount, coalesce((SELECT sum(carried) - sum(brought) FROM distribution_carries
                                                               WHERE chain_id = $CHAIN AND token = {token} AND account = {other}), 0) AS brought
                       FROM incomes HAVING count(*) > 0),
             parts AS (SELECT amount, brought, least(amount, 7) AS carried, (amount - least(amount, 7)) / 3 AS third FROM given),
             whole AS (SELECT amount, brought, carried, trunc(third) AS reserved, amount + brought - carried - trunc(third) AS paid FROM parts),
             d AS (INSERT INTO distributions (chain_id, asset_id, token, amount, distributed, reserved, brought, carried, policy, through_block)
                   SELECT $CHAIN, 1, {token}, amount, paid, reserved, brought, carried, 'pass_down', 1 FROM whole RETURNING *),
             x AS (INSERT INTO distributed_incomes (chain_id, block_number, log_index, distribution_id)
                   SELECT i.chain_id, i.block_number, i.log_index, d.id FROM incomes i, d),
             p AS (INSERT INTO payouts (chain_id, account, token, amount, distribution_id)
                   SELECT $CHAIN, {someone}, {token}, distributed, id FROM d WHERE distributed > 0),
             r AS (INSERT INTO reserves (distribution_id, chain_id, token, beneficiary, work_id, amount)
                   SELECT id, $CHAIN, {token}, 'mailto:{name}', (SELECT min(id) FROM works), reserved FROM d WHERE reserved > 0)
             INSERT INTO distribution_carries (distribution_id, chain_id, token, account, brought, carried)
             SELECT id, $CHAIN, {token}, {other}, brought, carried FROM d WHERE brought > 0 OR carried > 0"
        ))
        .await?;
        Ok(())
    }

    async fn release(&mut self) -> Result<()> {
        let someone = self.someone();
        self.run(&format!(
            "INSERT INTO payouts (chain_id, account, token, amount, distribution_id, reserve_id)
             SELECT chain_id, {someone}, token, amount, distribution_id, id FROM reserves r
             WHERE chain_id = $CHAIN AND NOT EXISTS (SELECT FROM payouts p WHERE p.reserve_id = r.id) ORDER BY id LIMIT 2"
        ))
        .await?;
        Ok(())
    }

    /// Publishes what everybody was paid, or vetoes the newest root.
    async fn root(&mut self) -> Result<()> {
        let number = self.next();
        if self.rng.chance(30) {
            self.run(&format!(
                "WITH newest AS (SELECT root FROM payout_roots WHERE chain_id = $CHAIN ORDER BY id DESC LIMIT 1),
                 p AS (INSERT INTO chain.root_proposals (chain_id, block_number, log_index, tx_hash, at, number, root, data_cid, anchor_seq,
                                                         totals, activatable_at)
                       SELECT $CHAIN, {number}, 0, root, now(), {number}, root, '', 0, '[]', now() FROM newest)
                 INSERT INTO chain.root_decisions (chain_id, block_number, log_index, tx_hash, at, number, root, decision)
                 SELECT $CHAIN, {number}, 1, root, now(), {number}, root, 'vetoed' FROM newest"
            ))
            .await?;
            return Ok(());
        }
        self.run(&format!(
            "WITH r AS (INSERT INTO payout_roots (chain_id, root, data_cid, totals, through_payout)
                        VALUES ($CHAIN, sha256('{number}'), 'bafy', '[]', 0) RETURNING id)
             INSERT INTO payout_root_entries
             SELECT r.id, p.account, p.token, sum(p.amount) FROM payouts p, r WHERE p.chain_id = $CHAIN GROUP BY 1, 2, 3"
        ))
        .await?;
        Ok(())
    }

    /// The engine sends something, or learns what became of what it sent, in whatever order.
    async fn send(&mut self) -> Result<()> {
        let (key, sender) = (self.next(), ["e", "f"][self.below(2) as usize]);
        let (state, gas) = (["mined", "final", "reverted", "sent"][self.below(4) as usize], self.below(90_000));
        self.run(&format!(
            "WITH a AS (UPDATE sender_accounts SET next_nonce = next_nonce + 1
                        WHERE chain_id = $CHAIN AND account = repeat('{sender}', 20)::bytea RETURNING account, next_nonce - 1 AS nonce)
             INSERT INTO sender_transactions (chain_id, account, key, data, state, nonce)
             SELECT $CHAIN, account, 'test:{key}', '', 'sent', nonce FROM a"
        ))
        .await?;
        self.run(&format!(
            "UPDATE sender_transactions SET state = '{state}', gas_used = {gas}, gas_price = 3
             WHERE id = (SELECT id FROM sender_transactions WHERE chain_id = $CHAIN AND state IN ('sent', 'mined')
                         ORDER BY md5(id::text || '{key}') LIMIT 1)"
        ))
        .await?;
        Ok(())
    }

    /// Changes a record by hand, and sometimes changes it back.
    async fn tamper(&mut self) -> Result<()> {
        let one = |table: &str| format!("(SELECT max(id) FROM {table} WHERE chain_id = $CHAIN)");
        let statements = [
            format!("UPDATE payouts SET amount = amount + 1 WHERE id = {}", one("payouts")),
            format!("UPDATE reserves SET amount = amount + 1 WHERE id = {}", one("reserves")),
            "UPDATE chain.incomes SET amount = amount + 1 WHERE chain_id = $CHAIN AND block_number = 3".to_owned(),
            "UPDATE chain.claims SET amount = amount + 1 WHERE chain_id = $CHAIN".to_owned(),
            format!(
                "INSERT INTO distribution_carries (distribution_id, chain_id, token, account, brought, carried)
                 SELECT id, chain_id, token, decode(repeat('66', 20), 'hex'), 3, 0 FROM distributions WHERE id = {}",
                one("distributions")
            ),
        ];
        let at = self.below(statements.len() as u64) as usize;
        self.run(&statements[at]).await?;
        Ok(())
    }

    /// Reads the books both ways, and records the check, later, or never, or twice at once, or dies with it.
    async fn check(&mut self) -> Result<()> {
        self.compare().await?;
        let reading = books::read(&self.pool, self.id()).await?.context("the mirror has a head")?;
        match self.below(6) {
            0 => self.unrecorded.push(reading),
            1 => {
                // Killed before it was committed, at any step.
                let polls = self.below(40);
                let record = async {
                    let mut tx = self.pool.begin().await?;
                    books::record(&mut tx, self.id(), &reading).await?;
                    anyhow::Ok(tx)
                };
                drop(polled(record, polls).await);
            }
            2 => {
                // By two workers at once.
                let (pool, chain) = (&self.pool, self.id());
                tokio::try_join!(record(pool, chain, &reading), record(pool, chain, &reading))?;
            }
            3 if !self.unrecorded.is_empty() => {
                let late = self.below(self.unrecorded.len() as u64) as usize;
                record(&self.pool, self.id(), &self.unrecorded.swap_remove(late)).await?;
                record(&self.pool, self.id(), &reading).await?;
            }
            _ => record(&self.pool, self.id(), &reading).await?,
        }
        Ok(())
    }

    /// Compares the running totals, and the books read by them, with what is counted.
    async fn compare(&self) -> Result<()> {
        let running = books::read(&self.pool, self.id()).await?.context("the mirror has a head")?.books;
        let recount = books::recount(&self.pool, self.id()).await?.context("the mirror has a head")?;
        ensure!(recount.differences.is_empty(), "{:?}", recount.differences);
        let counted = recount.reading.books;
        ensure!(running.currencies == counted.currencies, "{running:#?}\n{counted:#?}");
        ensure!(running.faults == counted.faults, "{:#?}\n{:#?}", running.faults, counted.faults);
        Ok(())
    }

    async fn step(&mut self) -> Result<()> {
        match self.below(100) {
            0..30 => self.block().await,
            30..35 => {
                let finalized = self.finalized().await?;
                let above = finalized + self.below((self.head - finalized + 1) as u64) as i64;
                self.take_back(above).await
            }
            35..45 => {
                let finalized = self.head - self.below(3) as i64;
                let raise = "UPDATE chain.cursors SET finalized_number = greatest(finalized_number, $TO), safe_number = greatest(safe_number, $TO)
                             WHERE chain_id = $CHAIN";
                self.run(&raise.replace("$TO", &finalized.max(0).to_string())).await.map(drop)
            }
            45..57 => self.divide().await,
            57..62 => self.release().await,
            62..66 => self.root().await,
            66..73 => self.send().await,
            73..75 => {
                // A rewind takes back what was final.
                let to = self.below(self.head as u64) as i64;
                self.run(&format!(
                    "UPDATE chain.cursors SET finalized_number = least(finalized_number, {to}), safe_number = least(safe_number, {to}),
                            rewinds = rewinds + 1 WHERE chain_id = $CHAIN"
                ))
                .await?;
                self.take_back(to).await
            }
            75..76 => {
                self.run("UPDATE chain.cursors SET generation = generation + 1 WHERE chain_id = $CHAIN").await.map(drop)
            }
            76..78 => self.tamper().await,
            _ => self.check().await,
        }
    }
}

async fn record(pool: &PgPool, chain: ChainId, reading: &Reading) -> Result<()> {
    let mut tx = pool.begin().await?;
    books::record(&mut tx, chain, reading).await?;
    Ok(tx.commit().await?)
}

/// A work for reserves to name.
async fn database() -> Result<PgPool> {
    let pool = testkit::database().await?;
    sqlx::query(
        "INSERT INTO works (owner, kind, title, source, source_key)
         VALUES (decode(repeat('01', 20), 'hex'), 'CODE', 'work', 'upload', 'work')",
    )
    .execute(&pool)
    .await?;
    Ok(pool)
}

#[tokio::test]
async fn whatever_happens_the_running_totals_are_what_is_counted() -> Result<()> {
    let pool = database().await?;
    let mut moved = 0;
    for seed in 0..STORIES {
        let mut story = Story::begin(&pool, seed).await?;
        for step in 0..STEPS {
            story.step().await.with_context(|| format!("story {seed}, step {step}"))?;
        }
        story.compare().await.with_context(|| format!("the end of story {seed}"))?;
        let position = "SELECT count(*) FROM book_positions WHERE chain_id = $1 AND distribution_id > 0";
        moved += sqlx::query_scalar::<_, i64>(position).bind(story.chain).fetch_one(&pool).await?;
    }
    ensure!(moved > 0, "no story moved the totals over a division");
    Ok(())
}

/// A story without accidents: some of everything, all checked.
async fn quiet(pool: &PgPool, seed: u64) -> Result<Story> {
    let mut story = Story::begin(pool, seed).await?;
    for _ in 0..40 {
        story.block().await?;
    }
    story.run("UPDATE chain.cursors SET finalized_number = block_number, safe_number = block_number WHERE chain_id = $CHAIN").await?;
    for _ in 0..4 {
        story.divide().await?;
    }
    story.release().await?;
    story.root().await?;
    let check = books::check(&story.pool, story.id()).await?.context("the mirror has a head")?;
    assert_eq!(
        (check.whole, check.books.faults.as_slice()),
        (true, [].as_slice()),
        "the first check counts everything"
    );
    record(&story.pool, story.id(), &check).await?;
    Ok(story)
}

/// Makes a check as the workers do. Returns whether it counted everything, and the rules that do not hold.
async fn checked(story: &Story) -> Result<(bool, Vec<String>)> {
    let check = books::check(&story.pool, story.id()).await?.context("the mirror has a head")?;
    record(&story.pool, story.id(), &check).await?;
    Ok((check.whole, check.books.faults.into_iter().map(|fault| fault.rule).collect()))
}

async fn a_day_passes(story: &Story) -> Result<()> {
    story.run("UPDATE book_checks SET created_at = created_at - interval '25 hours' WHERE chain_id = $CHAIN").await?;
    Ok(())
}

#[tokio::test]
async fn damaged_totals_are_named_until_they_are_mended_or_counted_anew() -> Result<()> {
    let pool = database().await?;
    let story = quiet(&pool, 1).await?;
    assert_eq!(checked(&story).await?, (false, vec![]));
    for (damage, repair, of) in [
        (
            "UPDATE book_totals SET credits = credits + 1 WHERE chain_id = $CHAIN AND account = 'payable'",
            "UPDATE book_totals SET credits = credits - 1 WHERE chain_id = $CHAIN AND account = 'payable'",
            "payable",
        ),
        (
            "UPDATE book_people SET paid = paid + 1 WHERE chain_id = $CHAIN",
            "UPDATE book_people SET paid = paid - 1 WHERE chain_id = $CHAIN",
            "0x",
        ),
        (
            "UPDATE book_totals SET account = 'gas' WHERE chain_id = $CHAIN AND account = 'pot'",
            "UPDATE book_totals SET account = 'pot' WHERE chain_id = $CHAIN AND account = 'gas'",
            "pot",
        ),
    ] {
        assert!(story.run(damage).await? > 0, "{damage}");
        let recount = books::recount(&pool, story.id()).await?.context("the mirror has a head")?;
        assert!(recount.differences.iter().any(|one| one.of.starts_with(of)), "{damage}: {:?}", recount.differences);
        a_day_passes(&story).await?;
        for _ in 0..2 {
            // What was found is looked at again by every check, and the totals do not move on.
            let (whole, rules) = checked(&story).await?;
            assert!(whole && !rules.is_empty() && rules.iter().all(|rule| rule == RUNNING), "{damage}: {rules:?}");
        }
        story.run(repair).await?;
        assert_eq!(checked(&story).await?, (true, vec![]), "{repair}");
        assert_eq!(checked(&story).await?, (false, vec![]));
    }
    // An operator takes what was counted.
    story.run("UPDATE book_totals SET debits = debits + 5 WHERE chain_id = $CHAIN").await?;
    a_day_passes(&story).await?;
    assert!(!checked(&story).await?.1.is_empty());
    books::forget(&mut *pool.acquire().await?, story.id()).await?;
    assert_eq!(checked(&story).await?, (true, vec![]));
    assert_eq!(checked(&story).await?, (false, vec![]));
    story.compare().await
}

#[tokio::test]
async fn records_that_change_without_a_trace_are_found_within_a_day_and_stay_found() -> Result<()> {
    let pool = database().await?;
    let story = quiet(&pool, 2).await?;
    // As somebody could who may do anything in the database: consistent in itself, and without triggers.
    let change = |by: i64| {
        format!(
            "SET session_replication_role = replica;
             UPDATE distributions SET amount = amount + {by}, distributed = distributed + {by}
             WHERE id = (SELECT min(distribution_id) FROM payouts WHERE chain_id = $CHAIN);
             UPDATE payouts SET amount = amount + {by} WHERE id = (SELECT min(id) FROM payouts WHERE chain_id = $CHAIN);
             UPDATE chain.incomes SET amount = amount + {by}
             WHERE (chain_id, block_number, log_index) = (
                 SELECT chain_id, block_number, log_index FROM distributed_incomes
                 WHERE distribution_id = (SELECT min(distribution_id) FROM payouts WHERE chain_id = $CHAIN) LIMIT 1);
             SET session_replication_role = DEFAULT"
        )
    };
    assert!(story.run(&change(1)).await? >= 3, "nothing was paid");
    assert_eq!(checked(&story).await?, (false, vec![]), "the records hold, and the totals are those of before");
    a_day_passes(&story).await?;
    for _ in 0..2 {
        let (whole, rules) = checked(&story).await?;
        assert!(whole && rules.iter().any(|rule| rule == RUNNING), "{rules:?}");
    }
    story.run(&change(-1)).await?;
    assert_eq!(checked(&story).await?, (true, vec![]));
    Ok(())
}

/// Anyone can make a token that says it holds too little, and that must not make every check count everything.
#[tokio::test]
async fn what_the_contracts_lack_is_no_reason_to_count_from_the_beginning() -> Result<()> {
    let pool = database().await?;
    let story = quiet(&pool, 5).await?;
    let mut whole = books::recount(&pool, story.id()).await?.context("the mirror has a head")?.reading;
    let tokens: Vec<_> = whole.books.currencies.iter().map(|currency| currency.token).collect();
    for token in tokens {
        whole.books.compare(token, Amount::ZERO);
    }
    assert!(whole.books.faults.iter().any(|fault| fault.rule == HELD));
    record(&pool, story.id(), &whole).await?;
    assert_eq!(checked(&story).await?, (false, vec![]));
    Ok(())
}

#[tokio::test]
async fn chains_that_rest_do_not_hold_up_or_disturb_each_other() -> Result<()> {
    let pool = database().await?;
    let (resting, mut busy) = (quiet(&pool, 3).await?, quiet(&pool, 4).await?);
    let position = async |story: &Story| -> Result<(i64, i64)> {
        let query = "SELECT distribution_id, block_number FROM book_positions WHERE chain_id = $1";
        Ok(sqlx::query_as(query).bind(story.chain).fetch_one(&pool).await?)
    };
    let before = position(&resting).await?;
    let begun = position(&busy).await?;
    for _ in 0..10 {
        busy.block().await?;
    }
    busy.run(
        "UPDATE chain.cursors SET finalized_number = block_number, safe_number = block_number WHERE chain_id = $CHAIN",
    )
    .await?;
    busy.divide().await?;
    busy.divide().await?;
    for story in [&resting, &busy] {
        assert_eq!(checked(story).await?, (false, vec![]));
        story.compare().await?;
    }
    assert_eq!(position(&resting).await?, before);
    assert!(position(&busy).await?.1 > begun.1);
    assert_ne!(resting.id(), busy.id());
    let empty = books::read(&pool, ChainId(77)).await?;
    assert!(empty.is_none(), "there is no such mirror");
    Ok(())
}
