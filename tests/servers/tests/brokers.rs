//! The private Redis and RabbitMQ do what the tests rely on.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rollcall_test_servers::{RabbitMq, Redis};

fn until_closed(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < deadline, "port {port} is still open");
        std::thread::yield_now();
    }
}

#[test]
fn a_redis_forgets_when_it_is_killed_and_is_gone_when_dropped() {
    let redis = Redis::start().unwrap();
    redis.command(&["SET", "key", "value"]).unwrap();
    assert_eq!(redis.command(&["GET", "key"]).unwrap(), "value");
    assert!(redis.command(&["NONSENSE"]).is_err());
    redis.kill().unwrap();
    assert!(redis.command(&["PING"]).is_err());
    redis.start_again().unwrap();
    assert_eq!(redis.command(&["GET", "key"]).unwrap(), "");
    redis.pause().unwrap();
    let port = redis.port();
    drop(redis);
    until_closed(port);
}

#[test]
fn a_rabbitmq_starts_again_on_its_port_and_is_gone_when_dropped() {
    let rabbit = RabbitMq::start().unwrap();
    let port = rabbit.port();
    rabbit.kill().unwrap();
    until_closed(port);
    rabbit.start_again().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    drop(rabbit);
    until_closed(port);
}
