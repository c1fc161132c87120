//! Whatever batches arrive, from whichever epoch, cut in whatever way, however often: each number
//! is accounted for exactly once, and the totals agree.

use std::sync::Arc;

use proptest::prelude::*;
use rollcall_model::{DropReason, SequenceNumber};
use rollcall_store::{Answer, Batch, Gap, GapReason};

use crate::fixture::{Fixture, Lease, dead_letter, span, status};

/// A batch as a reader might send it, relative to the position that it believes in.
#[derive(Debug, Clone)]
struct Sent {
    /// By the displaced reader.
    stale: bool,
    /// How far its `after` lies from the true position: 0 fits.
    shift: i64,
    length: i64,
    /// Which fate each number gets, in turn.
    fates: u64,
}

fn sent() -> impl Strategy<Value = Sent> {
    let shift = prop_oneof![4 => Just(0_i64), 1 => -9_i64..9];
    (any::<bool>(), shift, 0_i64..12, any::<u64>()).prop_map(|(stale, shift, length, fates)| Sent {
        stale,
        shift,
        length,
        fates,
    })
}

/// Groups of batches; every group is also sent again where `again` says so (a lost answer).
fn groups() -> impl Strategy<Value = Vec<(Vec<Sent>, bool)>> {
    let group = (prop::collection::vec(sent(), 1..4), any::<bool>());
    prop::collection::vec(group, 1..12)
}

fn build(lease: &Lease, sent: &Sent, position: i64) -> Batch {
    let after = (position + sent.shift).max(-1);
    let mut batch = lease.batch(after, after + sent.length);
    for number in after + 1..=after + sent.length {
        match (sent.fates >> (number.rem_euclid(21) * 3)) & 7 {
            0 => batch.dead.push(dead_letter(number)),
            1 => batch.drops.add(DropReason::Denied, 1),
            2 => batch.gaps.push(Gap {
                span: span(number - 1, number),
                reason: GapReason::Missing,
            }),
            3 => batch.held.push(status("pending", "s", number)),
            _ => batch.statuses.push(status("active", "s", number)),
        }
    }
    batch
}

/// The rule as the contract says it, for one batch.
fn expected(position: &mut i64, batch: &Batch, valid: bool) -> bool {
    let (after, upto) = (batch.span.after.0, batch.span.upto.0);
    if *position >= upto {
        return true;
    }
    if valid && *position == after {
        *position = upto;
        return true;
    }
    false
}

async fn run(groups: Vec<(Vec<Sent>, bool)>) {
    let fixture = Fixture::new().await;
    fixture.enter(&["active"]).await;
    let pending = rollcall_store::Newcomer {
        state: rollcall_model::OwnerState::Pending,
        ..crate::fixture::newcomer("pending", &["s"])
    };
    fixture.provision(vec![pending]).await;
    let old = fixture.lease().await;
    let new = fixture.claim(old.stream_id, 3, "b").await;
    let mut position = -1;
    for (group, again) in groups {
        let mut believed = position;
        let batches: Vec<Arc<Batch>> = group
            .iter()
            .map(|sent| {
                let lease = if sent.stale { &old } else { &new };
                let batch = build(lease, sent, believed);
                believed = batch.span.upto.0;
                Arc::new(batch)
            })
            .collect();
        for _ in 0..=usize::from(again) {
            let answers = fixture.commit(batches.clone()).await;
            let mut refused = false;
            for (batch, answer) in batches.iter().zip(answers) {
                let valid = batch.epoch == new.epoch() && !refused;
                let committed = expected(&mut position, batch, valid);
                refused |= !committed;
                assert_eq!(answer == Answer::Committed, committed, "{:?}", batch.span);
            }
        }
    }
    let row = fixture.partition(&new).await;
    assert_eq!(row.sequence_number, Some(SequenceNumber(position)));
    fixture.assert_invariants().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_number_is_accounted_for_exactly_once(groups in groups()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(groups));
    }
}
