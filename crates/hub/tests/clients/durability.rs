//! What is in the log stays there: restarts, torn tails, disks that lie, retention, the lock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::StartLocation;
use rollcall_hub::{Config, Error, Hub};
use rollcall_model::SystemClock;
use tempfile::TempDir;

use crate::fixture::{
    Fixture, HandClock, bodies, dumped, earliest, from, numbers, receiver, take, until,
};

/// What a disk writes at once.
const BLOCK: usize = 512;

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

/// What a disk may do to a sealed segment although it had confirmed every byte of it.
#[derive(Debug, Clone, Copy)]
enum Ruin {
    /// Zeros in the place of the block that this event begins in.
    Block {
        of: usize,
    },
    /// The file ends in the midst of this event.
    Torn {
        within: usize,
    },
    /// The file ends where this event began.
    Short {
        before: usize,
    },
    Header,
    Gone,
}

impl Ruin {
    /// The events of a segment that are left, which begin at `places` in its file.
    fn left(self, places: &[usize]) -> usize {
        match self {
            Self::Block { of } => {
                let block = places[of] / BLOCK * BLOCK;
                places.partition_point(|place| *place < block) - 1
            }
            Self::Torn { within: left } | Self::Short { before: left } => left,
            Self::Header | Self::Gone => 0,
        }
    }

    fn strike(self, file: &Path, places: &[usize]) {
        let mut bytes = fs::read(file).unwrap();
        match self {
            Self::Block { of } => {
                let block = places[of] / BLOCK * BLOCK;
                bytes[block..block + BLOCK].fill(0);
            }
            Self::Torn { within } => bytes.truncate(places[within] + 5),
            Self::Short { before } => bytes.truncate(places[before]),
            Self::Header => bytes[..40].fill(0),
            Self::Gone => return fs::remove_file(file).unwrap(),
        }
        fs::write(file, bytes).unwrap();
    }
}

/// A log of [`EVENTS`] events in several segments, and the second of them.
struct Laid {
    config: Config,
    _dir: TempDir,
    segment: PathBuf,
    whole: Vec<u8>,
    first: usize,
    /// The first number of the third segment.
    next: usize,
    /// Where in its file each event of the second segment begins.
    places: Vec<usize>,
}

const EVENTS: usize = 400;

impl Laid {
    async fn out() -> Self {
        let small = |config: &mut Config| {
            config.partitions = 1;
            config.retention_size = Some(1_000_000);
        };
        let fixture = Fixture::with(small, Arc::new(SystemClock)).await;
        let producer = fixture.producer().await;
        let body = "x".repeat(1_000);
        for _ in 0..EVENTS / 20 {
            crate::fixture::send(&producer, "0", &[body.as_str(); 20]).await;
        }
        let config = fixture.config.clone();
        let dir = fixture.close().await;
        let segments = segments(&config);
        assert!(segments.len() >= 3, "{segments:?}");
        let ((first, segment), (next, _)) = (segments[1].clone(), &segments[2]);
        let events = rollcall_hub::dump(&config.dir).unwrap();
        let offsets: Vec<u64> = events.map(|event| event.unwrap().offset).collect();
        let place = |n: usize| 48 + usize::try_from(offsets[n] - offsets[first]).unwrap();
        Self {
            whole: fs::read(&segment).unwrap(),
            places: (first..*next).map(place).collect(),
            next: *next,
            config,
            _dir: dir,
            segment,
            first,
        }
    }

    async fn start(&self) -> Hub {
        let hub = Hub::start(self.config.clone(), Arc::new(SystemClock)).await;
        hub.unwrap()
    }

