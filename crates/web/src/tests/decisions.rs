use actix_web::http::Method;
use actix_web::test::TestRequest;
use rollcall_model::OwnerState;

use super::world::World;

/// What each decision makes of each state, or the code of its refusal.
#[actix_web::test]
async fn a_decision_leads_where_the_table_says() {
    let world = World::new().await;
    let api = world.api().await;
    let table = [
        ("active", "approve", Ok("active")),
        ("active", "block", Ok("blocked")),
        ("active", "restore", Ok("active")),
        ("pending", "approve", Ok("active")),
        ("pending", "block", Ok("blocked")),
        ("pending", "restore", Err("approve it instead")),
        ("blocked", "approve", Err("restore it instead")),
        ("blocked", "block", Ok("blocked")),
        ("blocked", "restore", Ok("active")),
        ("deleted", "approve", Err("restore it instead")),
        ("deleted", "block", Err("restore it instead")),
        ("deleted", "restore", Ok("active")),
    ];
    for (number, (from, decision, outcome)) in table.into_iter().enumerate() {
        let owner = number.to_string();
        world.enter(&owner, &[]).await;
        world.put(&owner, from.parse().unwrap()).await;
        let path = format!("/api/v1/owners/{owner}/{decision}");
        let answer = api.post(&path, "").await;
        let case = format!("{decision} of {from}: {answer:?}");
        match outcome {
            Ok(state) => assert_eq!(
                (answer.status, &answer.body["state"]),
                (200, &state.into()),
                "{case}"
            ),
            Err(advice) => {
                assert_eq!(answer.status, 409, "{case}");
                assert!(
                    answer.body["detail"].as_str().unwrap().contains(advice),
                    "{case}"
                );
            }
        }
    }
}

#[actix_web::test]
async fn who_decided_on_another_version_decides_again() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &[]).await;
    world.put("1", OwnerState::Blocked).await;
    let restore = |version: &'static str| {
        TestRequest::with_uri("/api/v1/owners/1/restore")
            .method(Method::POST)
            .insert_header(("if-match", version))
    };
    assert_eq!(api.send(restore("\"1\"")).await.status, 412);
    assert_eq!(api.send(restore("\"2\"")).await.status, 200);
}

#[actix_web::test]
async fn a_deleted_owner_is_deleted_once_and_erased_when_that_is_asked() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    let delete = |query: &str| {
        TestRequest::with_uri(&format!("/api/v1/owners/1{query}")).method(Method::DELETE)
    };
    for _ in 0..2 {
        let answer = api.send(delete("")).await;
        assert_eq!(
            (answer.status, &answer.body["state"]),
            (200, &"deleted".into())
        );
        assert_eq!(answer.body["version"], 2);
    }
    let answer = api.send(delete("?erase=true")).await;
    assert_eq!((answer.status, &answer.body["erased"]), (200, &3.into()));
    assert_eq!(api.send(delete("?erase=perhaps")).await.status, 400);
    assert_eq!(api.get("/api/v1/owners/1").await.status, 200);
}
