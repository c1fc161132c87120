//! Recalibrations: every status of the range once, whoever dies or is told to stop.

use std::time::Duration;

use rollcall_model::Status;
use rollcall_store::{
    NewRecalibration, OwnerPatch, RecalibrationAnswer, RecalibrationFilter, RecalibrationRange,
    RecalibrationRow, RecalibrationStart, RecalibrationState, RecalibrationStep, RecalibrationWish,
    RecalibrationWorker, StatusRow,
};
use uuid::Uuid;

use crate::fixture::{Fixture, Lease, On, at, newcomer, owner_id, settings, status, sub_owner_id};

/// More than two steps take.
const ROWS: i64 = 2_500;

fn worker(node: &str) -> RecalibrationWorker {
    RecalibrationWorker {
        node: node.to_owned(),
        incarnation: Uuid::now_v7(),
    }
}

fn everything() -> RecalibrationRange {
    range(None, 1_000_000)
}

fn range(from: Option<i64>, to: i64) -> RecalibrationRange {
    RecalibrationRange {
        owner_id: owner_id("1"),
        sub_owner_id: None,
        from_at: from.map(at),
        to_at: at(to),
    }
}

/// Statuses of owner 1, of whose hundred last every second is of another sub-owner, and of owner 2.
async fn filled(on: On) -> (Fixture, Lease) {
    let fixture = Fixture::new(on).await;
    let newcomers = vec![newcomer("1", &["s", "t"]), newcomer("2", &["s"])];
    fixture.provision(newcomers).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, ROWS);
    let sub_owner = |number| {
        if number >= ROWS - 100 && number % 2 == 0 {
            "t"
        } else {
            "s"
        }
    };
    batch.statuses = (0..ROWS)
        .map(|number| status("1", sub_owner(number), number))
        .chain([status("2", "s", ROWS)])
        .collect();
    fixture.commit_one(batch).await;
    (fixture, lease)
}

