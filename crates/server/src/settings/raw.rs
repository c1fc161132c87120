//! The first stage of the settings: what was typed, and where.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    /// `line` counts from 1; 0 for the file as a whole.
    File {
        path: PathBuf,
        line: usize,
    },
    Environment {
        name: String,
    },
    /// A secret's own file, named by the environment.
    SecretFile {
        name: String,
        path: PathBuf,
    },
    Flag {
        flag: &'static str,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::SecretFile { name, path } => {
                write!(f, "file {} named by environment {name}", path.display())
            }
            Self::Flag { flag } => write!(f, "flag {flag}"),
        }
    }
}

/// A value before anybody knows what it has to be. Environment and flags only have texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw {
    Text(String),
    Integer(i64),
    Flag(bool),
    List(Vec<Raw>),
    /// `line` counts from 1; 0 if there is no file.
    Table {
        line: usize,
        entries: BTreeMap<String, Raw>,
    },
    /// A TOML float: no setting takes one.
    Other(String),
    /// A file that was to hold the value could not be read, and why.
    Unreadable(String),
}

impl Raw {
    /// How the value is repeated in a fault.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Table { .. } => "a table".to_owned(),
            Self::Other(text) => text.clone(),
            Self::Unreadable(_) => "an unreadable file".to_owned(),
        }
    }
}

/// A value, its full key and its origin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Typed {
    pub(crate) key: String,
    pub(crate) raw: Raw,
    pub(crate) origin: Origin,
}
