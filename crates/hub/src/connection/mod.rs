//! A connection: one task that owns everything about its peer.
//!
//! ```text
//! socket ──frames──▶ dispatch ──Append──▶ partition writers
//!    ▲                  │ settle                 │ Notice (synced, positioned, read, displaced)
//!    └───── out ◀───────┴────── deliver ◀── mailbox ◀┘
//! ```
//!
//! Invariants: memory is bounded. `out` grows by replies only while it is short, and the socket is
//! not read while it is long or while [`MAX_IN_FLIGHT`] bytes are on their way to the log. Events
//! are pulled from the log only when the receiver has credit and `out` has room.

mod attach;
mod courtesy;
mod deliver;
mod dispatch;
mod handshake;
mod repeats;
mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use fe2o3_amqp_types::performatives::Close;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use self::courtesy::Courtesies;
use self::repeats::Repeats;
use crate::broker::Broker;
use crate::mailbox::Mailbox;
use crate::sas::Grant;
use crate::session::Session;
use crate::wire::{frame, performative};

/// Bytes waiting for the socket at which nothing more is pulled from the log.
const HIGH_WATER: usize = 262_144;
/// Bytes waiting for the socket at which nothing more is read from it.
const FULL: usize = 2 * HIGH_WATER;
/// Bytes on their way to the log at which the socket is not read.
const MAX_IN_FLIGHT: usize = 8 * 1_048_576;
/// Bytes asked of the socket at a time.
const READ: usize = 65_536;
/// How long a closing connection may take to hear why.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a connection is closed by us; told to the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) condition: &'static str,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(condition: &'static str, text: impl Into<String>) -> Self {
        Self {
            condition,
            text: text.into(),
        }
    }
}

impl From<crate::wire::Malformed> for Fault {
    fn from(malformed: crate::wire::Malformed) -> Self {
        let condition = match malformed {
            crate::wire::Malformed::Frame(_) => "amqp:connection:framing-error",
            _ => "amqp:decode-error",
        };
        Self::new(condition, malformed.to_string())
    }
}

/// What the peer said in its open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) max_frame_size: usize,
    /// It wants to hear something this often.
    pub(crate) heartbeat: Option<Duration>,
    /// Its AMQP is fe2o3-amqp before 0.18.2, whose defects [`repeats`] and [`courtesy`] spare it.
    pub(crate) is_delicate: bool,
}

pub(crate) struct Connection {
    broker: Arc<Broker>,
    mailbox: Arc<Mailbox>,
    peer: Peer,
    sessions: BTreeMap<u16, Session>,
    grants: Vec<Grant>,
    out: BytesMut,
    /// Bytes handed to the writers and not yet synced.
    in_flight: usize,
    repeats: Repeats,
    courtesies: Courtesies,
    /// The outgoing links, and which of them is next.
    order: Vec<(u16, u32)>,
    turn: usize,
    last_heard: Instant,
    last_said: Instant,
    closing: bool,
}

/// Serves one peer until it leaves, is closed, or the hub stops.
pub(crate) async fn serve(
    broker: Arc<Broker>,
    mut stream: TcpStream,
    mut stop: watch::Receiver<bool>,
) {
    let patience = broker.patience;
    let greeting = handshake::greet(&broker, &mut stream);
    let greeted = tokio::select! {
        greeted = timeout(patience.handshake, greeting) => greeted,
        () = stopped(&mut stop) => return,
    };
    let Ok(Ok(greeted)) = greeted else {
        tracing::debug!("a peer did not complete its greeting");
        return;
    };
    let mut connection = Connection::new(broker, &greeted);
    let (mut reader, mut writer) = stream.split();
    let mut inbox = greeted.rest;
    let outcome = connection
        .run(&mut reader, &mut writer, &mut inbox, &mut stop)
        .await;
    if let Err(fault) = outcome {
        tracing::debug!(
            condition = fault.condition,
            "closing a connection: {}",
            fault.text
        );
        connection.say_close(Some(&fault));
    }
    connection.farewell(&mut reader, &mut writer).await;
}

/// Waits until the hub stops, or is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        tracing::trace!("the hub is gone");
    }
}

