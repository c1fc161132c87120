//! Who watches statuses come: by stream, and as an owner's page does.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use comfy_table::Table;
use hdrhistogram::Histogram;
use rollcall_model::{Clock as _, SystemClock};
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Arguments, millis};
use crate::cast::{Cast, Fleet};
use crate::latency::histogram;

/// Whose page is open; it sends as much as any other.
const OWNER: &str = "owner-000017";
/// A new listener is known to the other nodes within a second.
const SETTLE: Duration = Duration::from_secs(2);
const PAGE: usize = 500;

/// Where a status lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
struct Place {
    partition_id: i64,
    sequence_number: i64,
}

#[derive(Deserialize)]
struct Row {
    #[serde(flatten)]
    place: Place,
    sub_owner_id: String,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Place>,
}

/// Who saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eye {
    /// The live view: everybody's statuses, of which there are more than are shown.
    LiveView,
    /// The stream of one owner.
    OwnerStream,
    /// The answer that its page asked for then.
    OwnerPage,
}

const EYES: [(Eye, &str); 3] = [
    (Eye::LiveView, "in the live view"),
    (Eye::OwnerStream, "in its owner's stream"),
    (
        Eye::OwnerPage,
        "in the answer its owner's page asks for then",
    ),
];

struct Sight {
    eye: Eye,
    node: usize,
    place: Place,
    /// By the machine's clock, in seconds.
    at: f64,
}

/// What all watchers saw: a few thousand in all.
type Sights = Arc<Mutex<Vec<Sight>>>;

pub(super) struct Seen {
    rate: f64,
    rows: Vec<(&'static str, &'static str, Histogram<u64>)>,
}

pub(super) async fn watch(
    cast: &mut Cast,
    arguments: &Arguments,
    apis: &[String],
    rate: f64,
) -> anyhow::Result<Seen> {
    let since = cast.now().await?;
    let sights = sights(cast, arguments, apis, rate).await?;
    let committed = committed(cast, since).await?;
    let leased: HashMap<i64, String> =
        sqlx::query_as("SELECT partition_id, node FROM partitions WHERE node IS NOT NULL")
            .fetch_all(cast.connection())
            .await?
            .into_iter()
            .collect();
    let is_own = |sight: &Sight| {
        let holder = leased.get(&sight.place.partition_id);
        holder.is_some_and(|holder| *holder == format!("node-{}", sight.node))
    };
    let mut rows = Vec::new();
    for (eye, name) in EYES {
        for (own, whose) in [(true, "by this node"), (false, "by the other node")] {
            let of_row = |sight: &&Sight| sight.eye == eye && is_own(sight) == own;
            let delay = |sight: &Sight| Some(sight.at - committed.get(&sight.place)?);
            let delays = histogram(sights.iter().filter(of_row).filter_map(delay))?;
            ensure!(
                !delays.is_empty(),
                "nothing was seen {name}, committed {whose}"
            );
            rows.push((name, whose, delays));
        }
    }
    Ok(Seen { rate, rows })
}

/// What everybody sees while a fleet sends.
async fn sights(
    cast: &Cast,
    arguments: &Arguments,
    apis: &[String],
    rate: f64,
) -> anyhow::Result<Vec<Sight>> {
    let sights = Sights::default();
    let mut watchers = JoinSet::new();
    for (node, api) in apis.iter().enumerate() {
        for eye in [Eye::LiveView, Eye::OwnerStream] {
            let watcher = Watcher {
                http: reqwest::Client::builder().no_proxy().build()?,
                api: api.clone(),
                eye,
                node,
                sights: Arc::clone(&sights),
            };
            watchers.spawn(watcher.watch());
        }
    }
    sleep(SETTLE).await;
    let fleet = Fleet {
        owners: arguments.known,
        rate,
        events: None,
        seconds: Some(arguments.seconds),
        seed: 2,
    };
    cast.fleet("watched", &fleet)?.ends().await?;
    sleep(SETTLE).await;
    if let Some(ended) = watchers.try_join_next() {
        ended??;
    }
    watchers.shutdown().await;
    let mut sights = sights.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *sights))
}

/// When each status was committed that came since then.
async fn committed(cast: &mut Cast, since: f64) -> anyhow::Result<HashMap<Place, f64>> {
    let sql = "SELECT partition_id, sequence_number,
            extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8
        FROM statuses WHERE enqueued_at >= to_timestamp($1)";
    let rows: Vec<(i64, i64, f64)> = sqlx::query_as(sql)
        .bind(since)
        .fetch_all(cast.connection())
        .await?;
    let entry = |(partition_id, sequence_number, at)| {
        let place = Place {
            partition_id,
            sequence_number,
        };
        (place, at)
    };
    Ok(rows.into_iter().map(entry).collect())
}

struct Watcher {
    http: reqwest::Client,
    api: String,
    eye: Eye,
    node: usize,
    sights: Sights,
}

impl Watcher {
    async fn watch(self) -> anyhow::Result<()> {
        let filter = match self.eye {
            Eye::LiveView => String::new(),
            Eye::OwnerStream | Eye::OwnerPage => format!("?owner_id={OWNER}"),
        };
        let url = format!("{}/api/v1/stream{filter}", self.api);
        let mut stream = self.http.get(url).send().await?.error_for_status()?;
        let mut text = Vec::new();
        while let Some(chunk) = stream.chunk().await? {
            text.extend_from_slice(&chunk);
            while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = text.drain(..end + 2).collect();
                self.heard(&event).await?;
            }
        }
        anyhow::bail!("a live stream ended")
    }

    async fn heard(&self, event: &[u8]) -> anyhow::Result<()> {
        let event = std::str::from_utf8(event)?.trim_end();
        let Some(data) = event.strip_prefix("event: status\ndata: ") else {
            return Ok(());
        };
        let row: Row = serde_json::from_str(data)?;
        self.saw(self.eye, row.place.clone());
        if self.eye == Eye::OwnerStream {
            let sub = &row.sub_owner_id;
            let url = format!(
                "{}/api/v1/owners/{OWNER}/sub-owners/{sub}/statuses?order=desc&limit={PAGE}",
                self.api
            );
            let answer = self.http.get(url).send().await?.error_for_status()?;
            let page: Page = serde_json::from_slice(&answer.bytes().await?)?;
            ensure!(
                page.items.contains(&row.place),
                "{:?} is not on the page",
                row.place
            );
            self.saw(Eye::OwnerPage, row.place);
        }
        Ok(())
    }

    fn saw(&self, eye: Eye, place: Place) {
        #[allow(clippy::cast_precision_loss, reason = "microseconds are exact enough")]
        let at = SystemClock.now().as_micros() as f64 / 1e6;
        let sight = Sight {
            eye,
            node: self.node,
            place,
            at,
        };
        let mut sights = self.sights.lock().unwrap_or_else(PoisonError::into_inner);
        sights.push(sight);
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["seen", "committed", "statuses", "p50", "p99", "greatest"]);
        for (seen, committed, delays) in &self.rows {
            let mut row = vec![
                (*seen).to_owned(),
                (*committed).to_owned(),
                delays.len().to_string(),
            ];
            row.extend([50.0, 99.0, 100.0].map(|percentile| millis(delays, percentile)));
            table.add_row(row);
        }
        write!(
            f,
            "from commit to seen, at {:.0} events/s:\n{table}",
            self.rate
        )
    }
}
