//! The way out: every database transaction is one named method of [`Store`].
//!
//! The methods mean the same on SQLite and on PostgreSQL, and one conformance suite proves both.
//! A method runs to its end on the I/O runtime even if its caller dies meanwhile: an actor that
//! panics never leaves half a transaction behind, and no socket lives on an actor's thread.

pub mod commit;
pub mod error;
pub mod lease;
pub mod outbox;
pub mod owners;
pub mod provision;
pub mod reading;

pub use commit::{Answer, Batch, Gap, GapReason, Refusal};
pub use error::{Error, Kind};
pub use lease::{Claim, HubIdentity, NodeReport, Observation, PartitionState, Stream, Tenure};
pub use outbox::{Delivery, DeliveryOutcome, DeliveryState, SinkRegistration};
pub use owners::{Change, ChangeRefusal, OwnerPatch, OwnerRecord, SubOwnerRecord};
pub use provision::{Newcomer, Provisioned};
pub use reading::{
    DeadLetterRow, DeadLetterState, DeliveryRow, Finding, Health, HealthFault, NodeRow, Order,
    OutboxRow, OwnerFilter, Page, PartitionRow, StatusRange, StatusRow, Summary,
};

/// Where the data is and how many connections may be open to it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `sqlite://path` (or `sqlite::memory:` is refused) or `postgres://…`.
    pub url: String,
    /// Bring the schema up to date at [`Store::open`]; otherwise an old schema is refused.
    pub migrate: bool,
    /// How long a statement may wait for a lock held by somebody else.
    pub busy_timeout: std::time::Duration,
    /// Connections for reading.
    pub readers: u32,
}

/// The database. Clones are cheap and share the pools.
#[derive(Clone)]
pub struct Store {}

// The methods that the other crates are written against. Each becomes a named transaction in the
// module of its theme.
#[allow(
    unused_variables,
    clippy::unused_async,
    clippy::todo,
    reason = "being written"
)]
mod contract {
    use std::sync::Arc;

    use rollcall_model::*;
    use uuid::Uuid;

    use crate::reading::*;
    use crate::*;

    type Result<T> = std::result::Result<T, Error>;

    impl Store {
        /// Opens the database on the current tokio runtime, which carries all its I/O from then on.
        pub async fn open(config: Config) -> Result<Self> {
            todo!()
        }
        /// For the reading commands beside a running node: never writes, never migrates.
        pub async fn open_read_only(config: Config) -> Result<Self> {
            todo!()
        }

        // --- streams and leases
        /// The newest generation if the hub's `created_at` is still the same, else a new one.
        pub async fn resolve_stream(&self, hub: &HubIdentity) -> Result<Stream> {
            todo!()
        }
        /// Adds the generation after `from` (numbers turned out to have begun anew); if somebody
        /// was quicker, theirs.
        pub async fn next_generation(&self, from: StreamId, hub: &HubIdentity) -> Result<Stream> {
            todo!()
        }
        /// `None`: another node's lease is not expired.
        pub async fn claim_partition(
            &self,
            stream_id: StreamId,
            partition_id: PartitionId,
            tenure: &Tenure,
        ) -> Result<Option<Claim>> {
            todo!()
        }
        /// Sets the first number that the stream accounts for, where none is set:
        /// the position becomes `first - 1`.
        pub async fn begin_partition(
            &self,
            stream_id: StreamId,
            partition_id: PartitionId,
            epoch: Epoch,
            incarnation: Uuid,
            first: SequenceNumber,
            number_epoch: Option<i64>,
        ) -> Result<Answer> {
            todo!()
        }
        /// Extends the leases and stores what was observed. Returns those that are lost (another
        /// epoch or incarnation).
        pub async fn renew_leases(
            &self,
            stream_id: StreamId,
            tenure: &Tenure,
            observations: &[Observation],
        ) -> Result<Vec<PartitionId>> {
            todo!()
        }
        /// Frees the partition and raises its epoch, so that a late commit cannot extend the lease.
        pub async fn release_partition(
            &self,
            stream_id: StreamId,
            partition_id: PartitionId,
            epoch: Epoch,
            incarnation: Uuid,
        ) -> Result<()> {
            todo!()
        }
        pub async fn report_node(&self, report: &NodeReport) -> Result<()> {
            todo!()
        }

        // --- the commit
        /// Answers in the order of `batches`. A refused batch does not hinder the others.
        pub async fn commit(&self, batches: Vec<Arc<Batch>>) -> Result<Vec<Answer>> {
            todo!()
        }

