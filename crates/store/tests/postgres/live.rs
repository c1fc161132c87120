//! What one node commits is seen by whoever listens to another.

use std::time::Duration;

use rollcall_model::OwnerId;
use rollcall_store::{LiveFilter, LiveRow, LiveRows, LiveStatuses, StatusRow};
use tokio::time::timeout;

use crate::fixture::{Lease, Node, Site};

const TTL: Duration = Duration::from_secs(15);
/// Longer than anything here takes, and shorter than a test may.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node that commits statuses of two owners in turn.
struct Writer {
    node: Node,
    lease: Lease,
    next: i64,
}

impl Writer {
    async fn commits(&mut self, count: i64) {
        let owner = if self.next % 2 == 0 { "1" } else { "2" };
        let (after, upto) = (self.next - 1, self.next + count - 1);
        let batch = self.lease.batch(owner, after, upto);
        self.node.commit(&[batch]).await;
        self.next += count;
    }

    /// Commits one after the other until the listener of another node sees some: its wish has to
    /// arrive first.
    async fn until_seen(&mut self, live: &LiveStatuses) -> LiveRows {
        let seen = async {
            loop {
                self.commits(1).await;
                if let Ok(rows) = timeout(Duration::from_millis(50), live.next()).await {
                    return rows;
                }
            }
        };
        timeout(PATIENCE, seen).await.unwrap()
    }
}

fn read(row: &LiveRow) -> StatusRow {
    serde_json::from_str(row.json()).unwrap()
}

async fn seen(live: &LiveStatuses) -> LiveRows {
    timeout(PATIENCE, live.next()).await.unwrap()
}

/// The next rows from a number on: a few before it may still be under way. None is passed over.
async fn rows_from(live: &LiveStatuses, first: i64, count: usize) -> Vec<StatusRow> {
    let mut shown = Vec::new();
    while shown.len() < count {
        let LiveRows { rows, passed_over } = seen(live).await;
        assert_eq!(passed_over, 0);
        shown.extend(
            rows.iter()
                .map(read)
                .filter(|row| row.sequence_number.0 >= first),
        );
    }
    shown
}

fn of(owner: &str) -> LiveFilter {
    LiveFilter {
        owner_id: Some(OwnerId::parse(owner).unwrap()),
        sub_owner_id: None,
    }
}

#[tokio::test]
async fn another_nodes_statuses_are_seen_once_by_those_whom_they_concern() {
    let site = Site::new();
    let (reader, node) = (site.node("a", TTL).await, site.node("b", TTL).await);
    site.enter(&["1", "2"]).await;
    // As every node's pipeline does.
    let _hears = node.store.wakes();
    let lease = node.claim(3).await;
    let mut writer = Writer {
        node,
        lease,
        next: 0,
    };
    let (all, some) = (
        reader.store.live_statuses(LiveFilter::default()),
        reader.store.live_statuses(of("2")),
    );
    writer.until_seen(&some).await;
    writer.until_seen(&all).await;

    let first = writer.next;
    writer.commits(1).await;
    writer.commits(1).await;
    let shown = rows_from(&all, first, 2).await;
    let numbers: Vec<_> = shown.iter().map(|row| row.sequence_number.0).collect();
    assert_eq!(numbers, [first, first + 1]);
    assert_eq!(shown[0].data.get(), first.to_string());
    let shown = rows_from(&some, first, 1).await;
    assert_eq!(shown[0].owner_id.as_str(), "2");
}

#[tokio::test]
async fn what_finds_no_room_between_nodes_is_told_as_a_number() {
    let site = Site::new();
    let (reader, node) = (site.node("a", TTL).await, site.node("b", TTL).await);
    site.enter(&["1", "2"]).await;
    let _hears = node.store.wakes();
    let lease = node.claim(3).await;
    let mut writer = Writer {
        node,
        lease,
        next: 0,
    };
    let all = reader.store.live_statuses(LiveFilter::default());
    writer.until_seen(&all).await;

    let first = writer.next;
    writer.commits(5_000).await;
    let (mut shown, mut passed_over) = (0, 0);
    while shown + passed_over < 5_000 {
        let rows = seen(&all).await;
        // A few of those before may still be under way.
        let new = rows
            .rows
            .iter()
            .map(read)
            .filter(|row| row.sequence_number.0 >= first);
        shown += u64::try_from(new.count()).unwrap();
        passed_over += rows.passed_over;
    }
    assert_eq!(shown + passed_over, 5_000);
    assert!(
        shown > 0 && passed_over > 0,
        "{shown} shown, {passed_over} not"
    );
}