async fn set_gain(fixture: &Fixture, gain: f64) {
    let patch = OwnerPatch {
        settings: Some(settings(&format!(r#"{{"gain": {gain}}}"#))),
        changed_by: "test".to_owned(),
        ..OwnerPatch::default()
    };
    fixture.change("1", patch).await;
}

async fn start(fixture: &Fixture, range: RecalibrationRange) -> RecalibrationStart {
    let job = NewRecalibration {
        job_id: Uuid::now_v7(),
        range,
        created_by: "test".to_owned(),
    };
    fixture.store.start_recalibration(job).await.unwrap()
}

async fn started(fixture: &Fixture, range: RecalibrationRange) -> RecalibrationRow {
    match start(fixture, range).await {
        RecalibrationStart::Started(row) => row,
        other => panic!("{other:?}"),
    }
}

/// Steps until it is done.
async fn finish(fixture: &Fixture, job_id: Uuid, worker: &RecalibrationWorker) {
    let taken = fixture.store.take_recalibration(worker).await.unwrap();
    assert_eq!(taken, Some(job_id));
    loop {
        let step = fixture.store.advance_recalibration(job_id, worker).await;
        match step.unwrap() {
            RecalibrationStep::Went(_) => {}
            RecalibrationStep::Finished => return,
            RecalibrationStep::NotOurs => panic!("it is somebody else's"),
        }
    }
}

async fn present(fixture: &Fixture, job_id: Uuid) -> RecalibrationRow {
    fixture.store.recalibration(job_id).await.unwrap().unwrap()
}

/// Of owner 1, whatever its sub-owner, by number.
async fn rows(fixture: &Fixture) -> Vec<StatusRow> {
    let mut rows = Vec::new();
    for sub_owner in ["s", "t"] {
        let (owner_id, sub_owner_id) = (owner_id("1"), sub_owner_id(sub_owner));
        let mut cursor: Option<String> = None;
        loop {
            let range = rollcall_store::StatusRange::default();
            let store = &fixture.store;
            let page =
                store.list_statuses(&owner_id, &sub_owner_id, range, 1_000, cursor.as_deref());
            let page = page.await.unwrap();
            rows.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    rows.sort_by_key(|row| row.sequence_number.0);
    rows
}

fn doubled(row: &StatusRow) -> bool {
    let number = row.sequence_number.0;
    row.value == Some(f64::from(i32::try_from(number).unwrap()) * 2.0)
}

async fn a_range_gets_the_values_of_the_present_settings_and_nothing_else_does(on: On) {
    let (fixture, lease) = filled(on).await;
    set_gain(&fixture, 2.0).await;
    let range = range(Some(100), ROWS - 10);
    let due = u64::try_from(ROWS - 110).unwrap();
    let counted = fixture.store.count_to_recalibrate(&range).await.unwrap();
    assert_eq!(counted, Some(due));
    let job = started(&fixture, range).await;
    assert_eq!((job.version, job.statuses, job.statuses_done), (2, due, 0));
    finish(&fixture, job.job_id, &worker("a")).await;

    let rows = rows(&fixture).await;
    assert_eq!(rows.len(), usize::try_from(ROWS).unwrap());
    for row in rows {
        let within = (100..ROWS - 10).contains(&row.sequence_number.0);
        let version = if within { 2 } else { 1 };
        assert_eq!(row.version, version, "{row:?}");
        assert!(doubled(&row) == within || row.value == Some(0.0), "{row:?}");
    }
    let job = present(&fixture, job.job_id).await;
    assert_eq!(
        (job.state, job.statuses_done),
        (RecalibrationState::Done, due)
    );
    assert_eq!(
        (job.statuses_changed, job.node.as_deref()),
        (due, Some("a"))
    );
    assert_eq!(fixture.statuses("2").await[0].version, 1);
    assert_eq!(
        fixture.partition(&lease).await.stored,
        ROWS.unsigned_abs() + 1
    );
    fixture.assert_invariants().await;
}

async fn the_newest_status_follows_and_so_does_one_sub_owner_alone(on: On) {
    let (fixture, _) = filled(on).await;
    set_gain(&fixture, 2.0).await;
    let only = RecalibrationRange {
        sub_owner_id: Some(sub_owner_id("t")),
        ..everything()
    };
    let job = started(&fixture, only).await;
    assert_eq!(job.statuses, 50);
    finish(&fixture, job.job_id, &worker("a")).await;
    let latest = async |sub_owner| fixture.latest("1", sub_owner).await.unwrap();
    assert!(doubled(&latest("t").await));
    assert_eq!(latest("s").await.version, 1);
    fixture.assert_invariants().await;
}

async fn a_job_goes_on_where_a_dead_worker_left_it_and_counts_nothing_twice(on: On) {
    let (fixture, _) = filled(on).await;
    set_gain(&fixture, 2.0).await;
    let job = started(&fixture, everything()).await;
    let (dead, heir) = (worker("a"), worker("b"));
    let store = &fixture.store;
    assert_eq!(
        store.take_recalibration(&dead).await.unwrap(),
        Some(job.job_id)
    );
    let step = store
        .advance_recalibration(job.job_id, &dead)
        .await
        .unwrap();
    assert_eq!(step, RecalibrationStep::Went(1_000));
    assert_eq!(store.take_recalibration(&heir).await.unwrap(), None);
    fixture.advance(Duration::from_secs(16)).await;
    assert_eq!(
        store.take_recalibration(&heir).await.unwrap(),
        Some(job.job_id)
    );
    let step = store
        .advance_recalibration(job.job_id, &dead)
        .await
        .unwrap();
    assert_eq!(step, RecalibrationStep::NotOurs);
    finish(&fixture, job.job_id, &heir).await;
    assert!(rows(&fixture).await.iter().all(doubled));
    let done = present(&fixture, job.job_id).await;
    let due = ROWS.unsigned_abs();
    assert_eq!((done.statuses_done, done.node.as_deref()), (due, Some("b")));
    // 0 doubled is 0.
    assert_eq!(done.statuses_changed, due - 1);
}

async fn who_leaves_leaves_at_once(on: On) {
    let (fixture, _) = filled(on).await;
    set_gain(&fixture, 2.0).await;
    let job = started(&fixture, everything()).await;
    let (leaver, heir) = (worker("a"), worker("b"));
    let store = &fixture.store;
    store.take_recalibration(&leaver).await.unwrap().unwrap();
    store.leave_recalibrations(&leaver).await.unwrap();
    finish(&fixture, job.job_id, &heir).await;
}

async fn a_paused_job_waits_and_a_cancelled_one_is_over(on: On) {
    let (fixture, _) = filled(on).await;
    set_gain(&fixture, 2.0).await;
    let job = started(&fixture, everything()).await;
    let (store, a) = (&fixture.store, worker("a"));
    let steer = async |wish| store.steer_recalibration(job.job_id, wish).await.unwrap();
    store.take_recalibration(&a).await.unwrap().unwrap();
    store.advance_recalibration(job.job_id, &a).await.unwrap();
    for _ in 0..2 {
        let answer = steer(RecalibrationWish::Pause).await;
        assert!(
            matches!(answer, RecalibrationAnswer::Done(row) if row.state == RecalibrationState::Paused)
        );
    }
    let step = store.advance_recalibration(job.job_id, &a).await.unwrap();
    assert_eq!(step, RecalibrationStep::NotOurs);
    assert_eq!(store.take_recalibration(&a).await.unwrap(), None);
    steer(RecalibrationWish::Resume).await;
    store.take_recalibration(&a).await.unwrap().unwrap();
    store.advance_recalibration(job.job_id, &a).await.unwrap();
    steer(RecalibrationWish::Cancel).await;
    assert!(matches!(
        steer(RecalibrationWish::Resume).await,
        RecalibrationAnswer::Over(_)
    ));
    let done = present(&fixture, job.job_id).await;
    assert_eq!(
        (done.state, done.statuses_done),
        (RecalibrationState::Cancelled, 2_000)
    );
    let doubled = rows(&fixture)
        .await
        .iter()
        .filter(|row| row.version == 2)
        .count();
    assert_eq!(doubled, 2_000, "what is done stays done");
    let unknown = store
        .steer_recalibration(Uuid::nil(), RecalibrationWish::Pause)
        .await;
    assert_eq!(unknown.unwrap(), RecalibrationAnswer::NotFound);
    let job = started(&fixture, everything()).await;
    assert_eq!(job.statuses, 500);
}

async fn one_job_of_an_owner_is_open_at_a_time(on: On) {
    let (fixture, _) = filled(on).await;
    set_gain(&fixture, 2.0).await;
    let job = started(&fixture, everything()).await;
    let second = start(&fixture, everything()).await;
    assert!(matches!(second, RecalibrationStart::Open(row) if row.job_id == job.job_id));
    let nobody = RecalibrationRange {
        owner_id: owner_id("3"),
        ..everything()
    };
    assert_eq!(start(&fixture, nobody).await, RecalibrationStart::NoOwner);
    let filter = RecalibrationFilter {
        owner_id: Some(owner_id("1")),
        state: Some(RecalibrationState::Running),
    };
    let listed = fixture.store.list_recalibrations(&filter, 9, None).await;
    let listed: Vec<_> = listed.unwrap().items.iter().map(|row| row.job_id).collect();
    assert_eq!(listed, [job.job_id]);
}

/// A later version is nobody's business here, and an earlier one that comes late is.
async fn what_is_committed_meanwhile_is_done_if_it_is_older_and_left_if_it_is_newer(on: On) {
    let (fixture, lease) = filled(on).await;
    set_gain(&fixture, 2.0).await;
    let job = started(&fixture, everything()).await;
    let (store, a) = (&fixture.store, worker("a"));
    store.take_recalibration(&a).await.unwrap().unwrap();
    store.advance_recalibration(job.job_id, &a).await.unwrap();
    set_gain(&fixture, 3.0).await;
    let mut batch = lease.batch(ROWS, ROWS + 2);
    let late = Status {
        status_at: at(0),
        ..status("1", "s", ROWS + 1)
    };
    let newer = Status {
        version: 3,
        value: Some(-1.0),
        ..status("1", "s", ROWS + 2)
    };
    batch.statuses = vec![late, newer];
    fixture.commit_one(batch).await;
    finish(&fixture, job.job_id, &a).await;
    for row in rows(&fixture).await {
        match row.sequence_number.0 {
            number if number == ROWS + 2 => assert_eq!((row.version, row.value), (3, Some(-1.0))),
            _ => assert!(row.version == 2 && doubled(&row), "{row:?}"),
        }
    }
    let done = present(&fixture, job.job_id).await;
    assert_eq!(done.statuses_done, ROWS.unsigned_abs() + 1);
    fixture.assert_invariants().await;
}

on_both! {
    a_range_gets_the_values_of_the_present_settings_and_nothing_else_does,
    the_newest_status_follows_and_so_does_one_sub_owner_alone,
    a_job_goes_on_where_a_dead_worker_left_it_and_counts_nothing_twice,
    who_leaves_leaves_at_once,
    a_paused_job_waits_and_a_cancelled_one_is_over,
    one_job_of_an_owner_is_open_at_a_time,
    what_is_committed_meanwhile_is_done_if_it_is_older_and_left_if_it_is_newer,
}
