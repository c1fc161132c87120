//! The checks of the invariants find what is wrong, each its own.

use std::sync::Arc;

use crate::fixture::{Fixture, On, dead_letter, span, status};

/// An invariant, and how to break it behind the store's back.
const BREAKS: &[(&str, &str)] = &[
    (
        "I1 one created event per owner",
        "DELETE FROM outbox_events WHERE type = 'rollcall.owner.created'",
    ),
    (
        "I1 one created event per owner",
        "INSERT INTO outbox_events (event_id, type, subject, owner_id, payload, created_at)
         SELECT 'again', type, subject, owner_id, payload, created_at FROM outbox_events
         WHERE type = 'rollcall.owner.created' LIMIT 1",
    ),
    (
        "I1 one created event per sub-owner",
        "DELETE FROM sub_owners WHERE owner_id = '1'",
    ),
    (
        "I2 totals add up to the position",
        "UPDATE partitions SET stored = stored + 1",
    ),
    (
        "I2 rows agree with the totals",
        "DELETE FROM statuses WHERE sequence_number = 2",
    ),
    ("I2 rows agree with the totals", "DELETE FROM gaps"),
    (
        "counts of states agree with their rows",
        "UPDATE state_counts SET number = number + 1 WHERE counted = 'owners'",
    ),
    (
        "counts of states agree with their rows",
        "DELETE FROM state_counts WHERE counted = 'sub_owners'",
    ),
    (
        "I2 each event once",
        "INSERT INTO statuses SELECT * FROM statuses WHERE sequence_number = 2",
    ),
    (
        "I4 no row beyond the checkpoint",
        "UPDATE partitions SET sequence_number = 3",
    ),
    (
        "I5 the latest is the newest",
        "UPDATE latest_statuses SET sequence_number = 1, status_at = '2026-11-23T10:00:01.000000Z'",
    ),
    ("I5 the latest is the newest", "DELETE FROM latest_statuses"),
];

async fn filled(on: On) -> Fixture {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2"]).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 7);
    batch.statuses = (0..5).map(|number| status("1", "s", number)).collect();
    batch.dead = vec![dead_letter(5)];
    batch.gaps = vec![rollcall_store::Gap {
        span: span(5, 7),
        reason: rollcall_store::GapReason::Retention,
    }];
    let answers = fixture.commit(vec![Arc::new(batch)]).await;
    assert_eq!(answers, [rollcall_store::Answer::Committed]);
    fixture.assert_invariants().await;
    fixture
}

async fn each_broken_invariant_is_found_and_named(on: On) {
    for (check, sql) in BREAKS {
        let fixture = filled(on).await;
        let broken = fixture.execute(sql).await;
        assert!(broken > 0, "{sql}");
        let findings = fixture.store.check_invariants().await.unwrap();
        let finding = findings.iter().find(|finding| finding.check == *check);
        assert!(finding.unwrap().fault.is_some(), "{check}: {sql}");
    }
}

on_both! {
    each_broken_invariant_is_found_and_named,
}
