//! What the wishes for many have in common: a request works for a few seconds at most, counts, and
//! tells where it stopped. Whoever sends the cursor goes on there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rollcall_store::Page;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Problem;

/// After which a request begins no further page.
const AT_MOST: Duration = Duration::from_secs(5);

/// What became of a wish, or would.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "BulkDone")]
pub(crate) struct Done {
    /// That the filter found so far.
    matched: u64,
    /// Of them done, or as they should be.
    done: u64,
    /// Of them left as they are, by why.
    refused: BTreeMap<&'static str, u64>,
    dry_run: bool,
    /// Null, if nothing is left.
    next_cursor: Option<String>,
}

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Act,
    DryRun,
}

impl Mode {
    pub(super) fn of(dry_run: bool) -> Self {
        if dry_run { Self::DryRun } else { Self::Act }
    }
}

/// Goes through pages; `act` says why something was left as it is.
///
/// # Errors
/// What `page` and `act` say: what was done before stays done.
pub(super) async fn each<T>(
    mode: Mode,
    mut cursor: Option<String>,
    page: impl AsyncFn(Option<&str>) -> Result<Page<T>, Problem>,
    act: impl AsyncFn(&T) -> Result<Option<&'static str>, Problem>,
) -> Result<Done, Problem> {
    let begun = Instant::now();
    let mut done = Done {
        matched: 0,
        done: 0,
        refused: BTreeMap::new(),
        dry_run: mode == Mode::DryRun,
        next_cursor: None,
    };
    loop {
        let found = page(cursor.as_deref()).await?;
        for item in &found.items {
            done.matched += 1;
            match act(item).await? {
                None => done.done += 1,
                Some(why) => *done.refused.entry(why).or_default() += 1,
            }
        }
        cursor = found.next_cursor;
        if cursor.is_none() || begun.elapsed() > AT_MOST {
            done.next_cursor = cursor;
            return Ok(done);
        }
    }
}
