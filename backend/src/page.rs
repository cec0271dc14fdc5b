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
        read_cursor(cursor)
            .ok_or_else(|| Problem::field("cursor", "unknown_cursor", "is not one that this server gave"))
    }
}

/// Writes a sort key as the cursor of the page that begins below it: both numbers in hex, the major one first.
pub fn write_cursor((major, minor): (i64, i64)) -> String {
    hex::encode([major.to_be_bytes(), minor.to_be_bytes()].concat())
}

/// Reads a cursor. `None` for a text that no sort key gives: what lists are sorted by is never negative.
fn read_cursor(text: &str) -> Option<(i64, i64)> {
    let mut numbers = [[0; 8]; 2];
    hex::decode_to_slice(text, numbers.as_flattened_mut()).ok()?;
    let [major, minor] = numbers.map(i64::from_be_bytes);
    (major >= 0 && minor >= 0).then_some((major, minor))
}

/// The rows of a page, and after which of them the next page begins.
pub struct Cut<R> {
    rows: Vec<R>,
    next_cursor: Option<String>,
}

/// Cuts rows to a page. One row more than the limit was read, which only tells that there are more. `key` is what a cursor
/// names a row by: rows come in falling order of it.
pub fn cut<R>(mut rows: Vec<R>, limit: i64, key: impl Fn(&R) -> (i64, i64)) -> Cut<R> {
    let more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|last| write_cursor(key(last)));
    Cut { rows, next_cursor }
}

impl<R> Cut<R> {
    /// The page as it is shown.
    pub fn show<T: ToSchema>(self, view: impl FnMut(R) -> Result<T>) -> Result<axum::Json<Page<T>>> {
        let items = self.rows.into_iter().map(view).collect::<Result<_>>()?;
        Ok(axum::Json(Page { items, next_cursor: self.next_cursor }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_gives_its_sort_key_back_and_another_text_is_refused() {
        for key in [(0, 0), (7, 0), (1 << 40, 3), (i64::MAX, i64::MAX)] {
            assert_eq!(read_cursor(&write_cursor(key)), Some(key));
            let page = PageQuery { limit: None, cursor: Some(write_cursor(key)) };
            assert_eq!(page.below().unwrap(), key);
        }
        let negative = write_cursor((-1, 0));
        let too_long = format!("{}00", write_cursor((1, 1)));
        for text in ["", "0", "7", "zz", "0x00000000000000000000000000000000", &negative, &too_long] {
            let page = PageQuery { limit: None, cursor: Some(text.to_owned()) };
            let problem = page.below().expect_err("no sort key gives this text");
            assert_eq!(problem.errors[0].code, "unknown_cursor", "{text}");
        }
    }

    #[test]
    fn the_next_page_begins_below_the_last_row_that_is_shown() {
        let cut = cut(vec![9, 8, 7], 2, |row| (*row, 0));
        assert_eq!((cut.rows, cut.next_cursor), (vec![9, 8], Some(write_cursor((8, 0)))));
        let whole = super::cut(vec![9, 8], 2, |row| (*row, 0));
        assert_eq!((whole.rows, whole.next_cursor), (vec![9, 8], None));
    }
}
