//! The live stream: server-sent events `status`, `owner`, `summary` and `lagged`.
//!
//! - `status`: what is committed, by this node at once, by others on the same PostgreSQL within a
//!   second; at most as many as a seat holds, ten times a second.
//! - `owner`: whoever was created or changed, by any node, as the API shows it now; looked for twice
//!   a second in the outbox and the history, which are in the database.
//! - `summary`: as `GET /summary`, of the whole.
//! - `lagged`: how many events of one kind were left out, because they came faster than they are
//!   shown or the listener read; `dropped` is null where nobody counted.
//!
//! A stream ends when the credential that opened it counts no more.
//!
//! Nothing here is waited for by a commit: the store keeps a bounded seat per listener.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, ContentEncoding};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures::StreamExt;
use futures::stream::{LocalBoxStream, select_all, unfold};
use percent_encoding::percent_decode_str;
use rollcall_model::{OwnerId, SubOwnerId};
use rollcall_store::{
    ChangeCursor, EventFilter, LiveFilter, LiveRows, LiveStatuses, Order, OutboxRow,
};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use uuid::Uuid;

use super::Answer;
use super::summary::Summaries;
use crate::auth::Gate;
use crate::params::Params;
use crate::{Problem, State};

/// Listeners of a node at a time: each looks for its owners' changes by itself.
const MAX_LISTENERS: usize = 64;
/// Between two times that statuses are shown to a listener: nobody reads faster, and each row costs
/// the node its JSON.
const SHOW_INTERVAL: Duration = Duration::from_millis(100);
/// Between two looks for owners.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Owners of one look, and events of the outbox in it.
const MAX_OWNERS: usize = 100;
const NEWEST_EVENTS: u32 = 100;
/// Listeners that look within this of each other share what was found.
const SHARED_FOR: Duration = Duration::from_millis(200);
const CREATED: &str = "rollcall.owner.created";
/// Between two summaries, at least.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(2);

/// What all listeners of a node share.
#[derive(Clone)]
pub(crate) struct Streams {
    seats: Arc<Semaphore>,
    closes: watch::Receiver<bool>,
    pub(super) summaries: Summaries,
    newest: Newest,
}

/// The newest events of the outbox, for all listeners.
#[derive(Clone, Default)]
struct Newest(Arc<Mutex<Option<Asked>>>);

struct Asked {
    at: Instant,
    /// None: the database gave no answer, which the next ones need not wait for as long as this one.
    events: Option<Arc<[OutboxRow]>>,
}

impl Newest {
    async fn get(&self, state: &State) -> Result<Arc<[OutboxRow]>, Problem> {
        let mut last = self.0.lock().await;
        if let Some(asked) = &*last
            && asked.at.elapsed() < SHARED_FOR
        {
            let away = || Problem::unavailable("the database gives no answer just now");
            return asked.events.clone().ok_or_else(away);
        }
        let found = newest_events(state).await;
        let events = found.as_ref().ok().map(|rows| Arc::from(rows.as_slice()));
        let at = Instant::now();
        *last = Some(Asked { at, events });
        Ok(found?.into())
    }
}

impl Streams {
    /// The sender ends all streams, so that a stop need not wait for them.
    pub(crate) fn new() -> (Self, watch::Sender<bool>) {
        let (close, closes) = watch::channel(false);
        let streams = Self {
            seats: Arc::new(Semaphore::new(MAX_LISTENERS)),
            closes,
            summaries: Summaries::default(),
            newest: Newest::default(),
        };
        (streams, close)
    }

    async fn closed(self) {
        let mut closes = self.closes;
        if closes.wait_for(|closed| *closed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

pub(crate) async fn open(
    state: Data<State>,
    gate: Data<Gate>,
    streams: Data<Streams>,
    request: HttpRequest,
) -> Answer {
    let params = Params::of(&request, &["owner_id", "sub_owner_id"])?;
    let filter = LiveFilter {
        owner_id: params.parsed("owner_id", OwnerId::parse)?,
        sub_owner_id: params.parsed("sub_owner_id", SubOwnerId::parse)?,
    };
    let seat = Arc::clone(&streams.seats).try_acquire_owned();
    let seat = seat.map_err(|_| {
        let detail = format!("{MAX_LISTENERS} listen to this node already; ask another node");
        Problem::unavailable(detail)
    })?;
    let owners = OwnerLook::begin(state.clone(), &streams, filter.owner_id.clone()).await?;
    let live = state.store.live_statuses(filter);
    let parts = [
        statuses(live, seat),
        owners.stream(),
        summaries(state, (**streams).clone()),
    ];
    let events = select_all(parts)
        .take_until(Box::pin((**streams).clone().closed()))
        .take_until(Box::pin(async move { gate.ended(&request).await }))
        .map(|text| Ok::<_, Infallible>(Bytes::from(text)));
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        // A compressor would keep events until it has enough of them.
        .insert_header((CONTENT_ENCODING, ContentEncoding::Identity))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events))
}

/// An event as it goes over the wire. Data may hold line breaks, which would end it.
fn event(name: &str, data: &impl Serialize) -> String {
    // Our own types always have a JSON form.
    let json = serde_json::to_string(data).unwrap_or_default();
    let mut text = format!("event: {name}\n");
    for line in json.split(['\n', '\r']) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text
}

fn lagged(of: &str, dropped: Option<u64>) -> String {
    event("lagged", &json!({"of": of, "dropped": dropped}))
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn statuses(live: LiveStatuses, seat: OwnedSemaphorePermit) -> LocalBoxStream<'static, String> {
    unfold(
        (live, seat, every(SHOW_INTERVAL)),
        async |(live, seat, mut interval)| {
            interval.tick().await;
            let text = status_events(&live.next().await);
            Some((text, (live, seat, interval)))
        },
    )
    .boxed_local()
}

fn status_events(shown: &LiveRows) -> String {
    let mut text: String = shown.rows.iter().map(|row| event("status", row)).collect();
    if shown.passed_over > 0 {
        text.push_str(&lagged("status", Some(shown.passed_over)));
    }
    text
}

/// Something comes each time, so that a listener that went away is noticed.
fn summaries(state: Data<State>, streams: Streams) -> LocalBoxStream<'static, String> {
    let parts = (state, streams, every(SUMMARY_INTERVAL));
    unfold(parts, async |(state, streams, mut interval)| {
        interval.tick().await;
        let text = match streams.summaries.get(&state, SUMMARY_INTERVAL).await {
            Ok(summary) => event("summary", &*summary),
            // It is in the log already.
            Err(_) => ": there is no summary just now\n\n".to_owned(),
        };
        Some((text, (state, streams, interval)))
    })
    .boxed_local()
}

