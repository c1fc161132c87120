//! What a setting is. The table of them ([`super::table`]) is the one place that names a key;
//! parsing, `config show`, the schema, the README's table and the example file all follow from it.

use super::kind::Kind;

/// One key. Built by its `const` methods, so that the table reads as a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// In full, such as `leases.ttl`.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Preset,
    /// One line for the README, the schema and the example file.
    pub(crate) doc: &'static str,
    pub(crate) secrecy: Secrecy,
    pub(crate) scope: Scope,
}

/// What holds when nothing was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    Unset,
    /// As one would type it.
    Text(&'static str),
    /// Follows from something else, which is said here.
    Derived(&'static str),
}

/// How much of the value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    Open,
    Secret,
    /// A URL whose password is secret.
    UrlPassword,
    /// A URL whose path may be what lets its sender in, as those of chat services are.
    UrlPath,
    /// A list of tables, some of whose keys are secret.
    WithinTables,
}

/// When a setting counts. Outside its scope it is ignored, whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Always,
    Embedded,
    EventHubs,
    RedisClaims,
}

impl Setting {
    pub(crate) const fn new(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            key,
            kind,
            doc,
            default: Preset::Unset,
            secrecy: Secrecy::Open,
            scope: Scope::Always,
        }
    }

    pub(crate) const fn default(mut self, text: &'static str) -> Self {
        self.default = Preset::Text(text);
        self
    }

    pub(crate) const fn derived(mut self, from: &'static str) -> Self {
        self.default = Preset::Derived(from);
        self
    }

    pub(crate) const fn secrecy(mut self, secrecy: Secrecy) -> Self {
        self.secrecy = secrecy;
        self
    }

    pub(crate) const fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The part before the last dot.
    pub(crate) fn section(&self) -> &'static str {
        self.key.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The part after the last dot.
    pub(crate) fn name(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, name)| name)
    }

    /// Such as `ROLLCALL_LEASES__TTL`.
    pub(crate) fn environment_name(&self) -> String {
        format!("ROLLCALL_{}", self.key.replace('.', "__").to_uppercase())
    }

    /// Whether the value may also stand in a file of its own.
    pub(crate) fn takes_secret_file(&self) -> bool {
        self.secrecy != Secrecy::Open
    }
}
