//! What a value has to be, and how it is read from what was typed.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use rollcall_model::{JsonPointer, Timestamp};

use super::nearest::close;
use super::raw::Raw;
use super::sinks::Sink;
use super::unit::{self, UnitFault};

/// The kind of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Flag,
    Count {
        min: u64,
        max: u64,
    },
    Duration {
        min_millis: u64,
    },
    /// Bytes.
    Size {
        min: u64,
    },
    Choice(&'static [&'static str]),
    Choices(&'static [&'static str]),
    Texts,
    /// An IP address with a port.
    Listen,
    Pointer,
    StartPosition,
    /// With one of these schemes.
    Url(&'static [&'static str]),
    StoreUrl,
    Sinks,
}

/// The second stage: what a value means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Flag(bool),
    Count(u64),
    Duration(Duration),
    /// Bytes.
    Size(u64),
    Texts(Vec<String>),
    Listen(SocketAddr),
    Pointer(JsonPointer),
    StartPosition(rollcall_source::StartPosition),
    Sinks(Vec<Sink>),
}

/// What is wrong with a value and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) problem: String,
    pub(crate) mend: String,
}

pub(crate) fn unfit(problem: impl Into<String>, mend: impl Into<String>) -> Unfit {
    Unfit {
        problem: problem.into(),
        mend: mend.into(),
    }
}

impl Kind {
    /// Reads any value but a list of sinks, which has faults of its own ([`super::sinks`]).
    pub(crate) fn read(self, raw: &Raw) -> Result<Value, Unfit> {
        match (self, raw) {
            (Self::Choices(_) | Self::Texts, Raw::List(entries)) => self.read_list(entries),
            (_, Raw::Unreadable(why)) => Err(unfit(
                format!("cannot read the file: {why}"),
                "name a file that holds the secret and nothing else",
            )),
            (_, Raw::Text(text)) => self.read_text(text),
            (Self::Count { .. }, Raw::Integer(number)) => self.read_text(&number.to_string()),
            (Self::Flag, Raw::Flag(flag)) => Ok(Value::Flag(*flag)),
            (Self::Duration { .. } | Self::Size { .. }, Raw::Integer(number)) => {
                self.read_text(&number.to_string())
            }
            _ => Err(unfit(
                format!("{} does not fit", raw.shown()),
                self.advice(),
            )),
        }
    }

    fn read_text(self, text: &str) -> Result<Value, Unfit> {
        match self {
            Self::Text => read_plain(text).map(Value::Text),
            Self::Flag => read_flag(text).map(Value::Flag),
            Self::Count { min, max } => self.read_count(text, min, max),
            Self::Duration { min_millis } => self.read_duration(text, min_millis),
            Self::Size { min } => self.read_size(text, min),
            Self::Choice(known) => self.read_choice(text, known).map(Value::Text),
            Self::Choices(_) | Self::Texts => self.read_listed(text),
            Self::Listen => text
                .parse()
                .map(Value::Listen)
                .map_err(|_| unfit(format!("{text:?} is no address with a port"), self.advice())),
            Self::Pointer => JsonPointer::parse(text)
                .map(Value::Pointer)
                .map_err(|error| unfit(error.to_string(), self.advice())),
            Self::StartPosition => self.read_start(text).map(Value::StartPosition),
            Self::Url(schemes) => self.read_url(text, schemes).map(Value::Text),
            Self::StoreUrl => read_store_url(text).map(Value::Text),
            Self::Sinks => Err(unfit(format!("{text:?} does not fit"), self.advice())),
        }
    }

    fn read_count(self, text: &str, min: u64, max: u64) -> Result<Value, Unfit> {
        let number = text
            .replace('_', "")
            .parse::<u64>()
            .map_err(|_| unfit(format!("{text:?} is no whole number"), self.advice()))?;
        if (min..=max).contains(&number) {
            Ok(Value::Count(number))
        } else {
            Err(unfit(format!("{number} is out of range"), self.advice()))
        }
    }

    fn read_duration(self, text: &str, min_millis: u64) -> Result<Value, Unfit> {
        let duration = unit::parse_duration(text).map_err(|fault| self.unit_fault(text, &fault))?;
        if duration < Duration::from_millis(min_millis) {
            return Err(unfit(format!("{text:?} is too short"), self.advice()));
        }
        Ok(Value::Duration(duration))
    }

    fn read_size(self, text: &str, min: u64) -> Result<Value, Unfit> {
        let size = unit::parse_size(text).map_err(|fault| self.unit_fault(text, &fault))?;
        if size < min {
            return Err(unfit(format!("{text:?} is too small"), self.advice()));
        }
        Ok(Value::Size(size))
    }

    fn unit_fault(self, text: &str, fault: &UnitFault) -> Unfit {
        let problem = match fault {
            UnitFault::NotANumber => format!("{text:?} does not begin with a whole number"),
            UnitFault::NoUnit => format!("{text:?} has no unit"),
            UnitFault::UnknownUnit(unit) => format!("{text:?} has the unknown unit {unit:?}"),
            UnitFault::TooLarge => format!("{text:?} is too large"),
        };
        unfit(problem, self.advice())
    }

    fn read_choice(self, text: &str, known: &[&str]) -> Result<String, Unfit> {
        if known.contains(&text) {
            Ok(text.to_owned())
        } else {
            let mend = match close(text, known.iter().copied()) {
                Some(near) => format!("did you mean {near}? {}", self.advice()),
                None => self.advice(),
            };
            Err(unfit(format!("{text:?} is unknown"), mend))
        }
    }

