//! Fencing: what a stopped node holds blocks nobody, and what it still sends is not stored.

use std::time::Duration;

use rollcall_store::{Answer, NodeReport, Refusal, application_name};
use sqlx::{Executor as _, PgConnection};

use crate::fixture::Site;

/// What a claim may take although the old node holds locks: far below any time-out that would
/// free them without it.
const SOON: Duration = Duration::from_secs(4);
const SHORT_TTL: Duration = Duration::from_secs(1);
const TTL: Duration = Duration::from_secs(60);

/// The old node's session, stopped in the middle of a COPY: it holds the owner, the latest status
/// and the partition, and has sent some of the rows.
async fn stop_within_copy(session: &mut PgConnection) {
    session.execute("BEGIN").await.unwrap();
    for lock in [
        "SELECT FROM owners FOR SHARE",
        "SELECT FROM latest_statuses FOR UPDATE",
        "SELECT FROM partitions FOR UPDATE",
    ] {
        session.execute(lock).await.unwrap();
    }
    let mut copying = session
        .copy_in_raw("COPY statuses FROM STDIN")
        .await
        .unwrap();
    let row = "1\ts\t1\t3\t77\t2026-11-23 10:00+00\t2026-11-23 10:00+00\t1\t1\t1\n";
    copying.send(row.as_bytes()).await.unwrap();
    // Neither finished nor aborted, as a stopped process leaves it.
    std::mem::forget(copying);
}

#[tokio::test]
async fn a_node_stopped_within_a_copy_blocks_no_claim_and_stores_nothing() {
    let site = Site::new();
    let old = site.node("a", SHORT_TTL).await;
    let new = site.node("b", TTL).await;
    site.enter(&["1"]).await;
    let lease = old.claim(3).await;
    assert_eq!(
        old.commit(&[lease.batch("1", -1, 9)]).await,
        [Answer::Committed]
    );
    let mut session = site
        .session(&application_name(old.tenure.incarnation))
        .await;
    // The time-out of the store's own sessions, which does not help within a COPY.
    session
        .execute("SET idle_in_transaction_session_timeout = 400")
        .await
        .unwrap();
    stop_within_copy(&mut session).await;

    let claimed = tokio::time::timeout(SHORT_TTL + SOON, new.claim_expired(3)).await;
    let claimed = claimed.expect("the claim is blocked");
    let batches = [claimed.batch("1", 9, 12)];
    let answers = tokio::time::timeout(SOON, new.commit(&batches)).await;
    assert_eq!(answers.expect("the commit is blocked"), [Answer::Committed]);

    session.execute("COMMIT").await.unwrap_err();
    let late = "SELECT count(*) FROM statuses WHERE sequence_number = 77";
    assert_eq!(site.count(late).await, 0);
    let stale = Answer::Refused(Refusal::StaleEpoch {
        epoch: claimed.claim.epoch,
    });
    let woken = old.store.commit(vec![lease.batch("1", 12, 20)]).await;
    // Its connections were ended: it may have to try again to hear that it is replaced.
    let woken = match woken {
        Ok(answers) => answers,
        Err(_) => old.commit(&[lease.batch("1", 12, 20)]).await,
    };
    assert_eq!(woken, [stale]);
    assert_eq!(
        site.count("SELECT sequence_number FROM partitions").await,
        12
    );
}

/// As the model found it (`crates/proof`, the mutant `NoSweep`): a process whose lease was claimed
/// wakes, tries its batch again, and is stopped again in the midst of it. Nobody claims that lease.
#[tokio::test]
async fn a_process_stopped_within_a_copy_without_a_lease_blocks_nobody_for_long() {
    let site = Site::new();
    let node = site.node("b", SHORT_TTL).await;
    site.enter(&["1"]).await;
    node.commit(&[node.claim(3).await.batch("1", -1, 9)]).await;
    let mut session = site.session(&application_name(uuid::Uuid::now_v7())).await;
    stop_within_copy(&mut session).await;

    let ended =
        async { while node.store.end_stalled_sessions(&node.tenure).await.unwrap() == 0 {} };
    let ended = tokio::time::timeout(SHORT_TTL + SOON, ended).await;
    ended.expect("the session is not ended");
    session.execute("COMMIT").await.unwrap_err();
    let lease = node.claim(3).await;
    let batches = [lease.batch("1", 9, 12)];
    let answers = tokio::time::timeout(SOON, node.commit(&batches)).await;
    assert_eq!(answers.expect("the commit is blocked"), [Answer::Committed]);
}

#[tokio::test]
async fn a_session_that_writes_or_is_young_is_not_ended() {
    let site = Site::new();
    let (node, other) = (site.node("b", TTL).await, uuid::Uuid::now_v7());
    site.enter(&["1"]).await;
    node.commit(&[node.claim(3).await.batch("1", -1, 9)]).await;
    let mut young = site.session(&application_name(other)).await;
    stop_within_copy(&mut young).await;
    let mut foreign = site.session("psql").await;
    foreign.execute("BEGIN").await.unwrap();
    assert_eq!(
        node.store.end_stalled_sessions(&node.tenure).await.unwrap(),
        0
    );
    let eager = rollcall_store::Tenure {
        ttl: Duration::ZERO,
        ..node.tenure.clone()
    };
    // The server may still be reading what was sent.
    let ended = async { while node.store.end_stalled_sessions(&eager).await.unwrap() == 0 {} };
    let ended = tokio::time::timeout(SOON, ended).await;
    ended.expect("the session within a COPY is not found");
    foreign.execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn a_lease_that_is_not_expired_is_neither_claimed_nor_ended() {
    let site = Site::new();
    let (holder, other) = (site.node("a", TTL).await, site.node("b", TTL).await);
    site.enter(&["1"]).await;
    let lease = holder.claim(3).await;
    assert!(other.try_claim(3).await.is_none());
    assert_eq!(
        holder.commit(&[lease.batch("1", -1, 9)]).await,
        [Answer::Committed]
    );
    // One's own is claimed anew at once.
    let again = holder.claim(3).await;
    assert!(again.claim.epoch > lease.claim.epoch);
}

#[tokio::test]
async fn a_survey_shows_leases_and_nodes_until_they_are_forgotten() {
    let site = Site::new();
    let node = site.node("a", TTL).await;
    node.claim(3).await;
    let report = NodeReport {
        node: "a".to_owned(),
        incarnation: node.tenure.incarnation,
        roles: vec!["ingest".to_owned()],
        version: "1".to_owned(),
        api: None,
        shards: serde_json::json!([]),
        leases: serde_json::Value::Null,
    };
    node.store.report_node(&report).await.unwrap();
    let survey = node.store.survey(node.stream().await).await.unwrap();
    let [lease] = &survey.leases[..] else {
        panic!("{survey:?}");
    };
    assert_eq!(lease.incarnation, Some(node.tenure.incarnation));
    assert!(lease.expires_at.unwrap() > survey.now);
    assert_eq!(survey.nodes[0].roles, ["ingest"]);
    assert!(survey.nodes[0].last_seen_at >= survey.now.minus(TTL));

    let another = uuid::Uuid::now_v7();
    node.store.forget_node("a", another).await.unwrap();
    let stream = node.stream().await;
    assert_eq!(node.store.survey(stream).await.unwrap().nodes.len(), 1);
    let incarnation = node.tenure.incarnation;
    node.store.forget_node("a", incarnation).await.unwrap();
    assert!(node.store.survey(stream).await.unwrap().nodes.is_empty());
}
