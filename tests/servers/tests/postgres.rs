//! The private PostgreSQL does what the tests rely on.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rollcall_test_servers::Postgres;

#[test]
fn each_database_is_empty_and_gone_when_dropped() {
    let cluster = Postgres::of_this_process();
    let (first, second) = (
        cluster.new_database().unwrap(),
        cluster.new_database().unwrap(),
    );
    first.psql("CREATE TABLE t (n integer)").unwrap();
    assert!(second.psql("SELECT n FROM t").is_err());
    let count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'roll\\_%'";
    let before: u32 = cluster.psql("postgres", count).unwrap().parse().unwrap();
    drop((first, second));
    let after: u32 = cluster.psql("postgres", count).unwrap().parse().unwrap();
    assert_eq!(before - after, 2);
}

#[test]
fn what_was_committed_survives_a_stop_and_not_a_restore() {
    let cluster = Postgres::start().unwrap();
    let sql = |statement: &str| cluster.psql("postgres", statement).unwrap();
    sql("CREATE TABLE t (n integer)");
    let snapshot = cluster.snapshot().unwrap();
    sql("INSERT INTO t VALUES (7)");
    cluster.stop_immediate().unwrap();
    assert!(cluster.psql("postgres", "SELECT 1").is_err());
    cluster.start_again().unwrap();
    assert_eq!(sql("SELECT n FROM t"), "7");
    cluster.restart().unwrap();
    assert_eq!(sql("SELECT n FROM t"), "7");
    cluster.restore(&snapshot).unwrap();
    assert_eq!(sql("SELECT count(*) FROM t"), "0");
    assert_eq!(sql("SHOW fsync"), "off");
}

/// Run by the test below in a process that is killed.
#[test]
#[ignore = "never ends by itself"]
fn start_and_hang() {
    let cluster = Postgres::start().unwrap();
    println!("port={}", cluster.port());
    loop {
        std::thread::park();
    }
}

#[test]
fn the_server_is_gone_when_the_process_that_started_it_is_killed() {
    use std::io::{BufRead as _, BufReader};
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "start_and_hang", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let port: u16 = output
        .lines()
        .find_map(|line| line.unwrap().split_once("port=")?.1.parse().ok())
        .unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < deadline, "the server outlived its test");
        std::thread::yield_now();
    }
}
