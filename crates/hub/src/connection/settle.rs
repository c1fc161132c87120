//! Deliveries of the peer: to the log or to a request's answer, and what the peer hears of them.

use std::sync::Arc;

use bytes::Bytes;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Rejected};
use tokio::time::Instant;

use super::Connection;
use crate::link::Delivery;
use crate::link::{Incoming, Outgoing, Purpose, Source};
use crate::log::{Append, Appended};
use crate::mailbox::{LinkKey, Notice};
use crate::request::Request;
use crate::session::Link;
use crate::wire::performative::{self, Settlement, Side};
use crate::{cbs, management, message};

/// How the peer hears of one delivery of its own.
fn of(delivery_id: u32, settled: bool) -> Settlement {
    Settlement {
        role: Side::Receiver,
        first: delivery_id,
        last: delivery_id,
        settled,
    }
}

fn accepted() -> DeliveryState {
    DeliveryState::Accepted(Accepted {})
}

impl Connection {
    pub(super) async fn delivered(&mut self, link: LinkKey, purpose: Purpose, delivery: Delivery) {
        match purpose {
            Purpose::Events { partition } => self.publish(link, partition, delivery).await,
            Purpose::Cbs | Purpose::Management => self.request(link, purpose, delivery),
        }
    }

    /// Hands the events of a delivery to the partition's writer.
    async fn publish(&mut self, link: LinkKey, partition: Option<u32>, delivery: Delivery) {
        let (delivery_id, settled) = (delivery.id, delivery.settled);
        let bytes = delivery.message.len().max(1);
        let events = match message::events(delivery.format, delivery.message) {
            Ok(events) => events,
            Err(error) => {
                let text = format!("the message cannot be decoded: {error}");
                self.reject(link, delivery_id, settled, "amqp:decode-error", &text);
                return;
            }
        };
        let key = events
            .first()
            .and_then(|event| event.partition_key.as_deref());
        let target = match partition {
            Some(id) => self.broker.partition(id),
            None => Some(self.broker.choose(key)),
        };
        let Some(target) = target.map(Arc::clone) else {
            return;
        };
        self.in_flight += bytes;
        let mailbox = Arc::clone(&self.mailbox);
        let reply = Box::new(move |outcome: Appended| {
            mailbox.push(Notice::Appended {
                link,
                delivery_id,
                bytes,
                settled,
                outcome,
            });
        });
        if !target.append(Append { events, reply }).await {
            self.in_flight -= bytes;
            self.reject(
                link,
                delivery_id,
                settled,
                "amqp:internal-error",
                "the hub is stopping",
            );
        }
    }

    pub(super) fn take_notices(&mut self) {
        for notice in self.mailbox.take() {
            match notice {
                Notice::Appended {
                    link,
                    delivery_id,
                    bytes,
                    settled,
                    outcome,
                } => {
                    self.in_flight = self.in_flight.saturating_sub(bytes);
                    self.appended(link, delivery_id, settled, outcome);
                }
                Notice::Positioned { link, outcome } => self.positioned(link, outcome),
                Notice::Read { link, outcome } => self.chunk_read(link, outcome),
                Notice::Displaced { link, epoch } => self.displaced(link, epoch),
            }
        }
    }

    fn appended(&mut self, link: LinkKey, delivery_id: u32, settled: bool, outcome: Appended) {
        match outcome {
            Ok(()) => self.accept(link, delivery_id, settled),
            Err(error) => {
                self.reject(
                    link,
                    delivery_id,
                    settled,
                    "amqp:internal-error",
                    &error.to_string(),
                );
            }
        }
    }

    fn incoming(&mut self, link: LinkKey) -> Option<&mut Incoming> {
        let session = self.sessions.get_mut(&link.channel)?;
        match session.links.get_mut(&link.handle)? {
            Link::Incoming(incoming) if incoming.key == link => Some(incoming),
            _ => None,
        }
    }

    fn accept(&mut self, link: LinkKey, delivery_id: u32, settled: bool) {
        if self.incoming(link).is_none() {
            return;
        }
        if !settled {
            self.tell(link, delivery_id, accepted());
        }
        self.answered(link);
    }

    /// Tells the peer what became of its delivery: once, or again until it cannot have missed it.
    fn tell(&mut self, link: LinkKey, delivery_id: u32, state: DeliveryState) {
        let is_delicate = self.peer.is_delicate;
        if is_delicate && let Some(incoming) = self.incoming(link) {
            incoming.unsettled.insert(delivery_id, state.clone());
            self.repeats.add(link, delivery_id);
        }
        self.say(link, of(delivery_id, !is_delicate), state);
    }

    fn say(&mut self, link: LinkKey, settlement: Settlement, state: DeliveryState) {
        performative::disposition(&mut self.out, link.channel, settlement, state);
    }

