//! What a round happens in: nodes, hub, PostgreSQL, two of Redis, a receiver of webhooks, and links
//! between them that can fail.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use rollcall_test_servers::{Postgres, Redis};
use serde_json::Value;
use tokio::sync::{Mutex as Turns, watch};
use tokio::time::{sleep, timeout};
use wiremock::MockServer;

use super::hands::Hands;
use super::schedule::{NODES, Wire};
use super::unit::{Start, Unit};
use crate::harness::api::Api;
use crate::harness::database::Database;
use crate::harness::link::{Link, Weather};
use crate::harness::port;
use crate::harness::receiver::{Receiver, sinks};
use crate::harness::running::Running;
use crate::harness::site::Site;
use crate::harness::wait::until;

pub(super) const PARTITIONS: u32 = 16;
/// How often progress is looked at, and whether the nodes live.
const LOOK: Duration = Duration::from_millis(100);
/// Whoever does not answer within that is asked later.
pub(super) const ANSWER: Duration = Duration::from_secs(3);

pub(super) struct World {
    pub(super) site: Site,
    pub(super) postgres: Postgres,
    pub(super) hub: Turns<Option<Running>>,
    /// For the claims of newcomers: it may forget.
    pub(super) claims: Redis,
    /// With the stream of announcements: it may not.
    pub(super) stream: Redis,
    pub(super) receiver: Receiver,
    _listening: MockServer,
    pub(super) units: Vec<Unit>,
    pub(super) guest: Unit,
    pub(super) fleet: Link,
    /// Events that the checkpoints account for.
    pub(super) accounted: watch::Sender<u64>,
    pub(super) hands: Hands,
    /// What struck, and the batches that were in flight just then.
    pub(super) struck: Mutex<BTreeMap<String, Struck>>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Struck {
    pub(super) times: usize,
    pub(super) batches_in_flight: u64,
    pub(super) events_behind: u64,
}

impl World {
    pub(super) async fn open() -> Self {
        let postgres = Postgres::start_with(&[
            ("shared_buffers", "512MB"),
            ("max_wal_size", "4GB"),
            ("log_min_messages", "fatal"),
        ]);
        let postgres = postgres.unwrap();
        let durable = [
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
        ];
        let (claims, stream) = (
            Redis::start().unwrap(),
            Redis::start_with(&durable).unwrap(),
        );
        let (receiver, receiving) = (Receiver::new(), port::free());
        let listening = receiver.listen(receiving).await;
        let mut site = Site::shared(PARTITIONS, &postgres.url());
        for (key, literal) in [
            ("leases.ttl", "\"4s\""),
            ("leases.renew_interval", "\"1s\""),
            ("registry.claims", "\"redis\""),
            ("registry.redis_url", &format!("{:?}", claims.url())),
            ("events.sinks", &sinks(&stream, receiving)),
            // A receiver that refuses for long is no reason to park anything.
            ("events.max_attempts", "1000000"),
        ] {
            site.set(key, literal);
        }
        let hub = site.start_hub().await;
        let (url, server) = (postgres.url(), postgres.port());
        let mut units = Vec::new();
        for name in ["a", "b", "c", "guest"] {
            units.push(Unit::new(name, site.hub_port, server, &url).await);
        }
        let guest = units.pop().unwrap();
        let fleet = Link::to(site.hub_port).await;
        Self {
            site,
            postgres,
            hub: Turns::new(Some(hub)),
            claims,
            stream,
            receiver,
            _listening: listening,
            units,
            guest,
            fleet,
            accounted: watch::Sender::new(0),
            hands: Hands::default(),
            struck: Mutex::default(),
        }
    }

    pub(super) fn database(&self) -> Database {
        self.site.database()
    }

    pub(super) fn wire(&self, wire: Wire) -> &Link {
        match wire {
            Wire::HubOf(node) => &self.units[node].hub,
            Wire::DatabaseOf(node) => &self.units[node].database,
            Wire::Fleet => &self.fleet,
        }
    }

    /// Any node's, by a number that was drawn.
    pub(super) fn api(&self, draw: u32) -> &Api {
        &self.units[draw as usize % NODES].api
    }

    /// Starts all nodes, and waits for them.
    pub(super) async fn begin(&self) {
        for unit in &self.units {
            unit.kill(&self.site, Start::default()).await;
        }
        self.heal().await;
    }

