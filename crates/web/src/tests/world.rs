//! A store in a directory of its own, a desk that writes to it without a hub, and requests.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::web::Data;
use async_trait::async_trait;
use futures::future::LocalBoxFuture;
use prometheus_client::registry::Registry;
use rollcall_model::{
    Clock, CreatedBy, EventSource, Owner, OwnerId, OwnerState, PartitionId, SubOwner, SubOwnerId,
    SystemClock, Timestamp,
};
use rollcall_pipeline::{
    Creation, Error, LetterOutcome, NewOwner, PipelineStatus, Readiness, ReplayProgress,
    ReplayRefusal, ReplayRequest,
};
use rollcall_store::{Change, DeadLetterId, Newcomer, OwnerPatch, Store};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::api::stream::Streams;
use crate::auth::Gate;
use crate::server::app;
use crate::{Auth, Config, Console, Metrics, OwnerDesk, SettingRow, State};

pub(super) const NODE: &str = "node-1";

pub(super) struct World {
    pub(super) store: Store,
    pub(super) desk: Arc<StoreDesk>,
    pub(super) clock: Arc<LeadingClock>,
    _directory: TempDir,
}

/// Does what the pipeline's handle does, without its actors.
pub(super) struct StoreDesk {
    store: Store,
    pub(super) status: Mutex<PipelineStatus>,
    pub(super) reasons: Mutex<Vec<String>>,
    pub(super) warnings: Mutex<Vec<String>>,
    /// The letters that were to be replayed, and what is answered.
    pub(super) letters: Mutex<Vec<(DeadLetterId, Option<Vec<u8>>)>>,
    pub(super) letter: Mutex<LetterOutcome>,
    /// The replays that were asked for, and what is answered.
    pub(super) requests: Mutex<Vec<ReplayRequest>>,
    pub(super) answer: Mutex<Result<ReplayProgress, ReplayRefusal>>,
}

/// The store's own clock, and as much later as a test sets it.
#[derive(Default)]
pub(super) struct LeadingClock(pub(super) Mutex<Duration>);

impl Clock for LeadingClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(*self.0.lock().unwrap())
    }
}

fn source() -> EventSource {
    EventSource::new("localhost", "statuses")
}

#[async_trait(?Send)]
impl OwnerDesk for StoreDesk {
    async fn create_owner(&self, owner: NewOwner) -> Result<Creation<Owner>, Error> {
        let id = owner.owner_id.clone();
        let newcomer = Newcomer {
            display_name: owner.display_name,
            settings: owner.settings,
            ..newcomer(owner.owner_id, Vec::new())
        };
        let created = self
            .store
            .provision(&source(), vec![newcomer])
            .await?
            .remove(0)
            .created;
        let owner = self.store.owner(&id).await?.unwrap();
        Ok(match owner.state {
            OwnerState::Deleted => Creation::Deleted(owner),
            _ if created => Creation::Created(owner),
            _ => Creation::Existed(owner),
        })
    }

    async fn create_sub_owner(
        &self,
        owner_id: OwnerId,
        sub_owner_id: SubOwnerId,
    ) -> Result<Creation<SubOwner>, Error> {
        let owner = self.store.owner(&owner_id).await?;
        if owner.is_none_or(|owner| owner.state == OwnerState::Deleted) {
            return Ok(Creation::NoOwner);
        }
        let newcomer = newcomer(owner_id.clone(), vec![sub_owner_id.clone()]);
        let entered = self
            .store
            .provision(&source(), vec![newcomer])
            .await?
            .remove(0);
        let sub_owner = self
            .store
            .sub_owner(&owner_id, &sub_owner_id)
            .await?
            .unwrap();
        Ok(match entered.sub_owners_created {
            0 => Creation::Existed(sub_owner),
            _ => Creation::Created(sub_owner),
        })
    }

    async fn change_owner(&self, owner_id: OwnerId, patch: OwnerPatch) -> Result<Change, Error> {
        Ok(self.store.change_owner(&source(), &owner_id, patch).await?)
    }

