//! What becomes of an event that is not stored as a status.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::owner::named;
use crate::{SequenceNumber, Timestamp};

named! {
    /// Why an event became a dead letter.
    DeadReason {
        NotJson = "not_json",
        NotUtf8 = "not_utf8",
        MissingField = "missing_field",
        WrongType = "wrong_type",
        BadId = "bad_id",
        BadTime = "bad_time",
        /// The event, or a number in it, is larger than can be stored.
        TooLarge = "too_large",
        RefusedByStore = "refused_by_store",
        /// It killed the actor that handled it, every time.
        Poison = "poison",
    }
}

named! {
    /// Why policy passed over an event.
    DropReason {
        HeldLimit = "held_limit",
        Pending = "pending",
        Denied = "denied",
        Quota = "quota",
        SubOwnerQuota = "sub_owner_quota",
        Blocked = "blocked",
        Deleted = "deleted",
        Expired = "expired",
    }
}

/// An event that cannot be stored as a status, kept with its raw body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub sequence_number: SequenceNumber,
    pub enqueued_at: Timestamp,
    pub reason: DeadReason,
    /// What is wrong, where: a sentence for people.
    pub detail: String,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// Events that policy dropped, counted by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Drops(pub BTreeMap<DropReason, u64>);

impl Drops {
    pub fn add(&mut self, reason: DropReason, count: u64) {
        if count > 0 {
            *self.0.entry(reason).or_default() += count;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (reason, count) in &other.0 {
            self.add(*reason, *count);
        }
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}
