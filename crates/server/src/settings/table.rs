//! Every setting of Rollcall.

use super::kind::Kind::{
    Choice, Choices, Count, Duration, Flag, Listen, Pointer, Sinks, Size, StartPosition, StoreUrl,
    Text, Texts, Url,
};
use super::setting::{Scope, Secrecy, Setting};

const fn setting(key: &'static str, kind: super::kind::Kind, doc: &'static str) -> Setting {
    Setting::new(key, kind, doc)
}

/// A setting of `source.event_hubs`.
const fn event_hubs(key: &'static str, kind: super::kind::Kind, doc: &'static str) -> Setting {
    Setting::new(key, kind, doc).scope(Scope::EventHubs)
}

/// A setting of the embedded hub.
const fn hub(key: &'static str, kind: super::kind::Kind, doc: &'static str) -> Setting {
    Setting::new(key, kind, doc).scope(Scope::Embedded)
}

/// The largest event hub there is (Dedicated).
const MAX_PARTITIONS: u64 = 1_024;

/// By section, in the order of the README.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    setting("node.name", Text, "Name of this node in leases and status; unique among the nodes of a database.")
        .derived("the host's name"),
    setting("node.data_dir", Text, "Directory of the node: lock, SQLite database, log of the embedded hub (in `hub` below it). A second node on it is refused.")
        .default("rollcall-data"),
    setting("node.roles", Choices(&["ingest", "relay", "api"]), "What the node does: read partitions, send events, serve the API. Every node answers for its health.")
        .default("ingest,relay,api"),

    setting("source.kind", Choice(&["embedded", "event_hubs"]), "The embedded hub, or an event hub elsewhere: Azure, or another process's hub by `custom_endpoint`.")
        .default("embedded"),
    setting("source.on_gap", Choice(&["continue", "stop"]), "What to do about events that the hub no longer has: record them in `gaps` and go on, or stop the partition.")
        .default("continue"),
    event_hubs("source.event_hubs.fully_qualified_namespace", Text, "Such as `example.servicebus.windows.net`: sign in by a credential instead of a connection string."),
    event_hubs("source.event_hubs.event_hub", Text, "Name of the event hub; an `EntityPath` in the connection string must agree.")
        .default("statuses"),
    event_hubs("source.event_hubs.consumer_group", Text, "Rollcall must be its only reader.")
        .default("$Default"),
    event_hubs("source.event_hubs.replay_consumer_group", Text, "By which `rollcall replay` reads beside the node; on Azure it must exist.")
        .default("rollcall-replay"),
    event_hubs("source.event_hubs.connection_string", Text, "With a policy that may listen (and send, for `rollcall send`).")
        .secrecy(Secrecy::Secret),
    event_hubs("source.event_hubs.credential", Choice(&["auto", "client_secret", "client_certificate", "workload_identity", "managed_identity", "developer_tools"]), "How to sign in without a connection string, also for sinks; `auto` tries them in this order.")
        .default("auto"),
    event_hubs("source.event_hubs.transport", Choice(&["amqp", "amqp_web_sockets"]), "`amqp_web_sockets` passes where only port 443 is open; it is always TLS, whatever `custom_endpoint` says.")
        .default("amqp"),
    event_hubs("source.event_hubs.custom_endpoint", Url(&["amqp", "amqps"]), "Where to connect instead of the namespace, such as `amqp://127.0.0.1:5672`.")
        .derived("`amqp://` and the connection string's host if it says `UseDevelopmentEmulator=true`"),
    event_hubs("source.event_hubs.start_position", StartPosition, "`earliest`, `latest` or an RFC 3339 time; counts only for a partition without a checkpoint.")
        .default("earliest"),
    event_hubs("source.event_hubs.prefetch", Count { min: 1, max: 100_000 }, "Events that the hub may send ahead, per partition.")
        .derived("a budget of 64MiB over all partitions"),
    event_hubs("source.event_hubs.partitions_per_connection", Count { min: 1, max: MAX_PARTITIONS }, "How many partitions share one connection; fewer use more cores.")
        .default("8"),

    hub("hub.listen", Listen, "Address of the embedded hub; port 0 picks a free one.")
        .default("127.0.0.1:5672"),
    hub("hub.partitions", Count { min: 1, max: MAX_PARTITIONS }, "Partitions of the embedded hub; more of them later are possible, fewer are not.")
        .default("8"),
    hub("hub.retention", Duration { min_millis: 1_000 }, "Age at which the embedded hub drops events.")
        .default("24h"),
    hub("hub.retention_size", Size { min: 1 << 20 }, "Bytes that the embedded hub's log keeps, shared evenly by its partitions: beyond its share a partition drops its oldest segments. A segment is an eighth of a share (64KiB to 16MiB), so a partition may lie above its share by one."),
    hub("hub.presettle", Flag, "Send deliveries settled: faster, and nothing is lost, since the position lives in the checkpoint.")
        .default("false"),

    setting("decode.owner_id", Pointer, "JSON Pointer to the owner's id within the message.")
        .default("/dataOwnerId"),
    setting("decode.sub_owner_id", Pointer, "JSON Pointer to the sub-owner's id.")
        .default("/dataOwnerSubId"),
    setting("decode.data", Pointer, "JSON Pointer to the status itself.")
        .default("/data"),
    setting("decode.measured_at", Pointer, "JSON Pointer to the time of measurement.")
        .default("/measuredAt"),

    setting("registry.owner_shards", Count { min: 1, max: 1_024 }, "How many owner actors share the owners; may differ from start to start and node to node.")
        .default("16"),
    setting("registry.provisioning", Choice(&["auto", "approve", "deny"]), "Whether a newcomer on the stream is entered as active, entered as pending, or refused.")
        .default("auto"),
    setting("registry.pending_statuses", Choice(&["hold", "drop"]), "What becomes of the statuses of pending owners.")
        .default("hold"),
    setting("registry.held_per_owner", Count { min: 0, max: 100_000_000 }, "Statuses held per pending owner; what comes beyond is dropped and counted.")
        .default("10000"),
    setting("registry.max_resident_entries", Count { min: 1, max: 1_000_000_000 }, "Owners plus sub-owners kept in memory; those beyond it are looked up again when they send.")
        .default("2000000"),
    setting("registry.owner_quota", Count { min: 0, max: u64::MAX }, "Owners that the stream may enter in all; beyond it their statuses are dropped as `quota`. Deleted owners make room. Several nodes may exceed it by what they enter within a second."),
    setting("registry.sub_owner_quota", Count { min: 0, max: u64::MAX }, "Sub-owners that the stream may enter below each owner; beyond it their statuses are dropped as `sub_owner_quota`."),
    setting("registry.allow", Texts, "Patterns; the stream enters only owners whose id matches one: `*` is any run of characters, `?` exactly one, and the whole id counts. An owner that is on the roll needs no pattern."),
    setting("registry.deny", Texts, "Patterns as in `registry.allow`; the stream enters no owner whose id matches one, also where `registry.allow` has it."),
    setting("registry.claims", Choice(&["database", "redis"]), "Where nodes first look whether somebody else enters a newcomer; the database's unique key decides.")
        .default("database"),
    setting("registry.redis_url", Url(&["redis", "rediss"]), "Redis for the claims; one server, no cluster. While it is away, the database alone decides.")
        .secrecy(Secrecy::UrlPassword).scope(Scope::RedisClaims),

    setting("pipeline.batch_max_events", Count { min: 1, max: 1_000_000 }, "Events in one batch of a partition: enough to make a commit cheap, few enough to bisect.")
        .default("2000"),
    setting("pipeline.batch_max_bytes", Size { min: 1 << 20 }, "Bytes of bodies in one batch; at least 1MiB, the largest event.")
        .default("4MiB"),
    setting("pipeline.batch_max_wait", Duration { min_millis: 0 }, "How long a batch gathers events while another one of its partition is in flight; an idle partition does not wait.")
        .default("200ms"),
    setting("pipeline.in_flight_batches", Count { min: 1, max: 1_024 }, "Batches of one partition between pull and commit; when they are out, reading pauses.")
        .default("4"),

    setting("store.url", StoreUrl, "`sqlite://PATH` or `postgres://…`; never on a network file system with SQLite.")
        .derived("SQLite, `rollcall.db` in the data directory").secrecy(Secrecy::UrlPassword),
    setting("store.writers", Count { min: 1, max: 64 }, "Status writers, each with its partitions; SQLite has one writing connection, so more do not help it.")
        .default("1"),
    setting("store.status_retention", Duration { min_millis: 60_000 }, "Age at which statuses are dropped; unset keeps them for ever."),
    setting("store.migrate", Flag, "Bring the schema up to date at start; otherwise an old schema is refused.")
        .default("true"),

    setting("leases.ttl", Duration { min_millis: 1_000 }, "How long a lease of a partition lasts without renewal.")
        .default("15s"),
    setting("leases.renew_interval", Duration { min_millis: 100 }, "How often leases are renewed; at most half of `leases.ttl`.")
        .default("5s"),

    setting("events.max_attempts", Count { min: 1, max: 1_000_000 }, "Failed tries after which an event is parked at a sink until somebody resends it. Tries that reach nobody are not counted.")
        .default("200"),
    setting("events.retention", Duration { min_millis: 60_000 }, "Age at which events that every sink has are removed; unset keeps them for ever."),
    setting("events.sinks", Sinks, "Where events go: a list of `[[events.sinks]]`.")
        .default("[]").secrecy(Secrecy::WithinTables),

    setting("http.listen", Listen, "Address of API, console, health and metrics; port 0 picks a free one.")
        .default("127.0.0.1:8080"),
    setting("http.auth", Choice(&["auto", "off", "on"]), "Whether callers sign in; `auto` is off on a loopback address and on elsewhere. Off is possible on loopback only.")
        .default("auto"),
    setting("http.requests_per_second", Count { min: 1, max: 1_000_000 }, "Requests that one key or user may make on and on, and twice as many at once, where callers sign in; beyond that, 429.")
        .default("200"),
    setting("http.tls_certificate", Text, "PEM file with the certificate and its chain: the API is then served over TLS alone. The file is read again when it changes."),
    setting("http.tls_key", Text, "PEM file with the certificate's private key."),
    setting("http.allowed_hosts", Texts, "Hosts that requests may name beside loopback ones, without ports: the names under which a proxy passes them on. Any other is answered with 421, so that no site gets in by pointing its name here. Where callers sign in, any host will do."),
];

/// The setting of a full key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// Whether keys stand below this one.
pub(crate) fn is_section(key: &str) -> bool {
    SETTINGS.iter().any(|setting| {
        setting.key.len() > key.len()
            && setting.key.starts_with(key)
            && setting.key.as_bytes()[key.len()] == b'.'
    })
}
