//! Settings as users meet them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_source::Access;
use rollcall_web::Auth;

use super::source::development_endpoint;
use super::*;

/// A directory with a settings file, and an environment.
struct Typing {
    dir: tempfile::TempDir,
    inputs: Inputs,
}

impl Typing {
    fn new(toml: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rollcall.toml");
        std::fs::write(&path, toml).unwrap();
        let inputs = Inputs {
            config: Some(path),
            ..Inputs::default()
        };
        Self { dir, inputs }
    }

    fn environment(mut self, name: &str, value: &str) -> Self {
        self.inputs
            .environment
            .insert(name.to_owned(), value.to_owned());
        self
    }

    fn set(mut self, text: &str) -> Self {
        self.inputs.set.push(text.to_owned());
        self
    }

    fn secret(&self, text: &str) -> PathBuf {
        let path = self.dir.path().join("secret");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn load(self) -> Settings {
        load(self.inputs).unwrap()
    }

    /// The faults' text, with the directory's name taken out.
    fn faults(self) -> String {
        let dir = self.dir.path().display().to_string();
        load(self.inputs)
            .unwrap_err()
            .to_string()
            .replace(&dir, "DIR")
    }
}

fn value<'a>(settings: &'a Settings, key: &str) -> &'a Effective {
    settings
        .effective
        .iter()
        .find(|effective| effective.setting.key == key)
        .unwrap()
}

#[test]
fn without_anything_typed_the_defaults_hold() {
    let settings = load(Inputs::default()).unwrap();
    assert_eq!(settings.source_kind, SourceKind::Embedded);
    assert_eq!(settings.node.data_dir, Path::new("rollcall-data"));
    assert_eq!(settings.store.url, "sqlite://rollcall-data/rollcall.db");
    assert_eq!(settings.hub.dir, Path::new("rollcall-data/hub"));
    assert_eq!(
        settings.source.custom_endpoint.as_deref(),
        Some("amqp://127.0.0.1:5672")
    );
    assert_eq!(settings.pipeline.owner_shards.get(), 16);
    assert_eq!(settings.pipeline.lease_ttl, Duration::from_secs(15));
    assert!(settings.sinks.is_empty());
    assert!(!settings.node.name.is_empty());
}

