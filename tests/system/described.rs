//! The API by its own description: a foreign program reads it and tries what it finds, rubbish
//! included.

use std::path::Path;
use std::process::Command;

use crate::harness::message::status;
use crate::harness::site::Site;

/// What it is not asked: the live stream has no end, and what is deleted stays readable here by
/// contract, as `deleted`.
const EXCEPT: [&str; 4] = [
    "--exclude-path",
    "/api/v1/stream",
    "--exclude-checks",
    "use_after_free",
];
/// Settings have rules that JSON Schema cannot say, such as that a table's x rises: what breaks one is
/// refused although its shape is right. So there alone it is no fault that a shape is refused.
const CONFIG: &str = r#"
[[operations]]
include-path-regex = "^/api/v1/owners(:bulk|/\\{owner_id\\}(/settings:preview|/sub-owners/\\{sub_owner_id\\})?)?$"
checks.positive_data_acceptance.enabled = false
"#;
/// Tries of each operation and phase: some thousand requests in all.
const EXAMPLES: &str = "15";

fn program() -> std::path::PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = here.join("tests/.clients/schemathesis/bin/schemathesis");
    assert!(program.exists(), "run tests/install-clients first");
    program
}

/// Has it try everything; what it says where it finds a fault.
async fn tried(site: &Site, options: &[&str]) {
    std::fs::write(site.path("schemathesis.toml"), CONFIG).unwrap();
    let mut command = Command::new(program());
    command
        .current_dir(site.path(""))
        .args([
            "run",
            "--no-color",
            "--seed",
            "1",
            "--max-examples",
            EXAMPLES,
        ])
        .args(EXCEPT)
        .args(options)
        .arg(format!("http://127.0.0.1:{}/openapi.json", site.http_port));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

/// So that there is something of each kind to be found.
async fn fill(site: &Site) {
    let bodies = (0..40_u32).map(|n| status(&format!("owner-{}", n % 5), "s", "1"));
    let sender = site.sender().await;
    sender.send(0, bodies).await;
    sender.send(0, [b"rubbish".to_vec()]).await;
    sender.close().await;
    site.settled().await;
}

#[tokio::test]
async fn a_foreign_program_finds_the_api_as_it_is_described() {
    let site = Site::embedded(1);
    let node = site.start_node().await;
    fill(&site).await;
    tried(&site, &[]).await;
    site.answer(&["doctor"]).await;
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn where_callers_sign_in_it_gets_nowhere_without_a_key_and_as_far_with_one() {
    let mut site = Site::embedded(1);
    site.set("http.auth", "\"on\"");
    site.set("http.requests_per_second", "100000");
    let node = site.start_node().await;
    fill(&site).await;
    let create = ["keys", "create", "trial", "--role", "admin"];
    let key = site.answer(&create).await;
    let header = format!("Authorization: Bearer {}", key.trim());
    // Its own key it shall not revoke, nor learn passwords by trying.
    let except = ["--exclude-path-regex", "/(keys|users|session)"];
    tried(&site, &[&["--header", &header][..], &except[..]].concat()).await;
    assert!(node.terminate().await.success());
}