    /// A list in the environment or in a flag: `a,b`, or a TOML array.
    fn read_listed(self, text: &str) -> Result<Value, Unfit> {
        if text.trim_start().starts_with('[') {
            return match super::file::value_of(text) {
                Ok(Raw::List(entries)) => self.read_list(&entries),
                _ => Err(unfit(format!("{text:?} is no list"), self.advice())),
            };
        }
        let entries: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| Raw::Text(entry.to_owned()))
            .collect();
        self.read_list(&entries)
    }

    fn read_list(self, entries: &[Raw]) -> Result<Value, Unfit> {
        let read = |entry: &Raw| match (self, entry) {
            (Self::Choices(known), Raw::Text(text)) => self.read_choice(text, known),
            (_, Raw::Text(text)) => read_plain(text),
            _ => Err(unfit(
                format!("{} is no text", entry.shown()),
                self.advice(),
            )),
        };
        entries
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Value::Texts)
    }

    /// The URL is not repeated in a fault: it may hold a password.
    fn read_url(self, text: &str, schemes: &[&str]) -> Result<String, Unfit> {
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        if !schemes.contains(&scheme) {
            return Err(unfit("the URL has no known scheme", self.advice()));
        }
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() || text.contains(char::is_whitespace) {
            return Err(unfit("the URL has no host", self.advice()));
        }
        read_plain(text)
    }

    fn read_start(self, text: &str) -> Result<rollcall_source::StartPosition, Unfit> {
        match text {
            "earliest" => Ok(rollcall_source::StartPosition::Earliest),
            "latest" => Ok(rollcall_source::StartPosition::Latest),
            _ => Timestamp::parse(text)
                .map(rollcall_source::StartPosition::At)
                .map_err(|_| unfit(format!("{text:?} is no position"), self.advice())),
        }
    }

    /// How to write a value of this kind.
    pub(crate) fn advice(self) -> String {
        match self {
            Self::Text => "write a text".to_owned(),
            Self::Flag => "write true or false".to_owned(),
            Self::Count { min, max: u64::MAX } => format!("write a whole number from {min}"),
            Self::Count { min, max } => format!("write a whole number from {min} to {max}"),
            Self::Duration { min_millis } => format!(
                "write a duration such as 500ms, 3s or 2h, at least {}",
                unit::duration_text(Duration::from_millis(min_millis))
            ),
            Self::Size { min } => format!(
                "write a size such as 512KiB or 4MiB, at least {}",
                unit::size_text(min)
            ),
            Self::Choice(known) => format!("write one of {}", known.join(", ")),
            Self::Choices(known) => format!("write a list of {}", known.join(", ")),
            Self::Texts => "write a list of texts such as [\"a\", \"b\"]".to_owned(),
            Self::Listen => "write an address such as 127.0.0.1:8080".to_owned(),
            Self::Pointer => "write a JSON Pointer such as /dataOwnerId".to_owned(),
            Self::StartPosition => {
                "write earliest, latest or a time such as 2026-11-23T10:00:00Z".to_owned()
            }
            Self::Url(schemes) => format!(
                "write a URL that begins with {}://",
                schemes.join(":// or ")
            ),
            Self::StoreUrl => "write a URL such as sqlite://rollcall-data/rollcall.db".to_owned(),
            Self::Sinks => {
                "write a list of tables such as [[events.sinks]] with kind and name".to_owned()
            }
        }
    }
}

fn read_plain(text: &str) -> Result<String, Unfit> {
    if text.trim().is_empty() {
        return Err(unfit(
            "the text is empty",
            "write a text, or leave the key away",
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(unfit("the text has a control character", "take it away"));
    }
    Ok(text.to_owned())
}

fn read_flag(text: &str) -> Result<bool, Unfit> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(unfit(
            format!("{text:?} is neither true nor false"),
            Kind::Flag.advice(),
        )),
    }
}

fn read_store_url(text: &str) -> Result<String, Unfit> {
    if text.contains(":memory:") {
        let problem = "a database in memory would lose every checkpoint";
        return Err(unfit(problem, Kind::StoreUrl.advice()));
    }
    let known = ["sqlite://", "sqlite:", "postgres://", "postgresql://"];
    if known
        .iter()
        .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
    {
        read_plain(text)
    } else {
        // Not repeated: it may hold a password.
        Err(unfit(
            "the URL has no known scheme",
            Kind::StoreUrl.advice(),
        ))
    }
}

impl fmt::Display for Value {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Count(number) => write!(f, "{number}"),
            Self::Duration(duration) => write!(f, "\"{}\"", unit::duration_text(*duration)),
            Self::Size(bytes) => write!(f, "\"{}\"", unit::size_text(*bytes)),
            Self::Texts(texts) => {
                let entries: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                write!(f, "[{}]", entries.join(", "))
            }
            Self::Listen(address) => write!(f, "\"{address}\""),
            Self::Pointer(pointer) => f.write_str(&quoted(&pointer.to_string())),
            Self::StartPosition(start) => f.write_str(&quoted(&start_text(*start))),
            Self::Sinks(sinks) => {
                let entries: Vec<_> = sinks.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", entries.join(", "))
            }
        }
    }
}

fn start_text(start: rollcall_source::StartPosition) -> String {
    match start {
        rollcall_source::StartPosition::Earliest => "earliest".to_owned(),
        rollcall_source::StartPosition::Latest => "latest".to_owned(),
        rollcall_source::StartPosition::At(time) => time.to_string(),
    }
}
