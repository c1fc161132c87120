use insta::assert_json_snapshot;

use super::world::World;

#[actix_web::test]
async fn owners_are_paged_by_id() {
    let world = World::new().await;
    let api = world.api().await;
    for id in ["e", "c", "a", "d", "b"] {
        world.enter(id, &[]).await;
    }
    let first = api.get("/api/v1/owners?limit=2").await;
    assert_eq!(first.items("owner_id"), ["a", "b"]);
    let mut seen = 2;
    let mut cursor = first.body["next_cursor"].as_str().map(str::to_owned);
    while let Some(at) = cursor {
        let page = api
            .get(&format!("/api/v1/owners?limit=2&cursor={at}"))
            .await;
        assert!(page.items("owner_id") > vec!["b"], "{page:?}");
        seen += page.items("owner_id").len();
        cursor = page.body["next_cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, 5);
}

#[actix_web::test]
async fn owners_are_found_by_part_of_id_or_name_and_by_state() {
    let world = World::new().await;
    let api = world.api().await;
    for id in ["plant-1", "plant-2", "office"] {
        world.enter(id, &[]).await;
    }
    api.patch(
        "/api/v1/owners/office",
        r#"{"display_name":"Beside Plant 1"}"#,
    )
    .await;
    world.delete("plant-2").await;
    let ids = async |query: &str| {
        let page = api.get(&format!("/api/v1/owners?{query}")).await;
        page.items("owner_id")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("q=PLANT").await, ["office", "plant-1", "plant-2"]);
    assert_eq!(ids("q=plant&state=deleted").await, ["plant-2"]);
    assert_eq!(ids("q=").await.len(), 3, "an empty search finds all");
    assert_eq!(ids("q=100%25").await, Vec::<String>::new());
}

#[actix_web::test]
async fn a_list_looks_like_this() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    assert_json_snapshot!(world.api().await.get("/api/v1/owners").await);
}

#[actix_web::test]
async fn queries_that_cannot_be_meant_are_refused_by_name() {
    let world = World::new().await;
    let api = world.api().await;
    for (query, problem) in [
        (
            "owners?limit=0",
            "limit: \"0\" is not a number from 1 to 1000",
        ),
        (
            "owners?limit=many",
            "limit: \"many\" is not a number from 1 to 1000",
        ),
        (
            "owners?state=actve",
            "state: \"actve\" is not one of active, pending, blocked, deleted",
        ),
        (
            "owners?stat=active",
            "\"stat\" is not a parameter of this resource; it has: q, state",
        ),
        ("owners?q=a&q=b", "q comes twice"),
        (
            "owners?sort=version",
            "sort: \"version\" is not one of owner_id, -owner_id, created_at, -created_at",
        ),
        (
            "dead-letters?state=closed",
            "state: \"closed\" is not one of open",
        ),
        (
            "dead-letters?limit=101",
            "limit: \"101\" is not a number from 1 to 100",
        ),
        (
            "events?state=lost",
            "state: \"lost\" is not one of pending, sent, parked",
        ),
        ("events?order=up", "order: \"up\" is neither desc"),
        ("events/7", "\"7\" is not the id of an event"),
        (
            "owners/1/sub-owners/a/statuses?from=yesterday",
            "from: \"yesterday\" is not an RFC 3339",
        ),
        (
            "owners/1/sub-owners/a/statuses?order=up",
            "order: \"up\" is neither desc",
        ),
        ("summary?x=1", "it has: none"),
    ] {
        let refused = api.get(&format!("/api/v1/{query}")).await;
        assert_eq!(refused.status, 400, "{query}: {refused:?}");
        assert!(refused.detail().contains(problem), "{query}: {refused:?}");
        assert_eq!(refused.headers["content-type"], "application/problem+json");
    }
    for list in [
        "owners",
        "events",
        "dead-letters",
        "gaps",
        "approvals",
        "audit",
    ] {
        let nowhere = api.get(&format!("/api/v1/{list}?cursor=nonsense")).await;
        assert_eq!(nowhere.status, 404, "{list}: {nowhere:?}");
        assert!(
            nowhere.detail().contains("leave it out to begin"),
            "{nowhere:?}"
        );
    }
}
