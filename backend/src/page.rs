//! Keyset pagination. A cursor is opaque to clients. It is the sort key of the last row, and contains nothing that a
//! client could abuse.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Problem, Result};

pub const DEFAULT_LIMIT: u32 = 50;
pub const MAX_LIMIT: u32 = 200;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// At most 200; default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T: ToSchema> {
    pub items: Vec<T>,
    /// Present while there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl PageQuery {
    /// Returns how many rows were asked for, or the default.
    ///
    /// # Errors
    /// When the number is out of range.
    pub fn limit(&self) -> Result<i64> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => Ok(i64::from(limit)),
            _ => Err(Problem::field("limit", "out_of_range", format!("is between 1 and {MAX_LIMIT}"))),
        }
    }

    /// Returns the key of the last row of the previous page, `(major, minor)`. The page begins below it. Without a
    /// cursor, the page begins at the top.
    ///
    /// # Errors
    /// When the cursor is not one that this server gave.
    pub fn below(&self) -> Result<(i64, i64)> {
        let Some(cursor) = &self.cursor else { return Ok((i64::MAX, i64::MAX)) };
        hex::decode(cursor)
            .ok()
            .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
            .map(|bytes| {
                let number = u128::from_be_bytes(bytes);
                ((number >> 64) as i64, number as i64)
            })
            .ok_or_else(|| Problem::field("cursor", "unknown_cursor", "is not one that this server gave"))
    }
}

/// The rows of a page, and after which of them the next page begins.
pub struct Cut<R> {
    rows: Vec<R>,
    next_cursor: Option<String>,
}

/// Cuts rows to a page. One row more than the limit was read, which only tells that there are more. `key` is what a cursor names a
/// row by: rows come in falling order of it.
pub fn cut<R>(mut rows: Vec<R>, limit: i64, key: impl Fn(&R) -> (i64, i64)) -> Cut<R> {
    let more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|last| cursor(key(last)));
    Cut { rows, next_cursor }
}

/// Returns the cursor of the page that begins below a key, as [`PageQuery::below`] reads it.
pub fn cursor((major, minor): (i64, i64)) -> String {
    hex::encode(((u128::from(major as u64) << 64) | u128::from(minor as u64)).to_be_bytes())
}

impl<R> Cut<R> {
    /// The page as it is shown.
    pub fn show<T: ToSchema>(self, view: impl FnMut(R) -> Result<T>) -> Result<axum::Json<Page<T>>> {
        let items = self.rows.into_iter().map(view).collect::<Result<_>>()?;
        Ok(axum::Json(Page { items, next_cursor: self.next_cursor }))
    }
}
