//! A store in a directory of its own, a relay on it, and receivers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{
    Clock, CreatedBy, EventSource, OwnerId, OwnerState, Settings, SystemClock, Timestamp,
};
use rollcall_store::{Change, Delivery, Newcomer, OwnerPatch, Store};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Handle;
use uuid::Uuid;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::webhook::{self, Mode};
use crate::{Config, Relay, SinkConfig, SinkKind};

/// Long enough for a loaded machine; only a failing test waits so long.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) struct World {
    pub(super) store: Store,
    _directory: Option<TempDir>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock)).await
    }

    pub(super) async fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = rollcall_store::Config {
            busy_timeout: Duration::from_secs(5),
            readers: 2,
            ..rollcall_store::Config::new(format!(
                "sqlite://{}",
                directory.path().join("rollcall.db").display()
            ))
        };
        let store = Store::open_with_clock(config, clock);
        let store = store.await.unwrap();
        Self {
            store,
            _directory: Some(directory),
        }
    }

    /// A node's view of a PostgreSQL database.
    pub(super) async fn node(url: &str) -> Self {
        let store = Store::open(rollcall_store::Config {
            application_name: rollcall_store::application_name(Uuid::new_v4()),
            ..rollcall_store::Config::new(url)
        });
        Self {
            store: store.await.unwrap(),
            _directory: None,
        }
    }

    pub(super) async fn relay(&self, config: Config) -> Relay {
        let clock = Arc::new(SystemClock);
        crate::start(config, self.store.clone(), clock, Handle::current())
            .await
            .unwrap()
    }

    /// Enters the owners, which announces each of them.
    pub(super) async fn enter(&self, owners: &[&str]) {
        let newcomers = owners.iter().map(|owner| Newcomer {
            owner_id: OwnerId::parse(owner).unwrap(),
            sub_owner_ids: Vec::new(),
            state: OwnerState::Active,
            created_by: CreatedBy::Stream,
            sub_owners_created_by: CreatedBy::Stream,
            display_name: None,
            settings: Settings::default(),
        });
        self.store
            .provision(&source(), newcomers.collect())
            .await
            .unwrap();
    }

    /// Changes the owner's state, which announces the change.
    pub(super) async fn put(&self, owner: &str, state: OwnerState) {
        let patch = OwnerPatch {
            state: Some(state),
            changed_by: "test".to_owned(),
            ..OwnerPatch::default()
        };
        let owner_id = OwnerId::parse(owner).unwrap();
        let change = self
            .store
            .change_owner(&source(), &owner_id, patch)
            .await
            .unwrap();
        assert!(matches!(change, Change::Done(_)), "{change:?}");
    }

    /// The oldest pending delivery of each subject, due by now.
    pub(super) async fn due(&self, sink: &str) -> Vec<Delivery> {
        self.store.due_deliveries(sink, 1_000).await.unwrap()
    }

    pub(super) async fn pending(&self) -> u64 {
        self.store.summary().await.unwrap().outbox_pending
    }
}

fn source() -> EventSource {
    EventSource::new("localhost", "statuses")
}

pub(super) fn webhook(name: &str, url: String) -> SinkConfig {
    SinkConfig {
        name: name.to_owned(),
        types: Vec::new(),
        kind: SinkKind::Webhook(webhook::Config {
            url,
            secret: None,
            mode: Mode::Structured,
            allow_private: true,
        }),
    }
}

/// A fast relay with a fixed seed.
pub(super) fn config(sinks: Vec<SinkConfig>) -> Config {
    Config {
        poll_interval: Duration::from_millis(20),
        seed: 7,
        ..Config::new(sinks)
    }
}

pub(super) async fn receiver(answer: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

pub(super) fn accepting() -> ResponseTemplate {
    ResponseTemplate::new(204)
}

/// The events that the receiver was sent, in the order of their arrival.
pub(super) async fn arrived(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(body).collect()
}

pub(super) fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// How often each id arrived, by subject and type.
pub(super) async fn tally(server: &MockServer) -> HashMap<(String, String), Vec<String>> {
    let mut tally: HashMap<_, Vec<_>> = HashMap::new();
    for event in arrived(server).await {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        tally
            .entry((text("subject"), text("type")))
            .or_default()
            .push(text("id"));
    }
    tally
}

/// Waits until the condition holds.
pub(super) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within {DEADLINE:?}: {what}");
}

/// An event by itself.
pub(super) fn event(number: u128) -> Delivery {
    let event_id = Uuid::from_u128(number);
    Delivery {
        event_id,
        event_type: "rollcall.owner.created".to_owned(),
        subject: format!("owner-{number}"),
        payload: format!(r#"{{"id":"{event_id}","data":"zähler"}}"#),
        created_at: Timestamp::EPOCH,
        attempts: 0,
    }
}

/// Owners `0` to `count` with a change of state each.
pub(super) async fn enter_and_block(world: &World, owners: std::ops::Range<usize>) {
    let ids: Vec<_> = owners.map(|number| number.to_string()).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    world.enter(&ids).await;
    for owner in ids {
        world.put(owner, OwnerState::Blocked).await;
    }
}

/// Whether each of `owners` arrived as created first and then as changed, repeats included, under
/// one id each.
pub(super) fn assert_in_order(arrived: &[(String, String, String)], owners: usize) {
    let mut by_subject: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
    for (subject, kind, id) in arrived {
        by_subject.entry(subject).or_default().push((kind, id));
    }
    assert_eq!(by_subject.len(), owners);
    for (subject, mut events) in by_subject {
        events.dedup();
        let kinds: Vec<_> = events.iter().map(|(kind, _)| *kind).collect();
        let expected = ["rollcall.owner.created", "rollcall.owner.state_changed"];
        assert_eq!(kinds, expected, "{subject}");
        assert_ne!(events[0].1, events[1].1, "{subject}");
    }
}