    /// What the pipeline would do of an owner that is on the roll, for a body that is one.
    async fn replay_letter(
        &self,
        id: DeadLetterId,
        mended: Option<Vec<u8>>,
    ) -> Result<LetterOutcome, Error> {
        self.letters.lock().unwrap().push((id, mended));
        Ok(self.letter.lock().unwrap().clone())
    }

    async fn start_replay(
        &self,
        request: ReplayRequest,
    ) -> Result<Result<ReplayProgress, ReplayRefusal>, Error> {
        self.requests.lock().unwrap().push(request);
        Ok(self.answer.lock().unwrap().clone())
    }

    fn replay(&self, _: PartitionId) -> Option<ReplayProgress> {
        self.answer.lock().unwrap().clone().ok()
    }

    fn status(&self) -> PipelineStatus {
        self.status.lock().unwrap().clone()
    }

    fn readiness(&self) -> Readiness {
        let reasons = self.reasons.lock().unwrap().clone();
        Readiness {
            ready: reasons.is_empty(),
            reasons,
            warnings: self.warnings.lock().unwrap().clone(),
        }
    }
}

fn newcomer(owner_id: OwnerId, sub_owner_ids: Vec<SubOwnerId>) -> Newcomer {
    Newcomer {
        owner_id,
        sub_owner_ids,
        state: OwnerState::Active,
        created_by: CreatedBy::Api,
        sub_owners_created_by: CreatedBy::Api,
        display_name: None,
        settings: rollcall_model::Settings::default(),
    }
}

pub(super) fn owner_id(text: &str) -> OwnerId {
    OwnerId::parse(text).unwrap()
}

pub(super) fn sub_owner_id(text: &str) -> SubOwnerId {
    SubOwnerId::parse(text).unwrap()
}

impl World {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(rollcall_store::Config {
            busy_timeout: Duration::from_secs(5),
            readers: 2,
            ..rollcall_store::Config::new(format!(
                "sqlite://{}",
                directory.path().join("rollcall.db").display()
            ))
        });
        let store = store.await.unwrap();
        let desk = Arc::new(StoreDesk {
            store: store.clone(),
            status: Mutex::default(),
            reasons: Mutex::default(),
            warnings: Mutex::default(),
            letters: Mutex::default(),
            letter: Mutex::new(LetterOutcome::NotFound),
            requests: Mutex::default(),
            answer: Mutex::new(Err(ReplayRefusal::NoPartition)),
        });
        Self {
            store,
            desk,
            clock: Arc::default(),
            _directory: directory,
        }
    }

    pub(super) fn state(&self) -> State {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        State {
            store: self.store.clone(),
            desk: Arc::clone(&self.desk) as Arc<dyn OwnerDesk>,
            registry: Arc::new(registry),
            metrics,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            node: NODE.to_owned(),
            settings: Arc::new([SettingRow {
                key: "store.url".to_owned(),
                value: Some("\"sqlite://rollcall.db\"".to_owned()),
                source: "default".to_owned(),
                about: "Where everything is.".to_owned(),
            }]),
        }
    }

    /// Enters an owner with sub-owners.
    pub(super) async fn enter(&self, owner: &str, sub_owners: &[&str]) {
        let sub_owners = sub_owners.iter().map(|id| sub_owner_id(id)).collect();
        let newcomers = vec![newcomer(owner_id(owner), sub_owners)];
        self.store.provision(&source(), newcomers).await.unwrap();
    }

    pub(super) async fn delete(&self, owner: &str) {
        self.put(owner, OwnerState::Deleted).await;
    }

    pub(super) async fn put(&self, owner: &str, state: OwnerState) {
        let patch = OwnerPatch {
            state: Some(state),
            changed_by: "test".to_owned(),
            ..OwnerPatch::default()
        };
        let changed = self.desk.change_owner(owner_id(owner), patch).await;
        assert!(matches!(changed, Ok(Change::Done(_))), "{changed:?}");
    }

    pub(super) async fn api(&self) -> Api {
        self.api_with(|_| ()).await
    }

    /// Where callers sign in.
    pub(super) async fn guarded(&self) -> Api {
        self.api_with(|config| config.auth = Auth::On).await
    }

    pub(super) async fn api_with(&self, change: impl FnOnce(&mut Config)) -> Api {
        let mut config = Config {
            max_body_bytes: 4_096,
            // What a test sees does not hang on what was built beside it.
            console: Console::of(&[]),
            allowed_hosts: vec!["10.0.0.7".to_owned(), "roll.example".to_owned()],
            ..Config::new(([127, 0, 0, 1], 0).into())
        };
        change(&mut config);
        let gate = Gate::new(&config, self.store.clone());
        let service = init_service(app(
            Data::new(self.state()),
            Data::new(config),
            Data::new(gate),
            Data::new(Streams::new().0),
        ))
        .await;
        let service = Rc::new(service);
        Api(Box::new(move |request| {
            let service = Rc::clone(&service);
            Box::pin(async move { Answered::of(service.call(request).await.unwrap()).await })
        }))
    }
}

