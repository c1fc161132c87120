//! Statuses that other nodes commit, for whoever listens here.
//!
//! Nodes send each other nothing but notifications of the database, and of statuses only while
//! somebody wants to see them: a node with listeners says every second by which filters; whoever
//! hears it taps its own commits for as long as that is said, and notifies of what it gets. Nobody
//! pays for it while nobody listens, and no commit ever does: a tap is a seat like a listener's, of
//! bounded room; four times a second all of them are emptied into one transaction, and what finds no
//! room is told as a number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::PgPool;
use tokio::runtime;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::fault::Result;
use crate::live::{Live, LiveFilter, LiveRow, LiveRows, LiveStatuses};

/// Who wants to see what.
pub(super) const WANTED: &str = "rollcall_live_wanted";
/// What was committed elsewhere.
pub(super) const SHOWN: &str = "rollcall_live";

/// So soon others know of a new listener's colleague, and so soon a notification that was lost is
/// made up for.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A wish that is not repeated for so long was its listener's last.
const WANTED_FOR: Duration = Duration::from_secs(3);
/// Between two transactions that tell others: a quarter of the second within which they are promised to.
const PAUSE: Duration = Duration::from_millis(250);
/// Filters that a node taps for, all other nodes' together.
const MAX_TAPS: usize = 64;
/// PostgreSQL takes less than 8,000 bytes.
const MAX_PAYLOAD: usize = 7_900;
/// Of one tap at a time: 32 KiB four times a second.
const MAX_PAYLOADS: usize = 4;

/// Owned by the store; dropped, it asks no longer.
pub(crate) struct LiveFeed {
    parts: Arc<Parts>,
    asking: OnceLock<AbortHandle>,
}

/// What its tasks share.
pub(super) struct Parts {
    /// This process, so that it does not hear itself.
    id: Uuid,
    live: Live,
    /// None where the store was opened for reading: it has nothing to tell.
    pool: Option<PgPool>,
    arrived: Notify,
    /// While there are any, a task tells what they get.
    taps: Mutex<HashMap<LiveFilter, Tap>>,
}

/// What nodes elsewhere want to see by one filter.
struct Tap {
    wanted_until: Instant,
    seat: LiveStatuses,
}

#[derive(Serialize, Deserialize)]
struct Wanted {
    from: Uuid,
    filter: LiveFilter,
}

/// Goes behind the sender's id, so that a node need not read what it said itself.
#[derive(Serialize, Deserialize)]
struct Shown<R> {
    filter: LiveFilter,
    rows: Vec<R>,
    passed_over: u64,
}

impl LiveFeed {
    pub(super) fn new(pool: Option<PgPool>) -> Self {
        let parts = Parts {
            id: Uuid::new_v4(),
            live: Live::default(),
            pool,
            arrived: Notify::new(),
            taps: Mutex::default(),
        };
        Self {
            parts: Arc::new(parts),
            asking: OnceLock::new(),
        }
    }

    pub(crate) fn live(&self) -> &Live {
        &self.parts.live
    }

    pub(super) fn parts(&self) -> Arc<Parts> {
        Arc::clone(&self.parts)
    }

    pub(super) fn listen(&self, filter: LiveFilter, runtime: &runtime::Handle) -> LiveStatuses {
        let seat = self.parts.live.listen(filter);
        self.asking
            .get_or_init(|| runtime.spawn(ask_for_ever(self.parts())).abort_handle());
        self.parts.arrived.notify_one();
        seat
    }
}

impl Drop for LiveFeed {
    fn drop(&mut self) {
        if let Some(task) = self.asking.get() {
            task.abort();
        }
    }
}

/// As long as anybody listens here, the others are told so.
async fn ask_for_ever(parts: Arc<Parts>) {
    loop {
        let wanted = parts.live.wanted();
        if wanted.is_empty() {
            parts.arrived.notified().await;
            continue;
        }
        let wishes = wanted.into_iter().map(|filter| Wanted {
            from: parts.id,
            filter,
        });
        let payloads = wishes.filter_map(|wish| serde_json::to_string(&wish).ok());
        parts.notify(WANTED, payloads.collect()).await;
        tokio::select! {
            () = sleep(ASK_EVERY) => {}
            () = parts.arrived.notified() => {}
        }
    }
}

impl Parts {
    /// A notification on one of the two channels.
    pub(super) fn hear(self: &Arc<Self>, channel: &str, payload: &str) {
        match channel {
            WANTED => self.wanted(payload),
            SHOWN => self.shown(payload),
            _ => {}
        }
    }

