//! Peers that mean it no good: they are closed, and nobody else notices.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Fixture, bodies, earliest, receiver, take, within};

const HEADER: &[u8] = b"AMQP\x00\x01\x00\x00";
/// An open with the container id "x".
const OPEN: &[u8] = &[
    0, 0, 0, 17, 2, 0, 0, 0, 0, 0x53, 0x10, 0xc0, 4, 1, 0xa1, 1, b'x',
];

fn frame(body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    let mut frame = size.to_be_bytes().to_vec();
    frame.extend([2, 0, 0, 0]);
    frame.extend(body);
    frame
}

/// Says something and reads until the hub hangs up.
async fn say(fixture: &Fixture, words: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(fixture.hub.address()).await.unwrap();
    let mut heard = Vec::new();
    within("being closed", async {
        if socket.write_all(words).await.is_ok() {
            // A reset is as good as an end.
            drop(socket.read_to_end(&mut heard).await);
        }
    })
    .await;
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_closed_and_others_go_on() {
    let fixture = Fixture::start().await;
    fixture.send("0", &["a"]).await;
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    let greeted = [HEADER, OPEN].concat();
    let huge_frame = [&greeted[..], &[0x7f, 0xff, 0xff, 0xff]].concat();
    let nested = [&greeted[..], &frame(&[0; 60_000])].concat();
    let bomb = [
        0x00, 0x53, 0x10, 0xf0, 0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff, 0x40,
    ];
    let bomb = [&greeted[..], &frame(&bomb)].concat();
    let unknown = [&greeted[..], &frame(&[0x00, 0x53, 0x77, 0x45])].concat();
    for words in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        &[0xff; 70_000],
        &huge_frame,
        &nested,
        &bomb,
        &unknown,
    ] {
        say(&fixture, words).await;
    }
    assert_eq!(bodies(&take(&receiver, 1).await), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_hears_why_it_is_closed() {
    let fixture = Fixture::start().await;
    let words = [HEADER, OPEN, &frame(&[0x00, 0x53, 0x14, 0x45])].concat();
    let heard = say(&fixture, &words).await;
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.contains("amqp:decode-error"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_greeting_does_not_hold_up_a_stop() {
    let fixture = Fixture::start().await;
    let mut socket = TcpStream::connect(fixture.hub.address()).await.unwrap();
    socket.write_all(&HEADER[..4]).await.unwrap();
    let consumer = fixture.consumer().await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    within("stopping", fixture.hub.stop()).await;
    drop(receiver);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_read_blocks_nobody() {
    let fixture = Fixture::start().await;
    let body = "x".repeat(1_000);
    let batch = vec![body.as_str(); 500];
    let slow = fixture.consumer().await;
    let _idle = receiver(&slow, "0", earliest()).await;
    let started = std::time::Instant::now();
    for _ in 0..20 {
        fixture.send("0", &batch).await;
    }
    let consumer = fixture.consumer_of("audit").await;
    let receiver = receiver(&consumer, "0", earliest()).await;
    assert_eq!(take(&receiver, 10_000).await.len(), 10_000);
    assert!(started.elapsed() < Duration::from_secs(60));
}