/// Where a listener is in the feeds of owners.
struct OwnerLook {
    state: Data<State>,
    newest: Newest,
    only: Option<OwnerId>,
    cursor: ChangeCursor,
    /// The newest events of the outbox at the last look.
    known: HashSet<Uuid>,
    /// Versions of the last look: the feed may tell things twice.
    shown: HashMap<OwnerId, i64>,
    interval: Interval,
}

impl OwnerLook {
    async fn begin(
        state: Data<State>,
        streams: &Streams,
        only: Option<OwnerId>,
    ) -> Result<Self, Problem> {
        let cursor = state.store.changes_since(None).await?.cursor;
        let newest = streams.newest.clone();
        let known = newest.get(&state).await?;
        Ok(Self {
            state,
            newest,
            only,
            cursor,
            known: known.iter().map(|row| row.event_id).collect(),
            shown: HashMap::new(),
            interval: every(LOOK_INTERVAL),
        })
    }

    fn stream(self) -> LocalBoxStream<'static, String> {
        unfold(self, async |mut look| {
            loop {
                look.interval.tick().await;
                match look.look().await {
                    Ok(text) if !text.is_empty() => return Some((text, look)),
                    // Nothing new; or an outage, which is in the log and made up for afterwards.
                    Ok(_) | Err(_) => {}
                }
            }
        })
        .boxed_local()
    }

    async fn look(&mut self) -> Result<String, Problem> {
        let changes = self.state.store.changes_since(Some(self.cursor)).await?;
        let newest = self.newest.get(&self.state).await?;
        let full = u32::try_from(newest.len()).is_ok_and(|count| count == NEWEST_EVENTS);
        let missed = full && newest.iter().all(|row| !self.known.contains(&row.event_id));
        let mut ids: BTreeSet<OwnerId> = changes.owners.into_iter().collect();
        let fresh = newest
            .iter()
            .filter(|row| row.event_type == CREATED && !self.known.contains(&row.event_id));
        ids.extend(fresh.filter_map(subject));
        ids.retain(|id| self.only.as_ref().is_none_or(|only| only == id));
        let mut text = self.changed(&ids).await?;
        if missed {
            text.push_str(&lagged("owner", None));
        }
        self.cursor = changes.cursor;
        self.known = newest.iter().map(|row| row.event_id).collect();
        Ok(text)
    }

    async fn changed(&mut self, ids: &BTreeSet<OwnerId>) -> Result<String, Problem> {
        let (mut text, mut shown) = (String::new(), HashMap::new());
        for id in ids.iter().take(MAX_OWNERS) {
            let Some(owner) = self.state.store.owner(id).await? else {
                continue;
            };
            if self.shown.get(id) != Some(&owner.version) {
                text.push_str(&event("owner", &owner));
            }
            shown.insert(id.clone(), owner.version);
        }
        self.shown = shown;
        if let Some(more) = ids.len().checked_sub(MAX_OWNERS).filter(|more| *more > 0) {
            text.push_str(&lagged("owner", u64::try_from(more).ok()));
        }
        Ok(text)
    }
}

async fn newest_events(state: &State) -> Result<Vec<OutboxRow>, Problem> {
    let filter = EventFilter {
        order: Order::NewestFirst,
        ..EventFilter::default()
    };
    let page = state
        .store
        .list_events(&filter, NEWEST_EVENTS, None)
        .await?;
    Ok(page.items)
}

fn subject(row: &OutboxRow) -> Option<OwnerId> {
    let id = percent_decode_str(&row.subject).decode_utf8().ok()?;
    OwnerId::parse(&id).ok()
}
