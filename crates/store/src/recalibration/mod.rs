//! Statuses that were stored before get the values of an owner's present settings: a job in the
//! database, on which one node works at a time.
//!
//! Invariants:
//! - a job's settings and version are the owner's when it was made; what is changed later does not
//!   touch it, and it touches nothing that a later version calibrated;
//! - a step is a transaction: a chunk of statuses, the newest ones among them, the job's place and its
//!   counts. A node that dies leaves a whole step or none, and the next one goes on at the place;
//! - totals, checkpoints and data stay what they are: only `value` and `version` change;
//! - a job is done when nothing in its range has an earlier version, also of what was committed
//!   behind its place meanwhile.

pub(crate) mod listing;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rollcall_model::{Calibrated, OwnerId, Settings, SubOwnerId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{Backend, Operation};
use crate::{Error, Store, column, fault, postgres, sqlite};

pub use listing::RecalibrationFilter;

/// Statuses of one step: about as long as a commit takes.
pub(crate) const CHUNK_ROWS: i64 = 1_000;
/// Sub-owners of one step, where each has few statuses in the range.
pub(crate) const CHUNK_SUB_OWNERS: usize = 50;
/// A worker that does not come back for so long is taken for dead.
pub(crate) const WORKED_FOR: Duration = Duration::from_secs(15);

/// Which statuses: of an owner or of one of its sub-owners, by status time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecalibrationRange {
    pub owner_id: OwnerId,
    pub sub_owner_id: Option<SubOwnerId>,
    /// Without it, from the first one on.
    pub from_at: Option<Timestamp>,
    pub to_at: Timestamp,
}

/// A job to make.
#[derive(Debug, Clone)]
pub struct NewRecalibration {
    pub job_id: Uuid,
    pub range: RecalibrationRange,
    pub created_by: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecalibrationState {
    Running,
    Paused,
    Cancelled,
    Done,
}

impl RecalibrationState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for RecalibrationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecalibrationState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Running, Self::Paused, Self::Cancelled, Self::Done];
        let named = known.into_iter().find(|state| state.as_str() == text);
        named.ok_or_else(|| format!("{text:?} is not one of running, paused, cancelled, done"))
    }
}

/// A job as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecalibrationRow {
    pub job_id: Uuid,
    pub owner_id: OwnerId,
    pub sub_owner_id: Option<SubOwnerId>,
    /// Null: from the first status on.
    pub from_at: Option<Timestamp>,
    pub to_at: Timestamp,
    /// The version of the owner whose settings are applied.
    pub version: i64,
    pub state: RecalibrationState,
    /// Statuses with an earlier version, when the job was made.
    pub statuses: u64,
    /// Statuses that have the version by now …
    pub statuses_done: u64,
    /// … and those among them whose value became another one.
    pub statuses_changed: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    /// Who worked on it last.
    pub node: Option<String>,
}

/// What became of the wish for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecalibrationStart {
    Started(RecalibrationRow),
    NoOwner,
    /// One of this owner is open still.
    Open(RecalibrationRow),
}

/// What somebody wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecalibrationWish {
    Pause,
    Resume,
    Cancel,
}

impl RecalibrationWish {
    /// The state that it leads to, and those that it leads from.
    pub(crate) const fn states(self) -> (&'static str, [&'static str; 2]) {
        match self {
            Self::Pause => ("paused", ["running", "paused"]),
            Self::Resume => ("running", ["paused", "running"]),
            Self::Cancel => ("cancelled", ["running", "paused"]),
        }
    }
}

/// What became of it. The same wish twice is the same as once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecalibrationAnswer {
    Done(RecalibrationRow),
    NotFound,
    /// It is over: nothing was changed.
    Over(RecalibrationRow),
}

/// Who works on jobs.
#[derive(Debug, Clone)]
pub struct RecalibrationWorker {
    pub node: String,
    pub incarnation: Uuid,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecalibrationStep {
    /// So many statuses have the job's version now.
    Went(u64),
    Finished,
    /// It was paused or cancelled, or another node works on it.
    NotOurs,
}

/// A job as a step finds it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) range: RecalibrationRange,
    pub(crate) version: i64,
    pub(crate) settings: Settings,
    pub(crate) place: Option<Place>,
}

/// Everything before it has the job's version or a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sub_owner_id: SubOwnerId,
    /// None: at the beginning of the sub-owner's range.
    pub(crate) at: Option<Timestamp>,
}

/// What a chunk was.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) done: u64,
    pub(crate) changed: u64,
}

/// Owner, sub-owner, range, version, settings, and the place's sub-owner and time.
pub(crate) type JobColumns<T> = (
    String,
    Option<String>,
    Option<T>,
    T,
    i64,
    String,
    Option<String>,
    Option<T>,
);

