//! What other tasks tell a connection: syncs, reads, displacements.
//!
//! Bounded by the connection itself: it stops reading its socket while too many bytes are on their
//! way to the log, and each of its links has at most one read under way.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::log::{Appended, Cursor};

/// A link of a connection. The id is unique in the hub, so that news for a link whose handle was
/// used again is not mistaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkKey {
    pub(crate) channel: u16,
    pub(crate) handle: u32,
    pub(crate) id: u64,
}

/// News for a connection.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A delivery of `bytes` is on disk, or is not.
    Appended {
        link: LinkKey,
        delivery_id: u32,
        bytes: usize,
        settled: bool,
        outcome: Appended,
    },
    /// A receiver's beginning was found.
    Positioned {
        link: LinkKey,
        outcome: io::Result<Cursor>,
    },
    /// A read from disk is done.
    Read {
        link: LinkKey,
        outcome: io::Result<Bytes>,
    },
    /// A receiver with an epoch took the place of this one.
    Displaced { link: LinkKey, epoch: i64 },
}

/// A connection's news, and what wakes it.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    notices: Mutex<Vec<Notice>>,
    /// Also notified, without a notice, when a partition that is watched grew.
    pub(crate) wake: Arc<Notify>,
}

impl Mailbox {
    pub(crate) fn push(&self, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push(notice);
        drop(notices);
        self.wake.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<Notice> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut notices)
    }
}
