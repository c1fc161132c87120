//! Who gets in, with what, and how long.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use insta::assert_json_snapshot;
use rollcall_store::{NewKey, NewUser, Role};
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{Answered, Api, World, json as with_body};
use crate::Secret;
use crate::auth::password;

const LIST: &str = "/api/v1/owners";
const PASSWORD: &str = "correct horse battery";

/// Makes a key as the commands do.
async fn key(world: &World, role: Role, lifetime: Option<Duration>) -> (Uuid, String) {
    let secret = Secret::of_key();
    let key = NewKey {
        key_id: Uuid::new_v4(),
        name: format!("a {}", role.as_str()),
        role,
        secret_hash: secret.hash(),
        created_by: "test".to_owned(),
        lifetime,
    };
    let made = world.store.create_key(key).await.unwrap();
    (made.key_id, secret.reveal().to_owned())
}

async fn user(world: &World, name: &str) {
    let user = NewUser {
        user_name: name.to_owned(),
        role: Role::Operator,
        password_hash: password::hash(PASSWORD).unwrap(),
        created_by: "test".to_owned(),
    };
    world.store.create_user(user).await.unwrap().unwrap();
}

fn by(key: &str, request: TestRequest) -> TestRequest {
    request.insert_header(("authorization", format!("Bearer {key}")))
}

async fn get(api: &Api, key: &str, path: &str) -> Answered {
    api.send(by(key, TestRequest::with_uri(path))).await
}

async fn sign_in(api: &Api, name: &str, password: &str) -> Answered {
    let body = json!({"user_name": name, "password": password});
    api.post("/api/v1/session", &body.to_string()).await
}

/// With the session of an answer.
fn within(session: &Answered, request: TestRequest) -> TestRequest {
    let cookie = session.cookie.as_ref().unwrap();
    let pair = cookie.split(';').next().unwrap().to_owned();
    request.insert_header(("cookie", pair))
}

#[actix_web::test]
async fn a_stranger_gets_health_and_pages_and_nothing_else() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    let api = world.guarded().await;
    for path in [
        "/livez",
        "/readyz",
        "/metrics",
        "/",
        "/start.css",
        "/icon.svg",
    ] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    for path in [
        LIST,
        "/api/v1/owners/1",
        "/api/v1/owners/1/sub-owners/a/statuses",
        "/api/v1/summary",
        "/api/v1/partitions",
        "/api/v1/stream",
        "/api/v1/dead-letters",
        "/api/v1/events",
        "/api/v1/keys",
        "/api/v1/users",
        "/api/v1/audit",
        "/api/v1/session",
        "/api/v1/nothing",
        // The router decodes what it matches.
        "/api/v1/%6fwners",
        "/%61pi/v1/owners",
        "/api/v1//owners",
    ] {
        let answer = api.get(path).await;
        let refused = [401, 404].contains(&answer.status) && !answer.text.contains("owner_id");
        assert!(refused, "{path}: {answer:?}");
    }
    for (method, path) in [
        (Method::POST, LIST),
        (Method::PATCH, "/api/v1/owners/1"),
        (Method::DELETE, "/api/v1/owners/1?erase=true"),
        (Method::POST, "/api/v1/owners/1/block"),
        (Method::POST, "/api/v1/keys"),
    ] {
        let answer = api.send(with_body(method, path, "{}")).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    assert_json_snapshot!(api.get(LIST).await);
}

