//! Which registered works are on a page of a list, newest first.
//!
//! Text is looked for in two ways, because neither is good for every text. Many works have a common one, so some are among the
//! newest: those are looked through until the page is full. Few works have a rare one: an index over trigrams names all of them. Both
//! are bounded. What is neither common nor rare, and text too short for the index, is looked for among so many of the newest works,
//! and the page says where to go on.

use ::facts::{Account, ChainId, Hash};
use alloy_primitives::{Address, B256};
use sqlx::PgConnection;

use crate::StoreError;

/// Among how many of the newest works any text is looked for first.
const FIRST: i64 = 500;
/// How many works the index may name. More of them cost more than looking through the newest.
const MOST: i32 = 1_000;
/// Among how many works a page looks for text at most, when the index does not help.
const FAR: i64 = 3_000;

/// Which works are wanted. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// CODE, MUSIC and so on.
    pub kind: Option<String>,
    pub owner: Option<Address>,
    /// Derived directly from this asset.
    pub parent: Option<i64>,
    /// With an open sell order to anyone, or without one.
    pub listed: Option<bool>,
    /// Text that the title or the description contains, in upper or lower case.
    pub text: Option<String>,
    pub content_hash: Option<B256>,
}

/// A page of the list of a chain's works.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub chain_id: ChainId,
    /// It begins below the asset with this number.
    pub below: i64,
    /// The most works on it.
    pub limit: i64,
}

/// The assets of a page, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub assets: Vec<i64>,
    /// The asset below which the next page begins; `None` when there is no more. A page with a next one may have fewer assets than
    /// were asked for, or none.
    pub next: Option<i64>,
}

/// Finds the assets of a page.
///
/// # Errors
/// When the database fails.
pub async fn find(conn: &mut PgConnection, page: Page, wanted: &Wanted) -> Result<Found, StoreError> {
    let Some(text) = &wanted.text else {
        // One more than the limit tells whether there are more.
        return look(conn, page, wanted, None, Among::Newest(page.limit + 1)).await;
    };
    let pattern = pattern(text);
    let near = look(conn, page, wanted, Some(&pattern), Among::Newest(FIRST)).await?;
    if near.next.is_none() || near.assets.len() as i64 == page.limit {
        return Ok(near);
    }
    let named = sqlx::query_scalar!("SELECT assets_by_text($1, $2, $3)", page.chain_id.get(), pattern, MOST);
    let among = named.fetch_one(&mut *conn).await?.map_or(Among::Newest(FAR), Among::Named);
    look(conn, page, wanted, Some(&pattern), among).await
}

/// Which works are looked at.
enum Among {
    /// So many of the newest that are wanted whatever they say.
    Newest(i64),
    /// These assets.
    Named(Vec<i64>),
}

/// Returns the pattern of ILIKE for what contains a text.
fn pattern(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// Looks at works for what is wanted, and for the pattern: `looked!(source, parameters..)` where the source gives the assets `a`, and the
/// parameters are those of the query and of the source.
macro_rules! looked {
    ($conn:expr, $source:tt, $page:expr, $most:expr, $pattern:expr, $wanted:expr $(, $parameter:expr)?) => {{
        let row = sqlx::query!(
            r#"WITH looked AS MATERIALIZED (
                   SELECT a.asset_id FROM "# + $source + r#"
                   WHERE a.chain_id = $1 AND a.asset_id < $2
                     AND ($6::text IS NULL OR a.kind = $6)
                     AND ($7::bytea IS NULL OR a.owner = $7)
                     AND ($8::bigint IS NULL OR $8 = ANY (a.parents))
                     AND ($9::bytea IS NULL OR a.content_hash = $9)
                     -- As a value and not by EXISTS, which may compute the view for all assets at once.
                     AND ($10::boolean IS NULL OR $10 = ((
                         SELECT s.id FROM order_states s
                         WHERE s.chain_id = $1 AND s.asset_id = a.asset_id AND s.side = 'SELL' AND s.state = 'open'
                           -- Not those meant for one buyer alone.
                           AND s.taker = decode(repeat('00', 20), 'hex') AND NOT order_is_blocked(s.chain_id, s.hash)
                         LIMIT 1) IS NOT NULL))
                   ORDER BY a.asset_id DESC LIMIT $4)
               SELECT ARRAY(
                          SELECT l.asset_id FROM (SELECT asset_id FROM looked ORDER BY asset_id DESC) l
                          -- Looked up for each row, until there are enough: joined as a whole, the view would be computed for all assets.
                          LEFT JOIN LATERAL (
                              SELECT w.title, w.description FROM asset_works x JOIN works w ON w.id = x.work_id
                              WHERE x.chain_id = $1 AND x.asset_id = l.asset_id LIMIT 1) w ON $5::text IS NOT NULL
                          WHERE $5::text IS NULL OR w.title ILIKE $5 OR w.description ILIKE $5
                          ORDER BY l.asset_id DESC LIMIT $3::bigint + 1) AS "assets!",
                      (SELECT min(asset_id) FROM looked HAVING count(*) = $4) AS last"#,
            $page.chain_id.get(),
            $page.below,
            $page.limit,
            $most,
            $pattern,
            $wanted.kind,
            $wanted.owner.map(Account) as _,
            $wanted.parent,
            $wanted.content_hash.map(Hash) as _,
            $wanted.listed
            $(, $parameter)?
        )
        .fetch_one($conn)
        .await?;
        (row.assets, row.last)
    }};
}

async fn look(
    conn: &mut PgConnection,
    page: Page,
    wanted: &Wanted,
    pattern: Option<&str>,
    among: Among,
) -> Result<Found, StoreError> {
    let (mut assets, last) = match among {
        Among::Newest(most) => looked!(conn, "chain.assets a", page, most, pattern, wanted),
        // Each is looked up by its key: where there are many, the planner may think it cheaper to go through all assets.
        Among::Named(named) => looked!(
            conn,
            "unnest($11::bigint[]) n (id) CROSS JOIN LATERAL (
                 SELECT * FROM chain.assets x WHERE x.chain_id = $1 AND x.asset_id = n.id LIMIT 1) a",
            page,
            i64::MAX,
            pattern,
            wanted,
            &named
        ),
    };
    let more = assets.len() as i64 > page.limit;
    assets.truncate(page.limit as usize);
    let next = if more { assets.last().copied() } else { last };
    Ok(Found { assets, next })
}
