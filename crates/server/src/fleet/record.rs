//! What became of the fleet's events: counted, and written to the ledger if there is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::Ledger;
use crate::sending::{Outcome, Report};

/// Counts that others may read while the fleet sends.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
}

impl Counts {
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    fn add(&self, report: &Report) {
        let counter = match report.outcome {
            Outcome::Acknowledged { .. } => &self.acknowledged,
            Outcome::Refused(_) | Outcome::Unavailable(_) => &self.refused,
            Outcome::Unknown(_) => &self.unknown,
        };
        counter.fetch_add(report.events.len() as u64, Ordering::Relaxed);
    }
}

/// Takes reports until the senders are gone. A ledger that cannot be written ends it: a truth with
/// holes is worse than none.
///
/// # Errors
/// If the ledger cannot be written.
pub(crate) async fn record(
    mut reports: mpsc::Receiver<Report>,
    partition_ids: Vec<String>,
    counts: Arc<Counts>,
    mut ledger: Option<Ledger>,
) -> std::io::Result<()> {
    while let Some(report) = reports.recv().await {
        if let Outcome::Refused(reason) | Outcome::Unavailable(reason) | Outcome::Unknown(reason) =
            &report.outcome
        {
            let (partition, count) = (report.partition, report.events.len());
            tracing::warn!(
                partition,
                count,
                "{count} events of partition {partition}: {reason}"
            );
        }
        if let Some(ledger) = &mut ledger {
            let partition = partition_ids
                .get(report.partition)
                .map_or("", String::as_str);
            ledger.add(&report, partition)?;
        }
        counts.add(&report);
    }
    Ok(())
}
