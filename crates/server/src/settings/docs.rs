//! The README's table of settings.

use super::setting::{Preset, Scope, Setting};
use super::sink_table::SINK_SETTINGS;
use super::table::SETTINGS;

pub(crate) const BEGIN: &str = "<!-- settings:begin -->";
pub(crate) const END: &str = "<!-- settings:end -->";

/// The table as Markdown, between its markers.
pub(crate) fn markdown() -> String {
    let mut text = format!("{BEGIN}\n| key | default | |\n|---|---|---|\n");
    for setting in SETTINGS {
        text.push_str(&row(setting, &setting.default_text()));
    }
    for sink in SINK_SETTINGS {
        let kinds = match sink.kinds {
            [] => String::new(),
            kinds => format!(" ({})", kinds.join(", ")),
        };
        text.push_str(&row(
            &sink.setting,
            &format!("{}{kinds}", sink.setting.default_text()),
        ));
    }
    text.push_str(END);
    text.push('\n');
    text
}

fn row(setting: &Setting, default: &str) -> String {
    let doc = setting.doc.replace('|', "\\|");
    let note = match setting.scope {
        Scope::EventHubs => " With `source.kind = \"event_hubs\"`.",
        Scope::RedisClaims => " With `registry.claims = \"redis\"`.",
        _ => "",
    };
    format!("| `{}` | {default} | {doc}{note} |\n", setting.key)
}

impl Setting {
    pub(crate) fn default_text(&self) -> String {
        match self.default {
            Preset::Unset => "none".to_owned(),
            Preset::Text("") => "`[]`".to_owned(),
            Preset::Text(text) => format!("`{text}`"),
            Preset::Derived(from) => from.to_owned(),
        }
    }
}

/// `text` with whatever stands between the markers replaced by the table; `None` without markers.
pub(crate) fn replace_table(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{}{after}", markdown().trim_end()))
}