impl Connection {
    fn new(broker: Arc<Broker>, greeted: &handshake::Greeted) -> Self {
        let now = Instant::now();
        Self {
            broker,
            mailbox: Arc::default(),
            peer: greeted.peer,
            sessions: BTreeMap::new(),
            grants: greeted.grant.clone().into_iter().collect(),
            out: BytesMut::new(),
            in_flight: 0,
            repeats: Repeats::default(),
            courtesies: Courtesies::default(),
            order: Vec::new(),
            turn: 0,
            last_heard: now,
            last_said: now,
            closing: false,
        }
    }

    async fn run(
        &mut self,
        reader: &mut ReadHalf<'_>,
        writer: &mut WriteHalf<'_>,
        inbox: &mut BytesMut,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Fault> {
        let wake = Arc::clone(&self.mailbox.wake);
        self.take_frames(inbox).await?;
        loop {
            self.take_notices();
            self.fire_repeats();
            self.answer_detaches();
            self.deliver();
            self.heartbeat()?;
            if self.closing {
                return Ok(());
            }
            let may_read = self.out.len() < FULL && self.in_flight < MAX_IN_FLIGHT;
            let deadline = self.next_deadline();
            inbox.reserve(READ);
            tokio::select! {
                read = reader.read_buf(inbox), if may_read => match read {
                    Ok(0) | Err(_) => return Ok(()),
                    Ok(_) => self.heard(reader, inbox).await?,
                },
                written = writer.write_buf(&mut self.out), if !self.out.is_empty() => {
                    if written.is_err() {
                        return Ok(());
                    }
                    self.last_said = Instant::now();
                }
                () = wake.notified() => {}
                () = sleep_until(deadline) => {}
                () = stopped(stop) => {
                    return Err(Fault::new("amqp:connection:forced", "the hub is stopping"));
                }
            }
        }
    }

    async fn heard(&mut self, reader: &ReadHalf<'_>, inbox: &mut BytesMut) -> Result<(), Fault> {
        self.last_heard = Instant::now();
        handshake::acknowledge_quickly(reader.as_ref());
        self.take_frames(inbox).await
    }

    async fn take_frames(&mut self, inbox: &mut BytesMut) -> Result<(), Fault> {
        while !self.closing
            && let Some(frame) = frame::decode(inbox)?
        {
            self.dispatch(frame).await?;
        }
        Ok(())
    }

    /// Sends a heartbeat when one is due, and gives up a peer that has been silent for too long.
    fn heartbeat(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        if now.duration_since(self.last_heard) >= self.broker.patience.idle {
            let text = "nothing was heard within the idle time-out";
            return Err(Fault::new("amqp:resource-limit-exceeded", text));
        }
        if let Some(every) = self.peer.heartbeat
            && self.out.is_empty()
            && now.duration_since(self.last_said) >= every
        {
            frame::heartbeat(&mut self.out);
            self.last_said = now;
        }
        Ok(())
    }

    fn next_deadline(&self) -> Instant {
        let mut next = self.last_heard + self.broker.patience.idle;
        if let Some(every) = self.peer.heartbeat {
            let due = self.last_said + every;
            // A peer that does not read is not told again.
            let due = if self.out.is_empty() {
                due
            } else {
                due.max(Instant::now() + every)
            };
            next = next.min(due);
        }
        let others = [self.repeats.next(), self.courtesies.next()];
        others.into_iter().flatten().fold(next, Instant::min)
    }

    fn say_close(&mut self, fault: Option<&Fault>) {
        let error = fault.map(|fault| performative::error(fault.condition, fault.text.as_str()));
        performative::encode(&mut self.out, 0, &Close { error });
        self.closing = true;
    }

    /// Writes what is left, then waits a moment for the peer to hang up, so that the last words are
    /// not lost to a reset.
    async fn farewell(mut self, reader: &mut ReadHalf<'_>, writer: &mut WriteHalf<'_>) {
        self.sessions.clear();
        let last_words = async {
            writer.write_all_buf(&mut self.out).await?;
            writer.shutdown().await?;
            let mut ignored = [0; 4_096];
            while reader.read(&mut ignored).await? > 0 {}
            Ok::<(), std::io::Error>(())
        };
        if !matches!(timeout(FAREWELL, last_words).await, Ok(Ok(()))) {
            tracing::trace!("a peer did not wait for the end of its connection");
        }
    }
}
