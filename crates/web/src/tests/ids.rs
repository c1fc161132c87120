//! Ids may hold anything but control characters and white space at an end.

use super::world::World;

/// With the form that they have in a path.
const AWKWARD: [(&str, &str); 9] = [
    ("a/b", "a%2Fb"),
    ("100%", "100%25"),
    ("%2F", "%252F"),
    ("%252F", "%25252F"),
    ("two words", "two%20words"),
    ("zähler", "z%C3%A4hler"),
    ("a+b", "a%2Bb"),
    ("?#&=;:@", "%3F%23%26%3D%3B%3A%40"),
    ("...", "..."),
];

#[actix_web::test]
async fn awkward_ids_are_found_under_their_location() {
    let world = World::new().await;
    let api = world.api().await;
    for (id, encoded) in AWKWARD {
        let body = serde_json::json!({"owner_id": id}).to_string();
        let created = api.post("/api/v1/owners", &body).await;
        let location = created.headers["location"].as_str();
        assert_eq!(location, format!("/api/v1/owners/{encoded}"));
        assert_eq!(api.get(location).await.body["owner_id"], id);

        let body = serde_json::json!({"sub_owner_id": id}).to_string();
        let below = api.post(&format!("{location}/sub-owners"), &body).await;
        let location = below.headers["location"].as_str();
        assert_eq!(
            location,
            format!("/api/v1/owners/{encoded}/sub-owners/{encoded}")
        );
        let read = api.get(location).await;
        assert_eq!(
            (&read.body["owner_id"], &read.body["sub_owner_id"]),
            (&id.into(), &id.into())
        );
        assert_eq!(api.get(&format!("{location}/statuses")).await.status, 200);
    }
    let all = api.get("/api/v1/owners").await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), AWKWARD.len());
}

#[actix_web::test]
async fn one_id_may_be_written_in_several_ways() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("a+b c", &[]).await;
    for path in ["a+b%20c", "a%2Bb%20c", "a%2bb%20c", "%61+b%20c"] {
        assert_eq!(
            api.get(&format!("/api/v1/owners/{path}")).await.status,
            200,
            "{path}"
        );
    }
}

#[actix_web::test]
async fn what_cannot_be_an_id_is_said() {
    let world = World::new().await;
    let api = world.api().await;
    for (path, problem) in [
        ("%FF", "not percent-encoded UTF-8"),
        ("a%00b", "no control characters"),
        ("%20a", "no white space at either end"),
        (&"x".repeat(129), "at most 128 characters"),
    ] {
        let refused = api.get(&format!("/api/v1/owners/{path}")).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.detail().contains(problem), "{refused:?}");
    }
}
