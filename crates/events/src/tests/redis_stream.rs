//! Against Debian's Redis.

use redis::streams::StreamRangeReply;
use redis::{AsyncCommands as _, Client};
use rollcall_test_servers::Redis;

use super::world::{
    World, accepting, arrived, assert_in_order, config, enter_and_block, event, eventually,
    receiver, webhook,
};
use crate::redis_stream::{Config, RedisStreamSink};
use crate::{Sink, SinkConfig, SinkError, SinkKind};

fn redis_config(server: &Redis) -> Config {
    Config {
        url: server.url(),
        stream: "announcements".to_owned(),
        max_length: None,
    }
}

fn sink(config: Config) -> SinkConfig {
    SinkConfig {
        name: "redis".to_owned(),
        types: Vec::new(),
        kind: SinkKind::RedisStream(config),
    }
}

/// Subject, type and id of each entry.
async fn entries(server: &Redis) -> Vec<(String, String, String)> {
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let entries: StreamRangeReply = connection.xrange_all("announcements").await.unwrap();
    let field = |entry: &redis::streams::StreamId, name: &str| entry.get(name).unwrap();
    entries
        .ids
        .iter()
        .map(|it| (field(it, "subject"), field(it, "type"), field(it, "id")))
        .collect()
}

#[tokio::test]
async fn a_repeat_adds_nothing_until_its_entry_is_gone() {
    let server = Redis::start().unwrap();
    let sink = RedisStreamSink::new(&redis_config(&server)).unwrap();
    for number in [1, 2, 1, 1] {
        assert_eq!(sink.send(&event(number)).await, Ok(()));
    }
    assert_eq!(server.command(&["XLEN", "announcements"]).unwrap(), "2");
    let entry = server
        .command(&["XRANGE", "announcements", "-", "+", "COUNT", "1"])
        .unwrap();
    let lines: Vec<_> = entry.lines().collect();
    assert_eq!(
        lines[1..],
        [
            "id",
            &event(1).event_id.to_string(),
            "type",
            "rollcall.owner.created",
            "subject",
            "owner-1",
            "event",
            &event(1).payload
        ]
    );
    // As somebody does who sends it again because the entry was lost.
    server
        .command(&["XDEL", "announcements", lines[0]])
        .unwrap();
    assert_eq!(sink.send(&event(1)).await, Ok(()));
    assert_eq!(server.command(&["XLEN", "announcements"]).unwrap(), "2");
    let remembered = format!("{{announcements}}:sent:{}", event(1).event_id);
    let seconds: u64 = server
        .command(&["TTL", &remembered])
        .unwrap()
        .parse()
        .unwrap();
    assert!(seconds > 86_000, "{seconds}");
}

#[tokio::test]
async fn a_stream_is_kept_at_about_its_length() {
    let server = Redis::start().unwrap();
    let sink = RedisStreamSink::new(&Config {
        max_length: Some(100),
        ..redis_config(&server)
    })
    .unwrap();
    for number in 0..500 {
        sink.send(&event(number)).await.unwrap();
    }
    let length: u64 = server
        .command(&["XLEN", "announcements"])
        .unwrap()
        .parse()
        .unwrap();
    // Redis drops whole nodes of a hundred entries.
    assert!((100..=200).contains(&length), "{length}");
}

#[tokio::test]
async fn a_redis_that_refuses_says_nothing_about_the_event() {
    let server = Redis::start_with(&["--requirepass", "hush", "--save", ""]).unwrap();
    let error = |url: String| async {
        let config = Config {
            url,
            ..redis_config(&server)
        };
        RedisStreamSink::new(&config)
            .unwrap()
            .send(&event(1))
            .await
            .unwrap_err()
    };
    let wrong = server.url().replace("//", "//:hush-not@");
    for url in [server.url(), wrong, "redis://127.0.0.1:9".to_owned()] {
        let error = error(url).await;
        assert!(matches!(error, SinkError::Unreachable { .. }), "{error:?}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    let config = Config {
        url: server.url().replace("//", "//:hush@"),
        ..redis_config(&server)
    };
    assert_eq!(
        RedisStreamSink::new(&config).unwrap().send(&event(1)).await,
        Ok(())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_or_dies_delays_no_other_sink_and_gets_everything_in_order() {
    let world = World::new().await;
    let server = Redis::start().unwrap();
    let other = receiver(accepting()).await;
    let sinks = vec![sink(redis_config(&server)), webhook("hook", other.uri())];
    let relay = world.relay(config(sinks)).await;

    server.pause().unwrap();
    enter_and_block(&world, 0..50).await;
    eventually("the other one has all", async || {
        arrived(&other).await.len() == 100
    })
    .await;
    assert_eq!(relay.status().sinks[0].sent, 0);
    server.resume().unwrap();
    eventually("caught up", async || relay.status().sinks[0].sent == 100).await;
    assert_in_order(&entries(&server).await, 50);

    server.kill().unwrap();
    enter_and_block(&world, 50..60).await;
    eventually("the other one has all", async || {
        arrived(&other).await.len() == 120
    })
    .await;
    eventually("the fault shows", async || {
        relay.status().sinks[0].fault.is_some()
    })
    .await;
    server.start_again().unwrap();
    eventually("caught up", async || relay.status().sinks[0].sent == 120).await;
    relay.stop().await;
    // What was in its memory is lost; what came later is there.
    assert_in_order(&entries(&server).await, 10);
    assert_eq!(world.pending().await, 0);
}