    /// Receivers get what is left and what follows, and the dump tells where the damage is.
    async fn holds_under(&self, ruin: Ruin, hub: &Hub) {
        let left = self.first + ruin.left(&self.places);
        let expected: Vec<_> = (0..left).chain(self.next..EVENTS).map(number).collect();
        let consumer = crate::fixture::consumer_at(hub, "$Default").await;
        let all = receiver(&consumer, "0", earliest()).await;
        let received = numbers(&take(&all, expected.len()).await);
        assert_eq!(received, expected, "{ruin:?}");
        // One that begins among what is missing; a client has one receiver of a partition.
        let consumer = crate::fixture::consumer_at(hub, "other").await;
        let within = StartLocation::SequenceNumber(number(left + 1));
        let behind = receiver(&consumer, "0", from(within, true)).await;
        let received = numbers(&take(&behind, 2).await);
        assert_eq!(
            received,
            [number(self.next), number(self.next + 1)],
            "{ruin:?}"
        );

        let dumped: Vec<_> = rollcall_hub::dump(&self.config.dir).unwrap().collect();
        let damage: Vec<_> = dumped
            .iter()
            .filter_map(|item| item.as_ref().err())
            .collect();
        assert!(
            matches!(damage[..], [Error::Damaged { .. }]),
            "{ruin:?}: {damage:?}"
        );
        let told = dumped.iter().filter_map(|item| item.as_ref().ok());
        let told: Vec<_> = told.map(|event| number(event.sequence_number)).collect();
        assert_eq!(told, expected, "{ruin:?}");
    }
}

fn number(number: impl TryInto<i64, Error: std::fmt::Debug>) -> i64 {
    number.try_into().unwrap()
}

/// The segments of the only partition by their first numbers.
fn segments(config: &Config) -> Vec<(usize, PathBuf)> {
    let entries = fs::read_dir(config.dir.join("partition-0000")).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let first = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let mut segments: Vec<_> = files.map(|file| (first(&file), file)).collect();
    segments.sort_unstable();
    segments
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_disk_lost_of_a_sealed_segment_is_missing_and_what_follows_is_delivered() {
    let laid = Laid::out().await;
    for ruin in [
        Ruin::Block { of: 40 },
        Ruin::Torn { within: 50 },
        Ruin::Short { before: 60 },
        Ruin::Short { before: 0 },
        Ruin::Header,
        Ruin::Gone,
    ] {
        ruin.strike(&laid.segment, &laid.places);
        let hub = laid.start().await;
        laid.holds_under(ruin, &hub).await;
        hub.stop().await;
        // Who restores the segment has everything again.
        fs::write(&laid.segment, &laid.whole).unwrap();
        assert_eq!(dumped(&laid.config.dir).len(), EVENTS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_under_a_running_hub_is_passed_over_too() {
    let laid = Laid::out().await;
    for ruin in [
        Ruin::Block { of: 40 },
        Ruin::Torn { within: 50 },
        Ruin::Gone,
    ] {
        let hub = laid.start().await;
        ruin.strike(&laid.segment, &laid.places);
        laid.holds_under(ruin, &hub).await;
        hub.stop().await;
        fs::write(&laid.segment, &laid.whole).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newest_segment_that_lost_its_header_is_refused_and_kept() {
    let laid = Laid::out().await;
    let (first, newest) = segments(&laid.config).pop().unwrap();
    Ruin::Header.strike(&newest, &[]);
    let refused = Hub::start(laid.config.clone(), Arc::new(SystemClock)).await;
    let Err(Error::Damaged { path, position: 0 }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(path, newest);
    let dumped: Vec<_> = rollcall_hub::dump(&laid.config.dir).unwrap().collect();
    assert!(matches!(dumped[first..], [Err(Error::Damaged { .. })]));
    // Nothing was ever in it: a crash while it was begun.
    fs::write(&newest, [0; 30]).unwrap();
    let hub = laid.start().await;
    assert_eq!(
        hub.status().partitions[0].last_sequence_number,
        number(first) - 1
    );
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_lost_its_header_expires_with_the_others() {
    let mut laid = Laid::out().await;
    Ruin::Header.strike(&laid.segment, &laid.places);
    let clock = HandClock::now_on();
    laid.config.retention = Duration::from_secs(60);
    let hub = Hub::start(laid.config.clone(), Arc::clone(&clock) as _).await;
    clock.advance(Duration::from_secs(61));
    until("removal", || segments(&laid.config).len() == 1).await;
    hub.unwrap().stop().await;
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
