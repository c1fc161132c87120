//! Whatever is pulled, each number of the batch's span is accounted for once.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rollcall_source::BodyKind;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Message,
    Dead,
    Expired,
    Gap,
}

#[derive(Debug, Clone)]
enum Piece {
    /// Begins so many numbers before where the last piece ended; each event has a distance from the
    /// one before it.
    Events { back: i64, events: Vec<(i64, Body)> },
    /// The hub has nothing up to a number that lies so far ahead, or behind.
    Expired { ahead: i64 },
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Good,
    Rubbish,
    Old,
    Condemned,
}

fn kept_since() -> Timestamp {
    Timestamp::from_millis(5_000)
}

impl Body {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Rubbish => b"{",
            _ => br#"{"dataOwnerId":"1","dataOwnerSubId":"2","data":1}"#,
        }
    }

    fn enqueued_at(self) -> Timestamp {
        match self {
            Self::Old => Timestamp::EPOCH,
            _ => kept_since(),
        }
    }

    fn place(self) -> Place {
        match self {
            Self::Good => Place::Message,
            Self::Rubbish | Self::Condemned => Place::Dead,
            Self::Old => Place::Expired,
        }
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    use Body::{Condemned, Good, Old, Rubbish};
    let body = prop::sample::select(vec![Good, Good, Rubbish, Old, Condemned]);
    let distance = prop_oneof![4 => Just(1_i64), 1 => 2..5_i64];
    let events = prop::collection::vec((distance, body), 0..8);
    prop_oneof![
        4 => (prop_oneof![3 => Just(0_i64), 1 => 1..6_i64], events)
            .prop_map(|(back, events)| Piece::Events { back, events }),
        1 => (-3..6_i64).prop_map(|ahead| Piece::Expired { ahead }),
    ]
}

/// What the source hands over, and what has to become of each number.
struct Pulled {
    chunks: Vec<Chunk>,
    condemned: Condemned,
    expected: BTreeMap<i64, Place>,
    upto: i64,
}

fn pulled(after: i64, pieces: Vec<Piece>) -> Pulled {
    let mut pulled = Pulled {
        chunks: Vec::new(),
        condemned: Condemned::new(),
        expected: BTreeMap::new(),
        upto: after,
    };
    for piece in pieces {
        let chunk = match piece {
            Piece::Expired { ahead } => {
                let upto = pulled.upto + ahead;
                pulled.reach(upto, Place::Gap);
                Chunk::expired(SequenceNumber(upto))
            }
            Piece::Events { back, events } => {
                let mut chunk = Chunk::default();
                let mut number = pulled.upto - back;
                for (distance, body) in events {
                    number += distance;
                    if matches!(body, Body::Condemned) && number > pulled.upto {
                        let number = SequenceNumber(number);
                        pulled.condemned.insert(number, DeadReason::RefusedByStore);
                    }
                    pulled.reach(number, body.place());
                    chunk.push(RawEvent {
                        sequence_number: SequenceNumber(number),
                        enqueued_at: body.enqueued_at(),
                        kind: BodyKind::Plain,
                        body: body.bytes(),
                    });
                }
                chunk
            }
        };
        pulled.chunks.push(chunk);
    }
    pulled
}

impl Pulled {
    /// The first one to come with a number decides; what is jumped over is a gap.
    fn reach(&mut self, number: i64, place: Place) {
        if number > self.upto {
            let jumped = self.upto + 1..number;
            self.expected
                .extend(jumped.map(|number| (number, Place::Gap)));
            self.expected.insert(number, place);
            self.upto = number;
        }
    }
}

/// Where a batch has put each number of its span.
fn places(batch: &Decoded) -> Result<BTreeMap<i64, Place>, TestCaseError> {
    let messages = batch.messages.iter().map(|message| message.sequence_number);
    let dead = batch.dead.iter().map(|letter| letter.sequence_number);
    let expired = batch.expired.iter().map(|(number, _)| *number);
    let gaps = batch
        .gaps
        .iter()
        .flat_map(|gap| gap.span.after.0 + 1..=gap.span.upto.0);
    let all = messages
        .map(|number| (number.0, Place::Message))
        .chain(dead.map(|number| (number.0, Place::Dead)))
        .chain(expired.map(|number| (number.0, Place::Expired)))
        .chain(gaps.map(|number| (number, Place::Gap)));
    let mut places = BTreeMap::new();
    for (number, place) in all {
        let earlier = places.insert(number, place);
        prop_assert_eq!(earlier, None, "the number {} is there twice", number);
    }
    let span = batch.span.after.0 + 1..=batch.span.upto.0;
    prop_assert!(
        places.keys().copied().eq(span),
        "not the span: {:?}",
        places
    );
    Ok(places)
}

proptest! {
    #[test]
    fn each_number_of_the_span_is_accounted_for_once_also_when_it_is_cut(
        after in -1..20_i64,
        pieces in prop::collection::vec(piece(), 0..6),
        cut in 1..5_usize,
    ) {
        let pulled = pulled(after, pieces);
        let decoding = Decoding {
            config: &DecodeConfig::default(),
            condemned: &pulled.condemned,
            hub_first: SequenceNumber(0),
            expired_before: Some(kept_since()),
        };
        let mut batch = decoding.batch(SequenceNumber(after), pulled.chunks);
        prop_assert_eq!(batch.span.upto.0, pulled.upto);
        prop_assert_eq!(&places(&batch)?, &pulled.expected);
        let mut of_parts = BTreeMap::new();
        let mut reached = batch.span.after;
        while let Some(rest) = batch.split_off(cut) {
            prop_assert_eq!(batch.span.after, reached);
            reached = batch.span.upto;
            of_parts.extend(places(&batch)?);
            batch = rest;
        }
        prop_assert_eq!(batch.span.after, reached);
        of_parts.extend(places(&batch)?);
        prop_assert_eq!(of_parts, pulled.expected);
    }
}
