//! A disk that lost what it had confirmed: receivers and the dump go on behind it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::StartLocation;
use rollcall_hub::{Config, Error, Hub};
use rollcall_model::SystemClock;
use tempfile::TempDir;

use crate::durability::BLOCK;
use crate::fixture::{
    Fixture, HandClock, consumer_at, dumped, earliest, from, numbers, receiver, send, take, until,
};

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
/// Bytes of a segment before its first event.
const HEADER: usize = 48;

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
            send(&producer, "0", &[body.as_str(); 20]).await;
        }
        let config = fixture.config.clone();
        let dir = fixture.close().await;
        let segments = segments(&config);
        assert!(segments.len() >= 3, "{segments:?}");
        let ((first, segment), (next, _)) = (segments[1].clone(), &segments[2]);
        let events = rollcall_hub::dump(&config.dir).unwrap();
        let offsets: Vec<u64> = events.map(|event| event.unwrap().offset).collect();
        let place = |n: usize| HEADER + usize::try_from(offsets[n] - offsets[first]).unwrap();
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
        let consumer = consumer_at(hub, "$Default").await;
        let all = receiver(&consumer, "0", earliest()).await;
        let received = numbers(&take(&all, expected.len()).await);
        assert_eq!(received, expected, "{ruin:?}");
        // One that begins among what is missing; a client has one receiver of a partition.
        let consumer = consumer_at(hub, "other").await;
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
