//! Cursors of keyset-paged lists: the last key of the page, opaque to callers.
//!
//! The text is base64 (URL alphabet, so that it needs no escapes in a query) of a JSON array. It
//! is no secret and no promise: a list reads it with the types of its own key, and whatever does
//! not fit is [`crate::Kind::BadCursor`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::{Fault, Result};
use crate::{Page, column};

/// No page is larger, whatever is asked for.
const MAX_LIMIT: u32 = 1_000;

/// The key after which the page begins; none for the first page.
pub(crate) fn decode<Key: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<Key>> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let key = URL_SAFE_NO_PAD
        .decode(cursor)
        .map_err(|_| Fault::bad_cursor())?;
    serde_json::from_slice(&key).map_err(|_| Fault::bad_cursor())
}

fn encode<Key: Serialize>(key: &Key) -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(column::to_json(key)?))
}

/// How many rows a page has: at least one, so that paging moves on.
pub(crate) fn page_size(limit: u32) -> u64 {
    u64::from(limit.clamp(1, MAX_LIMIT))
}

/// The page of `rows`, which were read with one more than [`page_size`] as the limit: the one too
/// many tells that there is a next page.
pub(crate) fn page<Row, T, Key: Serialize>(
    mut rows: Vec<Row>,
    limit: u32,
    key: impl Fn(&Row) -> Key,
    read: impl Fn(Row) -> Result<T>,
) -> Result<Page<T>> {
    let size = usize::try_from(page_size(limit)).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let next_cursor = match rows.last() {
        Some(last) if more => Some(encode(&key(last))?),
        _ => None,
    };
    let items = rows.into_iter().map(read).collect::<Result<_>>()?;
    Ok(Page { items, next_cursor })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn rubbish_is_a_bad_cursor() {
        let of_another_list = encode(&("text", 1)).unwrap();
        for cursor in ["", "%%%", "AAAA", &of_another_list] {
            let fault = decode::<(i64, i64)>(Some(cursor)).unwrap_err();
            assert_eq!(fault.kind, Kind::BadCursor, "{cursor}");
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page_of = |rows: Vec<i64>| page(rows, 2, |row| *row, Ok).unwrap();
        assert_eq!(page_of(vec![1, 2]).next_cursor, None);
        let first = page_of(vec![1, 2, 3]);
        assert_eq!(first.items, [1, 2]);
        let key = decode::<i64>(first.next_cursor.as_deref()).unwrap();
        assert_eq!(key, Some(2));
    }
}
