//! The ledger of a long run: what a round has added to the log against what it has added to the
//! tables, number by number, in memory that grows with owners and not with events.
//!
//! The rules are those of `harness/ledger.rs`, and besides: of an owner whom nobody ever blocked or
//! deleted nothing was dropped; each value is what the settings of its version make of the datum.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter::Peekable;
use std::vec::IntoIter;

use rollcall_hub::DumpedEvent;
use serde_json::Value;

use super::world::World;
use crate::harness::acknowledged;
use crate::harness::database::Database;
use crate::harness::message::{Expected, Reading, expected};
use crate::harness::tables::{DeadRow, StatusRow};

/// What was audited so far.
#[derive(Default)]
pub(super) struct Audit {
    /// The last number of each partition.
    upto: BTreeMap<i64, i64>,
    /// By partition.
    totals: BTreeMap<i64, Totals>,
    /// The greatest status by owner and sub-owner.
    latest: HashMap<(String, String), StatusRow>,
    /// Whom the log has named.
    owners: BTreeSet<String>,
    sub_owners: BTreeSet<(String, String)>,
    /// Who has a status.
    stored: BTreeSet<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Totals {
    stored: i64,
    dead: i64,
    dropped: i64,
}

/// What a round adds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Added {
    pub(super) acknowledged: usize,
    pub(super) logged: usize,
    pub(super) stored: i64,
    pub(super) dead: i64,
    pub(super) dropped: i64,
    /// On the roll at the end.
    pub(super) owners: usize,
    /// Events in the outbox at the end.
    pub(super) announced: usize,
}

impl Added {
    /// Of two rounds, the later one last.
    pub(super) fn and(&self, later: &Self) -> Self {
        Self {
            acknowledged: self.acknowledged + later.acknowledged,
            logged: self.logged + later.logged,
            stored: self.stored + later.stored,
            dead: self.dead + later.dead,
            dropped: self.dropped + later.dropped,
            ..*later
        }
    }
}

/// The rows of a round, by place; each is taken when the log comes to its number.
struct Rows {
    statuses: Peekable<IntoIter<StatusRow>>,
    dead: Peekable<IntoIter<DeadRow>>,
}

impl Audit {
    /// Before the first round: nothing of any partition was audited.
    pub(super) fn new(partitions: u32) -> Self {
        Self {
            upto: (0..i64::from(partitions))
                .map(|partition| (partition, -1))
                .collect(),
            ..Self::default()
        }
    }

    /// Of everything that came since the last call. The world is at rest.
    pub(super) async fn round(&mut self, world: &World, ledger: &std::path::Path) -> Added {
        let database = world.database();
        let turned_away = world.hands.turned_away.lock().unwrap().clone();
        let settings = calibrations(&database).await;
        let mut rows = Rows {
            statuses: database
                .statuses_beyond(&self.upto)
                .await
                .into_iter()
                .peekable(),
            dead: database
                .dead_beyond(&self.upto)
                .await
                .into_iter()
                .peekable(),
        };
        let before = self.sum();
        let log = self.logged(world);
        let bodies = log.iter();
        let bodies = bodies.map(|event| (i64::from(event.partition_id), &*event.body));
        let acknowledged = acknowledged::is_logged(ledger, bodies);
        let logged = log.len();
        for event in log {
            self.event(&event, &mut rows, &turned_away, &settings);
        }
        assert_eq!(rows.statuses.next(), None, "a status that no event became");
        assert!(
            rows.dead.next().is_none(),
            "a dead letter that no event became"
        );
        self.totals_are_durable(&database).await;
        self.latest_is_the_greatest(&database).await;
        let owners = self.roll_is_the_log(world).await;
        let announced = announced_once(world).await;
        let after = self.sum();
        Added {
            acknowledged,
            logged,
            stored: after.stored - before.stored,
            dead: after.dead - before.dead,
            dropped: after.dropped - before.dropped,
            owners,
            announced,
        }
    }

    fn sum(&self) -> Totals {
        self.totals
            .values()
            .fold(Totals::default(), |all, one| Totals {
                stored: all.stored + one.stored,
                dead: all.dead + one.dead,
                dropped: all.dropped + one.dropped,
            })
    }

