//! The way to the status writers: each partition has its writer, and a batch that was lost with
//! one goes to its successor, with the same bounds.

use std::sync::Arc;
use std::time::Duration;

use rollcall_store::Batch;

use crate::blame::{DEATHS_TO_CONDEMN, InHand};
use crate::status_writer::{Alone, Commit, Settled, StatusWriter};
use crate::supervisor::Slot;

/// Before a batch is sent again after it was lost.
const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// All status writers of the node. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Writers {
    slots: Arc<Vec<Arc<Slot<StatusWriter>>>>,
}

/// What became of a batch, as its reader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Settled(Settled),
    /// It killed its writer every time, also alone.
    Killed,
}

impl Writers {
    pub(crate) fn new(slots: Vec<Arc<Slot<StatusWriter>>>) -> Self {
        Self {
            slots: Arc::new(slots),
        }
    }

    pub(crate) async fn commit(&self, batch: Arc<Batch>) -> Outcome {
        let mut deaths = 0;
        while deaths < DEATHS_TO_CONDEMN {
            let alone = if deaths > 0 { Alone::Yes } else { Alone::No };
            match self.ask(&batch, alone).await {
                Ok(settled) => return Outcome::Settled(settled),
                Err(blamed) => deaths += u32::from(blamed),
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        Outcome::Killed
    }

    /// `Err`: the writer died; whether it did so with this batch in its hands.
    async fn ask(&self, batch: &Arc<Batch>, alone: Alone) -> Result<Settled, bool> {
        let index = batch.partition_id.0 as usize % self.slots.len().max(1);
        let Some(slot) = self.slots.get(index) else {
            return Err(false);
        };
        let address = slot.address().await;
        let in_hand = InHand::default();
        let commit = Commit {
            batch: Arc::clone(batch),
            alone,
            in_hand: in_hand.clone(),
        };
        match address.send(commit).await {
            Ok(Ok(settled)) => Ok(settled),
            Ok(Err(_)) | Err(_) => Err(in_hand.is_up()),
        }
    }
}