#[test]
fn every_key_of_the_table_has_an_effect() {
    let mut faults = Faults::default();
    let effective = effective(Vec::new(), &mut faults);
    let mut reader = reader::Reader::new(&effective, &mut faults);
    compose::compose(&mut reader, rollcall_azure::Variables::default());
    assert_eq!(reader.unasked(), Vec::<&str>::new());
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_fault_is_reported_at_once() {
    let typing = Typing::new(
        r#"
[store]
ulr = "sqlite://roll.db"
migrate = "perhaps"

[leases]
ttl = 15
renew_interval = "20s"

[pipeline]
owner_shards = 4
batch_max_events = 0

[hub]
listen = "localhost"
retention_size = "1KiB"

[registry]
owner_quota = 5

[[events.sinks]]
kind = "webhook"
urll = "https://example.org"

[[events.sinks]]
kind = "service_bus"
name = "bus"

[decode]
data = "data"
"#,
    );
    let typing = typing
        .environment("ROLLCALL_SOURCE__KIND", "kafka")
        .environment("ROLLCALL_STORE__WRITER", "2")
        .environment("ROLLCALL_LOG", "ignored: no two underscores")
        .set("http.listen=0.0.0.0:80")
        .set("http.auth=off")
        .set("http.tls_key=key.pem")
        .set("nonsense");
    insta::assert_snapshot!(typing.faults());
}

#[test]
fn what_is_no_toml_is_a_fault_with_its_line_and_the_rest_is_still_read() {
    let typing = Typing::new("[store]\nurl = \n[leases]\nttl = \"3\"\n");
    insta::assert_snapshot!(typing.faults());
}

#[test]
fn a_file_that_is_not_there_is_a_fault() {
    let inputs = Inputs {
        config: Some(PathBuf::from("/no/such/file.toml")),
        ..Inputs::default()
    };
    insta::assert_snapshot!(load(inputs).unwrap_err().to_string(), @r"
    the settings have a fault:
      --config: cannot read /no/such/file.toml: No such file or directory (os error 2); name a TOML file that can be read
    ");
}

#[test]
fn a_file_that_the_environment_names_is_a_fault_of_the_environment() {
    let path = "/no/such/file.toml".to_owned();
    let inputs = Inputs {
        environment: Environment::from([("ROLLCALL_CONFIG".to_owned(), path)]),
        ..Inputs::default()
    };
    let faults = load(inputs).unwrap_err().to_string();
    assert!(
        faults.contains("\n  ROLLCALL_CONFIG: cannot read /no/such/file.toml: "),
        "{faults}"
    );
}

#[test]
fn a_type_of_events_that_there_is_not_is_a_fault() {
    let typed = "events.sinks=[{kind=\"log\", name=\"a\", types=[\"rollcall.owner.craeted\"]}]";
    let faults = Typing::new("").set(typed).faults();
    assert!(
        faults.contains(
            "\"rollcall.owner.craeted\" is unknown; did you mean rollcall.owner.created?"
        ),
        "{faults}"
    );
}

#[test]
fn the_databases_file_is_the_one_that_its_client_opens() {
    let settings = Typing::new("").set("store.url=sqlite://a%20b/roll.db?cache=private");
    assert_eq!(
        settings.load().database_file().as_deref(),
        Some(Path::new("a b/roll.db"))
    );
}

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let toml = "[registry]\nowner_shards = 1\n[pipeline]\nbatch_max_events = 10\n\
                in_flight_batches = 7\n";
    let settings = Typing::new(toml)
        .environment("ROLLCALL_REGISTRY__OWNER_SHARDS", "2")
        .environment("ROLLCALL_PIPELINE__BATCH_MAX_EVENTS", "20")
        .set("registry.owner_shards=3")
        .load();
    assert_eq!(settings.pipeline.owner_shards.get(), 3);
    assert_eq!(settings.pipeline.batch_max_events.get(), 20);
    assert_eq!(settings.pipeline.in_flight_batches.get(), 7);
    let origin = |key| value(&settings, key).origin.to_string();
    assert_eq!(origin("registry.owner_shards"), "flag --set");
    assert_eq!(
        origin("pipeline.batch_max_events"),
        "environment ROLLCALL_PIPELINE__BATCH_MAX_EVENTS"
    );
    assert!(origin("pipeline.in_flight_batches").ends_with("rollcall.toml:5"));
}

#[test]
fn the_environment_names_the_file_unless_the_flag_does() {
    let typing = Typing::new("[registry]\nowner_shards = 5\n");
    let environment = Environment::from([(
        "ROLLCALL_CONFIG".to_owned(),
        typing.inputs.config.unwrap().display().to_string(),
    )]);
    let settings = load(Inputs {
        environment: environment.clone(),
        ..Inputs::default()
    })
    .unwrap();
    assert_eq!(settings.pipeline.owner_shards.get(), 5);
    let other = Typing::new("[registry]\nowner_shards = 6\n");
    let settings = load(Inputs {
        environment,
        ..other.inputs
    })
    .unwrap();
    assert_eq!(settings.pipeline.owner_shards.get(), 6);
}

const CONNECTION_STRING: &str = "Endpoint=sb://example.servicebus.windows.net/;\
    SharedAccessKeyName=rollcall;SharedAccessKey=c2VjcmV0;EntityPath=readings";

#[test]
fn a_secret_may_lie_in_its_own_file_and_is_never_shown() {
    let typing = Typing::new("[source]\nkind = \"event_hubs\"\n");
    let path = typing
        .secret(&format!("{CONNECTION_STRING}\n"))
        .display()
        .to_string();
    let settings = typing
        .environment("ROLLCALL_SOURCE__EVENT_HUBS__CONNECTION_STRING_FILE", &path)
        .load();
    let access = &settings.source.access;
    assert!(matches!(access, Access::ConnectionString(text) if text == CONNECTION_STRING));
    assert!(!format!("{access:?}").contains("c2VjcmV0"), "{access:?}");
    assert_eq!(settings.source.event_hub, "readings");
    assert_eq!(settings.source.custom_endpoint, None);
    let shown = value(&settings, "source.event_hubs.connection_string").shown();
    assert_eq!(shown.as_deref(), Some("\"[redacted]\""));
}

#[test]
fn a_secret_typed_twice_is_a_fault() {
    let typing = Typing::new("[source]\nkind = \"event_hubs\"\n");
    let path = typing.secret(CONNECTION_STRING).display().to_string();
    let typing = typing
        .environment("ROLLCALL_SOURCE__EVENT_HUBS__CONNECTION_STRING_FILE", &path)
        .environment(
            "ROLLCALL_SOURCE__EVENT_HUBS__CONNECTION_STRING",
            CONNECTION_STRING,
        );
    insta::assert_snapshot!(typing.faults(), @r"
    the settings have a fault:
      source.event_hubs.connection_string (file DIR/secret named by environment ROLLCALL_SOURCE__EVENT_HUBS__CONNECTION_STRING_FILE): ROLLCALL_SOURCE__EVENT_HUBS__CONNECTION_STRING and ROLLCALL_SOURCE__EVENT_HUBS__CONNECTION_STRING_FILE are both set; leave one of them away
    ");
}

#[test]
fn an_event_hub_needs_a_connection_string_that_agrees() {
    let typing = Typing::new("[source]\nkind = \"event_hubs\"\n");
    insta::assert_snapshot!(typing.faults(), @r"
    the settings have a fault:
      source.event_hubs.connection_string: it is missing, and source.kind is event_hubs; set ROLLCALL_SOURCE__EVENT_HUBS__CONNECTION_STRING, or ROLLCALL_SOURCE__EVENT_HUBS__CONNECTION_STRING_FILE to a file that holds it, or ROLLCALL_SOURCE__EVENT_HUBS__FULLY_QUALIFIED_NAMESPACE to sign in by a credential
    ");
    let typing = Typing::new("[source]\nkind = \"event_hubs\"\n")
        .set(&format!(
            "source.event_hubs.connection_string={CONNECTION_STRING}"
        ))
        .set("source.event_hubs.event_hub=other");
    insta::assert_snapshot!(typing.faults(), @r#"
    the settings have a fault:
      source.event_hubs.event_hub (flag --set): "other" is not the connection string's "readings"; write the same name, or leave the key away
    "#);
}

#[test]
fn settings_of_a_kind_that_is_not_selected_are_ignored() {
    let toml = "[source.event_hubs]\nprefetch = \"nonsense\"\ncredential = \"managed_identity\"\n\
                [registry]\nredis_url = 3\n\
                [[events.sinks]]\nkind = \"log\"\nname = \"log\"\nentity = 5\nurl = false\n";
    let settings = Typing::new(toml).load();
    assert_eq!(settings.sinks.len(), 1);
    let embedded =
        "[source]\nkind = \"event_hubs\"\n[hub]\nlisten = 7\nretention_size = \"1GiB\"\n";
    let settings = Typing::new(embedded)
        .set(&format!(
            "source.event_hubs.connection_string={CONNECTION_STRING}"
        ))
        .load();
    assert_eq!(settings.source_kind, SourceKind::EventHubs);
}

#[test]
fn a_size_of_the_log_is_bytes_of_the_whole_hub() {
    let settings = Typing::new("").set("hub.retention_size=1GiB").load();
    assert_eq!(settings.hub.retention_size, Some(1 << 30));
}

#[test]
fn a_namespace_is_signed_in_to_as_the_settings_and_the_variables_say() {
    let namespace = "source.event_hubs.fully_qualified_namespace";
    let typing = || Typing::new("[source]\nkind = \"event_hubs\"\n");
    let settings = typing()
        .set(&format!("{namespace}=Example.servicebus.windows.net"))
        .set("source.event_hubs.credential=workload_identity")
        .load();
    assert_eq!(
        rollcall_source::client::namespace(&settings.source).unwrap(),
        "example.servicebus.windows.net"
    );
    assert_eq!(
        settings.azure.step,
        Some(rollcall_azure::Step::WorkloadIdentity)
    );
    let both = typing()
        .set(&format!("{namespace}=example.servicebus.windows.net"))
        .set(&format!(
            "source.event_hubs.connection_string={CONNECTION_STRING}"
        ));
    insta::assert_snapshot!(both.faults(), @r"
    the settings have a fault:
      source.event_hubs.fully_qualified_namespace (flag --set): source.event_hubs.connection_string is set too; leave one of them away
    ");
    let url = typing().set(&format!("{namespace}=sb://example.servicebus.windows.net/"));
    insta::assert_snapshot!(url.faults(), @r"
    the settings have a fault:
      source.event_hubs.fully_qualified_namespace (flag --set): it is no host name; write one such as example.servicebus.windows.net
    ");
}

#[test]
fn a_node_has_the_roles_that_are_named_and_at_least_one() {
    let settings = Typing::new("").set("node.roles=api,ingest,api").load();
    assert_eq!(settings.node.roles, [Role::Ingest, Role::Api]);
    insta::assert_snapshot!(Typing::new("").set("node.roles=").faults(), @r"
    the settings have a fault:
      node.roles (flag --set): a node without a role does nothing; name at least one of ingest, relay, api
    ");
}

#[test]
fn callers_sign_in_wherever_others_reach_the_node() {
    let auth = |typed: &[&str]| {
        let typing = typed
            .iter()
            .fold(Typing::new(""), |typing, set| typing.set(set));
        typing.load().http.auth
    };
    assert_eq!(auth(&[]), Auth::Off);
    assert_eq!(auth(&["http.auth=on"]), Auth::On);
    assert_eq!(auth(&["http.listen=0.0.0.0:8080"]), Auth::On);
    assert_eq!(auth(&["http.listen=[::1]:8080"]), Auth::Off);
    assert_eq!(
        auth(&["http.listen=192.168.0.7:8080", "http.auth=auto"]),
        Auth::On
    );
}

#[test]
fn a_proxys_host_is_a_name_alone() {
    let hosts = |typed: &str| Typing::new("").set(&format!("http.allowed_hosts={typed}"));
    let settings = hosts("roll.example.com,10.0.0.7").load();
    assert_eq!(
        settings.http.allowed_hosts,
        ["roll.example.com", "10.0.0.7"]
    );
    insta::assert_snapshot!(hosts("https://roll.example.com").faults(), @r#"
    the settings have a fault:
      http.allowed_hosts (flag --set): "https://roll.example.com" is no host name; write names such as roll.example.com, without scheme and port
    "#);
    for typed in ["roll.example.com:8080", "*.example.com"] {
        assert!(hosts(typed).faults().contains("is no host name"), "{typed}");
    }
}

#[test]
fn the_default_may_be_typed_too() {
    for typed in [
        "node.roles=relay,api,ingest",
        "source.on_gap=stop",
        "store.status_retention=720h",
        "registry.provisioning=deny",
        "registry.allow=a*,b*",
        "registry.deny=a*",
        "registry.held_per_owner=10_000",
        "registry.claims=database",
        "http.auth=off",
        "events.sinks=[]",
    ] {
        Typing::new("").set(typed).load();
    }
}

#[test]
fn a_development_hub_listens_where_its_connection_string_says() {
    let text = |endpoint: &str, suffix: &str| {
        format!("Endpoint={endpoint};SharedAccessKeyName=a;SharedAccessKey=b;{suffix}")
    };
    let emulator = "UseDevelopmentEmulator=true;";
    let endpoint = |endpoint, suffix| development_endpoint(&text(endpoint, suffix));
    assert_eq!(
        endpoint("sb://localhost", emulator).as_deref(),
        Some("amqp://localhost:5672")
    );
    assert_eq!(
        endpoint("sb://localhost:6/", emulator).as_deref(),
        Some("amqp://localhost:6")
    );
    assert_eq!(endpoint("sb://example.servicebus.windows.net/", ""), None);
}

#[test]
fn sinks_are_read_from_the_file_and_from_the_environment() {
    let toml = "[[events.sinks]]\nkind = \"log\"\nname = \"audit\"\ntypes = [\"rollcall.owner.created\"]\n";
    let settings = Typing::new(toml).load();
    assert_eq!(settings.sinks[0].texts("types"), ["rollcall.owner.created"]);
    let typed =
        "[{kind = \"webhook\", name = \"w\", url = \"https://u:p@h/token\", secret = \"s3cret\"}]";
    let settings = Typing::new(toml)
        .environment("ROLLCALL_EVENTS__SINKS", typed)
        .load();
    assert_eq!(settings.sinks[0].text("url"), Some("https://u:p@h/token"));
    let shown = value(&settings, "events.sinks").shown().unwrap();
    assert!(
        !shown.contains("s3cret") && !shown.contains("u:p") && !shown.contains("token"),
        "{shown}"
    );
}

#[test]
fn names_of_sinks_are_unique() {
    let typed = "events.sinks=[{kind = \"log\", name = \"a\"}, {kind = \"log\", name = \"a\"}]";
    insta::assert_snapshot!(Typing::new("").set(typed).faults(), @r#"
    the settings have a fault:
      events.sinks[1].name (flag --set): the name "a" stands twice; give every sink a name of its own
    "#);
}

#[test]
fn renewing_too_seldom_is_a_fault() {
    insta::assert_snapshot!(Typing::new("").set("leases.renew_interval=8s").faults(), @r"
    the settings have a fault:
      leases.renew_interval (flag --set): it is more than half of leases.ttl, so that one lost renewal loses the lease; lower it, or raise leases.ttl
    ");
}

#[test]
fn the_example_file_equals_the_defaults() {
    let settings = Typing::new(&example::toml()).load();
    let defaults = load(Inputs::default()).unwrap();
    for (typed, default) in settings.effective.iter().zip(&defaults.effective) {
        assert_eq!(typed.value, default.value, "{}", typed.setting.key);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/rollcall.example.toml");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        text,
        example::toml(),
        "write it anew: rollcall config example"
    );
}

#[test]
fn the_readme_has_the_table_of_settings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let expected = docs::replace_table(&text).expect("the README has the markers");
    assert_eq!(
        text, expected,
        "write it anew: rollcall config docs README.md"
    );
}

#[test]
fn the_schema_describes_every_key_with_its_default() {
    let schema = schema::schema();
    for setting in table::SETTINGS {
        let place = setting
            .key
            .split('.')
            .fold(&schema, |at, name| &at["properties"][name]);
        assert!(place["description"].is_string(), "{}", setting.key);
        if matches!(setting.default, setting::Preset::Text(_)) {
            assert!(!place["default"].is_null(), "{}", setting.key);
        }
    }
    assert_eq!(
        schema["properties"]["leases"]["properties"]["ttl"]["default"],
        "15s"
    );
    assert_eq!(schema["properties"]["hub"]["additionalProperties"], false);
}

#[test]
fn a_sink_of_each_kind_is_read() {
    let typed = r#"[
        {kind = "service_bus", name = "bus", connection_string = "Endpoint=sb://h/;SharedAccessKeyName=a;SharedAccessKey=hush", entity = "news"},
        {kind = "service_bus", name = "rabbit", custom_endpoint = "amqp://guest:hush@h", entity = "/queue/news"},
        {kind = "event_hubs", name = "hub", fully_qualified_namespace = "h.servicebus.windows.net", event_hub = "news"},
        {kind = "redis_stream", name = "redis", url = "redis://:hush@h", stream = "news", max_length = 1000},
    ]"#;
    let settings = Typing::new("")
        .environment("ROLLCALL_EVENTS__SINKS", typed)
        .set("events.max_attempts=5")
        .set("events.retention=30d")
        .load();
    let events = settings.events_config();
    let kinds: Vec<_> = events.sinks.iter().map(|sink| sink.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["service_bus", "service_bus", "event_hubs", "redis_stream"]
    );
    assert_eq!(events.max_attempts.get(), 5);
    assert_eq!(events.retention, Some(Duration::from_secs(30 * 86_400)));
    let shown = value(&settings, "events.sinks").shown().unwrap();
    assert!(!shown.contains("hush"), "{shown}");
    assert!(!format!("{events:?}").contains("hush"), "{events:?}");
}

#[test]
fn a_sink_without_its_way_in_says_what_is_missing() {
    for (typed, problem) in [
        (
            r#"kind="service_bus", entity="q""#,
            "connection_string (flag --set): it is missing",
        ),
        (
            r#"kind="event_hubs", event_hub="e", custom_endpoint="amqp://u:p@h""#,
            "connection_string (flag --set): it is missing",
        ),
        (
            r#"kind="service_bus", entity="q", fully_qualified_namespace="sb://h/""#,
            "is no host name",
        ),
        (
            r#"kind="service_bus", entity="q", fully_qualified_namespace="h", connection_string="Endpoint=sb://h/""#,
            "connection_string is set too",
        ),
        (
            r#"kind="service_bus", entity="q", connection_string="Endpoint=sb://h/""#,
            "the sink \"s\": connection_string: ",
        ),
        (
            r#"kind="redis_stream", url="redis://h""#,
            "stream (flag --set): the key is missing",
        ),
        (
            r#"kind="redis_stream", url="http://h", stream="s""#,
            "the sink \"s\": url: ",
        ),
        (
            r#"kind="webhook", url="redis://h""#,
            "the sink \"s\": url: ",
        ),
    ] {
        let set = format!("events.sinks=[{{name=\"s\", {typed}}}]");
        let faults = Typing::new("").set(&set).faults();
        assert!(faults.contains(problem), "{typed}: {faults}");
    }
}