    /// The events of the log beyond what was audited.
    fn logged(&self, world: &World) -> Vec<DumpedEvent> {
        let events = rollcall_hub::dump(&world.site.hub_dir()).unwrap();
        let events = events.map(Result::unwrap);
        let new = events.filter(|event| {
            let (partition, number) = place(event);
            number > self.upto[&partition]
        });
        new.collect()
    }

    /// One event is one status, one dead letter, or one drop.
    fn event(
        &mut self,
        event: &DumpedEvent,
        rows: &mut Rows,
        turned_away: &BTreeSet<String>,
        settings: &Calibrations,
    ) {
        let place = place(event);
        let due = self.upto[&place.0] + 1;
        assert_eq!(place.1, due, "the log of partition {} has a hole", place.0);
        self.upto.insert(place.0, place.1);
        let status = rows.statuses.next_if(|row| row.place == place);
        let dead = rows.dead.next_if(|row| row.place == place);
        let totals = self.totals.entry(place.0).or_default();
        match (expected(&event.body, event.enqueued_at), status, dead) {
            (Expected::Dead, None, Some(row)) => {
                assert_eq!(row.body, event.body, "the body of {row:?}");
                totals.dead += 1;
            }
            (Expected::Status(reading), Some(row), None) => {
                totals.stored += 1;
                is_what_was_sent(&row, &reading, event);
                settings.hold(&row);
                self.named(&reading);
                self.is_stored(row);
            }
            (Expected::Status(reading), None, None) => {
                assert!(
                    turned_away.contains(&reading.owner_id),
                    "{place:?} is lost: nobody turned {} away",
                    reading.owner_id
                );
                totals.dropped += 1;
                self.named(&reading);
            }
            (due, status, dead) => panic!("{place:?} should be {due:?}: {status:?}, {dead:?}"),
        }
    }

    fn named(&mut self, reading: &Reading) {
        self.owners.insert(reading.owner_id.clone());
        let who = (reading.owner_id.clone(), reading.sub_owner_id.clone());
        self.sub_owners.insert(who);
    }

    fn is_stored(&mut self, row: StatusRow) {
        let who = (row.owner_id.clone(), row.sub_owner_id.clone());
        self.stored.insert(who.clone());
        match self.latest.get(&who) {
            Some(newest) if rank(newest) >= rank(&row) => {}
            _ => drop(self.latest.insert(who, row)),
        }
    }

    /// Rows and totals are as many as the audit found in all rounds.
    async fn totals_are_durable(&self, database: &Database) {
        for row in database.partitions().await {
            let totals = self.totals.get(&row.partition_id).copied();
            let durable = Totals {
                stored: row.stored,
                dead: row.dead,
                dropped: row.dropped.values().sum(),
            };
            assert_eq!(durable, totals.unwrap_or_default(), "the totals of {row:?}");
            assert_eq!((row.held, row.first), (0, 0), "{row:?}");
            assert_eq!(row.checkpoint, self.upto[&row.partition_id], "{row:?}");
        }
        let sum = self.sum();
        for (table, due) in [
            ("statuses", sum.stored),
            ("dead_letters", sum.dead),
            ("gaps", 0),
        ] {
            let rows = database
                .number(&format!("SELECT count(*) FROM {table}"))
                .await;
            assert_eq!(rows, due, "rows of {table}");
        }
    }

    async fn latest_is_the_greatest(&self, database: &Database) {
        let latest = database.latest().await;
        assert_eq!(latest.len(), self.latest.len(), "latest statuses");
        for row in latest {
            let due = &self.latest[&(row.owner_id.clone(), row.sub_owner_id.clone())];
            assert_eq!(row, *due, "the latest status");
        }
    }

