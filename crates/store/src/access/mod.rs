//! Who may ask the API, and who changed what.
//!
//! - Programs show a key, people a session that they got for their password. Of secrets that are
//!   random and long only the SHA-256 is here; of passwords, which people choose, an argon2id hash
//!   that the caller makes and compares.
//! - Whether one counts, the database's clock decides: nodes whose clocks differ agree.
//! - The audit log has a row per change that was asked for, made before the change is begun. Whoever
//!   finds a row without a status knows that a node died in between.

pub mod audit;
pub mod keys;
pub mod users;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a caller may do; each may do what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Changes owners, dead letters, events, partitions.
    Operator,
    /// Makes and revokes keys.
    Admin,
}

impl Role {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Viewer, Self::Operator, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not one of viewer, operator, admin"))
    }
}

/// The SHA-256 of a key's secret. It does not show in debug output.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}
