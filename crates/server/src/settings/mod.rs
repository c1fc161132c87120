//! The settings: what was typed, and what it means.
//!
//! ```text
//! file < environment < flags ──▶ Typed (key, raw, origin) ──merge──▶ Effective (value, origin)
//!                                                                       │ compose
//!                          one Config per crate  ◀── Settings ◀─────────┘
//! ```
//!
//! Two stages: [`raw`] knows only what was typed and where; [`kind`] knows what a value has to be.
//! Both are driven by [`table`], from which `config show`, the schema, the README's table and the
//! example file follow too. Invariants: every fault is reported at once; an unknown key is a fault;
//! settings of a kind that is not selected are ignored; no secret leaves through `Display`.

mod compose;
pub(crate) mod docs;
pub(crate) mod effective;
pub(crate) mod environment;
pub(crate) mod example;
pub(crate) mod fault;
mod file;
pub(crate) mod flags;
mod kind;
mod nearest;
#[cfg(test)]
mod properties;
pub(crate) mod raw;
mod reader;
pub(crate) mod schema;
mod setting;
mod sink_table;
pub(crate) mod sinks;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod unit;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

pub(crate) use effective::Effective;
pub(crate) use environment::Environment;
pub(crate) use fault::{Fault, Faults};
pub(crate) use flags::FlagValue;
pub(crate) use sinks::Sink;
pub(crate) use source::endpoint_of;
pub(crate) use unit::{duration_text, parse_duration};

use effective::Selection;
use kind::Value;
use raw::{Raw, Typed};

/// Where settings are typed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    /// `--config`; otherwise `ROLLCALL_CONFIG`.
    pub(crate) config: Option<PathBuf>,
    pub(crate) environment: Environment,
    /// `--set`, as typed.
    pub(crate) set: Vec<String>,
    /// Flags that name a setting of their own.
    pub(crate) flags: Vec<FlagValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Embedded,
    EventHubs,
}

/// All settings, faultless.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) node: NodeSettings,
    pub(crate) source_kind: SourceKind,
    pub(crate) source: rollcall_source::Config,
    /// How this process signs in where a namespace is named, its sinks too.
    pub(crate) azure: rollcall_azure::Config,
    pub(crate) hub: rollcall_hub::Config,
    pub(crate) store: rollcall_store::Config,
    pub(crate) pipeline: PipelineSettings,
    pub(crate) events: EventSettings,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) http: HttpSettings,
    /// Every setting with its value and origin, for `config show`.
    pub(crate) effective: Vec<Effective>,
}

/// What holds for the relay whichever sinks there are.
#[derive(Debug, Clone)]
pub(crate) struct EventSettings {
    pub(crate) max_attempts: NonZeroU32,
    pub(crate) retention: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(crate) struct NodeSettings {
    pub(crate) name: String,
    pub(crate) data_dir: PathBuf,
    /// Each once.
    pub(crate) roles: Vec<Role>,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads partitions, and carries the embedded hub where it is the source.
    Ingest,
    /// Sends the outbox's events.
    Relay,
    /// Serves the API.
    Api,
}

impl Role {
    const ALL: [Self; 3] = [Self::Ingest, Self::Relay, Self::Api];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Relay => "relay",
            Self::Api => "api",
        }
    }
}

impl NodeSettings {
    pub(crate) fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) auth: rollcall_web::Auth,
    pub(crate) requests_per_second: NonZeroU32,
    pub(crate) tls: Option<rollcall_web::Tls>,
    pub(crate) allowed_hosts: Vec<String>,
}

impl HttpSettings {
    /// How a program on this machine reaches the API at `address`.
    pub(crate) fn url_at(&self, mut address: SocketAddr) -> String {
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }
}

/// The pipeline's part that the settings know; the rest is known when it starts.
#[derive(Debug, Clone)]
pub(crate) struct PipelineSettings {
    owner_shards: NonZeroUsize,
    arbiters: NonZeroUsize,
    max_resident_entries: NonZeroUsize,
    batch_max_events: NonZeroUsize,
    batch_max_bytes: NonZeroUsize,
    batch_max_wait: Duration,
    in_flight_batches: NonZeroUsize,
    writers: NonZeroUsize,
    group_max_events: NonZeroUsize,
    lease_ttl: Duration,
    renew_interval: Duration,
    on_gap: rollcall_pipeline::OnGap,
    claims: Option<rollcall_pipeline::ClaimsConfig>,
    policy: rollcall_pipeline::Policy,
    status_retention: Option<Duration>,
    max_restarts_per_minute: u32,
    drain_timeout: Duration,
}