    /// How many owners there are.
    async fn roll_is_the_log(&self, world: &World) -> usize {
        let database = world.database();
        let owners: Vec<(String,)> = database.rows("SELECT owner_id FROM owners").await;
        let owners: BTreeSet<_> = owners.into_iter().map(|(id,)| id).collect();
        let created = world.hands.created.lock().unwrap().clone();
        let twice = created.iter().find(|(_, times)| **times > 1);
        assert_eq!(twice, None, "an owner was created twice");
        let missing = self.owners.difference(&owners).next();
        assert_eq!(missing, None, "an owner was not entered");
        let invented = owners
            .difference(&self.owners)
            .find(|id| !created.contains_key(*id));
        assert_eq!(invented, None, "an owner whom nobody named");
        let sub_owners = database.rows("SELECT owner_id, sub_owner_id FROM sub_owners");
        let sub_owners: BTreeSet<(String, String)> = sub_owners.await.into_iter().collect();
        assert!(
            sub_owners.is_superset(&self.stored),
            "a sub-owner was not entered"
        );
        assert!(
            sub_owners.is_subset(&self.sub_owners),
            "a sub-owner whom nobody named"
        );
        owners.len()
    }
}

/// One created event for each owner and sub-owner, and each event at each sink; how many there are.
async fn announced_once(world: &World) -> usize {
    let database = world.database();
    for (table, kind) in [("owners", "owner"), ("sub_owners", "sub_owner")] {
        let rows = database
            .number(&format!("SELECT count(*) FROM {table}"))
            .await;
        let events = "FROM outbox_events WHERE type = ";
        for count in ["count(*)", "count(DISTINCT subject)"] {
            let sql = format!("SELECT {count} {events} 'rollcall.{kind}.created'");
            assert_eq!(
                database.number(&sql).await,
                rows,
                "created events of {table}"
            );
        }
    }
    let events: Vec<(String,)> = database
        .rows("SELECT event_id::text FROM outbox_events")
        .await;
    let arrived = [
        ("the webhook", world.receiver.arrivals()),
        (
            "the stream",
            crate::harness::receiver::stream(&world.stream),
        ),
    ];
    for (sink, arrivals) in arrived {
        let ids: BTreeSet<_> = arrivals.into_iter().map(|(_, _, id)| id).collect();
        let missing = events.iter().find(|(id,)| !ids.contains(id));
        assert_eq!(missing, None, "an event did not arrive at {sink}");
    }
    events.len()
}

fn place(event: &DumpedEvent) -> (i64, i64) {
    let number = i64::try_from(event.sequence_number).unwrap();
    (i64::from(event.partition_id), number)
}

fn is_what_was_sent(row: &StatusRow, reading: &Reading, event: &DumpedEvent) {
    let found = (&*row.owner_id, &*row.sub_owner_id, &*row.data);
    let due = (&*reading.owner_id, &*reading.sub_owner_id, &*reading.data);
    assert_eq!(found, due, "{row:?}");
    assert_eq!(row.enqueued_at, event.enqueued_at.to_string(), "{row:?}");
    assert_eq!(row.status_at, reading.status_at.to_string(), "{row:?}");
}

/// Times are texts of fixed width, so that their order is that of the times.
fn rank(row: &StatusRow) -> (&str, &str, (i64, i64)) {
    (&row.status_at, &row.enqueued_at, row.place)
}

/// The settings of each owner's versions.
struct Calibrations(HashMap<(String, i64), Value>);

async fn calibrations(database: &Database) -> Calibrations {
    let sql = "SELECT owner_id, version, settings FROM settings_history";
    let rows: Vec<(String, i64, String)> = database.rows(sql).await;
    let versions = rows
        .into_iter()
        .map(|(id, version, settings)| ((id, version), serde_json::from_str(&settings).unwrap()));
    Calibrations(versions.collect())
}

impl Calibrations {
    /// The value is what the settings of its version make of the datum. Nobody but our own hands
    /// sets any, and they know a pointer, a gain and an offset.
    fn hold(&self, row: &StatusRow) {
        let settings = self.0.get(&(row.owner_id.clone(), row.version));
        // The history begins with the first change; until then an owner has the defaults.
        let settings = settings.unwrap_or(&Value::Null);
        assert!(row.version == 1 || settings.is_object(), "{row:?}");
        let datum: Value = serde_json::from_str(&row.data).unwrap();
        let pointer = settings["pointer"].as_str().unwrap_or_default();
        let number = datum.pointer(pointer).and_then(Value::as_f64);
        let gain = settings["gain"].as_f64().unwrap_or(1.0);
        let offset = settings["offset"].as_f64().unwrap_or(0.0);
        let due = number.map(|number| number.mul_add(gain, offset));
        assert_eq!(row.value, due, "{row:?} by {settings}");
    }
}