    fn reject(
        &mut self,
        link: LinkKey,
        delivery_id: u32,
        settled: bool,
        condition: &str,
        text: &str,
    ) {
        if self.incoming(link).is_none() {
            return;
        }
        if settled {
            self.detach_for(link.channel, link.handle, condition, text);
            return;
        }
        let error = Some(performative::error(condition, text));
        let state = DeliveryState::Rejected(Rejected { error });
        self.tell(link, delivery_id, state);
        self.answered(link);
    }

    pub(super) fn too_large(&mut self, link: LinkKey, delivery_id: u32, settled: bool) {
        let text = format!(
            "a message has at most {} bytes",
            crate::link::MAX_MESSAGE_SIZE
        );
        let condition = "amqp:link:message-size-exceeded";
        self.reject(link, delivery_id, settled, condition, &text);
    }

    /// Gives the link its credit back.
    fn answered(&mut self, link: LinkKey) {
        if let Some(incoming) = self.incoming(link) {
            incoming.answered();
            if incoming.refill().is_some() {
                self.say_flow(link.channel, link.handle);
            }
        }
    }

    /// Says again what fe2o3-amqp may have missed.
    pub(super) fn fire_repeats(&mut self) {
        let now = Instant::now();
        while let Some(repeat) = self.repeats.take(now) {
            let Some(incoming) = self.incoming(repeat.link) else {
                continue;
            };
            let state = if repeat.settles() {
                incoming.unsettled.remove(&repeat.delivery_id)
            } else {
                incoming.unsettled.get(&repeat.delivery_id).cloned()
            };
            if let Some(state) = state {
                self.say(repeat.link, of(repeat.delivery_id, repeat.settles()), state);
            }
        }
    }

    /// A receiver that settles second hears that its accepted deliveries are settled.
    pub(super) fn settle_back(&mut self, channel: u16, settlement: Settlement) {
        let settled = Settlement {
            role: Side::Sender,
            settled: true,
            ..settlement
        };
        performative::disposition(&mut self.out, channel, settled, accepted());
    }

    /// Answers a request on the link that it names, or on the same node's in its session.
    fn request(&mut self, link: LinkKey, purpose: Purpose, delivery: Delivery) {
        let request = match Request::decode(delivery.message) {
            Ok(request) => request,
            Err(error) => {
                let text = format!("the request cannot be decoded: {error}");
                self.reject(
                    link,
                    delivery.id,
                    delivery.settled,
                    "amqp:decode-error",
                    &text,
                );
                return;
            }
        };
        self.accept(link, delivery.id, delivery.settled);
        let Some(message) = self.answer(purpose, &request) else {
            return;
        };
        let management = purpose == Purpose::Management;
        let queued = self.reply_link(link.channel, request.reply_to.as_deref(), management);
        if !queued.is_some_and(|reply| reply.reply(message)) {
            let text = "there is no receiver for the reply, or too many replies wait";
            self.detach_for(link.channel, link.handle, "amqp:precondition-failed", text);
        }
    }

    fn answer(&mut self, purpose: Purpose, request: &Request) -> Option<Bytes> {
        let answer = if purpose == Purpose::Cbs {
            let now = self.broker.clock.now();
            let known = self.broker.known_token.as_deref();
            let (answer, grant) = cbs::put_token(request, &self.broker.key, known, now);
            if let Some(grant) = grant {
                self.remember(grant);
            }
            answer
        } else {
            management::read(request, &self.broker)
        };
        match request.reply(answer) {
            Ok(message) => Some(message),
            Err(error) => {
                tracing::error!(%error, "cannot encode a reply");
                None
            }
        }
    }

    /// Clients name the same reply address in each of their sessions, so that the request's own
    /// session comes first.
    fn reply_link(
        &mut self,
        channel: u16,
        reply_to: Option<&str>,
        management: bool,
    ) -> Option<&mut Outgoing> {
        let is_named = |address: Option<&str>| reply_to.is_some() && address == reply_to;
        let found = self
            .find_reply_link(|at, address, _| at == channel && is_named(address))
            .or_else(|| self.find_reply_link(|_, address, _| is_named(address)))
            .or_else(|| self.find_reply_link(|at, _, of| at == channel && of == management))?;
        let session = self.sessions.get_mut(&found.0)?;
        match session.links.get_mut(&found.1)? {
            Link::Outgoing(link) => Some(link),
            Link::Incoming(_) => None,
        }
    }

    fn find_reply_link(
        &self,
        is_wanted: impl Fn(u16, Option<&str>, bool) -> bool,
    ) -> Option<(u16, u32)> {
        for (channel, session) in &self.sessions {
            for (handle, link) in &session.links {
                if let Link::Outgoing(link) = link
                    && let Source::Replies {
                        address,
                        management,
                        ..
                    } = &link.source
                    && is_wanted(*channel, address.as_deref(), *management)
                {
                    return Some((*channel, *handle));
                }
            }
        }
        None
    }
}