/// # Errors
/// If a column holds what nobody wrote.
pub(crate) fn read_job<T>(
    (owner_id, sub_owner_id, from_at, to_at, version, settings, place_sub_owner_id, place_at): JobColumns<T>,
    time: impl Fn(T) -> fault::Result<Timestamp>,
) -> fault::Result<Job> {
    let sub_owner = |id: Option<String>| id.as_deref().map(column::sub_owner_id).transpose();
    let range = RecalibrationRange {
        owner_id: column::owner_id(&owner_id)?,
        sub_owner_id: sub_owner(sub_owner_id)?,
        from_at: from_at.map(&time).transpose()?,
        to_at: time(to_at)?,
    };
    let at = place_at.map(&time).transpose()?;
    let place = sub_owner(place_sub_owner_id)?;
    Ok(Job {
        range,
        version,
        settings: column::json("settings", &settings)?,
        place: place.map(|sub_owner_id| Place { sub_owner_id, at }),
    })
}

impl RecalibrationAnswer {
    pub(crate) fn of(changed: u64, row: Option<RecalibrationRow>) -> Self {
        match row {
            Some(row) if changed > 0 => Self::Done(row),
            Some(row) => Self::Over(row),
            None => Self::NotFound,
        }
    }
}

/// The value that settings give to a datum. A number that no column holds was refused when it came.
pub(crate) fn value(settings: &Settings, sub_owner_id: &SubOwnerId, data: &str) -> Option<f64> {
    match settings.calibration_of(sub_owner_id).apply(data) {
        Calibrated::Value(value) => Some(value),
        Calibrated::Nothing | Calibrated::OutOfRange => None,
    }
}

impl Store {
    /// How many statuses of the range have an earlier version than the owner has now; none if there
    /// is no such owner.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn count_to_recalibrate(
        &self,
        range: &RecalibrationRange,
    ) -> Result<Option<u64>, Error> {
        let about = format!("of {}", range.owner_id);
        let range = range.clone();
        let operation = Operation::read("count_to_recalibrate", about);
        self.call(operation, move |backend| {
            let range = range.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::recalibration::count(database, &range).await
                    }
                    Backend::Postgres(database) => {
                        postgres::recalibration::count(database, &range).await
                    }
                }
            }
        })
        .await
    }

    /// Makes a job by the settings that the owner has now. The next look of any node takes it up.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn start_recalibration(
        &self,
        job: NewRecalibration,
    ) -> Result<RecalibrationStart, Error> {
        let about = format!("of {}", job.range.owner_id);
        let operation = Operation::write("start_recalibration", about);
        self.call(operation, move |backend| {
            let job = job.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => sqlite::recalibration::start(database, &job).await,
                    Backend::Postgres(database) => {
                        postgres::recalibration::start(database, &job).await
                    }
                }
            }
        })
        .await
    }

    /// Pauses, resumes or cancels. What is done stays done. When this returns, no step is under way.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn steer_recalibration(
        &self,
        job_id: Uuid,
        wish: RecalibrationWish,
    ) -> Result<RecalibrationAnswer, Error> {
        let operation = Operation::write("steer_recalibration", job_id.to_string());
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => {
                    sqlite::recalibration::steer(database, job_id, wish).await
                }
                Backend::Postgres(database) => {
                    postgres::recalibration::steer(database, job_id, wish).await
                }
            }
        })
        .await
    }

    /// The oldest job that runs and that nobody else works on: it is this worker's for fifteen
    /// seconds, and for as long again after each step.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn take_recalibration(
        &self,
        worker: &RecalibrationWorker,
    ) -> Result<Option<Uuid>, Error> {
        let operation = Operation::write("take_recalibration", format!("for {}", worker.node));
        let worker = worker.clone();
        self.call(operation, move |backend| {
            let worker = worker.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::recalibration::take(database, &worker).await
                    }
                    Backend::Postgres(database) => {
                        postgres::recalibration::take(database, &worker).await
                    }
                }
            }
        })
        .await
    }

    /// One step of the job, at most 1,000 statuses.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction. The same again never counts anything twice.
    pub async fn advance_recalibration(
        &self,
        job_id: Uuid,
        worker: &RecalibrationWorker,
    ) -> Result<RecalibrationStep, Error> {
        let operation = Operation::write("advance_recalibration", job_id.to_string());
        let incarnation = worker.incarnation;
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => {
                    sqlite::recalibration::advance(database, job_id, incarnation).await
                }
                Backend::Postgres(database) => {
                    postgres::recalibration::advance(database, job_id, incarnation).await
                }
            }
        })
        .await
    }

    /// Leaves what this worker has taken to others, at once.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn leave_recalibrations(&self, worker: &RecalibrationWorker) -> Result<(), Error> {
        let operation = Operation::write("leave_recalibrations", format!("of {}", worker.node));
        let incarnation = worker.incarnation;
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => {
                    sqlite::recalibration::leave(database, incarnation).await
                }
                Backend::Postgres(database) => {
                    postgres::recalibration::leave(database, incarnation).await
                }
            }
        })
        .await
    }
}
