//! The TOML file: every value with its full key and its line.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Faults};
use super::raw::{Origin, Raw, Typed};
use super::table;

/// A text with its path, to tell the line of a place in it.
struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Document<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::File {
            path: self.path.to_owned(),
            line: self.line(at),
        }
    }
}

/// Reads the file that `by` names. What is not TOML is a fault each, with its line.
pub(crate) fn read(by: &str, path: &Path, faults: &mut Faults) -> Vec<Typed> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text, faults),
        Err(error) => {
            faults.push(Fault::new(
                by,
                None,
                format!("cannot read {}: {error}", path.display()),
                "name a TOML file that can be read",
            ));
            Vec::new()
        }
    }
}

pub(crate) fn parse(path: &Path, text: &str, faults: &mut Faults) -> Vec<Typed> {
    let document = Document { path, text };
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        faults.push(Fault::new(
            "TOML",
            Some(document.origin(error.span().map_or(0, |span| span.start))),
            error.message().to_owned(),
            "write TOML such as url = \"sqlite://…\" below [store]",
        ));
    }
    let mut typed = Vec::new();
    collect(&document, "", root.get_ref(), &mut typed);
    typed
}

/// Descends into sections; whatever is no section is a value, known or not.
fn collect(document: &Document<'_>, above: &str, table: &DeTable<'_>, typed: &mut Vec<Typed>) {
    for (name, value) in table {
        let key = match above {
            "" => name.get_ref().to_string(),
            _ => format!("{above}.{}", name.get_ref()),
        };
        match value.get_ref() {
            DeValue::Table(below) if table::is_section(&key) => {
                collect(document, &key, below, typed);
            }
            _ => typed.push(Typed {
                raw: raw(document, value.get_ref(), value.span().start),
                origin: document.origin(name.span().start),
                key,
            }),
        }
    }
}

fn raw(document: &Document<'_>, value: &DeValue<'_>, at: usize) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Raw::Other(number.to_string()), Raw::Integer),
        DeValue::Array(entries) => Raw::List(
            entries
                .iter()
                .map(|entry| raw(document, entry.get_ref(), entry.span().start))
                .collect(),
        ),
        DeValue::Table(table) => Raw::Table {
            line: if document.path.as_os_str().is_empty() {
                0
            } else {
                document.line(at)
            },
            entries: table
                .iter()
                .map(|(name, value)| {
                    let name = name.get_ref().to_string();
                    (name, raw(document, value.get_ref(), value.span().start))
                })
                .collect(),
        },
        DeValue::Float(number) => Raw::Other(number.to_string()),
        DeValue::Datetime(time) => Raw::Text(time.to_string()),
    }
}

/// A single TOML value, as the environment or a flag may hold one. `Err` tells what is wrong.
pub(crate) fn value_of(text: &str) -> Result<Raw, String> {
    let document = Document {
        path: Path::new(""),
        text,
    };
    let value = DeValue::parse(text).map_err(|error| error.message().to_owned())?;
    Ok(raw(&document, value.get_ref(), 0))
}
