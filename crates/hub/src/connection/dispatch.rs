//! What each performative of the peer does.

use fe2o3_amqp_types::performatives::{Begin, Detach, End, Flow};

use tokio::time::Instant;

use super::handshake::CHANNEL_MAX;
use super::{Connection, Fault};
use crate::link::Arrival;
use crate::session::{Link, Session};
use crate::wire::frame::{AMQP, Frame};
use crate::wire::performative::{self, Performative, Settlement, Side};
use crate::wire::transfer::Transfer;

/// Bytes of unfinished deliveries per connection.
const MAX_UNFINISHED: usize = 16 * 1_048_576;

impl Connection {
    pub(super) async fn dispatch(&mut self, frame: Frame) -> Result<(), Fault> {
        if frame.kind != AMQP {
            return Err(Fault::new(
                "amqp:connection:framing-error",
                "not an AMQP frame",
            ));
        }
        if frame.body.is_empty() {
            return Ok(());
        }
        let channel = frame.channel;
        let (performative, payload) = performative::decode(frame.body)?;
        match performative {
            Performative::Transfer(transfer) => self.transfer(channel, &transfer, payload).await,
            Performative::Disposition(settlement) => self.disposition(channel, settlement),
            Performative::Flow(flow) => self.flow(channel, &flow),
            Performative::Attach(attach) => self.attach(channel, *attach),
            Performative::Detach(detach) => self.detach(channel, &detach),
            Performative::Begin(begin) => self.begin(channel, &begin),
            Performative::End => self.end(channel),
            Performative::Close => {
                self.say_close(None);
                Ok(())
            }
            Performative::Open(_) => Err(Fault::new("amqp:illegal-state", "a second open")),
        }
    }

    pub(super) fn session(&mut self, channel: u16) -> Result<&mut Session, Fault> {
        let missing = || {
            Fault::new(
                "amqp:illegal-state",
                format!("no session on channel {channel}"),
            )
        };
        self.sessions.get_mut(&channel).ok_or_else(missing)
    }

    fn begin(&mut self, channel: u16, begin: &Begin) -> Result<(), Fault> {
        if channel > CHANNEL_MAX || self.sessions.contains_key(&channel) {
            let text = format!("channel {channel} cannot begin a session");
            return Err(Fault::new("amqp:illegal-state", text));
        }
        let session = Session::new(begin);
        performative::encode(&mut self.out, channel, &session.begin(channel));
        self.sessions.insert(channel, session);
        Ok(())
    }

    fn end(&mut self, channel: u16) -> Result<(), Fault> {
        self.session(channel)?;
        self.sessions.remove(&channel);
        self.courtesies.forget(channel);
        self.reorder();
        performative::encode(&mut self.out, channel, &End { error: None });
        Ok(())
    }

    fn detach(&mut self, channel: u16, detach: &Detach) -> Result<(), Fault> {
        let handle = detach.handle.0;
        let session = self.session(channel)?;
        if session.detached.remove(&handle) || session.links.remove(&handle).is_none() {
            return Ok(());
        }
        self.reorder();
        let answer = Detach {
            handle: handle.into(),
            closed: detach.closed,
            error: None,
        };
        if self.peer.is_delicate {
            self.courtesies.hold(channel, answer);
        } else {
            performative::encode(&mut self.out, channel, &answer);
        }
        Ok(())
    }

    pub(super) fn answer_detaches(&mut self) {
        let now = Instant::now();
        while let Some((channel, answer)) = self.courtesies.take(now) {
            performative::encode(&mut self.out, channel, &answer);
        }
    }

    /// Ends a link for a reason; what the peer still sends on it is dropped.
    pub(super) fn detach_for(&mut self, channel: u16, handle: u32, condition: &str, text: &str) {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        session.links.remove(&handle);
        session.detached.insert(handle);
        self.reorder();
        let detach = Detach {
            handle: handle.into(),
            closed: true,
            error: Some(performative::error(condition, text)),
        };
        performative::encode(&mut self.out, channel, &detach);
    }

