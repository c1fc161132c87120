//! What processes leave open that stopped in the midst of a COPY. No time-out ends it: while the
//! server waits for the rest of a COPY a session is neither idle nor at work.

use std::time::Duration;

use rollcall_model::PartitionId;

use super::Database;
use crate::Tenure;
use crate::fault::{Fault, Result};
use crate::lease::{APPLICATION, application_name};

/// How long the end of one session is waited for. One that does not end (it is writing its last
/// block) costs a claim at most its own `lock_timeout` more.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Ends what an incarnation has open whose lease expired, before anything waits for a lock that it
/// holds.
pub(super) async fn end_sessions(
    database: &Database,
    partition_id: PartitionId,
    incarnation: &str,
) -> Result<()> {
    let ended: Vec<bool> = sqlx::query_scalar(
        "SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity
         WHERE application_name = $1 AND datname = current_database()",
    )
    .bind(format!("{APPLICATION}{incarnation}"))
    .bind(millis(END_TIMEOUT)?)
    .fetch_all(&database.writers()?.leases)
    .await?;
    if !ended.is_empty() {
        let sessions = ended.len();
        tracing::warn!(
            partition = partition_id.0,
            incarnation,
            sessions,
            "ended {sessions} sessions of {incarnation}, whose lease of partition {partition_id} \
             expired"
        );
    }
    Ok(())
}

/// Ends what other processes have open within a COPY that began longer ago than a lease lasts,
/// whatever lease they have or had.
pub(crate) async fn end_stalled(database: &Database, tenure: &Tenure) -> Result<usize> {
    let ended: Vec<(bool, String)> = sqlx::query_as(
        "SELECT pg_terminate_backend(pid), application_name FROM pg_stat_activity
         WHERE starts_with(application_name, $1) AND application_name <> $2
           AND datname = current_database() AND state = 'active' AND wait_event = 'ClientRead'
           AND xact_start < clock_timestamp() - $3 * interval '1 millisecond'",
    )
    .bind(APPLICATION)
    .bind(application_name(tenure.incarnation))
    .bind(millis(tenure.ttl)?)
    .fetch_all(&database.writers()?.leases)
    .await?;
    for (_, session) in &ended {
        tracing::warn!(
            session,
            "ended a session of {session}, which went no further with its COPY"
        );
    }
    Ok(ended.len())
}

pub(super) fn millis(duration: Duration) -> Result<i64> {
    i64::try_from(duration.as_millis()).map_err(Fault::defect)
}