    /// Starts again what has ended, and tells how far the checkpoints are. Never ends.
    pub(super) async fn watch(&self) -> Infallible {
        loop {
            for unit in self.units.iter().chain([&self.guest]) {
                unit.tend(&self.site).await;
            }
            let checkpoints = self.database().checkpoints().await;
            let events = checkpoints.values().map(|number| number.unsigned_abs() + 1);
            let accounted: u64 = events.sum();
            // An outage has no answer, and nothing goes back.
            self.accounted
                .send_modify(|before| *before = accounted.max(*before));
            sleep(LOOK).await;
        }
    }

    /// Everything works again.
    pub(super) async fn heal(&self) {
        self.fleet.set(Weather::Passes);
        for unit in &self.units {
            unit.heals(&self.site).await;
        }
    }

    /// Counts a fault, and what it strikes into.
    pub(super) async fn strikes(&self, name: String) {
        let (batches, behind) = self.in_flight().await;
        let mut struck = self.struck.lock().unwrap();
        let struck = struck.entry(name).or_default();
        struck.times += 1;
        struck.batches_in_flight += batches;
        struck.events_behind += behind;
    }

    /// Batches between pull and commit on the nodes that answer, and the events that the hub has and
    /// they have not committed.
    async fn in_flight(&self) -> (u64, u64) {
        let ask = |unit: &'_ Unit| {
            let api = unit.api.clone();
            async move {
                let asked = api.try_get("/api/v1/partitions");
                let answer = timeout(Duration::from_millis(300), asked).await.ok()??;
                Some(sums(&answer.1))
            }
        };
        let answers = futures::future::join_all(self.units.iter().map(ask)).await;
        let sums = answers.into_iter().flatten();
        sums.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// Kills the hub, or asks it to stop, and starts it again.
    pub(super) async fn without_hub(&self, end: HubEnd) {
        let mut hub = self.hub.lock().await;
        let running = hub.take().unwrap();
        match end {
            HubEnd::Killed(away) => {
                running.kill();
                sleep(away).await;
            }
            HubEnd::Stopped => assert!(running.terminate().await.success(), "the hub's stop"),
        }
        *hub = Some(self.site.start_hub().await);
    }

    /// Nothing is pending, held, unread or unsent any more.
    pub(super) async fn comes_to_rest(&self) {
        let due = last_numbers(&self.site);
        let mut seen = -1;
        // A long backlog takes its time, as long as it goes on.
        while seen < due.values().sum() {
            seen = until("the checkpoints go on to the end of the log", async || {
                let at = self.database().checkpoints().await;
                Some(at.values().sum()).filter(|now| *now > seen)
            })
            .await;
        }
        assert_eq!(self.database().checkpoints().await, due);
        for what in [
            "owners WHERE state = 'pending'",
            "held_statuses",
            "outbox_deliveries WHERE state <> 'sent'",
        ] {
            self.goes_to_none(what).await;
        }
    }

    async fn goes_to_none(&self, what: &str) {
        let sql = format!("SELECT count(*) FROM {what}");
        let mut seen = i64::MAX;
        while seen > 0 {
            seen = until(&format!("less is left of {what}"), async || {
                Some(self.database().number(&sql).await).filter(|now| *now < seen)
            })
            .await;
        }
    }
}

/// How the hub ends before it is started again.
pub(super) enum HubEnd {
    Killed(Duration),
    Stopped,
}

fn sums(partitions: &Value) -> (u64, u64) {
    let items = partitions["items"].as_array().into_iter().flatten();
    // What a node does not read itself is null, or the reader's own to tell.
    let own = items.filter(|item| item["in_flight_batches"].is_u64());
    let number = |item: &Value, key: &str| item[key].as_u64().unwrap_or_default();
    own.fold((0, 0), |(batches, behind), item| {
        (
            batches + number(item, "in_flight_batches"),
            behind + number(item, "lag_events"),
        )
    })
}

/// The last number of each partition of the log.
fn last_numbers(site: &Site) -> BTreeMap<i64, i64> {
    let events = rollcall_hub::dump(&site.hub_dir()).unwrap();
    let places = events.map(|event| {
        let event = event.unwrap();
        let number = i64::try_from(event.sequence_number).unwrap();
        (i64::from(event.partition_id), number)
    });
    places.collect()
}
