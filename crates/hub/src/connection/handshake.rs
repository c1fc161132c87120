//! The greeting: SASL, the protocol header, and both open performatives.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use fe2o3_amqp_types::performatives::Open;
use fe2o3_amqp_types::sasl::{SaslCode, SaslInit, SaslMechanisms, SaslOutcome};
use serde_amqp::primitives::{Array, Symbol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Peer;
use crate::broker::Broker;
use crate::sas::Grant;
use crate::wire::frame::{self, Frame, MIN_MAX_FRAME_SIZE};
use crate::wire::performative::{self, Performative};

const MECHANISMS: [&str; 4] = ["ANONYMOUS", "PLAIN", "MSSBCBS", "EXTERNAL"];
/// Sessions per connection, less one.
pub(super) const CHANNEL_MAX: u16 = 2_047;
/// The largest frame we send, whatever the peer takes.
const MAX_OUTGOING: u32 = 1_048_576;

/// A peer after its greeting.
pub(super) struct Greeted {
    pub(super) peer: Peer,
    /// What SASL already granted.
    pub(super) grant: Option<Grant>,
    /// What was read after the open.
    pub(super) rest: BytesMut,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
    #[error("the peer sent no AMQP: {0}")]
    Malformed(#[from] crate::wire::Malformed),
    #[error("the peer does not follow the protocol: {0}")]
    Protocol(&'static str),
}

/// Asks the system to acknowledge without delay what was just read; clients do not set
/// `TCP_NODELAY`, so a late acknowledgement holds up their next small write.
pub(super) fn acknowledge_quickly(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_quickack(true) {
        tracing::trace!(%error, "cannot set quick acknowledgement");
    }
}

/// Greets a peer, up to both opens.
pub(super) async fn greet(broker: &Broker, stream: &mut TcpStream) -> Result<Greeted, Failed> {
    let mut greeting = Greeting {
        stream,
        inbox: BytesMut::with_capacity(1_024),
    };
    let grant = greeting.security(broker).await?;
    let open = greeting.open().await?;
    let peer = peer(&open);
    greeting.say_open(broker).await?;
    Ok(Greeted {
        peer,
        grant,
        rest: greeting.inbox,
    })
}

struct Greeting<'a> {
    stream: &'a mut TcpStream,
    inbox: BytesMut,
}

impl Greeting<'_> {
    /// The protocol headers, with SASL if the peer begins with it.
    async fn security(&mut self, broker: &Broker) -> Result<Option<Grant>, Failed> {
        let mut grant = None;
        if self.header().await? == frame::SASL_HEADER {
            grant = self.sasl(broker).await?;
            if self.header().await? != frame::AMQP_HEADER {
                self.stream.write_all(&frame::AMQP_HEADER).await?;
                return Err(Failed::Protocol("another protocol after SASL"));
            }
        }
        self.stream.write_all(&frame::AMQP_HEADER).await?;
        Ok(grant)
    }

    async fn header(&mut self) -> Result<[u8; 8], Failed> {
        while self.inbox.len() < 8 {
            self.fill().await?;
        }
        let mut header = [0; 8];
        self.inbox.copy_to_slice(&mut header);
        if header != frame::SASL_HEADER && header != frame::AMQP_HEADER {
            self.stream.write_all(&frame::SASL_HEADER).await?;
            return Err(Failed::Protocol("not AMQP 1.0"));
        }
        Ok(header)
    }

    async fn sasl(&mut self, broker: &Broker) -> Result<Option<Grant>, Failed> {
        let mechanisms = SaslMechanisms {
            sasl_server_mechanisms: Array::from(MECHANISMS.map(Symbol::from).to_vec()),
        };
        self.stream.write_all(&frame::SASL_HEADER).await?;
        self.say_sasl(&mechanisms).await?;
        let init: Box<SaslInit> = performative::typed(&self.frame(frame::SASL).await?.body)?;
        let (code, grant) = authenticate(broker, &init);
        let refused = code != SaslCode::Ok;
        let outcome = SaslOutcome {
            code,
            additional_data: None,
        };
        self.say_sasl(&outcome).await?;
        if refused {
            return Err(Failed::Protocol("SASL was refused"));
        }
        Ok(grant)
    }

    async fn say_sasl<T: serde::Serialize>(&mut self, body: &T) -> Result<(), Failed> {
        let encoded = serde_amqp::to_vec(body).map_err(|_| Failed::Protocol("no encoding"))?;
        let mut out = BytesMut::new();
        let start = frame::begin(&mut out, frame::SASL, 0);
        out.extend_from_slice(&encoded);
        frame::finish(&mut out, start);
        Ok(self.stream.write_all(&out).await?)
    }

    async fn open(&mut self) -> Result<Box<Open>, Failed> {
        loop {
            let frame = self.frame(frame::AMQP).await?;
            if frame.body.is_empty() {
                continue;
            }
            return match performative::decode(frame.body)? {
                (Performative::Open(open), _) => Ok(open),
                _ => Err(Failed::Protocol("the first performative is no open")),
            };
        }
    }

    async fn say_open(&mut self, broker: &Broker) -> Result<(), Failed> {
        let idle = broker.patience.idle.as_millis() / 2;
        let open = Open {
            container_id: "rollcall-hub".to_owned(),
            hostname: None,
            max_frame_size: frame::MAX_FRAME_SIZE.into(),
            channel_max: CHANNEL_MAX.into(),
            idle_time_out: u32::try_from(idle).ok(),
            outgoing_locales: None,
            incoming_locales: None,
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        };
        let mut out = BytesMut::new();
        performative::encode(&mut out, 0, &open);
        Ok(self.stream.write_all(&out).await?)
    }

    async fn frame(&mut self, kind: u8) -> Result<Frame, Failed> {
        loop {
            if let Some(frame) = frame::decode(&mut self.inbox)? {
                if frame.kind != kind {
                    return Err(Failed::Protocol("a frame of the wrong kind"));
                }
                if !frame.body.is_empty() {
                    crate::wire::scan::skip(&frame.body)?;
                }
                return Ok(frame);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Failed> {
        if self.stream.read_buf(&mut self.inbox).await? == 0 {
            return Err(Failed::Protocol("the peer hung up"));
        }
        acknowledge_quickly(self.stream);
        Ok(())
    }
}

/// Anyone may come in, but does nothing before showing a token; PLAIN shows the key at once.
fn authenticate(broker: &Broker, init: &SaslInit) -> (SaslCode, Option<Grant>) {
    let response = init.initial_response.as_ref().map(|bytes| bytes.as_slice());
    match init.mechanism.as_str() {
        "PLAIN" if broker.key.matches_plain(response.unwrap_or_default()) => {
            (SaslCode::Ok, Some(Grant::all()))
        }
        "ANONYMOUS" | "MSSBCBS" | "EXTERNAL" => (SaslCode::Ok, None),
        _ => (SaslCode::Auth, None),
    }
}

fn peer(open: &Open) -> Peer {
    let max_frame_size = open
        .max_frame_size
        .0
        .clamp(MIN_MAX_FRAME_SIZE, MAX_OUTGOING);
    let agent = open
        .properties
        .as_ref()
        .and_then(|fields| fields.get("user-agent"));
    let agent = match agent {
        Some(serde_amqp::Value::String(agent)) => agent.as_str(),
        Some(serde_amqp::Value::Symbol(agent)) => agent.as_str(),
        _ => "",
    };
    let idle = open.idle_time_out.filter(|millis| *millis > 0);
    Peer {
        max_frame_size: usize::try_from(max_frame_size).unwrap_or(usize::MAX),
        heartbeat: idle.map(|millis| Duration::from_millis(u64::from(millis.max(20) / 2))),
        is_delicate: agent.contains("azsdk-rust"),
    }
}