#[actix_web::test]
async fn each_role_may_do_what_those_below_it_may() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    let api = world.guarded().await;
    let patch = r#"{"display_name": "Plant"}"#;
    let key_body = r#"{"name": "x", "role": "viewer"}"#;
    // What is asked, and the least role that may.
    let table = [
        (Method::GET, LIST, "", Role::Viewer),
        (Method::GET, "/api/v1/summary", "", Role::Viewer),
        (Method::GET, "/api/v1/session", "", Role::Viewer),
        (Method::PATCH, "/api/v1/owners/1", patch, Role::Operator),
        (Method::POST, "/api/v1/owners/1/approve", "", Role::Operator),
        (Method::GET, "/api/v1/keys", "", Role::Admin),
        (Method::POST, "/api/v1/keys", key_body, Role::Admin),
        (Method::GET, "/api/v1/users", "", Role::Admin),
        (Method::DELETE, "/api/v1/users/nobody", "", Role::Admin),
        (Method::GET, "/api/v1/audit", "", Role::Admin),
        (Method::GET, "/api/v1/settings", "", Role::Admin),
    ];
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        let (_, key) = key(&world, role, None).await;
        for (method, path, body, needed) in table.clone() {
            let request = by(&key, with_body(method.clone(), path, body));
            let answer = api.send(request).await;
            let refused = answer.status == 403;
            assert_eq!(
                refused,
                role < needed,
                "{role:?} {method} {path}: {answer:?}"
            );
        }
    }
    // An owner may have any id, that of a preview too.
    world.enter("x/settings:preview", &[]).await;
    let (_, viewer) = key(&world, Role::Viewer, None).await;
    for method in [Method::PATCH, Method::DELETE] {
        let request = with_body(method, "/api/v1/owners/x%2Fsettings:preview", patch);
        assert_eq!(api.send(by(&viewer, request)).await.status, 403);
    }
}

#[actix_web::test]
async fn a_key_that_counts_no_more_says_why() {
    let world = World::new().await;
    let api = world.guarded().await;
    let (_, expired) = key(&world, Role::Admin, Some(Duration::ZERO)).await;
    let (revoked_id, revoked) = key(&world, Role::Admin, None).await;
    world.store.revoke_key(revoked_id).await.unwrap();
    for (key, why) in [
        (expired.as_str(), "has expired"),
        (&revoked, "is revoked"),
        ("rollcall_key_made_up", "is not known"),
        ("", "is not known"),
    ] {
        let answer = get(&api, key, LIST).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.detail().contains(why), "{answer:?}");
    }
    let basic = TestRequest::with_uri(LIST).insert_header(("authorization", "Basic YTpi"));
    assert_eq!(api.send(basic).await.status, 401);
}

#[actix_web::test]
async fn a_revoked_key_opens_nothing_any_more_after_two_seconds_at_most() {
    let world = World::new().await;
    let api = world.guarded().await;
    let (key_id, key) = key(&world, Role::Viewer, None).await;
    assert_eq!(get(&api, &key, LIST).await.status, 200);
    world.store.revoke_key(key_id).await.unwrap();
    let refused = async {
        while get(&api, &key, LIST).await.status == 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(2), refused).await;
    assert!(refused.is_ok(), "it still counts");
}

