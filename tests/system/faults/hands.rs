//! What people do meanwhile, through whichever node answers: decide about newcomers, change
//! settings, block, delete, restore, enter.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::world::{ANSWER, World};

/// Of so many newcomers that wait for a decision one is blocked.
const BLOCKED: usize = 25;
/// Decisions that are under way at once.
const AT_ONCE: usize = 20;
const PAUSE: Duration = Duration::from_millis(300);

#[derive(Default)]
pub(super) struct Hands {
    /// Owners that the fleet knows.
    pub(super) owners: AtomicU32,
    /// Whoever was ever to be blocked or deleted, whether that was answered or not: of these alone
    /// a status may have been dropped.
    pub(super) turned_away: Mutex<BTreeSet<String>>,
    /// How often a creation by hand was answered with 201.
    pub(super) created: Mutex<BTreeMap<String, usize>>,
}

impl Hands {
    fn turn_away(&self, id: &str) {
        self.turned_away.lock().unwrap().insert(id.to_owned());
    }

    /// An owner of the fleet, or one that it will have soon.
    fn owner(&self, draw: u32) -> String {
        let owners = self.owners.load(Ordering::Relaxed);
        id(draw % (owners + owners / 10).max(1))
    }
}

/// As the fleet calls it.
fn id(number: u32) -> String {
    format!("owner-{number:06}")
}

impl World {
    /// Decides about whoever is pending. Never ends.
    pub(super) async fn decide(&self) -> Infallible {
        let mut turn = 0;
        loop {
            self.decide_once(turn).await;
            turn += 1;
            sleep(PAUSE).await;
        }
    }

    async fn decide_once(&self, turn: u32) -> Option<()> {
        let api = self.api(turn);
        let asked = api.try_get("/api/v1/owners?state=pending&limit=500");
        let (_, page) = timeout(ANSWER, asked).await.ok()??;
        let pending = page["items"].as_array()?.iter();
        let pending: Vec<_> = pending
            .filter_map(|owner| owner["owner_id"].as_str())
            .collect();
        for (chunk, ids) in pending.chunks(AT_ONCE).enumerate() {
            let decided = ids.iter().enumerate().map(|(index, id)| {
                let block = (turn as usize + chunk * AT_ONCE + index).is_multiple_of(BLOCKED);
                self.decide_about(turn, id, block)
            });
            join_all(decided).await;
        }
        Some(())
    }

    async fn decide_about(&self, turn: u32, id: &str, block: bool) {
        if block {
            self.hands.turn_away(id);
        }
        let verb = if block { "block" } else { "approve" };
        self.ask(turn, &format!("/api/v1/owners/{id}/{verb}"), &json!({}))
            .await;
    }

    /// `None`: nobody has answered, or not in time.
    async fn ask(&self, draw: u32, path: &str, body: &Value) -> Option<(u16, Value)> {
        let asked = self.api(draw).try_post(path, body);
        timeout(ANSWER, asked).await.ok()?
    }

    pub(super) async fn changes_settings(&self, draw: u32) {
        let path = format!("/api/v1/owners/{}", self.hands.owner(draw));
        let gain = f64::from(draw % 1_000) / 8.0;
        let patch = json!({"settings": {"pointer": "/power", "gain": gain, "offset": 0.5}});
        // Whether it is known, and whoever answers: the history tells what was changed.
        timeout(ANSWER, self.api(draw).try_patch(&path, &patch))
            .await
            .ok();
    }

    pub(super) async fn blocks(&self, draw: u32) {
        let id = self.hands.owner(draw);
        self.hands.turn_away(&id);
        self.ask(draw, &format!("/api/v1/owners/{id}/block"), &json!({}))
            .await;
    }

    pub(super) async fn deletes(&self, draw: u32) {
        let id = self.hands.owner(draw);
        self.hands.turn_away(&id);
        let path = format!("/api/v1/owners/{id}");
        timeout(ANSWER, self.api(draw).try_delete(&path)).await.ok();
    }

    /// Each that was turned away gets another chance, on its way back by either verb.
    pub(super) async fn readmits(&self) {
        let ids = self.hands.turned_away.lock().unwrap().clone();
        for (turn, id) in (0..).zip(ids) {
            for verb in ["restore", "approve"] {
                self.ask(turn, &format!("/api/v1/owners/{id}/{verb}"), &json!({}))
                    .await;
            }
        }
    }

    pub(super) async fn creates(&self, draw: u32) {
        let id = self.hands.owner(draw);
        let body = json!({"owner_id": id});
        let asked = (0..3).map(|node| self.ask(node, "/api/v1/owners", &body));
        let answers = join_all(asked).await;
        let created = answers.iter().flatten().filter(|(code, _)| *code == 201);
        *self.hands.created.lock().unwrap().entry(id).or_default() += created.count();
    }
}
