//! The keys of one `[[events.sinks]]` table.

use rollcall_model::EventType;

use super::kind::Kind::{self, Choice, Choices, Count, Flag, Text, Url};
use super::setting::{Secrecy, Setting};

/// Every kind of sink that the contract names.
pub(crate) const SINK_KINDS: &[&str] = &[
    "log",
    "webhook",
    "service_bus",
    "event_hubs",
    "redis_stream",
];

/// The types of events that there are.
const TYPES: &[&str] = &{
    let mut types = [""; EventType::ALL.len()];
    let mut index = 0;
    while index < types.len() {
        types[index] = EventType::ALL[index].as_str();
        index += 1;
    }
    types
};

/// One key of a sink, and the kinds of sink that it belongs to (all, if the list is empty).
#[derive(Debug, Clone, Copy)]
pub(crate) struct SinkSetting {
    pub(crate) setting: Setting,
    pub(crate) kinds: &'static [&'static str],
    pub(crate) required: Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    Yes,
    No,
}

const fn any(key: &'static str, kind: Kind, doc: &'static str) -> SinkSetting {
    SinkSetting {
        setting: Setting::new(key, kind, doc),
        kinds: &[],
        required: Required::No,
    }
}

impl SinkSetting {
    const fn of(mut self, kinds: &'static [&'static str]) -> Self {
        self.kinds = kinds;
        self
    }

    const fn required(mut self) -> Self {
        self.required = Required::Yes;
        self
    }

    const fn with(mut self, setting: Setting) -> Self {
        self.setting = setting;
        self
    }

    const fn default(self, text: &'static str) -> Self {
        let setting = self.setting.default(text);
        self.with(setting)
    }

    const fn secrecy(self, secrecy: Secrecy) -> Self {
        let setting = self.setting.secrecy(secrecy);
        self.with(setting)
    }

    /// Whether the key counts in a sink of this kind.
    pub(crate) fn belongs_to(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

#[rustfmt::skip]
pub(crate) const SINK_SETTINGS: &[SinkSetting] = &[
    any("events.sinks[].kind", Choice(SINK_KINDS), "What kind of sink it is.").required(),
    any("events.sinks[].name", Text, "Its name in the outbox and in metrics; unique.").required(),
    any("events.sinks[].types", Choices(TYPES), "Types of events that it takes; all, if the list is empty.")
        .default(""),
    any("events.sinks[].url", Url(&["http", "https", "redis", "rediss"]), "Where a webhook posts to, or the Redis of a stream.")
        .of(&["webhook", "redis_stream"]).secrecy(Secrecy::UrlPath).required(),
    any("events.sinks[].secret", Text, "Key of the webhook's signature header.")
        .of(&["webhook"]).secrecy(Secrecy::Secret),
    any("events.sinks[].mode", Choice(&["structured", "binary"]), "How the webhook carries a CloudEvent.")
        .of(&["webhook"]).default("structured"),
    any("events.sinks[].allow_private", Flag, "Whether the webhook may stand on a private address.")
        .of(&["webhook"]).default("false"),
    any("events.sinks[].connection_string", Text, "Of the namespace, with a policy that may send.")
        .of(&["service_bus", "event_hubs"]).secrecy(Secrecy::Secret),
    any("events.sinks[].fully_qualified_namespace", Text, "Such as `example.servicebus.windows.net`: sign in by the credential of `source.event_hubs.credential` instead.")
        .of(&["service_bus", "event_hubs"]),
    any("events.sinks[].custom_endpoint", Url(&["amqp", "amqps"]), "Where to connect instead of the namespace. With user and password in it a `service_bus` sink needs neither of the two above and sends to any broker of AMQP 1.0.")
        .of(&["service_bus", "event_hubs"]).secrecy(Secrecy::UrlPassword),
    any("events.sinks[].entity", Text, "Queue or topic; with another broker its address, such as `/queue/news`.").of(&["service_bus"]).required(),
    any("events.sinks[].event_hub", Text, "Name of the event hub.").of(&["event_hubs"]).required(),
    any("events.sinks[].stream", Text, "Name of the Redis stream.").of(&["redis_stream"]).required(),
    any("events.sinks[].max_length", Count { min: 1, max: 1_000_000_000_000 }, "About how many entries the Redis stream keeps; unset keeps all.")
        .of(&["redis_stream"]),
];

/// The key of a sink by its short name, such as `url`.
pub(crate) fn find(name: &str) -> Option<&'static SinkSetting> {
    SINK_SETTINGS
        .iter()
        .find(|sink| sink.setting.name() == name)
}
