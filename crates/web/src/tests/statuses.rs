use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_json_snapshot;
use rollcall_model::{
    DeadLetter, DeadReason, Drops, PartitionId, SequenceNumber, Span, Status, Timestamp,
};
use rollcall_store::{Answer, Batch, HubIdentity, Stream, Tenure};
use uuid::Uuid;

use super::world::{NODE, World, owner_id, sub_owner_id};

/// A minute of 2020, which answers show as it is.
fn minute(minute: u64) -> Timestamp {
    let hour = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    hour.plus(Duration::from_secs(60 * minute))
}

fn status(number: i64, data: &str, value: Option<f64>) -> Status {
    let at = minute(u64::try_from(number).unwrap());
    Status {
        sequence_number: SequenceNumber(number),
        enqueued_at: at,
        status_at: at,
        owner_id: owner_id("1"),
        sub_owner_id: sub_owner_id("a"),
        data: data.into(),
        value,
        version: 1,
    }
}

fn dead(number: i64, body: &[u8]) -> DeadLetter {
    DeadLetter {
        sequence_number: SequenceNumber(number),
        enqueued_at: minute(0),
        reason: DeadReason::NotJson,
        detail: "expected value at line 1 column 1".to_owned(),
        body: body.to_vec(),
    }
}

impl World {
    pub(super) async fn stream(&self) -> Stream {
        let hub = HubIdentity {
            namespace: "localhost".to_owned(),
            event_hub: "statuses".to_owned(),
            consumer_group: "$Default".to_owned(),
            created_at: minute(0),
        };
        self.store.resolve_stream(&hub).await.unwrap()
    }

    /// Stores the events 0 to 4 of a partition: three statuses and two dead letters.
    pub(super) async fn fill(&self, partition: u32) {
        let stream_id = self.stream().await.stream_id;
        let partition_id = PartitionId(partition);
        let incarnation = Uuid::from_u128(1);
        let ttl = Duration::from_secs(3_600);
        let tenure = Tenure {
            node: NODE.to_owned(),
            incarnation,
            ttl,
        };
        let claim = self
            .store
            .claim_partition(stream_id, partition_id, &tenure)
            .await
            .unwrap();
        let epoch = claim.unwrap().epoch;
        let begin = SequenceNumber(0);
        let store = &self.store;
        let begun = store.begin_partition(stream_id, partition_id, epoch, incarnation, begin, None);
        assert_eq!(begun.await.unwrap(), Answer::Committed);
        let batch = Batch {
            stream_id,
            partition_id,
            epoch,
            incarnation,
            span: Span {
                after: SequenceNumber(-1),
                upto: SequenceNumber(4),
            },
            statuses: vec![
                status(0, r#"{"v": 1.50}"#, Some(1.5)),
                status(1, "1e400", None),
                status(2, r#""\u0000""#, None),
            ],
            held: Vec::new(),
            dead: vec![dead(3, b"{"), dead(4, &[0xff, 0x00])],
            drops: Drops(BTreeMap::new()),
            gaps: Vec::new(),
            offset: None,
        };
        let answers = self.store.commit(vec![Arc::new(batch)]).await.unwrap();
        assert_eq!(answers, [Answer::Committed]);
    }
}

const STATUSES: &str = "/api/v1/owners/1/sub-owners/a/statuses";

#[actix_web::test]
async fn statuses_are_shown_newest_first_with_their_exact_data() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a", "b"]).await;
    world.fill(0).await;
    let list = api.get(STATUSES).await;
    for data in [
        r#""data":{"v": 1.50},"#,
        r#""data":1e400,"#,
        r#""data":"\u0000","#,
    ] {
        assert!(list.text.contains(data), "{data} in {}", list.text);
    }
    assert_json_snapshot!(
        api.get(&format!("{STATUSES}?from=2020-01-01T00:02:00Z"))
            .await
    );
    assert_eq!(
        api.get("/api/v1/owners/1/sub-owners/b/statuses")
            .await
            .status,
        200
    );
    assert_eq!(
        api.get("/api/v1/owners/1/sub-owners/c/statuses")
            .await
            .status,
        404
    );
}

fn numbers(list: &str) -> Vec<&str> {
    let marker = "\"sequence_number\":";
    list.split(marker)
        .skip(1)
        .map(|rest| rest.split(',').next().unwrap())
        .collect()
}

#[actix_web::test]
async fn a_range_includes_its_beginning_and_excludes_its_end() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    for (query, expected) in [
        ("", vec!["2", "1", "0"]),
        ("?order=desc", vec!["2", "1", "0"]),
        ("?order=asc", vec!["0", "1", "2"]),
        ("?from=2020-01-01T00:01:00Z", vec!["2", "1"]),
        ("?to=2020-01-01T00:01:00Z", vec!["0"]),
        (
            "?from=2020-01-01T01:01:00%2B01:00&to=2020-01-01T00:02:00Z",
            vec!["1"],
        ),
    ] {
        let list = api.get(&format!("{STATUSES}{query}")).await;
        assert_eq!(numbers(&list.text), expected, "{query}");
    }
    let first = api.get(&format!("{STATUSES}?limit=2")).await;
    assert_eq!(numbers(&first.text), ["2", "1"]);
    let cursor = first
        .text
        .split("\"next_cursor\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let last = api
        .get(&format!("{STATUSES}?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(numbers(&last.text), ["0"]);
}

#[actix_web::test]
async fn dead_letters_are_shown_as_text_where_they_are_text() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    let list = api.get("/api/v1/dead-letters?state=open").await;
    assert_json_snapshot!(list);
    let id = list.items("id")[1];
    let one = api.get(&format!("/api/v1/dead-letters/{id}")).await;
    assert_eq!(one.body, list.body["items"][1]);
    assert_eq!(api.get("/api/v1/dead-letters/1-0-9").await.status, 404);
    assert_eq!(api.get("/api/v1/dead-letters/nonsense").await.status, 404);
    let none = api.get("/api/v1/dead-letters?state=replayed").await;
    assert!(none.items("id").is_empty());
}
