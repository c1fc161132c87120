//! Recalibrations that somebody asked for: one node works on a job at a time, step by step.
//!
//! Between two steps it rests for as long as the step took, so that commits have the database for at
//! least half of the time. It leaves its job when it drains; if it dies, the job is another node's
//! after fifteen seconds. Pausing and cancelling take effect between two steps.

use std::sync::Arc;
use std::time::Duration;

use rollcall_store::{Error, RecalibrationStep, RecalibrationWorker, Store};
use tokio::runtime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Config;
use crate::error::chain;
use crate::handle::Handle;

/// Between two looks for a job: how long one that was just made waits.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// However quick a step was.
const LEAST_REST: Duration = Duration::from_millis(5);

/// Starts to look for jobs, until the node drains.
pub(crate) fn start(config: &Config, handle: &Handle, io: &runtime::Handle) {
    let worker = RecalibrationWorker {
        node: config.node.clone(),
        incarnation: config.incarnation,
    };
    let working = handle
        .inner
        .reporting
        .track_future(rounds(handle.clone(), worker));
    io.spawn(working);
}

async fn rounds(handle: Handle, worker: RecalibrationWorker) {
    let inner = Arc::downgrade(&handle.inner);
    let drain = handle.inner.drain.clone();
    drop(handle);
    let (mut failing, mut job) = (false, None);
    while let Some(store) = inner.upgrade().map(|inner| inner.store.clone()) {
        let began = Instant::now();
        let rest = match one_step(&store, &worker, &mut job).await {
            Ok(worked) => {
                failing = false;
                if worked {
                    began.elapsed().max(LEAST_REST)
                } else {
                    LOOK_AGAIN
                }
            }
            Err(error) => {
                // One line per outage.
                if !std::mem::replace(&mut failing, true) {
                    let error = chain(&error);
                    tracing::warn!(error, "recalibrations do not go on just now: {error}");
                }
                LOOK_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = drain.cancelled() => {
                if job.is_some() {
                    leave(&store, &worker).await;
                }
                return;
            }
        }
    }
}

/// Whether there was something to do.
async fn one_step(
    store: &Store,
    worker: &RecalibrationWorker,
    job: &mut Option<Uuid>,
) -> Result<bool, Error> {
    let job_id = match *job {
        Some(job_id) => job_id,
        None => match store.take_recalibration(worker).await? {
            Some(job_id) => *job.insert(job_id),
            None => return Ok(false),
        },
    };
    match store.advance_recalibration(job_id, worker).await? {
        RecalibrationStep::Went(_) => {}
        RecalibrationStep::NotOurs => *job = None,
        RecalibrationStep::Finished => {
            *job = None;
            tracing::info!(%job_id, "the recalibration {job_id} is done");
        }
    }
    Ok(true)
}

async fn leave(store: &Store, worker: &RecalibrationWorker) {
    if let Err(error) = store.leave_recalibrations(worker).await {
        let error = chain(&error);
        tracing::warn!(
            error,
            "the recalibration is left to others after 15 s: {error}"
        );
    }
}
