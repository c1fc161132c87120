//! What is in the log stays there: restarts, torn tails, retention, the lock.

use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use rollcall_hub::{Config, Error, Hub};
use rollcall_model::SystemClock;

use crate::fixture::{
    Fixture, HandClock, bodies, dumped, earliest, numbers, receiver, take, until,
};

/// What a disk writes at once.
pub(crate) const BLOCK: usize = 512;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_every_event_and_goes_on_counting() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["a", "b"]).await;
    let fixture = fixture.restart().await;
    fixture.send("0", &["c"]).await;
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    let events = take(&receiver, 3).await;
    assert_eq!(bodies(&events), ["a", "b", "c"]);
    assert_eq!(numbers(&events), [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut_at_the_last_whole_record() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["first", "second"]).await;
    let before = fixture.hub.status().partitions[0].bytes;
    fixture.send("0", &["third"]).await;
    let after = fixture.hub.status().partitions[0].bytes;
    let Fixture { hub, config, .. } = &fixture;
    let segment = config.dir.join("partition-0000/00000000000000000000.log");
    let whole = fs::read(&segment).unwrap();
    let header = u64::try_from(whole.len()).unwrap() - after;
    assert_eq!(hub.status().partitions[0].last_sequence_number, 2);
    let restarted = fixture.restart().await;
    let config = restarted.config.clone();
    let kept = restarted.close().await;
    for len in header + before..header + after {
        fs::write(&segment, &whole[..usize::try_from(len).unwrap()]).unwrap();
        let hub = Hub::start(config.clone(), Arc::new(SystemClock))
            .await
            .unwrap();
        let partition = hub.status().partitions[0];
        assert_eq!(partition.last_sequence_number, 1, "cut to {len} bytes");
        assert_eq!(partition.bytes, before, "cut to {len} bytes");
        hub.stop().await;
        assert_eq!(dumped(&config.dir).len(), 2);
    }
    drop(kept);
}

/// A disk writes the blocks of what was never synced in any order, and zeros stand where one is
/// missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_tail_of_which_the_power_took_a_block_is_cut_before_that_block() {
    let fixture = Fixture::start().await;
    let body = "x".repeat(100);
    let producer = fixture.producer().await;
    let mut ends = Vec::new();
    for _ in 0..24 {
        crate::fixture::send(&producer, "0", &[&body]).await;
        ends.push(usize::try_from(fixture.hub.status().partitions[0].bytes).unwrap());
    }
    let segment = fixture
        .dir()
        .join("partition-0000/00000000000000000000.log");
    let whole = fs::read(&segment).unwrap();
    let header = whole.len() - ends[23];
    let config = fixture.config.clone();
    let kept = fixture.close().await;
    // The first four were synced.
    let synced = header + ends[3];
    for block in (synced / BLOCK..whole.len().div_ceil(BLOCK)).rev() {
        let lost = (block * BLOCK).max(synced)..((block + 1) * BLOCK).min(whole.len());
        let mut torn = whole.clone();
        torn[lost.clone()].fill(0);
        fs::write(&segment, &torn).unwrap();
        let hub = Hub::start(config.clone(), Arc::new(SystemClock))
            .await
            .unwrap();
        let left = ends.iter().take_while(|end| header + **end <= lost.start);
        let last = left.count() - 1;
        let partition = hub.status().partitions[0];
        assert_eq!(
            (partition.last_sequence_number, partition.bytes),
            (i64::try_from(last).unwrap(), ends[last] as u64),
            "without the bytes {lost:?}"
        );
        hub.stop().await;
        assert_eq!(dumped(&config.dir).len(), last + 1);
    }
    drop(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_after_the_last_record_is_cut_and_appends_go_on() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["a"]).await;
    let segment = fixture
        .dir()
        .join("partition-0000/00000000000000000000.log");
    let config = fixture.config.clone();
    let kept = fixture.close().await;
    let file = File::options().append(true).open(&segment).unwrap();
    std::io::Write::write_all(&mut &file, &[0; 4_096]).unwrap();
    let hub = Hub::start(config.clone(), Arc::new(SystemClock))
        .await
        .unwrap();
    assert_eq!(hub.status().partitions[0].last_sequence_number, 0);
    hub.stop().await;
    assert_eq!(dumped(&config.dir), [(0, 0, "a".to_owned())]);
    drop(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_events_go_and_the_numbers_stay() {
    let clock = HandClock::now_on();
    let minute = |config: &mut Config| config.retention = Duration::from_secs(60);
    let fixture = Fixture::with(minute, Arc::clone(&clock) as _).await;
    fixture.send("0", &["a", "b"]).await;
    clock.advance(Duration::from_secs(61));
    let partition = |fixture: &Fixture| fixture.hub.status().partitions[0];
    until("retention", || {
        partition(&fixture).begin_sequence_number == 2
    })
    .await;
    assert_eq!(partition(&fixture).last_sequence_number, 1);
    until("removal", || dumped(fixture.dir()).is_empty()).await;
    let fixture = fixture.restart().await;
    assert_eq!(partition(&fixture).last_sequence_number, 1);
    fixture.send("0", &["c"]).await;
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    assert_eq!(numbers(&take(&receiver, 1).await), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_too_large_loses_its_oldest_segments() {
    let small = |config: &mut Config| {
        config.partitions = 1;
        config.retention_size = Some(400_000);
    };
    let fixture = Fixture::with(small, Arc::new(SystemClock)).await;
    let body = "x".repeat(10_000);
    let batch = [body.as_str(); 10];
    let producer = fixture.producer().await;
    for _ in 0..12 {
        crate::fixture::send(&producer, "0", &batch).await;
    }
    let partition = || fixture.hub.status().partitions[0];
    until("retention", || partition().bytes <= 400_000).await;
    assert!(partition().begin_sequence_number > 0);
    assert_eq!(partition().last_sequence_number, 119);
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    let begin = i64::try_from(partition().begin_sequence_number).unwrap();
    assert_eq!(numbers(&take(&receiver, 1).await), [begin]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_hub_on_the_same_log_is_refused() {
    let fixture = Fixture::start().await;
    let second = Hub::start(fixture.config.clone(), Arc::new(SystemClock)).await;
    assert!(matches!(second, Err(Error::InUse { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_can_be_added_and_not_taken_away() {
    let mut fixture = Fixture::start().await;
    fixture.config.partitions = 4;
    let mut fixture = fixture.restart().await;
    assert_eq!(fixture.hub.status().partitions.len(), 4);
    fixture.config.partitions = 2;
    let config = fixture.config.clone();
    let kept = fixture.close().await;
    let fewer = Hub::start(config, Arc::new(SystemClock)).await;
    assert!(matches!(fewer, Err(Error::OtherHub { .. })));
    drop(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_address_is_named() {
    let fixture = Fixture::start().await;
    let other = tempfile::TempDir::new().unwrap();
    let mut config = Config::new(other.path());
    config.listen = fixture.hub.address();
    let error = Hub::start(config, Arc::new(SystemClock)).await.unwrap_err();
    let expected = format!(
        "cannot listen on {}: address already in use",
        fixture.hub.address()
    );
    assert_eq!(error.to_string(), expected);
}
