//! A link on which the peer sends: its credit, and the delivery that is arriving.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use fe2o3_amqp_types::messaging::DeliveryState;

use super::MAX_MESSAGE_SIZE;
use crate::mailbox::LinkKey;
use crate::wire::transfer::Transfer;

/// Deliveries that a peer may have under way on one link.
const CREDIT: u32 = 1_000;

/// What becomes of the deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Events { partition: Option<u32> },
    Cbs,
    Management,
}

#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) key: LinkKey,
    pub(crate) purpose: Purpose,
    delivery_count: u32,
    credit: u32,
    /// Deliveries that are not answered yet.
    unanswered: u32,
    partial: Option<Partial>,
    /// Outcomes of deliveries that are not yet settled, for a peer that needs it so.
    pub(crate) unsettled: BTreeMap<u32, DeliveryState>,
}

/// A delivery of which frames are still to come.
#[derive(Debug)]
struct Partial {
    delivery_id: u32,
    format: u32,
    settled: bool,
    /// Dropped once it is larger than allowed.
    bytes: Option<BytesMut>,
}

/// What a transfer frame brought.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// More is to come, or it was aborted.
    Nothing,
    Whole(Delivery),
    /// A delivery larger than allowed has ended.
    TooLarge {
        delivery_id: u32,
        settled: bool,
    },
    /// The peer had no credit, or the frame makes no sense.
    Violation(&'static str),
}

/// A complete delivery.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) id: u32,
    pub(crate) format: u32,
    pub(crate) settled: bool,
    pub(crate) message: Bytes,
}

impl Incoming {
    pub(crate) fn new(key: LinkKey, purpose: Purpose) -> Self {
        Self {
            key,
            purpose,
            delivery_count: 0,
            credit: 0,
            unanswered: 0,
            partial: None,
            unsettled: BTreeMap::new(),
        }
    }

    /// New credit as (delivery count, credit) when there is enough of it to tell the peer.
    pub(crate) fn refill(&mut self) -> Option<(u32, u32)> {
        let credit = CREDIT.saturating_sub(self.unanswered);
        if self.credit > CREDIT / 2 || credit <= self.credit {
            return None;
        }
        self.credit = credit;
        Some(self.state())
    }

    /// Delivery count and credit as they are.
    pub(crate) fn state(&self) -> (u32, u32) {
        (self.delivery_count, self.credit)
    }

    /// A delivery was answered.
    pub(crate) fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Bytes held of a delivery that is not complete.
    pub(crate) fn held(&self) -> usize {
        let partial = self.partial.as_ref();
        partial
            .and_then(|partial| partial.bytes.as_ref())
            .map_or(0, BytesMut::len)
    }

    pub(crate) fn arrived(&mut self, transfer: &Transfer, payload: Bytes) -> Arrival {
        if transfer.aborted {
            self.partial = None;
            self.answered();
            return Arrival::Nothing;
        }
        if self.partial.is_none() {
            if let Err(violation) = self.begin(transfer) {
                return Arrival::Violation(violation);
            }
            if !transfer.more {
                return self.single(payload);
            }
        }
        let Some(partial) = self.partial.as_mut() else {
            return Arrival::Nothing;
        };
        partial.settled |= transfer.settled;
        partial.add(&payload);
        if transfer.more {
            return Arrival::Nothing;
        }
        self.complete()
    }

    fn begin(&mut self, transfer: &Transfer) -> Result<(), &'static str> {
        let delivery_id = transfer.delivery_id;
        let delivery_id = delivery_id.ok_or("the first frame of a delivery has no delivery-id")?;
        self.credit = self.credit.checked_sub(1).ok_or("the link has no credit")?;
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.unanswered += 1;
        self.partial = Some(Partial {
            delivery_id,
            format: transfer.message_format.unwrap_or(0),
            settled: transfer.settled,
            bytes: Some(BytesMut::new()),
        });
        Ok(())
    }

    /// A delivery in one frame, which needs no copy.
    fn single(&mut self, payload: Bytes) -> Arrival {
        let Some(partial) = self.partial.take() else {
            return Arrival::Nothing;
        };
        partial.whole(payload)
    }

    fn complete(&mut self) -> Arrival {
        let Some(mut partial) = self.partial.take() else {
            return Arrival::Nothing;
        };
        match partial.bytes.take() {
            Some(bytes) => partial.whole(bytes.freeze()),
            None => partial.too_large(),
        }
    }
}

impl Partial {
    fn add(&mut self, payload: &[u8]) {
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(payload);
            if bytes.len() as u64 > MAX_MESSAGE_SIZE {
                self.bytes = None;
            }
        }
    }

    fn whole(self, message: Bytes) -> Arrival {
        if message.len() as u64 > MAX_MESSAGE_SIZE {
            return self.too_large();
        }
        Arrival::Whole(Delivery {
            id: self.delivery_id,
            format: self.format,
            settled: self.settled,
            message,
        })
    }

    fn too_large(&self) -> Arrival {
        Arrival::TooLarge {
            delivery_id: self.delivery_id,
            settled: self.settled,
        }
    }
}
