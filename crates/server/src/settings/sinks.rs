//! `[[events.sinks]]`: a list of tables, each with the keys of its kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use rollcall_azure::TokenCredential;
use rollcall_events::{Access, SinkKind, event_hubs, redis_stream, service_bus, webhook};

use super::effective::redact;
use super::fault::{Fault, Faults};
use super::file;
use super::kind::{Kind, Value};
use super::nearest::nearest;
use super::raw::{Origin, Raw};
use super::setting::Preset;
use super::sink_table::{self, Required, SINK_SETTINGS, SinkSetting};
use super::source::{development_endpoint, is_host_name};

const KEY: &str = "events.sinks";

/// A sink as its settings describe it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sink {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The other keys of its kind, by their short names, defaults included.
    pub(crate) values: BTreeMap<&'static str, Value>,
}

impl Sink {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Value::Texts(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    /// What the relay makes of it. `credential` is asked only where a namespace is named.
    pub(crate) fn config(
        &self,
        credential: &Arc<dyn TokenCredential>,
    ) -> rollcall_events::SinkConfig {
        let kind = match self.kind.as_str() {
            "webhook" => SinkKind::Webhook(self.webhook()),
            "service_bus" => SinkKind::ServiceBus(service_bus::Config {
                access: self.access(credential),
                custom_endpoint: self.endpoint(),
                entity: self.text("entity").unwrap_or_default().to_owned(),
            }),
            "event_hubs" => SinkKind::EventHubs(event_hubs::Config {
                access: self.access(credential),
                custom_endpoint: self.endpoint(),
                event_hub: self.text("event_hub").unwrap_or_default().to_owned(),
            }),
            "redis_stream" => SinkKind::RedisStream(redis_stream::Config {
                url: self.text("url").unwrap_or_default().to_owned(),
                stream: self.text("stream").unwrap_or_default().to_owned(),
                max_length: match self.values.get("max_length") {
                    Some(Value::Count(entries)) => Some(*entries),
                    _ => None,
                },
            }),
            _ => SinkKind::Log,
        };
        rollcall_events::SinkConfig {
            name: self.name.clone(),
            types: self.texts("types"),
            kind,
        }
    }

    fn access(&self, credential: &Arc<dyn TokenCredential>) -> Access {
        let namespace = self.text("fully_qualified_namespace");
        match (self.text("connection_string"), namespace) {
            (Some(text), _) => Access::ConnectionString(text.to_owned()),
            (None, Some(namespace)) => Access::Credential {
                fully_qualified_namespace: namespace.to_owned(),
                credential: Arc::clone(credential),
            },
            (None, None) => Access::Endpoint,
        }
    }

    /// A development broker listens where its connection string says.
    fn endpoint(&self) -> Option<String> {
        let typed = self.text("custom_endpoint").map(str::to_owned);
        typed.or_else(|| development_endpoint(self.text("connection_string")?))
    }

    /// What is wrong with the way in, and how to mend it.
    fn access_fault(&self) -> Option<(&'static str, String, String)> {
        let by_endpoint = self.kind == "service_bus"
            && self
                .text("custom_endpoint")
                .is_some_and(|endpoint| endpoint.contains('@'));
        let namespace = self.text("fully_qualified_namespace");
        match (self.text("connection_string"), namespace) {
            _ if !["service_bus", "event_hubs"].contains(&self.kind.as_str()) => None,
            (Some(_), Some(_)) => Some((
                "fully_qualified_namespace",
                "connection_string is set too".to_owned(),
                "leave one of them away".to_owned(),
            )),
            (None, None) if !by_endpoint => Some((
                "connection_string",
                "it is missing".to_owned(),
                "set it, or fully_qualified_namespace to sign in by a credential".to_owned(),
            )),
            (None, Some(namespace)) if !is_host_name(namespace) => Some((
                "fully_qualified_namespace",
                format!("{namespace:?} is no host name"),
                "write one such as example.servicebus.windows.net".to_owned(),
            )),
            _ => None,
        }
    }

    fn webhook(&self) -> webhook::Config {
        webhook::Config {
            url: self.text("url").unwrap_or_default().to_owned(),
            secret: self.text("secret").map(webhook::Secret::new),
            mode: match self.text("mode") {
                Some("binary") => webhook::Mode::Binary,
                _ => webhook::Mode::Structured,
            },
            allow_private: self.values.get("allow_private") == Some(&Value::Flag(true)),
        }
    }

    /// The sink with its secrets hidden.
    pub(crate) fn redacted(&self) -> Self {
        let hide = |(name, value): (&&'static str, &Value)| {
            let secrecy = sink_table::find(name)?.setting.secrecy;
            Some((*name, redact(secrecy, value)))
        };
        Self {
            values: self.values.iter().filter_map(hide).collect(),
            ..self.clone()
        }
    }
}

impl fmt::Display for Sink {
    /// As an inline TOML table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Value::Text(self.name.clone());
        write!(f, "{{ kind = \"{}\", name = {name}", self.kind)?;
        for (key, value) in &self.values {
            write!(f, ", {key} = {value}")?;
        }
        write!(f, " }}")
    }
}