        // --- owners
        /// What the roll has of the owners, each with those of the named sub-owners that exist;
        /// in the order asked. A read: no lock, no write.
        pub async fn find_owners(
            &self,
            wanted: Vec<(OwnerId, Vec<SubOwnerId>)>,
        ) -> Result<Vec<Option<OwnerRecord>>> {
            todo!()
        }
        /// Enters what is missing, with its events, in one transaction; in the order asked. One
        /// owner stands at most once in `newcomers`.
        pub async fn provision(
            &self,
            source: &EventSource,
            newcomers: Vec<Newcomer>,
        ) -> Result<Vec<Provisioned>> {
            todo!()
        }
        /// Changes name, settings or state: version plus one, a row in the history, and a
        /// `state_changed` event where the state differs.
        pub async fn change_owner(
            &self,
            source: &EventSource,
            owner_id: &OwnerId,
            patch: OwnerPatch,
        ) -> Result<Change> {
            todo!()
        }

        // --- outbox
        /// Makes the registered sinks exactly these; what was due at others is parked.
        pub async fn register_sinks(&self, sinks: &[SinkRegistration]) -> Result<()> {
            todo!()
        }
        /// The oldest pending delivery of each subject at the sink, if its `not_before` has passed;
        /// oldest first.
        pub async fn due_deliveries(&self, sink: &str, limit: usize) -> Result<Vec<Delivery>> {
            todo!()
        }
        pub async fn settle_deliveries(
            &self,
            sink: &str,
            outcomes: Vec<(Uuid, DeliveryOutcome)>,
        ) -> Result<()> {
            todo!()
        }

        // --- reading
        pub async fn owner(&self, owner_id: &OwnerId) -> Result<Option<Owner>> {
            todo!()
        }
        pub async fn sub_owner(
            &self,
            owner_id: &OwnerId,
            sub_owner_id: &SubOwnerId,
        ) -> Result<Option<SubOwner>> {
            todo!()
        }
        /// By id, ascending.
        pub async fn list_owners(
            &self,
            filter: &OwnerFilter,
            limit: u32,
            cursor: Option<&str>,
        ) -> Result<Page<Owner>> {
            todo!()
        }
        pub async fn list_sub_owners(
            &self,
            owner_id: &OwnerId,
            limit: u32,
            cursor: Option<&str>,
        ) -> Result<Page<SubOwner>> {
            todo!()
        }
        /// By the rule of the newest, `from` inclusive, `to` exclusive, on `status_at`.
        pub async fn list_statuses(
            &self,
            owner_id: &OwnerId,
            sub_owner_id: &SubOwnerId,
            range: StatusRange,
            limit: u32,
            cursor: Option<&str>,
        ) -> Result<Page<StatusRow>> {
            todo!()
        }
        pub async fn latest_status(
            &self,
            owner_id: &OwnerId,
            sub_owner_id: &SubOwnerId,
        ) -> Result<Option<StatusRow>> {
            todo!()
        }
        /// The newest generation of every (namespace, event hub, consumer group).
        pub async fn current_streams(&self) -> Result<Vec<Stream>> {
            todo!()
        }
        pub async fn list_partitions(&self, stream_id: StreamId) -> Result<Vec<PartitionRow>> {
            todo!()
        }
        pub async fn list_nodes(&self) -> Result<Vec<NodeRow>> {
            todo!()
        }
        /// Oldest first.
        pub async fn list_events(
            &self,
            limit: u32,
            cursor: Option<&str>,
        ) -> Result<Page<OutboxRow>> {
            todo!()
        }
        /// By stream, partition and number.
        pub async fn list_dead_letters(
            &self,
            state: Option<DeadLetterState>,
            limit: u32,
            cursor: Option<&str>,
        ) -> Result<Page<DeadLetterRow>> {
            todo!()
        }
        pub async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetterRow>> {
            todo!()
        }
        pub async fn summary(&self) -> Result<Summary> {
            todo!()
        }
        /// Checks I1, I2 (by the durable totals), I4 and I5.
        pub async fn check_invariants(&self) -> Result<Vec<Finding>> {
            todo!()
        }
        /// Whether the last writing transaction got through, and if not, why and since when.
        pub fn health(&self) -> Health {
            todo!()
        }
        /// Counts, retries and durations by the transaction's name, and the health.
        pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
            todo!()
        }
    }
}
