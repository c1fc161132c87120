//! The way out: every database transaction is one named method of [`Store`].
//!
//! The methods mean the same on SQLite and on PostgreSQL, and one conformance suite proves both.
//! A method runs to its end on the I/O runtime even if its caller dies meanwhile: an actor that
//! panics never leaves half a transaction behind, and no socket lives on an actor's thread.
//!
//! A module per theme holds the types and the methods of [`Store`]; what a database does for them
//! is in the module of its name. Rules that no database decides (which batch of a group is due,
//! where a row goes, which status is the newest) stand apart from both, in [`commit`].

pub mod access;
pub mod changes;
mod column;
pub mod commit;
mod cursor;
pub mod dead_letters;
mod doctor;
pub mod entities;
mod erasure;
pub mod error;
mod fault;
pub mod health;
pub mod held;
pub mod lease;
pub mod live;
mod metrics;
pub mod outbox;
pub mod owners;
pub mod pending;
mod postgres;
pub mod provision;
pub mod reading;
pub mod recalibration;
pub mod replay;
mod retention;
pub mod schema;
mod sqlite;
mod stalled;
pub mod store;
pub mod survey;
pub mod wakes;

pub use access::audit::{AuditEntry, AuditOutcome, AuditRow};
pub use access::keys::{KeyRow, KeyStanding, NewKey};
pub use access::users::{NewUser, UserChange, UserRow};
pub use access::{Role, SecretHash};
pub use changes::{ChangeCursor, Changes, DatabasePast};
pub use commit::{Answer, Batch, Gap, GapReason, Refusal};
pub use dead_letters::{DeadLetterId, LetterAnswer};
pub use error::{Error, Kind};
pub use health::{Health, HealthFault};
pub use held::{PendingStatuses, Settled};
pub use lease::{
    Claim, HubIdentity, NodeReport, Observation, PartitionState, Stream, Tenure, application_name,
};
pub use live::{LiveFilter, LiveRow, LiveRows, LiveStatuses};
pub use outbox::{Delivery, DeliveryOutcome, DeliveryState, ResendMode, Resent, SinkRegistration};
pub use owners::{Change, ChangeRefusal, OwnerPatch, OwnerRecord, SubOwnerRecord};
pub use pending::{HeldOfOwner, HeldSample, PendingOwner};
pub use provision::{Newcomer, Provisioned};
pub use reading::gaps::GapRow;
pub use reading::history::SettingsVersion;
pub use reading::outbox::{DeliveryRow, EventFilter, OutboxRow, SinkStanding};
pub use reading::{
    DeadLetterFilter, DeadLetterRow, DeadLetterState, Finding, NodeRow, Order, OwnerFilter,
    OwnerSort, Page, PartitionRow, StatusRange, StatusRow, StreamRow, Summary,
};
pub use recalibration::{
    NewRecalibration, RecalibrationAnswer, RecalibrationFilter, RecalibrationRange,
    RecalibrationRow, RecalibrationStart, RecalibrationState, RecalibrationStep, RecalibrationWish,
    RecalibrationWorker,
};
pub use replay::{ReplayAnswer, ReplayBasis, ReplayChunk, ReplayCounts, ReplayMode, Unstored};
pub use schema::MigrationRow;
pub use store::{Config, Store};
pub use survey::{LeaseRow, NodeSeen, Survey};
pub use wakes::{Wake, Wakes};