/// Reads the list; every fault goes to `faults`, and only faultless sinks are returned.
pub(crate) fn read(raw: &Raw, origin: &Origin, faults: &mut Faults) -> Vec<Sink> {
    let listed = match raw {
        Raw::Text(text) => file::value_of(text).unwrap_or_else(Raw::Other),
        _ => raw.clone(),
    };
    let Raw::List(entries) = listed else {
        let problem = format!("{} is no list of tables", raw.shown());
        faults.push(Fault::new(
            KEY,
            Some(origin.clone()),
            problem,
            Kind::Sinks.advice(),
        ));
        return Vec::new();
    };
    let sinks: Vec<_> = entries
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| Reader::new(index, entry, origin, faults)?.read())
        .collect();
    refuse_same_names(&sinks, origin, faults);
    sinks
}

fn refuse_same_names(sinks: &[Sink], origin: &Origin, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (index, sink) in sinks.iter().enumerate() {
        if !seen.insert(&sink.name) {
            faults.push(Fault::new(
                format!("{KEY}[{index}].name"),
                Some(origin.clone()),
                format!("the name {:?} stands twice", sink.name),
                "give every sink a name of its own",
            ));
        }
    }
}

/// Reads one table.
struct Reader<'a> {
    index: usize,
    entries: &'a BTreeMap<String, Raw>,
    origin: Origin,
    faults: &'a mut Faults,
}

impl<'a> Reader<'a> {
    fn new(index: usize, entry: &'a Raw, origin: &Origin, faults: &'a mut Faults) -> Option<Self> {
        let Raw::Table { line, entries } = entry else {
            let problem = format!("{} is no table", entry.shown());
            let key = format!("{KEY}[{index}]");
            faults.push(Fault::new(
                key,
                Some(origin.clone()),
                problem,
                Kind::Sinks.advice(),
            ));
            return None;
        };
        let origin = match origin {
            Origin::File { path, .. } => Origin::File {
                path: path.clone(),
                line: *line,
            },
            other => other.clone(),
        };
        Some(Self {
            index,
            entries,
            origin,
            faults,
        })
    }

    fn read(mut self) -> Option<Sink> {
        let before = self.faults.0.len();
        self.refuse_unknown_keys();
        let kind = self.value(sink_table::find("kind")?);
        let name = self.value(sink_table::find("name")?);
        let Some(Value::Text(kind)) = kind else {
            return None;
        };
        let others = SINK_SETTINGS.iter().filter(|sink| {
            !["kind", "name"].contains(&sink.setting.name()) && sink.belongs_to(&kind)
        });
        let mut values = BTreeMap::new();
        for sink in others {
            if let Some(value) = self.value(sink) {
                values.insert(sink.setting.name(), value);
            }
        }
        let Some(Value::Text(name)) = name else {
            return None;
        };
        let sink = Sink { kind, name, values };
        if self.faults.0.len() == before
            && let Some((key, problem, mend)) = sink.access_fault()
        {
            self.fault(key, problem, mend);
        }
        (self.faults.0.len() == before).then_some(sink)
    }

    fn refuse_unknown_keys(&mut self) {
        let unknown = self
            .entries
            .keys()
            .filter(|name| sink_table::find(name).is_none());
        for name in unknown.cloned().collect::<Vec<_>>() {
            let known = SINK_SETTINGS.iter().map(|sink| sink.setting.name());
            let mend = nearest(&name, known)
                .map_or_else(String::new, |near| format!("did you mean {KEY}[].{near}?"));
            self.fault(&name, "unknown key".to_owned(), mend);
        }
    }

    fn value(&mut self, sink: &SinkSetting) -> Option<Value> {
        let setting = &sink.setting;
        let typed = self.entries.get(setting.name()).cloned();
        let raw = match (typed, setting.default) {
            (Some(raw), _) => raw,
            (None, Preset::Text(text)) => Raw::Text(text.to_owned()),
            (None, _) if sink.required == Required::Yes => {
                self.fault(
                    setting.name(),
                    "the key is missing".to_owned(),
                    setting.kind.advice(),
                );
                return None;
            }
            (None, _) => return None,
        };
        let read = setting.kind.read(&raw);
        read.map_err(|unfit| self.fault(setting.name(), unfit.problem, unfit.mend))
            .ok()
    }

    fn fault(&mut self, name: &str, problem: String, mend: String) {
        let key = format!("{KEY}[{}].{name}", self.index);
        self.faults
            .push(Fault::new(key, Some(self.origin.clone()), problem, mend));
    }
}
