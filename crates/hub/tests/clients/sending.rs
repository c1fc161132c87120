//! Sending with the official client.

use azure_messaging_eventhubs::{EventDataBatchOptions, SendBatchOptions, SendEventOptions};
use rollcall_hub::DEVELOPMENT_CONNECTION_STRING;

use crate::fixture::{
    self, Fixture, bodies, dumped, earliest, event, receiver, send, take, within,
};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_key_chooses_one_partition_and_is_delivered() {
    let fixture = Fixture::with(|config| config.partitions = 8, clock()).await;
    let producer = fixture.producer().await;
    for _ in 0..3 {
        let options = EventDataBatchOptions {
            partition_key: Some("owner-7".to_owned()),
            ..EventDataBatchOptions::default()
        };
        let batch = producer.create_batch(Some(options)).await.unwrap();
        assert!(batch.try_add_event_data(event("keyed"), None).unwrap());
        let sent = producer.send_batch(batch, None::<SendBatchOptions>);
        within("sending", sent).await.unwrap();
    }
    let events: Vec<_> = rollcall_hub::dump(fixture.dir())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(events.len(), 3);
    let partition = events[0].partition_id;
    assert!(events.iter().all(|event| event.partition_id == partition));
    let key = |event: &rollcall_hub::DumpedEvent| event.partition_key.clone();
    assert!(
        events
            .iter()
            .all(|event| key(event).as_deref() == Some("owner-7"))
    );
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, &partition.to_string(), earliest()).await;
    let received = take(&receiver, 1).await;
    assert_eq!(received[0].partition_key().as_deref(), Some("owner-7"));
}

fn clock() -> std::sync::Arc<rollcall_model::SystemClock> {
    std::sync::Arc::new(rollcall_model::SystemClock)
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_without_a_key_are_spread_over_the_partitions() {
    let fixture = Fixture::start().await;
    let producer = fixture.producer().await;
    for body in ["a", "b", "c", "d"] {
        within("sending", producer.send_event(event(body), None))
            .await
            .unwrap();
    }
    let status = fixture.hub.status();
    let last: Vec<_> = status
        .partitions
        .iter()
        .map(|p| p.last_sequence_number)
        .collect();
    assert_eq!(last, [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_almost_a_mebibyte_goes_through_in_both_directions() {
    let fixture = Fixture::start().await;
    let body = "x".repeat(1_000);
    let bodies: Vec<&str> = std::iter::repeat_n(body.as_str(), 850).collect();
    let large = "y".repeat(1_000_000);
    fixture.send("0", &bodies).await;
    let producer = fixture.producer().await;
    let options = SendEventOptions {
        partition_id: Some("0".to_owned()),
    };
    let sending = producer.send_event(event(&large), Some(options));
    within("sending", sending).await.unwrap();
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    let events = take(&receiver, 851).await;
    assert_eq!(events[849].event_data().body().unwrap().len(), 1_000);
    assert_eq!(events[850].event_data().body().unwrap(), large.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_is_refused_and_the_link_lives() {
    let fixture = Fixture::start().await;
    let producer = fixture.producer().await;
    let large = "x".repeat(1_048_577);
    let options = || SendEventOptions {
        partition_id: Some("0".to_owned()),
    };
    let sending = producer.send_event(event(&large), Some(options()));
    let error = within("being refused", sending).await.unwrap_err();
    assert!(
        format!("{error:?}").contains("LinkPayloadSizeExceeded"),
        "{error:?}"
    );
    let sending = producer.send_event(event("small"), Some(options()));
    within("sending after a refusal", sending).await.unwrap();
    assert_eq!(dumped(fixture.dir()), [(0, 0, "small".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused() {
    let fixture = Fixture::start().await;
    let forged = DEVELOPMENT_CONNECTION_STRING.replace("SAS_KEY_VALUE", "GUESSED");
    let refused = within("being refused", async {
        let producer = fixture.try_producer(&forged).await?;
        producer.send_event(event("x"), None).await
    });
    assert!(refused.await.is_err());
    assert!(dumped(fixture.dir()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_producers_at_once_leave_no_hole() {
    let fixture = Fixture::start().await;
    let producers = futures::future::join_all((0..4).map(|_| fixture.producer())).await;
    let sending = producers.iter().map(|producer| async move {
        for _ in 0..20 {
            send(producer, "0", &["a", "b", "c"]).await;
        }
    });
    futures::future::join_all(sending).await;
    let numbers: Vec<u64> = dumped(fixture.dir()).iter().map(|(_, n, _)| *n).collect();
    assert_eq!(numbers, (0..240).collect::<Vec<_>>());
}
