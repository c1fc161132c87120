//! The example configuration: every key at its default, so that the file as a whole changes nothing.

use super::effective::preset_value;
use super::setting::{Preset, Setting};
use super::sink_table::SINK_SETTINGS;
use super::table::SETTINGS;

const HEAD: &str = "\
# Every setting of Rollcall at its default (`rollcall config example` writes this file).
# What has no fixed default stands in a comment. Environment variables such as
# ROLLCALL_STORE__URL and flags such as --set store.url=… override the file.
";

/// The file's text.
pub(crate) fn toml() -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    // Sections in the order of their first key: a TOML table may be opened once only.
    for setting in SETTINGS
        .iter()
        .filter(|setting| setting.key != "events.sinks")
    {
        if setting.section() != section {
            section = setting.section();
            text.push_str(&format!("\n[{section}]\n"));
        }
        text.push_str(&lines(setting));
    }
    text.push_str("\n# Where events go; repeat the table for every sink.\n# [[events.sinks]]\n");
    for sink in SINK_SETTINGS {
        let kinds = if sink.kinds.is_empty() {
            "all".to_owned()
        } else {
            sink.kinds.join(", ")
        };
        let name = sink.setting.name();
        text.push_str(&format!("# {name}: {} ({kinds})\n", sink.setting.doc));
    }
    text
}

fn lines(setting: &Setting) -> String {
    let mut text = format!("# {}\n", setting.doc);
    match (setting.default, preset_value(setting)) {
        (_, Some(value)) => text.push_str(&format!("{} = {value}\n", setting.name())),
        (Preset::Derived(from), None) => {
            text.push_str(&format!("# {} = (default: {from})\n", setting.name()));
        }
        _ => text.push_str(&format!("# {} = (default: none)\n", setting.name())),
    }
    text
}
