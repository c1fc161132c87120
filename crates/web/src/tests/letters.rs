//! Dead letters by the API: what is said where nothing was changed, and what is asked of the pipeline.

use rollcall_model::{DeadReason, DropReason, OwnerState};
use rollcall_pipeline::LetterOutcome;
use rollcall_store::DeadLetterState;

use super::world::World;

const REPLAY: &str = "/api/v1/dead-letters/1-0-2/replay";

#[actix_web::test]
async fn each_reason_why_a_letter_is_not_replayed_has_its_answer() {
    let world = World::new().await;
    let api = world.api().await;
    for (outcome, status, said) in [
        (LetterOutcome::NotFound, 404, "no dead letter \"1-0-2\""),
        (
            LetterOutcome::NotOpen(DeadLetterState::Replayed),
            409,
            "replayed already",
        ),
        (
            LetterOutcome::Undecodable(DeadReason::BadId, "the id is empty".to_owned()),
            422,
            "bad_id: the id is empty",
        ),
        (
            LetterOutcome::OwnerIs(OwnerState::Pending),
            409,
            "its owner is pending",
        ),
        (
            LetterOutcome::Dropped(DropReason::Denied),
            409,
            "dropped as denied",
        ),
    ] {
        *world.desk.letter.lock().unwrap() = outcome;
        let answer = api.post(REPLAY, "").await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.detail().contains(said), "{answer:?}");
    }
}

#[actix_web::test]
async fn a_mended_body_is_passed_on_exactly_and_a_broken_wish_is_not() {
    let world = World::new().await;
    let api = world.api().await;
    for body in [
        "",
        "{}",
        r#"{"body": "ü"}"#,
        r#"{"body_base64": "AJ+SlA=="}"#,
    ] {
        api.post(REPLAY, body).await;
    }
    let asked: Vec<_> = world.desk.letters.lock().unwrap().drain(..).collect();
    let bodies: Vec<_> = asked.into_iter().map(|(_, body)| body).collect();
    let bytes = vec![0, 159, 146, 148];
    assert_eq!(bodies, [None, None, Some("ü".into()), Some(bytes)]);
    for (body, status) in [
        ("no JSON", 400),
        (r#"{"bdy": "x"}"#, 422),
        (r#"{"body_base64": "%"}"#, 422),
        (r#"{"body": "x", "body_base64": "eA=="}"#, 400),
    ] {
        let answer = api.post(REPLAY, body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    assert!(world.desk.letters.lock().unwrap().is_empty());
    let nowhere = api.post("/api/v1/dead-letters/x/discard", "").await;
    assert_eq!(nowhere.status, 404, "{nowhere:?}");
    let unknown = api.post("/api/v1/dead-letters:bulk", r#"{"action": "burn"}"#);
    assert_eq!(unknown.await.status, 422);
}
