//! Builds a node, downstream first.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use prometheus_client::registry::Registry;
use rollcall_events::Relay;
use rollcall_hub::Hub;
use rollcall_model::{Clock, SystemClock};
use rollcall_pipeline::Handle;
use rollcall_store::Store;
use rollcall_web::{Auth, Serves};
use tokio::runtime;
use uuid::Uuid;

use super::data_dir::DataDir;
use super::running::{Parts, Running};
use super::{failures, fleet, live_line};
use crate::failure::Failure;
use crate::settings::{Role, Settings, SourceKind, endpoint_of};
use crate::shutdown::Shutdown;
use crate::telemetry::Talk;

/// What a node is built from.
pub(crate) struct Steps {
    pub(crate) settings: Settings,
    /// Carries the hub, the Event Hubs client and the database.
    pub(crate) io: runtime::Handle,
    pub(crate) talk: Talk,
    pub(crate) shutdown: Shutdown,
    /// Owners of a simulated fleet.
    pub(crate) simulate: Option<u32>,
}

/// Starts a node; to be called within an actix system.
///
/// # Errors
/// One sentence about the first step that did not work; what was started before is dropped.
pub(crate) async fn start(steps: Steps) -> Result<Running, Failure> {
    let lock = DataDir::lock(&steps.settings)?;
    let incarnation = Uuid::new_v4();
    let (listener, listen) = take_port(steps.settings.http.listen)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = steps.open_store(incarnation).await?;
    let hub = steps.start_hub(&clock).await?;
    let source = steps.source(hub.as_ref());
    let relay = steps.start_relay(&store, &clock).await?;
    let pipeline = steps.start_pipeline(&store, &source, (incarnation, listen), &clock)?;
    let web = steps.start_web(&store, &pipeline, relay.as_ref(), listener, &clock)?;
    steps.say_who_gets_in(&store).await?;
    steps.say_ready(&source, web.address());
    let tasks = steps.accompany(&store, &pipeline, source);
    Ok(Running::new(Parts {
        lock,
        hub,
        relay,
        pipeline,
        web,
        tasks,
    }))
}

/// Takes the API's port and keeps it: so a taken one is told before anything starts, and one that
/// the system picks is known to all.
fn take_port(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = TcpListener::bind(listen).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|source| failures::of_web(&rollcall_web::Error::Listen { listen, source }))
}

