//! The live stream: server-sent events `status`, `owner`, `summary` and `lagged`.
//!
//! - `status`: what is committed, by this node at once, by others on the same PostgreSQL within a
//!   second; at most as many as a seat holds, ten times a second.
//! - `owner`: whoever was created or changed, by any node, as the API shows it now; looked for
//!   twice a second, once for all listeners (`owner_feed.rs`).
//! - `summary`: as `GET /summary`, of the whole.
//! - `lagged`: how many events of one kind were left out, because they came faster than they are
//!   shown or the listener read; `dropped` is null where nobody counted.
//!
//! A stream ends when the credential that opened it counts no more.
//!
//! Nothing here is waited for by a commit: the store keeps a bounded seat per listener.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, ContentEncoding};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures::StreamExt;
use futures::stream::{LocalBoxStream, select_all, unfold};
use rollcall_model::{OwnerId, SubOwnerId};
use rollcall_store::{LiveFilter, LiveRows, LiveStatuses};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Answer;
use super::owner_feed::{OwnerFeed, Place};
use super::summary::Summaries;
use crate::auth::Gate;
use crate::params::Params;
use crate::{Problem, State};

/// Listeners of a node at a time: each costs it a copy of what it is shown.
const MAX_LISTENERS: usize = 64;
/// Between two times that statuses are shown to a listener: nobody reads faster, and each time
/// costs a write.
const SHOW_INTERVAL: Duration = Duration::from_millis(100);
/// Between two looks for owners.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Owners of one look.
const MAX_OWNERS: usize = 100;
/// Between two summaries, at least.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(2);

/// What all listeners of a node share.
#[derive(Clone)]
pub(crate) struct Streams {
    seats: Arc<Semaphore>,
    closes: watch::Receiver<bool>,
    pub(super) summaries: Summaries,
    owners: OwnerFeed,
}

impl Streams {
    /// The sender ends all streams, so that a stop need not wait for them.
    pub(crate) fn new() -> (Self, watch::Sender<bool>) {
        let (close, closes) = watch::channel(false);
        let streams = Self {
            seats: Arc::new(Semaphore::new(MAX_LISTENERS)),
            closes,
            summaries: Summaries::default(),
            owners: OwnerFeed::default(),
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

fn event(name: &str, data: &impl Serialize) -> String {
    let mut text = String::new();
    // Our own types always have a JSON form.
    push_event(
        &mut text,
        name,
        &serde_json::to_string(data).unwrap_or_default(),
    );
    text
}

/// An event as it goes over the wire. Data may hold line breaks, which would end it.
fn push_event(text: &mut String, name: &str, json: &str) {
    text.extend(["event: ", name, "\n"]);
    for line in json.split(['\n', '\r']) {
        text.extend(["data: ", line, "\n"]);
    }
    text.push('\n');
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
    let mut text = String::new();
    for row in &shown.rows {
        push_event(&mut text, "status", row.json());
    }
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

/// Where a listener is in the feed of owners.
struct OwnerLook {
    state: Data<State>,
    feed: OwnerFeed,
    only: Option<OwnerId>,
    place: Place,
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
        let feed = streams.owners.clone();
        let place = feed.place(&state).await?;
        Ok(Self {
            state,
            feed,
            only,
            place,
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
        let only = self.only.as_ref();
        let (news, place) = self.feed.since(&self.state, self.place, only).await?;
        let mut text = self.changed(&news.owners).await?;
        if news.missed {
            text.push_str(&lagged("owner", None));
        }
        // Only now: what could not be read is told the next time.
        self.place = place;
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
