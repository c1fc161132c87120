//! How far a race has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Events handled so far; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Handled(Arc<AtomicU64>);

impl Handled {
    pub(crate) fn add(&self, events: u64) {
        self.0.fetch_add(events, Ordering::Relaxed);
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Is told what happens.
pub trait Progress: Sync {
    /// A way begins; `handled` counts up to about `events`.
    fn begins(&self, title: &str, events: u64, handled: &Handled);
    /// A sentence about what is being prepared.
    fn says(&self, sentence: &str);
}
