//! Signing in, with real nodes and the commands that make keys and users.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::harness::message::status;
use crate::harness::scene::Scene;
use crate::harness::site::Site;
use crate::harness::wait::until;

const OWNERS: &str = "/api/v1/owners";

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_opens_nothing_on_any_node_after_two_seconds() {
    let mut scene = Scene::open(2, "\"15s\"").await;
    scene.site.set("http.auth", "\"on\"");
    let nodes = scene.nodes(["a", "b"]).await;
    let create = ["keys", "create", "deploy", "--role", "viewer"];
    let key = scene.site.answer(&create).await;
    let apis = [0, 1].map(|node: usize| nodes[node].api.with_key(key.trim()));
    let codes = async || {
        let [one, other] = &apis;
        [one.get(OWNERS).await.0, other.get(OWNERS).await.0]
    };
    assert_eq!(codes().await, [200; 2]);
    let listed = scene
        .site
        .answer(&["keys", "list", "--output", "json"])
        .await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed["items"][0]["key_id"].as_str().unwrap();
    scene.site.answer(&["keys", "revoke", id]).await;
    // The log has what was made without a node, too.
    let log = scene.site.database();
    let log: Vec<(String, String, i64)> = log
        .rows("SELECT caller, action, {integer status} FROM audit_log ORDER BY audit_id")
        .await;
    let told = |action: &str, status| ("command line".to_owned(), action.to_owned(), status);
    let made = told("rollcall keys create", 201);
    assert_eq!(log, [made, told("rollcall keys revoke", 200)]);
    let refused = async {
        while codes().await != [401; 2] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(2), refused).await;
    assert!(refused.is_ok(), "it still counts somewhere");
    let sender = scene.site.sender().await;
    sender.send(0, [status("1", "s", "1")]).await;
    sender.close().await;
    scene.ends(None, nodes.into()).await;
}

#[tokio::test]
async fn commands_show_their_key_to_a_node_with_tls_and_say_where_one_is_missing() {
    let mut site = Site::embedded(1);
    let pair = rcgen::generate_simple_self_signed(vec!["roll.example".to_owned()]).unwrap();
    for (key, name, pem) in [
        ("http.tls_certificate", "certificate.pem", pair.cert.pem()),
        ("http.tls_key", "key.pem", pair.signing_key.serialize_pem()),
    ] {
        let path = site.path(name);
        std::fs::write(&path, pem).unwrap();
        site.set(key, &format!("{path:?}"));
    }
    site.set("http.auth", "\"on\"");
    let mut node = site.spawn_node();
    until("nobody has a key yet", async || {
        assert!(node.is_alive(), "the node ended:\n{}", node.talk());
        let told = node.talk().contains("nobody can use the API yet");
        told.then_some(())
    })
    .await;
    let file = site.path("owners.ndjson");
    std::fs::write(&file, "{\"owner_id\":\"1\"}\n").unwrap();
    let import = ["owners", "import", file.to_str().unwrap()];
    let refused = site.run(&import).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(69), "{said}");
    assert!(said.contains("ROLLCALL_API_KEY"), "{said}");

    let create = [
        "keys",
        "create",
        "import",
        "--role",
        "operator",
        "--expires-in",
        "1h",
    ];
    let key = site.answer(&create).await;
    let mut command = site.command(&import);
    command.env("ROLLCALL_API_KEY", key.trim());
    let imported = tokio::task::spawn_blocking(move || command.output().unwrap());
    let imported = imported.await.unwrap();
    let said = String::from_utf8(imported.stderr).unwrap();
    assert!(imported.status.success(), "{said}");

    let audit = audit_as_a_new_admin(&site, &pair.cert.pem()).await;
    // Before the admin: whoever imported, and the command that made their key.
    let callers: Vec<_> = (0..3).map(|row| &audit["items"][row]["caller"]).collect();
    let [by_hand, import] = ["command line", "key:import"];
    assert_eq!(callers, [by_hand, import, by_hand], "{audit}");
    assert!(node.terminate().await.success());
}

/// Enters a user by command, signs in by the name of the certificate, and reads the audit log.
async fn audit_as_a_new_admin(site: &Site, certificate: &str) -> Value {
    let mut command = site.command(&["users", "create", "ada", "--role", "admin"]);
    let password = "correct horse battery";
    let piped = site.path("password");
    std::fs::write(&piped, format!("{password}\n")).unwrap();
    command.stdin(std::fs::File::open(&piped).unwrap());
    let entered = tokio::task::spawn_blocking(move || command.status().unwrap());
    assert!(entered.await.unwrap().success());
    let trusted = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([trusted])
        .resolve("roll.example", ([127, 0, 0, 1], site.http_port).into())
        .build()
        .unwrap();
    let at = format!("https://roll.example:{}/api/v1", site.http_port);
    let sign_in = json!({"user_name": "ada", "password": password}).to_string();
    let request = client.post(format!("{at}/session")).body(sign_in);
    let session = request.header("content-type", "application/json").send();
    let session = session.await.unwrap();
    assert_eq!(session.status(), StatusCode::OK);
    let cookie = session.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let audit = client.get(format!("{at}/audit")).header("cookie", pair);
    let audit = audit.send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&audit).unwrap()
}
