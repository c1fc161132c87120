//! A node that cannot start says why, in a sentence, with the exit code that scripts rely on.

use std::net::TcpListener;

use crate::harness::port;
use crate::harness::running::Running;
use crate::harness::site::Site;

/// The end of a process that should not have come up: exit code, and what it said.
async fn end_of(mut process: Running) -> (i32, String) {
    let code = process.ended().await.code().unwrap();
    let talk = process.talk();
    for trace in ["panicked", "backtrace", "RUST_BACKTRACE", "\n   0: "] {
        assert!(!talk.contains(trace), "{talk}");
    }
    (code, talk)
}

/// The process ends with 69 and one line, which holds each of these texts.
async fn is_unavailable(process: Running, texts: &[&str]) {
    let (code, talk) = end_of(process).await;
    assert_eq!(code, 69, "{talk}");
    let errors: Vec<_> = talk
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{talk}");
    assert_eq!(talk.lines().last(), Some(errors[0]), "{talk}");
    for text in texts {
        assert!(errors[0].contains(text), "{text:?} is not in {talk}");
    }
}

#[tokio::test]
async fn every_fault_of_the_settings_is_told_at_once() {
    let mut site = Site::embedded(2);
    for (key, literal) in [
        ("store.urls", "\"sqlite://x\""),
        ("pipeline.batch_max_wait", "\"15\""),
        ("hub.partitions", "0"),
        ("hub.retention_size", "\"1KiB\""),
        ("leases.renew_interval", "\"20s\""),
        ("http.listen", "\"nowhere\""),
        ("decode.data", "\"no-slash\""),
        ("source.kind", "\"kafka\""),
    ] {
        site.set(key, literal);
    }
    for arguments in [&["run"][..], &["config", "check"], &["status"]] {
        let process = site.spawn("bad", site.command(arguments));
        let (code, talk) = end_of(process).await;
        assert_eq!(code, 64, "{arguments:?}: {talk}");
        for (key, text) in [
            ("store.urls", "did you mean store.url?"),
            ("pipeline.batch_max_wait", "500ms"),
            ("hub.partitions", "1"),
            ("hub.retention_size", "1MiB"),
            ("leases.renew_interval", "leases.ttl"),
            ("http.listen", "127.0.0.1:8080"),
            ("decode.data", "/"),
            ("source.kind", "event_hubs"),
        ] {
            let lines: Vec<_> = talk
                .lines()
                .filter(|line| line.trim().starts_with(key))
                .collect();
            assert_eq!(lines.len(), 1, "{key} is told once: {talk}");
            assert!(lines[0].contains(text), "{key}: {talk}");
            assert!(lines[0].contains("; "), "how to mend {key}: {talk}");
        }
    }
    assert!(!site.data_dir().exists(), "nothing was started");
}

#[tokio::test]
async fn a_taken_port_of_the_api_is_a_sentence() {
    let site = Site::embedded(2);
    let _taken = TcpListener::bind(("127.0.0.1", site.http_port)).unwrap();
    let port = site.http_port.to_string();
    is_unavailable(site.spawn_node(), &[&port, "http.listen"]).await;
}

#[tokio::test]
async fn a_taken_port_of_the_hub_is_a_sentence() {
    let site = Site::embedded(2);
    let _taken = TcpListener::bind(("127.0.0.1", site.hub_port)).unwrap();
    let port = site.hub_port.to_string();
    is_unavailable(site.spawn_node(), &[&port, "hub.listen"]).await;
    is_unavailable(
        site.spawn("hub", site.command(&["hub"])),
        &[&port, "hub.listen"],
    )
    .await;
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_a_sentence() {
    let mut site = Site::embedded(2);
    // Not by permissions, which do not bind root: a file stands in the way.
    let file = site.path("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("data");
    site.set("node.data_dir", &format!("{below:?}"));
    let shown = below.display().to_string();
    is_unavailable(site.spawn_node(), &[&shown, "node.data_dir"]).await;
}

#[tokio::test]
async fn a_second_node_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let mut site = Site::embedded(2);
    let first = site.start_node().await;
    let (api, pid) = (site.api(), first.pid().to_string());
    site.listen_on(port::free(), port::free());
    let shown = site.data_dir().display().to_string();
    is_unavailable(site.spawn_node(), &[&shown, &pid, "node.data_dir"]).await;
    assert_eq!(api.get("/readyz").await.0, 200);

    // The lock dies with its holder, however that ends.
    first.kill();
    let second = site.start_node().await;
    assert!(second.terminate().await.success());
}

#[tokio::test]
async fn commands_without_a_node_or_a_hub_say_so() {
    let site = Site::apart(2);
    let status = site.spawn("status", site.command(&["status"]));
    is_unavailable(status, &["there is no database"]).await;
    let file = site.path("one.ndjson");
    std::fs::write(&file, "{}\n").unwrap();
    let file = file.display().to_string();
    let port = site.hub_port.to_string();
    is_unavailable(site.spawn("send", site.command(&["send", &file])), &[&port]).await;
}
