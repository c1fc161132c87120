//! From effective values to what each crate is started with, and the faults that only several
//! values together show.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_azure::Variables;
use rollcall_pipeline::{OnGap, Pattern, Policy, Provisioning};
use rollcall_store::PendingStatuses;
use rollcall_web::{Auth, Tls};

use super::reader::Reader;
use super::source::{sign_in, source, source_kind};
use super::{
    EventSettings, Fault, HttpSettings, NodeSettings, PipelineSettings, Role, Settings, Sink,
};

/// What one transaction of a status writer stores at most: by then a row's share of its fixed cost
/// is small, and the transaction still takes well under a second.
const GROUP_MAX_EVENTS: usize = 20_000;
/// A poisoned message kills its actor at every step of its batch's bisection, about 11 for 2,000
/// events; a few at a time must not look like an actor that cannot live.
const MAX_RESTARTS_PER_MINUTE: u32 = 120;
/// With what a node ends before and after it, below the 30 s that Kubernetes grants a pod, so that a
/// drain ends before the kill.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// SQLite's readers do not hinder its writer; four serve the API and the owner look-ups.
const STORE_READERS: u32 = 4;
/// How long a writing transaction waits for a lock of another process (`rollcall migrate`, a
/// backup) before it counts as unavailable.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Composes everything; faults go to the reader's.
pub(super) fn compose(reader: &mut Reader<'_>, azure: Variables) -> Settings {
    let node = node(reader);
    check_leases(reader);
    let azure = sign_in(reader, azure);
    let sinks = sinks(reader, &azure);
    Settings {
        source_kind: source_kind(reader),
        source: source(reader, &azure),
        azure,
        hub: hub(reader, &node.data_dir),
        store: store(reader, &node.data_dir),
        pipeline: pipeline(reader),
        events: events(reader),
        sinks,
        http: http(reader),
        effective: Vec::new(),
        node,
    }
}

fn node(reader: &mut Reader<'_>) -> NodeSettings {
    NodeSettings {
        name: reader.optional_text("node.name").unwrap_or_else(host_name),
        data_dir: PathBuf::from(reader.text("node.data_dir")),
        roles: roles(reader),
    }
}

fn roles(reader: &mut Reader<'_>) -> Vec<Role> {
    const KEY: &str = "node.roles";
    let named = reader.texts(KEY);
    if named.is_empty() {
        let mend = "name at least one of ingest, relay, api";
        reader.fault(KEY, "a node without a role does nothing".to_owned(), mend);
    }
    let has = |role: &Role| named.iter().any(|name| name == role.as_str());
    Role::ALL.into_iter().filter(has).collect()
}

/// The system's name for this machine; `rollcall` where it tells none.
fn host_name() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
    let name = name.map(|name| name.trim().to_owned()).unwrap_or_default();
    if name.is_empty() {
        "rollcall".to_owned()
    } else {
        name
    }
}

fn hub(reader: &mut Reader<'_>, data_dir: &Path) -> rollcall_hub::Config {
    let partitions = reader.number("hub.partitions");
    rollcall_hub::Config {
        listen: reader.listen("hub.listen"),
        partitions: u32::try_from(partitions).unwrap_or(u32::MAX),
        retention: reader.duration("hub.retention"),
        retention_size: reader.optional_size("hub.retention_size"),
        presettle: reader.flag("hub.presettle"),
        ..rollcall_hub::Config::new(data_dir.join("hub"))
    }
}

fn store(reader: &mut Reader<'_>, data_dir: &Path) -> rollcall_store::Config {
    const KEY: &str = "store.url";
    let url = reader.optional_text(KEY);
    let pending_statuses = pending_statuses(reader);
    let in_data_dir = || format!("sqlite://{}", data_dir.join("rollcall.db").display());
    let writers = reader.count("store.writers").get();
    rollcall_store::Config {
        migrate: reader.flag("store.migrate"),
        busy_timeout: BUSY_TIMEOUT,
        readers: STORE_READERS,
        writers: u32::try_from(writers).unwrap_or(u32::MAX),
        pending_statuses,
        lease_ttl: reader.duration("leases.ttl"),
        ..rollcall_store::Config::new(url.unwrap_or_else(in_data_dir))
    }
}

fn pending_statuses(reader: &mut Reader<'_>) -> PendingStatuses {
    let per_owner = reader.number("registry.held_per_owner");
    match reader.text("registry.pending_statuses").as_str() {
        "drop" => PendingStatuses::Drop,
        _ => PendingStatuses::Hold { per_owner },
    }
}

fn pipeline(reader: &mut Reader<'_>) -> PipelineSettings {
    PipelineSettings {
        owner_shards: reader.count("registry.owner_shards"),
        arbiters: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        max_resident_entries: reader.count("registry.max_resident_entries"),
        batch_max_events: reader.count("pipeline.batch_max_events"),
        batch_max_bytes: reader.bytes("pipeline.batch_max_bytes"),
        batch_max_wait: reader.duration("pipeline.batch_max_wait"),
        in_flight_batches: reader.count("pipeline.in_flight_batches"),
        writers: reader.count("store.writers"),
        group_max_events: NonZeroUsize::new(GROUP_MAX_EVENTS).unwrap_or(NonZeroUsize::MIN),
        lease_ttl: reader.duration("leases.ttl"),
        renew_interval: reader.duration("leases.renew_interval"),
        on_gap: match reader.text("source.on_gap").as_str() {
            "stop" => OnGap::Stop,
            _ => OnGap::Continue,
        },
        claims: claims(reader),
        policy: policy(reader),
        status_retention: reader.optional_duration("store.status_retention"),
        max_restarts_per_minute: MAX_RESTARTS_PER_MINUTE,
        drain_timeout: DRAIN_TIMEOUT,
    }
}