impl Steps {
    /// Runs a step on the I/O runtime, where its sockets and files then live.
    async fn on_io<T: Send + 'static>(
        &self,
        step: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        let done = self.io.spawn(Box::pin(step)).await;
        done.map_err(|error| Failure::Failed(error.into()))
    }

    /// The sessions bear the incarnation's name: whoever claims its expired leases ends them by it.
    async fn open_store(&self, incarnation: Uuid) -> Result<Store, Failure> {
        let config = rollcall_store::Config {
            application_name: rollcall_store::application_name(incarnation),
            ..self.settings.store.clone()
        };
        let opened = self.on_io(Store::open(config)).await?;
        opened.map_err(|error| failures::of_store(&error))
    }

    async fn start_hub(&self, clock: &Arc<dyn Clock>) -> Result<Option<Hub>, Failure> {
        let embedded = self.settings.source_kind == SourceKind::Embedded;
        if !embedded || !self.settings.node.has(Role::Ingest) {
            return Ok(None);
        }
        let starting = Hub::start(self.settings.hub.clone(), Arc::clone(clock));
        let started = self.on_io(starting).await?;
        started.map(Some).map_err(|error| failures::of_hub(&error))
    }

    /// The source, at the address that the embedded hub was given.
    fn source(&self, hub: Option<&Hub>) -> rollcall_source::Config {
        let mut source = self.settings.source.clone();
        if let Some(hub) = hub {
            source.custom_endpoint = Some(endpoint_of(hub.address()));
        }
        source
    }

    async fn start_relay(
        &self,
        store: &Store,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Relay>, Failure> {
        if !self.settings.node.has(Role::Relay) {
            return Ok(None);
        }
        let config = self.settings.events_config();
        let started =
            rollcall_events::start(config, store.clone(), Arc::clone(clock), self.io.clone()).await;
        started
            .map(Some)
            .map_err(|error| failures::of_relay(&error))
    }

    fn start_pipeline(
        &self,
        store: &Store,
        source: &rollcall_source::Config,
        (incarnation, listen): (Uuid, SocketAddr),
        clock: &Arc<dyn Clock>,
    ) -> Result<Handle, Failure> {
        let api = self.settings.node.has(Role::Api);
        let api = api.then(|| self.settings.http.url_at(listen));
        let config = self.settings.pipeline_config(incarnation, api);
        let started = rollcall_pipeline::start(
            config,
            source.clone(),
            store.clone(),
            Arc::clone(clock),
            self.io.clone(),
        );
        started.map_err(|error| failures::of_pipeline(&error))
    }

    fn start_web(
        &self,
        store: &Store,
        pipeline: &Handle,
        relay: Option<&Relay>,
        listener: TcpListener,
        clock: &Arc<dyn Clock>,
    ) -> Result<rollcall_web::Running, Failure> {
        let mut registry = Registry::default();
        store.register_metrics(&mut registry);
        pipeline.register_metrics(&mut registry);
        if let Some(relay) = relay {
            relay.register_metrics(&mut registry);
        }
        let metrics = rollcall_web::Metrics::register(&mut registry);
        let state = rollcall_web::State {
            store: store.clone(),
            desk: Arc::new(pipeline.clone()),
            registry: Arc::new(registry),
            metrics,
            clock: Arc::clone(clock),
            node: self.settings.node.name.clone(),
            settings: self.settings.rows(),
        };
        let config = rollcall_web::Config {
            serves: match self.settings.node.has(Role::Api) {
                true => Serves::Everything,
                false => Serves::Health,
            },
            auth: self.settings.http.auth,
            requests_per_second: self.settings.http.requests_per_second,
            tls: self.settings.http.tls.clone(),
            allowed_hosts: self.settings.http.allowed_hosts.clone(),
            ..rollcall_web::Config::new(self.settings.http.listen)
        };
        let server =
            rollcall_web::on(listener, config, state).and_then(rollcall_web::Server::start);
        server.map_err(|error| failures::of_web(&error))
    }

    /// Where callers sign in, somebody has to be able to.
    async fn say_who_gets_in(&self, store: &Store) -> Result<(), Failure> {
        let http = &self.settings.http;
        if http.auth == Auth::Off || !self.settings.node.has(Role::Api) {
            return Ok(());
        }
        if !http.listen.ip().is_loopback() && http.tls.is_none() {
            tracing::warn!(
                "{} is reached in clear: keys and passwords can be read on the way; set \
                 http.tls_certificate and http.tls_key, or put a proxy with TLS before it",
                http.listen
            );
        }
        let keys = store.list_keys().await;
        let users = store.list_users().await;
        let nobody = keys.map_err(|error| failures::of_store(&error))?.is_empty()
            && users
                .map_err(|error| failures::of_store(&error))?
                .is_empty();
        if nobody {
            self.talk.say(
                "nobody can use the API yet: rollcall users create NAME --role admin makes \
                 somebody who signs in to the console, rollcall keys create NAME --role admin a \
                 key for programs",
            );
        }
        Ok(())
    }

    fn say_ready(&self, source: &rollcall_source::Config, api: SocketAddr) {
        let hub = match &source.custom_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => "Azure".to_owned(),
        };
        let simulated = match self.simulate {
            Some(owners) => format!("\n  simulated  {owners} owners"),
            None => String::new(),
        };
        let serves = match self.settings.node.has(Role::Api) {
            true => "API   ",
            false => "health",
        };
        self.talk.say(&format!(
            "rollcall {} is ready\n  {serves}     {}/\n  hub        {hub}, event hub {}\n  \
             database   {}{simulated}",
            env!("CARGO_PKG_VERSION"),
            self.settings.http.url_at(api),
            source.event_hub,
            self.settings.shown_store_url(),
        ));
    }

    /// What runs beside the node: the fleet and the live line.
    fn accompany(
        &self,
        store: &Store,
        pipeline: &Handle,
        source: rollcall_source::Config,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let line = live_line::show(
            store.clone(),
            pipeline.clone(),
            self.talk.clone(),
            self.shutdown.clone(),
        );
        let mut tasks = vec![self.io.spawn(line)];
        if let Some(owners) = self.simulate {
            let fleet = fleet::run(source, owners, self.shutdown.clone());
            tasks.push(self.io.spawn(Box::pin(fleet)));
        }
        tasks
    }
}
