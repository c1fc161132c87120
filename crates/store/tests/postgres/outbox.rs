//! The outbox without a foreign key of its deliveries.

use std::time::Duration;

use crate::fixture::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_event_is_gone_is_found() {
    let site = Site::new();
    let node = site.node("a", Duration::from_secs(15)).await;
    site.execute(
        "INSERT INTO outbox_deliveries (event_id, sink, subject, ordinal, state)
         VALUES ('0d2f3b5e', 'crm', '1', 1, 'parked')",
    )
    .await;
    let findings = node.store.check_invariants().await.unwrap();
    let faults: Vec<_> = findings.into_iter().filter_map(|it| it.fault).collect();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("event 0d2f3b5e is gone"), "{faults:?}");
    assert!(faults[0].contains("sink crm"), "{faults:?}");
}
