//! Owners and sub-owners as the API shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CalibrationOverride, OwnerId, Settings, SubOwnerId, Timestamp};

/// A text that names no variant of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not one of {known}")]
pub struct UnknownName {
    text: String,
    known: String,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the database, the API and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::owner::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::owner::UnknownName::of(text, &[$($text,)*])),
                }
            }
        }
    };
}
pub(crate) use named;

impl UnknownName {
    pub(crate) fn of(text: &str, known: &[&str]) -> Self {
        Self {
            text: text.chars().take(64).collect(),
            known: known.join(", "),
        }
    }
}

named! {
    /// What becomes of an owner's statuses.
    OwnerState {
        /// They are stored.
        Active = "active",
        /// They are held or dropped until somebody approves the owner.
        Pending = "pending",
        /// They are dropped.
        Blocked = "blocked",
        /// They are dropped; the row stays, and the owner does not come back by stream.
        Deleted = "deleted",
    }
}

named! {
    /// Whether a sub-owner's statuses are taken.
    SubOwnerState {
        Active = "active",
        Deleted = "deleted",
    }
}

named! {
    /// Who entered an owner or a sub-owner.
    CreatedBy {
        Stream = "stream",
        Api = "api",
    }
}

/// A data owner: the row of `owners`, and the resource of the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Owner {
    pub owner_id: OwnerId,
    pub state: OwnerState,
    pub display_name: Option<String>,
    pub settings: Settings,
    /// Grows by one with every change of state, name or settings; 1 at creation.
    pub version: i64,
    pub created_at: Timestamp,
    pub created_by: CreatedBy,
}

/// A sub-owner: the row of `sub_owners`, and the resource of the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubOwner {
    pub owner_id: OwnerId,
    pub sub_owner_id: SubOwnerId,
    pub state: SubOwnerState,
    pub display_name: Option<String>,
    /// What its owner's settings override for it (a copy for readers: the owner's row decides).
    pub settings: CalibrationOverride,
    pub version: i64,
    pub created_at: Timestamp,
    pub created_by: CreatedBy,
}
