//! Panics at every fault point: an actor dies, its successor goes on, nothing is lost or twice.

use serde_json::Value;

use crate::harness::api::Api;
use crate::harness::ledger::Ledger;
use crate::harness::message::status;
use crate::harness::site::Site;
use crate::harness::wait::until;

const PARTITIONS: u32 = 4;
const OWNERS: usize = 40;
/// Statuses of each owner on each partition.
const ROUNDS: usize = 25;
const EVENTS: usize = PARTITIONS as usize * OWNERS * ROUNDS;

/// A node whose fault points act as `faults` says, with everything stored all the same.
struct Survivor {
    site: Site,
    node: crate::harness::running::Running,
}

impl Survivor {
    async fn of(faults: &str) -> Self {
        let mut site = Site::apart(PARTITIONS);
        // Many batches, so that a fault hits some of them and spares others.
        site.set("pipeline.batch_max_events", "50");
        site.set("leases.ttl", "\"1s\"");
        site.set("leases.renew_interval", "\"100ms\"");
        site.set("events.sinks", "[{ kind = \"log\", name = \"log\" }]");
        let hub = site.start_hub().await;
        let sender = site.sender().await;
        for partition in 0..PARTITIONS {
            sender.send(partition, load()).await;
        }
        sender.close().await;
        let node = site.spawn_faulty_node(faults);
        let truth = site.settled().await;
        assert_eq!(truth.len(), EVENTS);
        let survivor = Self { site, node };
        survivor.everything_is_announced().await;
        let tables = survivor.site.database().read().await;
        assert_eq!(
            tables.statuses.len(),
            EVENTS,
            "a panic costs a retry, not a dead letter"
        );
        Ledger::new(tables, truth).holds_at_the_end();
        drop(hub);
        survivor
    }

    async fn everything_is_announced(&self) {
        until("every delivery is sent", async || {
            let sql = "SELECT count(*) FROM outbox_deliveries WHERE state = 'sent'";
            let sent = self.site.database().number(sql).await;
            (usize::try_from(sent) == Ok(2 * OWNERS)).then_some(())
        })
        .await;
    }

    fn api(&self) -> Api {
        self.site.api()
    }

    async fn deaths(&self) -> u64 {
        self.api().counter("rollcall_actor_deaths_total").await
    }

    /// The node is the same process as in the beginning, and takes its leave as it should.
    async fn lives(mut self) {
        assert!(self.node.is_alive(), "{}", self.node.talk());
        assert!(self.node.terminate().await.success());
    }
}

fn load() -> impl Iterator<Item = Vec<u8>> {
    (0..ROUNDS).flat_map(|round| {
        (0..OWNERS).map(move |owner| status(&format!("owner {owner}"), "1", &round.to_string()))
    })
}

async fn restarts(api: &Api, path: &str) -> u64 {
    let (_, list) = api.get(path).await;
    let list = list["items"].as_array().unwrap();
    list.iter()
        .map(|it| it["restarts"].as_u64().unwrap_or(0))
        .sum()
}

/// Twice at once, and then once more. A backlog of this size passes every point more often: the
/// windows of all partitions together hold a fifth of it.
fn thrice(point: &str) -> String {
    format!("{point}=2*panic->1*off->1*panic")
}

#[tokio::test]
async fn a_reader_that_dies_after_a_pull_reads_on() {
    let survivor = Survivor::of(&thrice("reader.pull")).await;
    assert_eq!(survivor.deaths().await, 3);
    assert_eq!(restarts(&survivor.api(), "/api/v1/partitions").await, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn a_reader_that_dies_after_decoding_reads_on() {
    let survivor = Survivor::of(&thrice("reader.decode")).await;
    assert_eq!(survivor.deaths().await, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn an_owner_actor_that_dies_at_its_slices_is_replaced() {
    let survivor = Survivor::of(&thrice("owner.admit")).await;
    assert_eq!(survivor.deaths().await, 3);
    assert_eq!(restarts(&survivor.api(), "/api/v1/shards").await, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn an_owner_actor_that_dies_at_newcomers_enters_them_after_all() {
    let survivor = Survivor::of(&thrice("owner.provision")).await;
    assert_eq!(restarts(&survivor.api(), "/api/v1/shards").await, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn a_writer_that_dies_before_its_transaction_is_replaced() {
    let survivor = Survivor::of(&thrice("writer.commit")).await;
    assert_eq!(survivor.deaths().await, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn a_panic_before_the_transaction_stores_nothing_twice() {
    let survivor = Survivor::of(&thrice("store.commit.before")).await;
    assert_eq!(survivor.deaths().await, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn a_panic_after_the_transaction_stores_nothing_twice() {
    let survivor = Survivor::of(&thrice("store.commit.answer")).await;
    assert_eq!(survivor.deaths().await, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn an_error_before_the_transaction_is_tried_again() {
    let survivor = Survivor::of("store.commit.before=2*return->1*off->1*return").await;
    assert_eq!(survivor.deaths().await, 0);
    let retries = survivor
        .api()
        .counter("rollcall_commit_retries_total")
        .await;
    assert_eq!(retries, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn a_lost_answer_to_the_commit_stores_nothing_twice() {
    let survivor = Survivor::of("store.commit.answer=2*return->1*off->1*return").await;
    assert_eq!(survivor.deaths().await, 0);
    let retries = survivor
        .api()
        .counter("rollcall_commit_retries_total")
        .await;
    assert_eq!(retries, 3);
    survivor.lives().await;
}

#[tokio::test]
async fn a_lease_keeper_that_dies_is_replaced_and_the_leases_are_kept() {
    let survivor = Survivor::of(&thrice("lease.renew")).await;
    let api = survivor.api();
    until("the keeper died for the third time", async || {
        (survivor.deaths().await == 3).then_some(())
    })
    .await;
    let (_, before) = api.get("/api/v1/partitions").await;
    let expiry = |list: &Value| list["items"][0]["expires_at"].as_str().unwrap().to_owned();
    until("the leases are renewed again", async || {
        let (_, now) = api.get("/api/v1/partitions").await;
        (expiry(&now) > expiry(&before)).then_some(())
    })
    .await;
    survivor.lives().await;
}

#[tokio::test]
async fn a_send_that_panics_is_a_failed_try_of_its_own_delivery() {
    let survivor = Survivor::of(&thrice("relay.send")).await;
    let tries = survivor.api().counter("rollcall_relay_tries_total").await;
    assert_eq!(usize::try_from(tries), Ok(2 * OWNERS + 3));
    survivor.lives().await;
}

#[tokio::test]
async fn a_relay_that_dies_at_a_mark_sends_again() {
    let survivor = Survivor::of(&thrice("relay.mark")).await;
    assert_eq!(
        survivor
            .api()
            .counter("rollcall_relay_restarts_total")
            .await,
        3
    );
    survivor.lives().await;
}
