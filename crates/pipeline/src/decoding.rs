//! From pulled chunks to a decoded batch: each event becomes a message or a dead letter, each
//! missing number part of a gap. An event that is older than statuses are kept is set aside: nobody
//! is entered on the roll for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rollcall_model::{DeadLetter, DeadReason, SequenceNumber, Span, StatusMessage, Timestamp};
use rollcall_source::{Chunk, DecodeConfig, RawEvent, Undecodable, decode};
use rollcall_store::{Gap, GapReason};

use crate::blame::DEATHS_TO_CONDEMN;
use crate::decoded::{Decoded, sentence};
use crate::reader_memory::Condemned;

/// What decoding needs to know beside the events.
pub(crate) struct Decoding<'a> {
    pub(crate) config: &'a DecodeConfig,
    /// Events that became dead letters by an earlier verdict.
    pub(crate) condemned: &'a Condemned,
    /// The first event that the hub still has: what is missing below it was taken by retention.
    pub(crate) hub_first: SequenceNumber,
    /// What was enqueued before is not stored any more.
    pub(crate) expired_before: Option<Timestamp>,
}

impl Decoding<'_> {
    /// Everything behind `after`; events at or below it are passed over.
    pub(crate) fn batch(&self, after: SequenceNumber, chunks: Vec<Chunk>) -> Decoded {
        let span = Span { after, upto: after };
        let events = chunks.iter().map(Chunk::len).sum();
        let (messages, dead, gaps) = (Vec::with_capacity(events), Vec::new(), Vec::new());
        let mut batch = Decoded {
            span,
            messages,
            dead,
            gaps,
            expired: Vec::new(),
            offset: None,
            chunks: Arc::default(),
        };
        for chunk in &chunks {
            for event in chunk.events() {
                if event.sequence_number > batch.span.upto {
                    self.add(&mut batch, &event);
                }
            }
            if let Some(upto) = chunk.expired_upto() {
                Self::add_expired(&mut batch, upto);
            }
        }
        batch.offset = chunks.last().and_then(Chunk::offset).map(Box::from);
        batch.chunks = Arc::new(chunks);
        batch
    }

    fn add(&self, batch: &mut Decoded, event: &RawEvent<'_>) {
        let missing = Span {
            after: batch.span.upto,
            upto: event.sequence_number.previous(),
        };
        if !missing.is_empty() {
            batch.gaps.push(self.gap(missing));
        }
        batch.span.upto = event.sequence_number;
        match self.decode(event) {
            Ok(_) if self.is_expired(event) => {
                batch
                    .expired
                    .push((event.sequence_number, event.enqueued_at));
            }
            Ok(message) => batch.messages.push(message),
            Err(Undecodable { reason, detail }) => batch.dead.push(DeadLetter {
                sequence_number: event.sequence_number,
                enqueued_at: event.enqueued_at,
                reason,
                detail,
                body: event.body.to_vec(),
            }),
        }
    }

    fn add_expired(batch: &mut Decoded, upto: SequenceNumber) {
        let span = Span {
            after: batch.span.upto,
            upto,
        };
        if !span.is_empty() {
            batch.gaps.push(Gap {
                span,
                reason: GapReason::Retention,
            });
            batch.span.upto = upto;
        }
    }

    fn is_expired(&self, event: &RawEvent<'_>) -> bool {
        self.expired_before
            .is_some_and(|before| event.enqueued_at < before)
    }

    fn gap(&self, span: Span) -> Gap {
        let retention = span.upto < self.hub_first;
        let reason = if retention {
            GapReason::Retention
        } else {
            GapReason::Missing
        };
        Gap { span, reason }
    }

    pub(crate) fn decode(&self, event: &RawEvent<'_>) -> Result<StatusMessage, Undecodable> {
        if let Some(reason) = self.condemned.get(&event.sequence_number) {
            return Err(Undecodable {
                reason: *reason,
                detail: sentence(*reason).to_owned(),
            });
        }
        // Decoding is pure, so a panic is the message's: no need to let it kill the reader to
        // find out which it was.
        for _ in 0..DEATHS_TO_CONDEMN {
            if let Ok(decoded) = catch_unwind(AssertUnwindSafe(|| decode(self.config, event))) {
                return decoded;
            }
        }
        let reason = DeadReason::Poison;
        Err(Undecodable {
            reason,
            detail: sentence(reason).to_owned(),
        })
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_model::DropReason;
    use rollcall_source::BodyKind;

    use crate::decoded::Fates;
    use crate::verdict::Verdict;

    fn chunk(numbers: &[i64], body: &str) -> Chunk {
        let mut chunk = Chunk::default();
        for number in numbers {
            chunk.push(RawEvent {
                sequence_number: SequenceNumber(*number),
                enqueued_at: Timestamp::EPOCH,
                kind: BodyKind::Plain,
                body: body.as_bytes(),
            });
        }
        chunk
    }

    fn decode_all(after: i64, chunks: Vec<Chunk>) -> Decoded {
        let condemned = Condemned::from([(SequenceNumber(8), DeadReason::RefusedByStore)]);
        let decoding = Decoding {
            config: &DecodeConfig::default(),
            condemned: &condemned,
            hub_first: SequenceNumber(6),
            expired_before: None,
        };
        decoding.batch(SequenceNumber(after), chunks)
    }

    const GOOD: &str = r#"{"dataOwnerId":"1","dataOwnerSubId":"2","data":1}"#;

    #[test]
    fn every_number_of_the_span_is_accounted_for() {
        let batch = decode_all(2, vec![chunk(&[1, 2, 6, 7, 8], GOOD), chunk(&[9, 12], "{")]);
        assert_eq!(
            batch.span,
            Span {
                after: SequenceNumber(2),
                upto: SequenceNumber(12)
            }
        );
        assert_eq!(batch.messages.len(), 2);
        let reasons: Vec<_> = batch.dead.iter().map(|letter| letter.reason).collect();
        use DeadReason::{NotJson, RefusedByStore};
        assert_eq!(reasons, [RefusedByStore, NotJson, NotJson]);
        let gaps: Vec<_> = batch
            .gaps
            .iter()
            .map(|gap| (gap.span.len(), gap.reason))
            .collect();
        assert_eq!(gaps, [(3, GapReason::Retention), (2, GapReason::Missing)]);
        assert_eq!(batch.raw_body(SequenceNumber(12)), b"{");
    }

    #[test]
    fn a_batch_is_cut_without_losing_a_number() {
        let mut batch = decode_all(2, vec![chunk(&[6, 7, 8], GOOD), chunk(&[9, 12], "{")]);
        let mut parts = Vec::new();
        while let Some(rest) = batch.split_off(2) {
            parts.push(std::mem::replace(&mut batch, rest));
        }
        parts.push(batch);
        let spans: Vec<_> = parts
            .iter()
            .map(|part| (part.span.after.0, part.span.upto.0))
            .collect();
        assert_eq!(spans, [(2, 7), (7, 9), (9, 12)]);
        for part in parts {
            let gaps: u64 = part.gaps.iter().map(|gap| gap.span.len()).sum();
            assert_eq!(
                (part.messages.len() + part.dead.len()) as u64 + gaps,
                part.span.len()
            );
        }
    }

    #[test]
    fn what_is_older_than_statuses_are_kept_is_set_aside_and_counted() {
        let mut chunk = Chunk::default();
        for (number, body) in [(3, GOOD), (4, "{"), (5, GOOD), (6, GOOD)] {
            chunk.push(RawEvent {
                sequence_number: SequenceNumber(number),
                enqueued_at: Timestamp::from_millis(number * 1_000),
                kind: BodyKind::Plain,
                body: body.as_bytes(),
            });
        }
        let decoding = Decoding {
            config: &DecodeConfig::default(),
            condemned: &Condemned::new(),
            hub_first: SequenceNumber(0),
            expired_before: Some(Timestamp::from_millis(6_000)),
        };
        let mut batch = decoding.batch(SequenceNumber(2), vec![chunk]);
        let expired: Vec<_> = batch.expired.iter().map(|(number, _)| number.0).collect();
        assert_eq!(expired, [3, 5]);
        assert_eq!((batch.messages.len(), batch.dead.len()), (1, 1));
        let rest = batch.split_off(2).unwrap();
        assert_eq!((batch.expired.len(), rest.expired.len()), (1, 1));
        let drops = Fates::new(rest, &[Verdict::Hold { version: 1 }]).drops;
        assert_eq!(drops.0.get(&DropReason::Expired), Some(&1));
    }

    #[test]
    fn a_tail_that_retention_took_is_a_gap() {
        let expired = Chunk::expired(SequenceNumber(30));
        let batch = decode_all(2, vec![chunk(&[3], GOOD), expired]);
        assert_eq!(batch.span.upto, SequenceNumber(30));
        assert_eq!(batch.gaps.last().map(|gap| gap.span.len()), Some(27));
        assert_eq!(
            batch.gaps.last().map(|gap| gap.reason),
            Some(GapReason::Retention)
        );
    }
}
