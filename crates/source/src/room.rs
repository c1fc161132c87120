//! Room in a partition's queue, in bytes: chunks are few, but an event may have a megabyte.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit stands for.
const PERMIT_BYTES: usize = 1 << 10;

/// The bytes that may lie in the queue of one partition.
pub(crate) struct Room {
    permits: Arc<Semaphore>,
    most: u32,
}

impl Room {
    pub(crate) fn new(bytes: u64) -> Self {
        let most = u32::try_from(bytes / PERMIT_BYTES as u64)
            .unwrap_or(u32::MAX >> 4)
            .max(1);
        Self {
            permits: Arc::new(Semaphore::new(most as usize)),
            most,
        }
    }

    /// Waits until there is room; a chunk larger than all of it waits for all of it.
    pub(crate) async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes / PERMIT_BYTES + 1)
            .unwrap_or(u32::MAX)
            .min(self.most);
        Arc::clone(&self.permits)
            .acquire_many_owned(permits)
            .await
            .ok()
    }
}
