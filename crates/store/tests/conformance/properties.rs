//! Whatever batches arrive, from whichever epoch, cut in whatever way, however often: each number
//! is accounted for exactly once, and the totals agree.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rollcall_model::{DropReason, SequenceNumber};
use rollcall_store::{Answer, Batch, Gap, GapReason};

use crate::fixture::{Fixture, Lease, On, dead_letter, hub, span, status};

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

async fn run(fixture: &Fixture, partition: u32, groups: Vec<(Vec<Sent>, bool)>) {
    fixture.enter(&["active"]).await;
    let pending = rollcall_store::Newcomer {
        state: rollcall_model::OwnerState::Pending,
        ..crate::fixture::newcomer("pending", &["s"])
    };
    fixture.provision(vec![pending]).await;
    let stream = fixture.store.resolve_stream(&hub()).await.unwrap();
    let old = fixture.lease_of(stream.stream_id, partition, "a").await;
    let new = fixture.claim(stream.stream_id, partition, "b").await;
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

/// Each case has a partition of its own.
fn check(on: On) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new(on));
    let cases = ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let case = AtomicU32::new(0);
    let checked = TestRunner::new(cases).run(&groups(), |groups| {
        let partition = case.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(run(&fixture, partition, groups));
        Ok(())
    });
    // Dropped within the runtime, for its connections are closed there.
    runtime.block_on(async { drop(fixture) });
    checked.unwrap();
}

#[test]
fn every_number_is_accounted_for_exactly_once_on_sqlite() {
    check(On::Sqlite);
}

#[test]
fn every_number_is_accounted_for_exactly_once_on_postgres() {
    check(On::Postgres);
}
