//! The JSON schema of the TOML file, for editors.

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::setting::{Preset, Secrecy, Setting};
use super::sink_table::{Required, SINK_SETTINGS};
use super::table::SETTINGS;

/// Draft 2020-12.
pub(crate) fn schema() -> Value {
    let mut root = section();
    for setting in SETTINGS {
        insert(&mut root, setting.key.split('.'), property(setting));
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("Settings of Rollcall");
    root
}

fn section() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn insert<'a>(parent: &mut Value, mut path: impl Iterator<Item = &'a str>, leaf: Value) {
    let Some(name) = path.next() else {
        *parent = leaf;
        return;
    };
    let Some(properties) = parent["properties"].as_object_mut() else {
        return;
    };
    let child = properties.entry(name).or_insert_with(section);
    insert(child, path, leaf);
}

fn property(setting: &Setting) -> Value {
    let mut property = of_kind(setting.kind);
    property.insert("description".to_owned(), json!(setting.doc));
    if let Some(default) = default(setting) {
        property.insert("default".to_owned(), default);
    }
    if setting.secrecy == Secrecy::Secret {
        property.insert("writeOnly".to_owned(), json!(true));
    }
    Value::Object(property)
}

/// The default as JSON, of the type that the schema demands.
fn default(setting: &Setting) -> Option<Value> {
    let Preset::Text(_) = setting.default else {
        return None;
    };
    let value = super::effective::preset_value(setting)?;
    let text = format!("value = {value}");
    let table: toml::Table = text.parse().ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

fn of_kind(kind: Kind) -> Map<String, Value> {
    let value = match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count { min, max: u64::MAX } => json!({ "type": "integer", "minimum": min }),
        Kind::Count { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Duration { .. } => {
            json!({ "type": "string", "pattern": "^([0-9]+ *(d|h|m|s|ms) *)+$" })
        }
        Kind::Size { .. } => {
            json!({ "type": "string", "pattern": "^[0-9]+ *([KMGT]iB|[kMGT]?B)$" })
        }
        Kind::Choice(known) => json!({ "enum": known }),
        Kind::Choices(known) => json!({ "type": "array", "items": { "enum": known } }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Sinks => json!({ "type": "array", "items": sink() }),
        Kind::Text
        | Kind::Listen
        | Kind::Pointer
        | Kind::StartPosition
        | Kind::Url(_)
        | Kind::StoreUrl => json!({ "type": "string" }),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn sink() -> Value {
    let always = |sink: &&super::sink_table::SinkSetting| {
        sink.required == Required::Yes && sink.kinds.is_empty()
    };
    let required: Vec<_> = SINK_SETTINGS
        .iter()
        .filter(always)
        .map(|sink| sink.setting.name())
        .collect();
    let properties: Map<_, _> = SINK_SETTINGS
        .iter()
        .map(|sink| (sink.setting.name().to_owned(), property(&sink.setting)))
        .collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}