impl Settings {
    /// What the pipeline of this process is started with; `api` is where its API listens.
    pub(crate) fn pipeline_config(
        &self,
        incarnation: Uuid,
        api: Option<String>,
    ) -> rollcall_pipeline::Config {
        let pipeline = self.pipeline.clone();
        rollcall_pipeline::Config {
            node: self.node.name.clone(),
            incarnation,
            roles: self
                .node
                .roles
                .iter()
                .map(|role| role.as_str().to_owned())
                .collect(),
            api,
            owner_shards: pipeline.owner_shards,
            arbiters: pipeline.arbiters,
            max_resident_entries: pipeline.max_resident_entries,
            batch_max_events: pipeline.batch_max_events,
            batch_max_bytes: pipeline.batch_max_bytes,
            batch_max_wait: pipeline.batch_max_wait,
            in_flight_batches: pipeline.in_flight_batches,
            writers: pipeline.writers,
            group_max_events: pipeline.group_max_events,
            lease_ttl: pipeline.lease_ttl,
            renew_interval: pipeline.renew_interval,
            on_gap: pipeline.on_gap,
            claims: pipeline.claims,
            policy: pipeline.policy,
            status_retention: pipeline.status_retention,
            max_restarts_per_minute: pipeline.max_restarts_per_minute,
            drain_timeout: pipeline.drain_timeout,
        }
    }

    /// Shows defaults that follow from something else as the values that they came to.
    fn fill_derived(&mut self) {
        let derived = [
            ("node.name", &self.node.name),
            ("store.url", &self.store.url),
        ];
        for (key, text) in derived {
            let found = self.effective.iter_mut().find(|e| e.setting.key == key);
            if let Some(effective) = found {
                effective
                    .value
                    .get_or_insert_with(|| Value::Text(text.clone()));
            }
        }
    }

    /// What the relay is started with.
    pub(crate) fn events_config(&self) -> rollcall_events::Config {
        let credential = rollcall_azure::credential(self.azure.clone());
        let sinks = self.sinks.iter().map(|sink| sink.config(&credential));
        rollcall_events::Config {
            max_attempts: self.events.max_attempts,
            retention: self.events.retention,
            ..rollcall_events::Config::new(sinks.collect())
        }
    }

    /// What the API shows of them.
    pub(crate) fn rows(&self) -> Arc<[rollcall_web::SettingRow]> {
        let row = |effective: &Effective| rollcall_web::SettingRow {
            key: effective.setting.key.to_owned(),
            value: effective.shown(),
            source: effective.origin.to_string(),
            about: effective.setting.doc.to_owned(),
        };
        self.effective.iter().map(row).collect()
    }

    /// The database's URL without its password.
    pub(crate) fn shown_store_url(&self) -> String {
        effective::without_password(&self.store.url)
    }

    /// The database's file, if it is one.
    pub(crate) fn database_file(&self) -> Option<PathBuf> {
        let rest = self.store.url.strip_prefix("sqlite:")?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let path = path.split('?').next().unwrap_or(path);
        // As the database's client reads it.
        let path = percent_decode_str(path).decode_utf8_lossy();
        Some(PathBuf::from(path.as_ref()))
    }
}

/// Reads, merges and composes the settings.
///
/// # Errors
/// Every fault at once.
pub(crate) fn load(inputs: Inputs) -> Result<Settings, Faults> {
    let mut faults = Faults::default();
    let azure = environment::azure(&inputs.environment);
    let typed = typed(inputs, &mut faults);
    resolve(typed, azure, faults)
}

/// The same, of the text of a file and of `--set` as typed.
///
/// # Errors
/// Every fault at once.
pub(crate) fn load_text(file: &str, set: &[String]) -> Result<Settings, Faults> {
    let mut faults = Faults::default();
    let mut typed = file::parse(Path::new("rollcall.toml"), file, &mut faults);
    typed.extend(set_flags(set, &mut faults));
    resolve(typed, environment::azure(&Environment::new()), faults)
}

fn resolve(
    typed: Vec<Typed>,
    azure: rollcall_azure::Variables,
    mut faults: Faults,
) -> Result<Settings, Faults> {
    let effective = effective(typed, &mut faults);
    let mut reader = reader::Reader::new(&effective, &mut faults);
    let mut settings = compose::compose(&mut reader, azure);
    settings.effective = effective;
    settings.fill_derived();
    if faults.is_empty() {
        Ok(settings)
    } else {
        Err(faults)
    }
}

fn effective(typed: Vec<Typed>, faults: &mut Faults) -> Vec<Effective> {
    let merged = effective::merge(typed, faults);
    let says = |key: &str, value: &str| {
        let raw = merged.get(key).map(|typed| &typed.raw);
        matches!(raw, Some(Raw::Text(text)) if text == value)
    };
    let event_hubs = says("source.kind", "event_hubs");
    let selection = Selection {
        embedded: !event_hubs,
        event_hubs,
        redis_claims: says("registry.claims", "redis"),
    };
    effective::read(&merged, selection, faults)
}

/// What was typed, from the weakest origin to the strongest.
fn typed(inputs: Inputs, faults: &mut Faults) -> Vec<Typed> {
    let named = |path| ("--config", path);
    let by_environment = || {
        let path = environment::config_file(&inputs.environment)?;
        Some((environment::CONFIG_FILE, path))
    };
    let config = inputs.config.map(named).or_else(by_environment);
    let mut typed = config.map_or_else(Vec::new, |(by, path)| file::read(by, &path, faults));
    typed.extend(environment::read(&inputs.environment, faults));
    typed.extend(flags::read(inputs.flags));
    typed.extend(set_flags(&inputs.set, faults));
    typed
}

fn set_flags(set: &[String], faults: &mut Faults) -> Vec<Typed> {
    let read = set.iter().filter_map(|text| flags::parse_set(text, faults));
    flags::read(read.collect())
}
