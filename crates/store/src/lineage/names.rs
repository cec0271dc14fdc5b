//! What the assets of a lineage are called, beside its graph: with a thousand of them on a page, asking the database for each
//! takes longer than everything else.

use ::facts::ChainId;
use futures::TryStreamExt;
use sqlx::PgConnection;

use domain::AssetId;

use crate::StoreError;

/// An asset's kind, and the title of the work it is, where one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub kind: String,
    pub title: Option<String>,
}

/// An asset that is a work known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetName<'a> {
    pub kind: &'a str,
    pub title: &'a str,
    pub work: i64,
}

/// The names of all assets of a chain.
#[derive(Debug, Default)]
pub struct Names {
    /// Every kind once.
    kinds: Vec<String>,
    /// By id.
    assets: Vec<Asset>,
}

#[derive(Debug)]
struct Asset {
    id: AssetId,
    /// Place in `kinds`.
    kind: u16,
    /// Its number and title.
    work: Option<(i64, Box<str>)>,
}

impl Names {
    /// Loads the names of all assets of a chain.
    pub(super) async fn load(conn: &mut PgConnection, chain_id: ChainId) -> Result<Self, StoreError> {
        let mut rows = sqlx::query!(
            r#"SELECT a.asset_id, a.kind, aw.work_id AS "work_id?", w.title AS "title?"
               FROM chain.assets a
               LEFT JOIN asset_works aw ON aw.chain_id = a.chain_id AND aw.asset_id = a.asset_id
               LEFT JOIN works w ON w.id = aw.work_id
               WHERE a.chain_id = $1 ORDER BY a.asset_id"#,
            chain_id.get()
        )
        .fetch(conn);
        let (mut kinds, mut assets) = (Vec::new(), Vec::new());
        while let Some(row) = rows.try_next().await? {
            let kind = kinds.iter().position(|kind| *kind == row.kind).unwrap_or_else(|| {
                kinds.push(row.kind);
                kinds.len() - 1
            });
            let work = row.work_id.zip(row.title.map(String::into_boxed_str));
            assets.push(Asset { id: AssetId(row.asset_id as u64), kind: kind as u16, work });
        }
        Ok(Self { kinds, assets })
    }

    /// Returns what is known of an asset that is a work. A work may be recorded after its registration, so the database has
    /// to be asked about any other asset, with [`ask`].
    pub fn known(&self, id: AssetId) -> Option<AssetName<'_>> {
        // The registry numbers assets from one without gaps: where it stands is known.
        let likely = self.assets.get(id.0.checked_sub(1)? as usize).filter(|found| found.id == id);
        let Asset { kind, work, .. } = match likely {
            Some(found) => found,
            None => self.assets.get(self.assets.binary_search_by_key(&id, |asset| asset.id).ok()?)?,
        };
        let (work, title) = work.as_ref()?;
        Some(AssetName { kind: self.kinds.get(usize::from(*kind))?, title, work: *work })
    }
}

/// Returns the names of these assets as the database has them. Assets that it does not have are left out.
///
/// # Errors
/// When the database fails.
pub async fn ask(conn: &mut PgConnection, chain_id: ChainId, ids: &[i64]) -> Result<Vec<(AssetId, Name)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT a.asset_id, a.kind, w.title AS "title?"
           FROM chain.assets a
           LEFT JOIN (SELECT asset_id, work_id FROM asset_works WHERE chain_id = $1 AND asset_id = ANY ($2)) aw
                  ON aw.asset_id = a.asset_id
           LEFT JOIN works w ON w.id = aw.work_id
           WHERE a.chain_id = $1 AND a.asset_id = ANY ($2)"#,
        chain_id.get(),
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (AssetId(row.asset_id as u64), Name { kind: row.kind, title: row.title })).collect())
}
