//! `$management` with the official client, and the hub's own status.

use futures::StreamExt;

use crate::fixture::{Fixture, within};

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_and_its_partitions_have_properties() {
    let fixture = Fixture::start().await;
    let producer = fixture.producer().await;
    let hub = within("hub", producer.get_eventhub_properties())
        .await
        .unwrap();
    assert_eq!(
        (hub.name.as_str(), hub.partition_ids.len()),
        ("statuses", 2)
    );
    let empty = within("partition", producer.get_partition_properties("0"))
        .await
        .unwrap();
    assert!(empty.is_empty);
    assert_eq!(empty.last_enqueued_sequence_number, -1);
    fixture.send("0", &["a", "b"]).await;
    let filled = within("partition", producer.get_partition_properties("0"))
        .await
        .unwrap();
    assert!(!filled.is_empty);
    assert_eq!(filled.beginning_sequence_number, 0);
    assert_eq!(filled.last_enqueued_sequence_number, 1);
    assert_ne!(filled.last_enqueued_offset, "-1");
    let missing = within("nothing", producer.get_partition_properties("7")).await;
    assert!(missing.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_partition_has_no_receiver() {
    let fixture = Fixture::start().await;
    let consumer = fixture.consumer().await;
    let outcome = within("being refused", async {
        let receiver = consumer
            .open_receiver_on_partition("9".to_owned(), None)
            .await?;
        let mut stream = std::pin::pin!(receiver.stream_events());
        stream.next().await.unwrap().map(drop)
    });
    let error = outcome.await.unwrap_err();
    assert!(format!("{error:?}").contains("NotFound"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn created_at_survives_a_restart() {
    let fixture = Fixture::start().await;
    let created_at = fixture.hub.status().created_at;
    let fixture = fixture.restart().await;
    assert_eq!(fixture.hub.status().created_at, created_at);
}