    fn flow(&mut self, channel: u16, flow: &Flow) -> Result<(), Fault> {
        let session = self.session(channel)?;
        session.flowed(flow);
        let Some(handle) = flow.handle.as_ref().map(|handle| handle.0) else {
            if flow.echo {
                let answer = session.flow();
                performative::encode(&mut self.out, channel, &answer);
            }
            return Ok(());
        };
        match session.links.get_mut(&handle) {
            Some(Link::Outgoing(link)) => link.flowed(flow),
            Some(Link::Incoming(_)) => {}
            None if session.detached.contains(&handle) => return Ok(()),
            None => return Err(unattached(handle)),
        }
        if flow.echo {
            self.say_flow(channel, handle);
        }
        Ok(())
    }

    /// Tells the peer the state of a link.
    pub(super) fn say_flow(&mut self, channel: u16, handle: u32) {
        let Some(session) = self.sessions.get(&channel) else {
            return;
        };
        let (delivery_count, credit) = match session.links.get(&handle) {
            Some(Link::Outgoing(link)) => link.state(),
            Some(Link::Incoming(link)) => link.state(),
            None => return,
        };
        let flow = Flow {
            handle: Some(handle.into()),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            ..session.flow()
        };
        performative::encode(&mut self.out, channel, &flow);
    }

    async fn transfer(
        &mut self,
        channel: u16,
        transfer: &Transfer,
        payload: bytes::Bytes,
    ) -> Result<(), Fault> {
        let handle = transfer.handle;
        let session = self.session(channel)?;
        if !session.received() {
            return Err(Fault::new(
                "amqp:session:window-violation",
                "the window is closed",
            ));
        }
        let reopened = session.reopen().then(|| session.flow());
        let arrival = match session.links.get_mut(&handle) {
            Some(Link::Incoming(link)) => {
                Some((link.key, link.purpose, link.arrived(transfer, payload)))
            }
            None if session.detached.contains(&handle) => None,
            Some(Link::Outgoing(_)) | None => return Err(unattached(handle)),
        };
        if let Some(flow) = reopened {
            performative::encode(&mut self.out, channel, &flow);
        }
        let Some((link, purpose, arrival)) = arrival else {
            return Ok(());
        };
        match arrival {
            Arrival::Nothing => self.bound_unfinished(transfer.more),
            Arrival::Whole(delivery) => {
                self.delivered(link, purpose, delivery).await;
                Ok(())
            }
            Arrival::TooLarge {
                delivery_id,
                settled,
            } => {
                self.too_large(link, delivery_id, settled);
                Ok(())
            }
            Arrival::Violation(text) => {
                self.detach_for(channel, handle, "amqp:link:transfer-limit-exceeded", text);
                Ok(())
            }
        }
    }

    /// Only looks when a delivery grew and did not end.
    fn bound_unfinished(&self, more: bool) -> Result<(), Fault> {
        let links = self
            .sessions
            .values()
            .flat_map(|session| session.links.values());
        let held = links.map(|link| match link {
            Link::Incoming(link) => link.held(),
            Link::Outgoing(_) => 0,
        });
        if more && held.sum::<usize>() > MAX_UNFINISHED {
            let text = "too many unfinished deliveries";
            return Err(Fault::new("amqp:resource-limit-exceeded", text));
        }
        Ok(())
    }

    fn disposition(&mut self, channel: u16, settlement: Settlement) -> Result<(), Fault> {
        let session = self.session(channel)?;
        match settlement.role {
            Side::Receiver if settlement.settled => {}
            Side::Receiver => self.settle_back(channel, settlement),
            Side::Sender => {
                for link in session.links.values_mut() {
                    if let Link::Incoming(link) = link {
                        link.unsettled.retain(|id, _| {
                            let after_first = id.wrapping_sub(settlement.first);
                            after_first > settlement.last.wrapping_sub(settlement.first)
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

fn unattached(handle: u32) -> Fault {
    let text = format!("no link has the handle {handle}");
    Fault::new("amqp:session:unattached-handle", text)
}
