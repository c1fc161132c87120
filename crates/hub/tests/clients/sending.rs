//! Sending with the official client.

use azure_messaging_eventhubs::SendEventOptions;

use crate::fixture::{self, Fixture, bodies, dumped, earliest, event, receiver, take, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_received_as_it_was_sent() {
    let fixture = Fixture::start().await;
    fixture.send("1", &["one", "two", "three"]).await;
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "1", earliest()).await;
    let events = take(&receiver, 3).await;
    assert_eq!(bodies(&events), ["one", "two", "three"]);
    assert_eq!(fixture::numbers(&events), [0, 1, 2]);
    assert!(events.iter().all(|event| event.enqueued_time().is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn single_events_go_where_they_are_addressed() {
    let fixture = Fixture::start().await;
    let producer = fixture.producer().await;
    for (partition, body) in [("0", "a"), ("1", "b"), ("0", "c")] {
        let options = SendEventOptions {
            partition_id: Some(partition.to_owned()),
        };
        let sending = producer.send_event(event(body), Some(options));
        within("sending", sending).await.unwrap();
    }
    let owned = |p, n, body: &str| (p, n, body.to_owned());
    assert_eq!(
        dumped(fixture.dir()),
        [owned(0, 0, "a"), owned(0, 1, "c"), owned(1, 0, "b")]
    );
}