#[actix_web::test]
async fn a_key_made_by_the_api_shows_its_secret_once_and_works() {
    let world = World::new().await;
    let api = world.guarded().await;
    let (_, admin) = key(&world, Role::Admin, None).await;
    let body = r#"{"name": "deploy", "role": "operator", "expires_in_seconds": 3600}"#;
    let made = by(&admin, with_body(Method::POST, "/api/v1/keys", body));
    let made = api.send(made).await;
    assert_eq!(made.status, 201, "{made:?}");
    let secret = made.body["secret"].as_str().unwrap();
    assert_eq!(get(&api, secret, LIST).await.status, 200);
    let list = get(&api, &admin, "/api/v1/keys").await;
    assert!(!list.text.contains(secret), "{list:?}");
    assert_eq!(list.body["items"][0]["name"], "deploy");
    assert_eq!(list.body["items"][0]["created_by"], "key:a admin");
    let path = format!(
        "/api/v1/keys/{}/revoke",
        made.body["key_id"].as_str().unwrap()
    );
    for _ in 0..2 {
        let revoked = api
            .send(by(&admin, with_body(Method::POST, &path, "")))
            .await;
        assert_eq!(revoked.status, 200, "{revoked:?}");
        assert_ne!(revoked.body["revoked_at"], Value::Null);
    }
    for (body, status) in [
        (r#"{"name": "", "role": "viewer"}"#, 422),
        (r#"{"name": "x", "role": "root"}"#, 422),
        (r#"{"name": "x", "role": "viewer", "expires": 1}"#, 422),
    ] {
        let refused = by(&admin, with_body(Method::POST, "/api/v1/keys", body));
        let refused = api.send(refused).await;
        assert_eq!(refused.status, status, "{body}: {refused:?}");
    }
}

#[actix_web::test]
async fn a_session_lasts_until_it_is_closed_and_scripts_cannot_read_it() {
    let world = World::new().await;
    user(&world, "ada").await;
    let api = world.guarded().await;
    let session = sign_in(&api, "ada", PASSWORD).await;
    assert_json_snapshot!(session);
    let cookie = session.cookie.clone().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "over plain HTTP it would be lost"
    );
    let read = || within(&session, TestRequest::with_uri("/api/v1/session"));
    assert_json_snapshot!(api.send(read()).await);
    let change = with_body(Method::POST, LIST, r#"{"owner_id": "1"}"#);
    assert_eq!(api.send(within(&session, change)).await.status, 201);
    // Of an operator, not an admin.
    let keys = TestRequest::with_uri("/api/v1/keys");
    assert_eq!(api.send(within(&session, keys)).await.status, 403);
    let close = TestRequest::with_uri("/api/v1/session").method(Method::DELETE);
    let closed = api.send(within(&session, close)).await;
    assert_eq!(closed.status, 204);
    assert!(closed.cookie.unwrap().contains("Max-Age=0"));
    let ended = async {
        loop {
            let answer = api.send(read()).await;
            if answer.status == 401 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(2), ended).await;
    assert!(ended.unwrap().detail().contains("sign in again"));
}

#[actix_web::test]
async fn over_an_encrypted_connection_the_cookie_stays_on_such_ones() {
    let world = World::new().await;
    user(&world, "ada").await;
    let api = world.guarded().await;
    let body = json!({"user_name": "ada", "password": PASSWORD}).to_string();
    let request = with_body(Method::POST, "/api/v1/session", &body)
        .insert_header(("x-forwarded-proto", "https"));
    let cookie = api.send(request).await.cookie.unwrap();
    assert!(cookie.contains("Secure"), "{cookie}");
}

#[actix_web::test]
async fn a_wrong_name_and_a_wrong_password_are_told_alike() {
    let world = World::new().await;
    user(&world, "ada").await;
    let api = world.guarded().await;
    let name = sign_in(&api, "eve", PASSWORD).await;
    let password = sign_in(&api, "ada", "incorrect horse battery").await;
    assert_eq!(name.status, 401);
    assert_eq!((name.status, &name.text), (password.status, &password.text));
    assert!(name.cookie.is_none() && password.cookie.is_none());
}

#[actix_web::test]
async fn another_site_cannot_sign_anybody_in() {
    let world = World::new().await;
    user(&world, "ada").await;
    let api = world.guarded().await;
    let body = json!({"user_name": "ada", "password": PASSWORD}).to_string();
    let request = with_body(Method::POST, "/api/v1/session", &body)
        .insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(api.send(request).await.status, 403);
}

#[actix_web::test]
async fn who_tries_passwords_has_to_wait() {
    let world = World::new().await;
    let api = world.guarded().await;
    let mut last = None;
    for _ in 0..11 {
        last = Some(sign_in(&api, "ada", "a guess or another").await);
    }
    let last = last.unwrap();
    assert_eq!(last.status, 429, "{last:?}");
    assert_eq!(last.body["title"], "Too Many Requests");
    let wait: u64 = last.headers["retry-after"].parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
}

#[actix_web::test]
async fn who_makes_up_keys_has_to_wait_and_a_caller_whom_the_node_knows_has_not() {
    let world = World::new().await;
    let api = world.guarded().await;
    let (_, known) = key(&world, Role::Viewer, None).await;
    assert_eq!(get(&api, &known, LIST).await.status, 200);
    let guesses = (0..10_000).map(|_| crate::Secret::of_key());
    let mut refused = None;
    for guess in guesses {
        let answer = get(&api, guess.reveal(), LIST).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let refused = refused.expect("the database is asked for every key that somebody makes up");
    assert_eq!(refused.body["title"], "Too Many Requests");
    assert_eq!(get(&api, &known, LIST).await.status, 200);
    // Neither is signing out a way to ask it as often as one likes.
    let mut refused = false;
    for _ in 0..10_000 {
        let out = TestRequest::delete().uri("/api/v1/session");
        let out = out.insert_header(("cookie", "rollcall_session=made-up"));
        refused = api.send(out).await.status == 429;
        if refused {
            break;
        }
    }
    assert!(refused, "nobody who signs out without end has to wait");
}

#[actix_web::test]
async fn a_caller_that_asks_without_pause_has_to_wait_and_others_have_not() {
    let world = World::new().await;
    let api = world.api_with(|config| {
        config.auth = crate::Auth::On;
        config.requests_per_second = std::num::NonZeroU32::MIN;
    });
    let api = api.await;
    let (_, busy) = key(&world, Role::Viewer, None).await;
    let (_, calm) = key(&world, Role::Operator, None).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(get(&api, &busy, LIST).await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(get(&api, &calm, LIST).await.status, 200);
}

#[actix_web::test]
async fn users_are_entered_changed_and_deleted_by_admins() {
    let world = World::new().await;
    let api = world.guarded().await;
    let (_, admin) = key(&world, Role::Admin, None).await;
    let ask = async |method: Method, path: &str, body: &Value| {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        api.send(by(&admin, with_body(method, path, &body))).await
    };
    let ada = json!({"user_name": "ada", "role": "viewer", "password": PASSWORD});
    let made = ask(Method::POST, "/api/v1/users", &ada).await;
    assert_json_snapshot!(made);
    assert_eq!(ask(Method::POST, "/api/v1/users", &ada).await.status, 409);
    let short = json!({"user_name": "eve", "role": "viewer", "password": "short"});
    let short = ask(Method::POST, "/api/v1/users", &short).await;
    assert_eq!(short.status, 422);
    assert!(short.detail().contains("12 to 256 characters"), "{short:?}");
    let promote = json!({"role": "admin"});
    let promoted = ask(Method::PATCH, "/api/v1/users/ada", &promote).await;
    assert_eq!(promoted.body["role"], "admin");
    let session = sign_in(&api, "ada", PASSWORD).await;
    assert_eq!(session.body["role"], "admin");
    let renewed = json!({"password": "another horse battery"});
    let renewed = ask(Method::PATCH, "/api/v1/users/ada", &renewed).await;
    assert_eq!(renewed.status, 200);
    assert_eq!(sign_in(&api, "ada", PASSWORD).await.status, 401);
    let session = sign_in(&api, "ada", "another horse battery").await;
    assert_eq!(session.status, 200);
    let deleted = ask(Method::DELETE, "/api/v1/users/ada", &Value::Null).await;
    assert_eq!(deleted.status, 204);
    let again = ask(Method::DELETE, "/api/v1/users/ada", &Value::Null).await;
    assert_eq!(again.status, 404);
    let change = ask(Method::PATCH, "/api/v1/users/ada", &promote).await;
    assert_eq!(change.status, 404);
}

#[actix_web::test]
async fn who_signs_in_may_use_any_name_of_the_node() {
    let world = World::new().await;
    let api = world.guarded().await;
    let (_, key) = key(&world, Role::Viewer, None).await;
    let request = TestRequest::with_uri(LIST).insert_header(("host", "rollcall.svc:8080"));
    assert_eq!(api.send(by(&key, request)).await.status, 200);
    let probe = TestRequest::with_uri("/livez").insert_header(("host", "10.2.0.7:8080"));
    assert_eq!(api.send(probe).await.status, 200);
}

#[actix_web::test]
async fn where_nobody_signs_in_everybody_is_the_api() {
    let world = World::new().await;
    let api = world.api().await;
    assert_json_snapshot!(api.get("/api/v1/session").await);
    assert_eq!(api.get("/api/v1/keys").await.status, 200);
}
