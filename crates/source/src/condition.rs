//! How a partition's receiver is doing, as the operator sees it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::Error;

/// Why nothing is read just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Somebody else reads the partition with the same consumer group.
    pub displaced: bool,
    /// One sentence.
    pub sentence: String,
}

/// Written by the receiver, read by anyone.
#[derive(Debug, Default)]
pub struct Condition {
    fault: ArcSwapOption<Fault>,
}

impl Condition {
    /// `None`: events are delivered, or none have been missed for a while.
    #[must_use]
    pub fn fault(&self) -> Option<Arc<Fault>> {
        self.fault.load_full()
    }

    /// Returns whether this fault is news.
    pub(crate) fn set_fault(&self, error: &Error) -> bool {
        let displaced = matches!(error, Error::Displaced { .. });
        let fault = Fault {
            displaced,
            sentence: error.to_string(),
        };
        let before = self.fault.swap(Some(Arc::new(fault.clone())));
        before.as_deref() != Some(&fault)
    }

    pub(crate) fn clear_fault(&self) {
        if self.fault.load().is_some() {
            self.fault.store(None);
        }
    }
}