fn policy(reader: &mut Reader<'_>) -> Policy {
    let patterns = |texts: Vec<String>| texts.iter().map(|text| Pattern::new(text)).collect();
    Policy {
        provisioning: match reader.text("registry.provisioning").as_str() {
            "approve" => Provisioning::Approve,
            "deny" => Provisioning::Deny,
            _ => Provisioning::Auto,
        },
        allow: reader.optional_texts("registry.allow").map(patterns),
        deny: reader
            .optional_texts("registry.deny")
            .map(patterns)
            .unwrap_or_default(),
        owner_quota: reader.optional_number("registry.owner_quota"),
        sub_owner_quota: reader.optional_number("registry.sub_owner_quota"),
    }
}

fn claims(reader: &mut Reader<'_>) -> Option<rollcall_pipeline::ClaimsConfig> {
    const KEY: &str = "registry.redis_url";
    let url = reader.optional_text(KEY);
    if reader.text("registry.claims") != "redis" {
        return None;
    }
    if url.is_none() {
        let problem = "it is missing, and registry.claims is redis".to_owned();
        let mend = "write the URL of a Redis server, such as redis://127.0.0.1:6379";
        reader.fault(KEY, problem, mend);
    }
    url.map(|url| rollcall_pipeline::ClaimsConfig { url })
}

fn events(reader: &mut Reader<'_>) -> EventSettings {
    let attempts = u32::try_from(reader.number("events.max_attempts")).unwrap_or(u32::MAX);
    EventSettings {
        max_attempts: NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN),
        retention: reader.optional_duration("events.retention"),
    }
}

/// The relay knows best what it can use; it is asked where the table finds no fault itself.
fn sinks(reader: &mut Reader<'_>, azure: &rollcall_azure::Config) -> Vec<Sink> {
    const KEY: &str = "events.sinks";
    let sinks = reader.sinks(KEY);
    if reader
        .faults
        .0
        .iter()
        .any(|fault| fault.key.starts_with(KEY))
    {
        return sinks;
    }
    let credential = rollcall_azure::credential(azure.clone());
    let configs = sinks.iter().map(|sink| sink.config(&credential)).collect();
    for error in rollcall_events::Config::new(configs).faults() {
        let problem = match error {
            rollcall_events::Error::Sink { name, problem } => {
                format!("the sink {name:?}: {problem}")
            }
            rollcall_events::Error::Store(error) => error.to_string(),
        };
        reader.faults.push(Fault::new(
            KEY,
            Some(reader.origin(KEY)),
            problem,
            "correct the sink",
        ));
    }
    sinks
}

fn check_leases(reader: &mut Reader<'_>) {
    let ttl = reader.duration("leases.ttl");
    let interval = reader.duration("leases.renew_interval");
    if interval * 2 > ttl && !reader.faults.concern("leases.ttl") {
        let problem =
            "it is more than half of leases.ttl, so that one lost renewal loses the lease";
        reader.fault(
            "leases.renew_interval",
            problem.to_owned(),
            "lower it, or raise leases.ttl",
        );
    }
}

fn http(reader: &mut Reader<'_>) -> HttpSettings {
    let listen = reader.listen("http.listen");
    let loopback = listen.ip().is_loopback();
    let auth = match (reader.text("http.auth").as_str(), loopback) {
        ("off", true) | ("auto", true) => Auth::Off,
        ("off", false) => {
            let problem = format!(
                "{listen} is no loopback address, and http.auth may be off on loopback only"
            );
            let mend = "leave http.auth out, or write an address such as 127.0.0.1:8080";
            reader.fault("http.listen", problem, mend);
            Auth::On
        }
        _ => Auth::On,
    };
    let rate = reader.number("http.requests_per_second");
    HttpSettings {
        listen,
        auth,
        requests_per_second: u32::try_from(rate)
            .ok()
            .and_then(NonZeroU32::new)
            .unwrap_or(NonZeroU32::MIN),
        tls: tls(reader),
        allowed_hosts: allowed_hosts(reader),
    }
}

/// Both files or neither.
fn tls(reader: &mut Reader<'_>) -> Option<Tls> {
    const KEYS: [&str; 2] = ["http.tls_certificate", "http.tls_key"];
    let [certificate, key] = KEYS.map(|key| reader.optional_text(key).map(PathBuf::from));
    let missing = match (&certificate, &key) {
        (Some(_), None) => Some((KEYS[1], KEYS[0])),
        (None, Some(_)) => Some((KEYS[0], KEYS[1])),
        _ => None,
    };
    if let Some((missing, there)) = missing {
        let problem = format!("it is missing, and {there} is set");
        reader.fault(missing, problem, "write the path of a PEM file");
    }
    Some(Tls {
        certificate: certificate?,
        key: key?,
    })
}

fn allowed_hosts(reader: &mut Reader<'_>) -> Vec<String> {
    const KEY: &str = "http.allowed_hosts";
    let hosts = reader.optional_texts(KEY).unwrap_or_default();
    let is_host = |host: &&String| !host.is_empty() && !host.contains(['/', ':', '*', ' ']);
    if let Some(unfit) = hosts.iter().find(|host| !is_host(host)) {
        let problem = format!("{unfit:?} is no host name");
        reader.fault(
            KEY,
            problem,
            "write names such as roll.example.com, without scheme and port",
        );
    }
    hosts
}
