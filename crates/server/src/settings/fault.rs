//! Faults of the settings: collected, never the first one only.

use std::fmt;

use super::raw::Origin;

/// One fault: which key, typed where, what is wrong and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) key: String,
    pub(crate) origin: Option<Origin>,
    /// Such as `"15" has no unit`.
    pub(crate) problem: String,
    /// Such as `write a duration such as 500ms, 3s or 2h`.
    pub(crate) mend: String,
}

impl Fault {
    pub(crate) fn new(
        key: impl Into<String>,
        origin: Option<Origin>,
        problem: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            origin,
            problem: problem.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(origin) = self.origin.as_ref().filter(|o| **o != Origin::Default) {
            write!(f, " ({origin})")?;
        }
        write!(f, ": {}; {}", self.problem, self.mend)
    }
}

/// Every fault of the settings in one message. Exit code 64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a fault of this key has been found, so that no second one need be guessed from it.
    pub(crate) fn concern(&self, key: &str) -> bool {
        self.0.iter().any(|fault| fault.key == key)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "the settings have a fault:")?,
            count => write!(f, "the settings have {count} faults:")?,
        }
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}
