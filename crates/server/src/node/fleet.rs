//! The fleet of `run --simulate`: the one of `rollcall simulate`, sent into this node's source.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Clock, SystemClock};

use crate::fleet::{Counts, Drive, Fleet, Plan, record};
use crate::sending::{Dispatcher, Doubt, Patience};
use crate::shutdown::Shutdown;

/// As the interface promises: 5 sub-owners each, a status per sub-owner every 10 s.
const SUB_OWNERS: u32 = 5;
const INTERVAL: Duration = Duration::from_secs(10);
const SEED: u64 = 1;
/// How long to wait before the hub is asked again.
const RETRY: Duration = Duration::from_secs(2);

/// Sends until a shutdown is asked for.
pub(super) async fn run(source: rollcall_source::Config, owners: u32, mut shutdown: Shutdown) {
    let (dispatcher, reports) = loop {
        let patience = Patience {
            doubt: Doubt::Leave,
            give_up_after: None,
        };
        match Dispatcher::start(source.clone(), patience).await {
            Ok(started) => break started,
            Err(error) => tracing::warn!("the simulated fleet waits for the hub: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = shutdown.asked() => return,
        }
    };
    let ids = dispatcher.partitions().to_vec();
    let plan = Plan::new(fleet(owners), ids.len(), SystemClock.now());
    let recording = tokio::spawn(record(reports, ids, Arc::new(Counts::default()), None));
    Drive::default().run(plan, dispatcher, shutdown).await;
    if let Err(error) = recording.await {
        tracing::error!(%error, "the fleet's record died: {error}");
    }
}

fn fleet(owners: u32) -> Fleet {
    Fleet {
        owners,
        sub_owners: SUB_OWNERS,
        interval: INTERVAL,
        seed: SEED,
        malformed: 0.0,
        duplicates: 0.0,
    }
}
