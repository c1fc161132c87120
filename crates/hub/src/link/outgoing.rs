//! A link on which we send: its credit, and where its messages come from.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use fe2o3_amqp_types::performatives::Flow;

use crate::epoch::Registration;
use crate::log::{Cursor, Partition, Start};
use crate::mailbox::LinkKey;

/// Replies that may wait for a link's credit.
const MAX_REPLIES: usize = 64;

#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) key: LinkKey,
    pub(crate) source: Source,
    pub(crate) settled: bool,
    delivery_count: u32,
    credit: u32,
    drain: bool,
    /// A delivery that did not fit into one frame, and of which some are still to go.
    pub(crate) partial: Option<Remainder>,
}

/// What is left of a delivery.
#[derive(Debug)]
pub(crate) struct Remainder {
    pub(crate) delivery_id: u32,
    pub(crate) message: Bytes,
}

/// Where messages come from.
#[derive(Debug)]
pub(crate) enum Source {
    Events(Box<Feed>),
    Replies {
        /// The target address by which requests name this link.
        address: Option<String>,
        management: bool,
        waiting: VecDeque<Bytes>,
    },
}

/// A receiver's way through a partition.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) partition: Arc<Partition>,
    /// Known once the start was found.
    pub(crate) cursor: Option<Cursor>,
    /// Records at the cursor.
    pub(crate) chunk: Bytes,
    /// A read from disk is under way.
    pub(crate) reading: bool,
    /// Kept until the first event that it admits.
    pub(crate) start: Option<Start>,
    pub(crate) runtime_metrics: bool,
    /// Keeps the receiver's place.
    pub(crate) _registration: Registration,
}

impl Feed {
    /// Whether everything that is readable was sent.
    fn is_drained(&self) -> bool {
        let at_end = |cursor| !self.partition.is_behind(cursor);
        self.chunk.is_empty() && !self.reading && self.cursor.as_ref().is_some_and(at_end)
    }

    /// Goes on behind what is damaged or gone; false when nothing is there, and after other errors.
    pub(crate) fn step_over(&mut self, error: &io::Error) -> bool {
        let is_lost = matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::NotFound
        );
        let partition = &self.partition;
        let cursor = self.cursor.as_mut().filter(|_| is_lost);
        cursor.is_some_and(|cursor| partition.step_over_damage(cursor))
    }
}

impl Outgoing {
    pub(crate) fn new(key: LinkKey, source: Source, settled: bool) -> Self {
        Self {
            key,
            source,
            settled,
            delivery_count: 0,
            credit: 0,
            drain: false,
            partial: None,
        }
    }

    /// Takes over the link part of the peer's flow.
    pub(crate) fn flowed(&mut self, flow: &Flow) {
        if let Some(credit) = flow.link_credit {
            let under_way = self
                .delivery_count
                .wrapping_sub(flow.delivery_count.unwrap_or(0));
            self.credit = credit.saturating_sub(under_way);
        }
        self.drain = flow.drain;
    }

    pub(crate) fn has_credit(&self) -> bool {
        self.credit > 0
    }

    /// Uses one credit.
    pub(crate) fn sent(&mut self) {
        self.credit = self.credit.saturating_sub(1);
        self.delivery_count = self.delivery_count.wrapping_add(1);
    }

    /// Delivery count and credit as they are.
    pub(crate) fn state(&self) -> (u32, u32) {
        (self.delivery_count, self.credit)
    }

    /// If the peer asked for it and nothing is left to send: uses up the credit. True: the peer has
    /// to be told.
    pub(crate) fn drained(&mut self) -> bool {
        let nothing_left = match &self.source {
            Source::Events(feed) => feed.is_drained(),
            Source::Replies { waiting, .. } => waiting.is_empty(),
        };
        let finished = self.credit == 0 || nothing_left;
        if !self.drain || self.partial.is_some() || !finished {
            return false;
        }
        self.delivery_count = self.delivery_count.wrapping_add(self.credit);
        self.credit = 0;
        self.drain = false;
        true
    }

    /// Queues a reply; false when too many wait already.
    pub(crate) fn reply(&mut self, message: Bytes) -> bool {
        match &mut self.source {
            Source::Replies { waiting, .. } if waiting.len() < MAX_REPLIES => {
                waiting.push_back(message);
                true
            }
            _ => false,
        }
    }
}
