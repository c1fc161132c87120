//! A decoded batch, and what a reader makes of it once every message has its verdict.

use std::sync::Arc;

use rollcall_model::{
    DeadLetter, DeadReason, DropReason, Drops, SequenceNumber, Span, Status, StatusMessage,
    Timestamp,
};
use rollcall_source::Chunk;
use rollcall_store::Gap;

use crate::verdict::Verdict;

/// The events `(after, upto]` of one partition: messages, dead letters and gaps, which together
/// account for every number of the span.
#[derive(Debug, Clone)]
pub(crate) struct Decoded {
    pub(crate) span: Span,
    pub(crate) messages: Vec<StatusMessage>,
    pub(crate) dead: Vec<DeadLetter>,
    pub(crate) gaps: Vec<Gap>,
    /// Older than statuses are kept.
    pub(crate) expired: Vec<(SequenceNumber, Timestamp)>,
    /// The hub's offset of the last event, where it is known.
    pub(crate) offset: Option<Box<str>>,
    /// The events as they came: a dead letter keeps the raw body.
    pub(crate) chunks: Arc<Vec<Chunk>>,
}

impl Decoded {
    /// When its oldest event was enqueued.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        let message = self.messages.first().map(|message| message.enqueued_at);
        let dead = self.dead.first().map(|letter| letter.enqueued_at);
        message.into_iter().chain(dead).min()
    }

    /// Keeps the first `events` events (at least one) and the gaps before them; returns the rest.
    pub(crate) fn split_off(&mut self, events: usize) -> Option<Self> {
        let mut numbers: Vec<_> = self.messages.iter().map(|m| m.sequence_number).collect();
        numbers.extend(self.dead.iter().map(|letter| letter.sequence_number));
        numbers.extend(self.expired.iter().map(|(number, _)| *number));
        numbers.sort_unstable();
        let upto = numbers
            .get(events.max(1) - 1)
            .copied()
            .filter(|upto| *upto < self.span.upto)?;
        Some(self.split_at(upto))
    }

    /// Keeps everything up to `upto`, which is no number within a gap but its last; returns the rest.
    pub(crate) fn split_at(&mut self, upto: SequenceNumber) -> Self {
        let message = self.messages.partition_point(|m| m.sequence_number <= upto);
        let dead = self
            .dead
            .partition_point(|letter| letter.sequence_number <= upto);
        let gap = self.gaps.partition_point(|gap| gap.span.upto <= upto);
        let expired = self.expired.partition_point(|(number, _)| *number <= upto);
        let rest = Self {
            span: Span {
                after: upto,
                upto: self.span.upto,
            },
            messages: self.messages.split_off(message),
            dead: self.dead.split_off(dead),
            gaps: self.gaps.split_off(gap),
            expired: self.expired.split_off(expired),
            offset: self.offset.take(),
            chunks: Arc::clone(&self.chunks),
        };
        self.span.upto = upto;
        rest
    }

    pub(crate) fn raw_body(&self, number: SequenceNumber) -> &[u8] {
        self.chunks
            .iter()
            .find_map(|chunk| chunk.body(number))
            .unwrap_or_default()
    }
}

/// The fates of a batch's events.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    pub(crate) statuses: Vec<Status>,
    pub(crate) held: Vec<Status>,
    pub(crate) dead: Vec<DeadLetter>,
    pub(crate) drops: Drops,
}

impl Fates {
    /// One verdict for each message, in the same order. Takes the messages out of the batch.
    pub(crate) fn new(mut batch: Decoded, verdicts: &[Verdict]) -> Self {
        let messages = std::mem::take(&mut batch.messages);
        let dead = std::mem::take(&mut batch.dead);
        let statuses = Vec::with_capacity(messages.len());
        let mut fates = Self {
            statuses,
            dead,
            ..Self::default()
        };
        for (message, verdict) in messages.into_iter().zip(verdicts) {
            fates.add(&batch, message, *verdict);
        }
        let expired = u64::try_from(batch.expired.len()).unwrap_or(u64::MAX);
        fates.drops.add(DropReason::Expired, expired);
        fates.dead.sort_by_key(|letter| letter.sequence_number);
        fates
    }

    fn add(&mut self, batch: &Decoded, message: StatusMessage, verdict: Verdict) {
        match verdict {
            Verdict::Store { value, version } => {
                self.statuses.push(status(message, value, version));
            }
            Verdict::Hold { version } => self.held.push(status(message, None, version)),
            Verdict::Drop(reason) => self.drops.add(reason, 1),
            Verdict::Dead(reason) => self.dead.push(DeadLetter {
                sequence_number: message.sequence_number,
                enqueued_at: message.enqueued_at,
                reason,
                detail: sentence(reason).to_owned(),
                body: batch.raw_body(message.sequence_number).to_vec(),
            }),
        }
    }
}

pub(crate) fn status(message: StatusMessage, value: Option<f64>, version: i64) -> Status {
    Status {
        sequence_number: message.sequence_number,
        enqueued_at: message.enqueued_at,
        status_at: message.status_at,
        owner_id: message.owner_id,
        sub_owner_id: message.sub_owner_id,
        data: message.data,
        value,
        version,
    }
}

/// Why a message that could be decoded is a dead letter all the same.
pub(crate) fn sentence(reason: DeadReason) -> &'static str {
    match reason {
        DeadReason::TooLarge => "the number in data is out of range for a 64-bit float",
        DeadReason::Poison => "it killed the actor that handled it, every time",
        DeadReason::RefusedByStore => "the database refuses it",
        _ => "it could not be admitted",
    }
}