/// The service without its type, which cannot be written down.
pub(super) struct Api(Box<dyn Fn(Request) -> LocalBoxFuture<'static, Answered>>);

impl Api {
    pub(super) async fn send(&self, request: TestRequest) -> Answered {
        (self.0)(request.to_request()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answered {
        self.send(TestRequest::with_uri(path)).await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Answered {
        self.send(json(Method::POST, path, body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: &str) -> Answered {
        self.send(json(Method::PATCH, path, body)).await
    }
}

pub(super) fn json(method: Method, path: &str, body: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .method(method)
        .insert_header(("content-type", "application/json"))
        .set_payload(body.to_owned())
}

/// What a sender sees, without what differs from run to run.
#[derive(Debug, Serialize)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
    #[serde(skip)]
    pub(super) text: String,
    /// What it has the browser keep: `name=value; …`.
    #[serde(skip)]
    pub(super) cookie: Option<String>,
}

const SHOWN_HEADERS: [&str; 6] = [
    "allow",
    "content-type",
    "etag",
    "location",
    "retry-after",
    "www-authenticate",
];

impl Answered {
    async fn of(answer: ServiceResponse<impl MessageBody>) -> Self {
        let status = answer.status().as_u16();
        let shown = SHOWN_HEADERS.into_iter().filter_map(|name| {
            let value = answer.headers().get(name)?;
            Some((name.to_owned(), value.to_str().unwrap().to_owned()))
        });
        let headers = shown.collect();
        let cookie = answer.headers().get("set-cookie");
        let cookie = cookie.map(|value| value.to_str().unwrap().to_owned());
        let text = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
        let mut body = serde_json::from_str(&text).unwrap_or(Value::Null);
        scrub(&mut body);
        Self {
            status,
            headers,
            body,
            text,
            cookie,
        }
    }

    pub(super) fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }

    /// The `field`s of the items of a list.
    pub(super) fn items(&self, field: &str) -> Vec<&str> {
        let items = self.body["items"].as_array().expect("a list");
        items
            .iter()
            .map(|item| item[field].as_str().unwrap())
            .collect()
    }
}

/// Puts names in place of times of the store's own clock and of epochs, which follow it.
fn scrub(value: &mut Value) {
    match value {
        Value::String(text) if is_own_time(text) => "[time]".clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(scrub),
        Value::Object(fields) => {
            fields.values_mut().for_each(scrub);
            if let Some(epoch) = fields.get_mut("epoch") {
                *epoch = "[epoch]".into();
            }
        }
        _ => {}
    }
}

/// The tests' own times are of 2020.
fn is_own_time(text: &str) -> bool {
    text.len() == 27 && !text.starts_with("2020-") && Timestamp::parse(text).is_ok()
}
