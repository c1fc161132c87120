//! The ways by name.

use crate::two_hundred_lines::Job;
use crate::ways::Way;
use crate::ways::check_then_create::CheckThenCreate;
use crate::ways::check_then_set::CheckThenSet;
use crate::ways::event_after_commit::EventAfterCommit;
use crate::ways::get_or_lock::GetOrLock;
use crate::ways::lock_around::LockAround;
use crate::ways::outbox::Outbox;
use crate::ways::set_nx::SetNx;

/// A way in which newcomers are entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    CheckThenCreate,
    CheckThenSet,
    SetNx,
    GetOrLock,
    LockAround,
    EventAfterCommit,
    Outbox,
    /// What a good engineer would write, in batches.
    TwoHundredLines(Job),
    Rollcall,
}

impl Kind {
    /// In the order of the table.
    pub const ALL: [Self; 9] = [
        Self::CheckThenCreate,
        Self::CheckThenSet,
        Self::SetNx,
        Self::GetOrLock,
        Self::LockAround,
        Self::EventAfterCommit,
        Self::Outbox,
        Self::TwoHundredLines(Job::Bare),
        Self::Rollcall,
    ];

    /// Those that take one message at a time.
    pub const PER_MESSAGE: [Self; 7] = [
        Self::CheckThenCreate,
        Self::CheckThenSet,
        Self::SetNx,
        Self::GetOrLock,
        Self::LockAround,
        Self::EventAfterCommit,
        Self::Outbox,
    ];

    /// Its name for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CheckThenCreate => "check_then_create",
            Self::CheckThenSet => "check_then_set",
            Self::SetNx => "set_nx",
            Self::GetOrLock => "get_or_lock",
            Self::LockAround => "lock_around",
            Self::EventAfterCommit => "event_after_commit",
            Self::Outbox => "outbox",
            Self::TwoHundredLines(Job::Bare) => "two_hundred_lines",
            Self::TwoHundredLines(Job::Whole) => "two_hundred_lines_whole_job",
            Self::Rollcall => "rollcall",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::CheckThenCreate => "check, then create",
            Self::CheckThenSet => "check, then set in Redis",
            Self::SetNx => "Redis SET NX",
            Self::GetOrLock => "Redis Lua get-or-lock",
            Self::LockAround => "a lock around creation",
            Self::EventAfterCommit => "unique key, event after commit",
            Self::Outbox => "unique key and outbox",
            Self::TwoHundredLines(Job::Bare) => "200 lines: batches and outbox",
            Self::TwoHundredLines(Job::Whole) => "200 lines, the whole job",
            Self::Rollcall => "Rollcall",
        }
    }

    #[must_use]
    pub fn needs_redis(self) -> bool {
        use Kind::{CheckThenSet, GetOrLock, LockAround, SetNx};
        matches!(self, CheckThenSet | SetNx | GetOrLock | LockAround)
    }

    #[must_use]
    pub fn needs_postgres(self) -> bool {
        matches!(self, Self::TwoHundredLines(_))
    }

    /// Whether the database refuses a second row for an owner.
    #[must_use]
    pub fn has_unique_key(self) -> bool {
        use Kind::{EventAfterCommit, Outbox, Rollcall, TwoHundredLines};
        matches!(
            self,
            EventAfterCommit | Outbox | TwoHundredLines(_) | Rollcall
        )
    }

    /// Whether announcements wait in an outbox for the relay.
    pub(crate) fn has_outbox(self) -> bool {
        matches!(self, Self::Outbox | Self::TwoHundredLines(_))
    }

    /// A new life of it; none for those that do not go message by message.
    pub(crate) fn way(self) -> Option<Box<dyn Way>> {
        Some(match self {
            Self::CheckThenCreate => Box::new(CheckThenCreate),
            Self::CheckThenSet => Box::new(CheckThenSet),
            Self::SetNx => Box::new(SetNx),
            Self::GetOrLock => Box::new(GetOrLock),
            Self::LockAround => Box::new(LockAround),
            Self::EventAfterCommit => Box::new(EventAfterCommit),
            Self::Outbox => Box::new(Outbox),
            Self::TwoHundredLines(_) | Self::Rollcall => return None,
        })
    }
}