    /// What cannot be read is of a newer program, and nothing that anybody waits for.
    fn wanted(self: &Arc<Self>, payload: &str) {
        let Ok(Wanted { from, filter }) = serde_json::from_str(payload) else {
            return;
        };
        if from == self.id || self.pool.is_none() {
            return;
        }
        let wanted_until = Instant::now() + WANTED_FOR;
        let mut taps = self.taps.lock().unwrap_or_else(PoisonError::into_inner);
        let nobody_tells = taps.is_empty();
        if let Some(tap) = taps.get_mut(&filter) {
            tap.wanted_until = wanted_until;
        } else if taps.len() < MAX_TAPS {
            let seat = self.live.tap(filter.clone());
            taps.insert(filter, Tap { wanted_until, seat });
        }
        drop(taps);
        if nobody_tells {
            tokio::spawn(tell(Arc::clone(self)));
        }
    }

    fn shown(&self, payload: &str) {
        let Some((from, shown)) = payload.split_once(' ') else {
            return;
        };
        if from.parse() == Ok(self.id) {
            return;
        }
        if let Ok(shown) = serde_json::from_str::<Shown<Box<RawValue>>>(shown) {
            let others = LiveRows {
                rows: shown.rows.into_iter().map(LiveRow::from).collect(),
                passed_over: shown.passed_over,
            };
            self.live.show_others(&shown.filter, &others);
        }
    }

    /// What came at the taps that are still wanted; none if there are no more.
    fn tapped(&self) -> Option<Vec<(LiveFilter, LiveRows)>> {
        let now = Instant::now();
        let mut taps = self.taps.lock().unwrap_or_else(PoisonError::into_inner);
        taps.retain(|_, tap| tap.wanted_until > now);
        let rows = taps
            .iter()
            .filter_map(|(filter, tap)| Some((filter.clone(), tap.seat.take()?)));
        (!taps.is_empty()).then(|| rows.collect())
    }

    /// Whoever misses it sees the next one: a database that is away is in the log already.
    async fn notify(&self, channel: &str, payloads: Vec<String>) {
        if let Err(fault) = self.try_notify(channel, &payloads).await {
            let error = fault.chain();
            tracing::debug!(error, "live statuses are not told to other nodes: {error}");
        }
    }

    async fn try_notify(&self, channel: &str, payloads: &[String]) -> Result<()> {
        let Some(pool) = &self.pool else {
            return Ok(());
        };
        sqlx::query("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload")
            .bind(channel)
            .bind(payloads)
            .execute(pool)
            .await?;
        Ok(())
    }

    fn payloads(&self, filter: &LiveFilter, shown: &LiveRows) -> Vec<String> {
        let head = serde_json::to_string(filter).map_or(MAX_PAYLOAD, |filter| filter.len() + 128);
        let (chunks, left_out) = chunks(&shown.rows, MAX_PAYLOAD.saturating_sub(head));
        let last = chunks.len().saturating_sub(1);
        let texts = chunks.into_iter().enumerate().map(|(index, rows)| Shown {
            filter: filter.clone(),
            rows,
            passed_over: if index == last {
                shown.passed_over + left_out
            } else {
                0
            },
        });
        texts
            .filter_map(|shown| serde_json::to_string(&shown).ok())
            .map(|shown| format!("{} {shown}", self.id))
            .collect()
    }
}

/// Shows other nodes what this one commits, until none asks any more.
async fn tell(parts: Arc<Parts>) {
    while let Some(tapped) = parts.tapped() {
        let payloads = tapped
            .iter()
            .flat_map(|(filter, rows)| parts.payloads(filter, rows));
        let payloads: Vec<_> = payloads.collect();
        if !payloads.is_empty() {
            parts.notify(SHOWN, payloads).await;
        }
        sleep(PAUSE).await;
    }
}

/// Rows in chunks of so many bytes, at least one chunk, and how many rows fit into none.
fn chunks(rows: &[LiveRow], bytes: usize) -> (Vec<Vec<&RawValue>>, u64) {
    let (mut chunks, mut room, mut left_out) = (vec![Vec::new()], bytes, 0);
    for row in rows {
        let length = row.json().len() + 1;
        if length > bytes || (length > room && chunks.len() == MAX_PAYLOADS) {
            left_out += 1;
            continue;
        }
        if length > room {
            chunks.push(Vec::new());
            room = bytes;
        }
        room -= length;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(row.raw());
        }
    }
    (chunks, left_out)
}
