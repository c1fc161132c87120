//! Receiving with the official client: starts, groups, epochs, both settlement modes.

use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::{OpenReceiverOptions, StartLocation};
use futures::StreamExt;
use rollcall_model::SystemClock;

use crate::fixture::{
    Fixture, HandClock, bodies, earliest, from, numbers, receiver, take, until, within,
};

async fn first_from(fixture: &Fixture, location: StartLocation, inclusive: bool) -> i64 {
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", from(location, inclusive)).await;
    let first = numbers(&take(&receiver, 1).await)[0];
    within("closing", receiver.close()).await.unwrap();
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn sequence_numbers_and_offsets_are_starts_with_and_without_the_event_itself() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["0", "1", "2", "3", "4"]).await;
    let consumer = fixture.consumer().await;
    let all = receiver(&consumer, "0", earliest()).await;
    let events = take(&all, 5).await;
    let offset = events[2].offset().clone().unwrap();
    let at = StartLocation::SequenceNumber;
    assert_eq!(first_from(&fixture, at(2), true).await, 2);
    assert_eq!(first_from(&fixture, at(2), false).await, 3);
    assert_eq!(
        first_from(&fixture, StartLocation::Offset(offset.clone()), true).await,
        2
    );
    assert_eq!(
        first_from(&fixture, StartLocation::Offset(offset), false).await,
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_grow_strictly() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["a", "b"]).await;
    fixture.send("0", &["c"]).await;
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    let events = take(&receiver, 3).await;
    let offset = |at: usize| {
        events[at]
            .offset()
            .as_ref()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert!(offset(0) < offset(1) && offset(1) < offset(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enqueued_time_is_a_start() {
    let clock = HandClock::now_on();
    let fixture = Fixture::with(|_| {}, Arc::clone(&clock) as _).await;
    fixture.send("0", &["before"]).await;
    clock.advance(Duration::from_secs(10));
    fixture.send("0", &["after"]).await;
    let consumer = fixture.consumer().await;
    let all = receiver(&consumer, "0", earliest()).await;
    let times: Vec<_> = take(&all, 2)
        .await
        .iter()
        .map(|event| event.enqueued_time().unwrap())
        .collect();
    let between = times[0] + Duration::from_secs(5);
    assert_eq!(
        first_from(&fixture, StartLocation::EnqueuedTime(between), false).await,
        1
    );
    let long_ago = times[0] - Duration::from_secs(5);
    assert_eq!(
        first_from(&fixture, StartLocation::EnqueuedTime(long_ago), false).await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_delivers_what_comes_after_the_attach() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["old"]).await;
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", from(StartLocation::Latest, false)).await;
    let mut stream = std::pin::pin!(receiver.stream_events());
    let sending = async {
        until("the receiver", || {
            fixture.hub.status().partitions[0].receivers == 1
        })
        .await;
        fixture.send("0", &["new"]).await;
    };
    let (event, ()) = futures::join!(within("receiving", stream.next()), sending);
    assert_eq!(event.unwrap().unwrap().sequence_number(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn consumer_groups_read_apart() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["a", "b"]).await;
    for group in ["$Default", "audit"] {
        let consumer = fixture.consumer_of(group).await;
        let receiver = receiver(&consumer, "0", earliest()).await;
        assert_eq!(bodies(&take(&receiver, 2).await), ["a", "b"], "{group}");
    }
}

fn with_epoch(epoch: i64) -> OpenReceiverOptions {
    OpenReceiverOptions {
        owner_level: Some(epoch),
        ..earliest()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_epoch_displaces_and_a_lower_is_refused() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["a"]).await;
    let (first, second, third) =
        futures::join!(fixture.consumer(), fixture.consumer(), fixture.consumer());
    let old = receiver(&first, "0", with_epoch(1)).await;
    let mut stream = std::pin::pin!(old.stream_events());
    within("receiving", stream.next()).await.unwrap().unwrap();
    let new = receiver(&second, "0", with_epoch(2)).await;
    assert_eq!(bodies(&take(&new, 1).await), ["a"]);
    let displaced = within("being displaced", stream.next()).await.unwrap();
    assert!(displaced.is_err());
    for refused in [with_epoch(1), earliest()] {
        let opening = third.open_receiver_on_partition("0".to_owned(), Some(refused));
        let outcome = within("being refused", async {
            let receiver = opening.await?;
            let mut stream = std::pin::pin!(receiver.stream_events());
            stream.next().await.unwrap().map(drop)
        });
        assert!(outcome.await.is_err());
    }
    assert_eq!(fixture.hub.status().partitions[0].receivers, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_receivers_without_an_epoch_read_side_by_side_and_a_sixth_is_refused() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["a"]).await;
    let mut present = Vec::new();
    for _ in 0..5 {
        let consumer = fixture.consumer().await;
        let receiver = receiver(&consumer, "0", earliest()).await;
        assert_eq!(bodies(&take(&receiver, 1).await), ["a"]);
        present.push((receiver, consumer));
    }
    let sixth = fixture.consumer().await;
    let refused = within("being refused", async {
        let receiver = receiver(&sixth, "0", earliest()).await;
        let mut stream = std::pin::pin!(receiver.stream_events());
        stream.next().await.unwrap().map(drop)
    });
    assert!(refused.await.is_err());
    assert_eq!(fixture.hub.status().partitions[0].receivers, 5);
    let (receiver_of_one, _consumer) = present.remove(0);
    within("closing", receiver_of_one.close()).await.unwrap();
    until("room", || fixture.hub.status().partitions[0].receivers == 4).await;
    let receiver = receiver(&sixth, "0", earliest()).await;
    assert_eq!(bodies(&take(&receiver, 1).await), ["a"]);
}

async fn a_long_backlog_arrives_in_order(presettle: bool) {
    const BATCHES: usize = 20;
    const BATCH: usize = 500;
    let change = |config: &mut rollcall_hub::Config| config.presettle = presettle;
    let fixture = Fixture::with(change, Arc::new(SystemClock)).await;
    let body = "x".repeat(1_000);
    let batch: Vec<&str> = std::iter::repeat_n(body.as_str(), BATCH).collect();
    for _ in 0..BATCHES {
        fixture.send("0", &batch).await;
    }
    // After a restart nothing is cached, so the log itself is read.
    let fixture = fixture.restart().await;
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    let received = numbers(&take(&receiver, BATCHES * BATCH).await);
    let expected: Vec<i64> = (0..).take(BATCHES * BATCH).collect();
    assert_eq!(received, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_backlog_arrives_in_order_unsettled() {
    a_long_backlog_arrives_in_order(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_backlog_arrives_in_order_presettled() {
    a_long_backlog_arrives_in_order(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_partitions_share_a_connection() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["a"]).await;
    fixture.send("1", &["b"]).await;
    let consumer = fixture.consumer().await;
    let zero = receiver(&consumer, "0", earliest()).await;
    let one = receiver(&consumer, "1", earliest()).await;
    let (zero, one) = futures::join!(take(&zero, 1), take(&one, 1));
    assert_eq!(
        (bodies(&zero), bodies(&one)),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
}
