//! Attaching links: who may, to what, and from where.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use fe2o3_amqp_types::definitions::{Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::TargetArchetype;
use fe2o3_amqp_types::performatives::Attach;
use serde_amqp::Value;

use super::{Connection, Fault};
use crate::address::{self, Node};
use crate::link::{Feed, Incoming, MAX_MESSAGE_SIZE, Outgoing, Purpose, Source};
use crate::log::Start;
use crate::mailbox::{LinkKey, Notice};
use crate::sas::Grant;
use crate::session::{HANDLE_MAX, Link};
use crate::wire::performative;
use crate::{epoch, filter};

const EPOCH: &str = "com.microsoft:epoch";
const RUNTIME_METRIC: &str = "com.microsoft:enable-receiver-runtime-metric";
/// Links per connection.
const MAX_LINKS: usize = 4_096;
/// Tokens remembered per connection; the oldest is forgotten.
const MAX_GRANTS: usize = 1_024;

/// Why an attach is refused; told in a detach after the attach was answered.
struct Refusal {
    condition: &'static str,
    text: String,
}

fn refuse<T>(condition: &'static str, text: impl Into<String>) -> Result<T, Refusal> {
    let text = text.into();
    Err(Refusal { condition, text })
}

impl Connection {
    pub(super) fn attach(&mut self, channel: u16, attach: Attach) -> Result<(), Fault> {
        let handle = attach.handle.0;
        let session = self.session(channel)?;
        if handle > HANDLE_MAX || session.links.contains_key(&handle) {
            let text = format!("the handle {handle} cannot be attached");
            return Err(Fault::new("amqp:session:handle-in-use", text));
        }
        session.detached.remove(&handle);
        if let Some(answer) = self.courtesies.take_for(channel, handle) {
            performative::encode(&mut self.out, channel, &answer);
        }
        let links: usize = self
            .sessions
            .values()
            .map(|session| session.links.len())
            .sum();
        if links >= MAX_LINKS {
            let text = format!("a connection has at most {MAX_LINKS} links");
            return Err(Fault::new("amqp:resource-limit-exceeded", text));
        }
        let key = LinkKey {
            channel,
            handle,
            id: self.broker.next_link_id(),
        };
        let made = match attach.role {
            Role::Sender => self.attach_sender(key, &attach),
            Role::Receiver => self.attach_receiver(key, &attach),
        };
        match made {
            Ok(link) => self.attached(key, &attach, link),
            Err(refusal) => self.refused(key, &attach, &refusal),
        }
        Ok(())
    }

    fn attached(&mut self, key: LinkKey, attach: &Attach, mut link: Link) {
        let answer = answer(attach, &link);
        performative::encode(&mut self.out, key.channel, &answer);
        if let Link::Incoming(incoming) = &mut link {
            incoming.refill();
        }
        let is_incoming = matches!(link, Link::Incoming(_));
        if let Some(session) = self.sessions.get_mut(&key.channel) {
            session.links.insert(key.handle, link);
        }
        if is_incoming {
            self.say_flow(key.channel, key.handle);
        } else {
            self.reorder();
        }
    }

    fn refused(&mut self, key: LinkKey, attach: &Attach, refusal: &Refusal) {
        tracing::debug!(
            condition = refusal.condition,
            "refused a link: {}",
            refusal.text
        );
        let mut answer = reply(attach);
        match attach.role {
            Role::Sender => answer.target = None,
            Role::Receiver => answer.source = None,
        }
        performative::encode(&mut self.out, key.channel, &answer);
        self.detach_for(key.channel, key.handle, refusal.condition, &refusal.text);
    }

    /// The outgoing links have changed.
    pub(super) fn reorder(&mut self) {
        self.order.clear();
        for (channel, session) in &self.sessions {
            let outgoing = session.links.iter();
            let outgoing = outgoing.filter(|(_, link)| matches!(link, Link::Outgoing(_)));
            self.order
                .extend(outgoing.map(|(handle, _)| (*channel, *handle)));
        }
    }

    pub(super) fn remember(&mut self, grant: Grant) {
        self.grants.retain(|known| *known != grant);
        if self.grants.len() >= MAX_GRANTS {
            self.grants.remove(0);
        }
        self.grants.push(grant);
    }

    fn node(&self, address: Option<&str>) -> Result<Node, Refusal> {
        let address = address.unwrap_or_default();
        let Some(node) = address::node(address, &self.broker.event_hub) else {
            return refuse("amqp:not-found", format!("there is no {address:?} here"));
        };
        let now = self.broker.clock.now();
        let granted = self.grants.iter().any(|grant| grant.covers(address, now));
        if node != Node::Cbs && !granted {
            let text = format!("no valid token was shown for {address:?}");
            return refuse("amqp:unauthorized-access", text);
        }
        let partition = match node {
            Node::Sender { partition } => partition,
            Node::Receiver { partition, .. } => Some(partition),
            Node::Cbs | Node::Management => None,
        };
        match partition {
            Some(id) if self.broker.partition(id).is_none() => {
                refuse("amqp:not-found", format!("there is no partition {id}"))
            }
            _ => Ok(node),
        }
    }

    /// The peer wants to send.
    fn attach_sender(&self, key: LinkKey, attach: &Attach) -> Result<Link, Refusal> {
        let target = match attach.target.as_deref() {
            Some(TargetArchetype::Target(target)) => target.address.as_deref(),
            #[allow(
                unreachable_patterns,
                reason = "transactions are a feature of the types"
            )]
            _ => None,
        };
        let purpose = match self.node(target)? {
            Node::Cbs => Purpose::Cbs,
            Node::Management => Purpose::Management,
            Node::Sender { partition } => Purpose::Events { partition },
            Node::Receiver { .. } => {
                return refuse("amqp:not-allowed", "nobody can send to a consumer group");
            }
        };
        Ok(Link::Incoming(Incoming::new(key, purpose)))
    }

    /// The peer wants to receive.
    fn attach_receiver(&self, key: LinkKey, attach: &Attach) -> Result<Link, Refusal> {
        let source = attach.source.as_deref();
        let node = self.node(source.and_then(|source| source.address.as_deref()))?;
        let (source, settled) = match node {
            Node::Cbs => (replies(attach, false), true),
            Node::Management => (replies(attach, true), true),
            Node::Sender { .. } => {
                return refuse(
                    "amqp:not-allowed",
                    "events are received from a consumer group",
                );
            }
            Node::Receiver { group, partition } => {
                let filters = source.and_then(|source| source.filter.as_ref());
                let start = match filter::start(filters) {
                    Ok(start) => start,
                    Err(text) => return refuse("amqp:not-implemented", text),
                };
                let feed = self.feed(key, attach, (partition, &group), start)?;
                (Source::Events(Box::new(feed)), self.settles(attach))
            }
        };
        Ok(Link::Outgoing(Box::new(Outgoing::new(
            key, source, settled,
        ))))
    }

    fn settles(&self, attach: &Attach) -> bool {
        match attach.snd_settle_mode {
            SenderSettleMode::Settled => true,
            SenderSettleMode::Unsettled => false,
            SenderSettleMode::Mixed => self.broker.presettle,
        }
    }

    /// Takes the receiver's place and begins to look for its start.
    fn feed(
        &self,
        key: LinkKey,
        attach: &Attach,
        place: (u32, &str),
        start: Start,
    ) -> Result<Feed, Refusal> {
        let Some(partition) = self.broker.partition(place.0).map(Arc::clone) else {
            return refuse("amqp:not-found", "there is no such partition");
        };
        let mailbox = Arc::clone(&self.mailbox);
        let admitted = self
            .broker
            .receivers
            .admit(place, epoch_of(attach), key, mailbox);
        let registration = match admitted {
            Ok(registration) => registration,
            Err(error @ epoch::Refused::Epoch { .. }) => {
                return refuse("amqp:link:stolen", error.to_string());
            }
            Err(error @ epoch::Refused::TooMany) => {
                return refuse("amqp:resource-limit-exceeded", error.to_string());
            }
        };
        partition.watch(&self.mailbox.wake);
        let (mailbox, at) = (Arc::clone(&self.mailbox), Arc::clone(&partition));
        tokio::spawn(async move {
            let outcome = at.position(start).await;
            mailbox.push(Notice::Positioned { link: key, outcome });
        });
        Ok(Feed {
            partition,
            cursor: None,
            chunk: Bytes::new(),
            reading: false,
            start: Some(start),
            runtime_metrics: wants_metrics(attach),
            _registration: registration,
        })
    }
}

fn replies(attach: &Attach, management: bool) -> Source {
    let address = match attach.target.as_deref() {
        Some(TargetArchetype::Target(target)) => target.address.clone(),
        #[allow(
            unreachable_patterns,
            reason = "transactions are a feature of the types"
        )]
        _ => None,
    };
    Source::Replies {
        address,
        management,
        waiting: VecDeque::new(),
    }
}

fn epoch_of(attach: &Attach) -> Option<i64> {
    match attach.properties.as_ref()?.get(EPOCH)? {
        Value::Long(epoch) => Some(*epoch),
        Value::Int(epoch) => Some(i64::from(*epoch)),
        Value::Ulong(epoch) => i64::try_from(*epoch).ok(),
        _ => None,
    }
}

fn wants_metrics(attach: &Attach) -> bool {
    let desired = attach.desired_capabilities.as_ref();
    desired.is_some_and(|wishes| wishes.iter().any(|wish| wish.as_str() == RUNTIME_METRIC))
}

/// An attach of ours with the peer's terminuses.
fn reply(attach: &Attach) -> Attach {
    let role = match attach.role {
        Role::Sender => Role::Receiver,
        Role::Receiver => Role::Sender,
    };
    let initial_delivery_count = (role == Role::Sender).then_some(0);
    Attach {
        name: attach.name.clone(),
        handle: attach.handle.clone(),
        role,
        snd_settle_mode: attach.snd_settle_mode.clone(),
        rcv_settle_mode: attach.rcv_settle_mode.clone(),
        source: attach.source.clone(),
        target: attach.target.clone(),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count,
        max_message_size: Some(MAX_MESSAGE_SIZE),
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

fn answer(attach: &Attach, link: &Link) -> Attach {
    let mut answer = reply(attach);
    if let Link::Outgoing(link) = link {
        answer.snd_settle_mode = if link.settled {
            SenderSettleMode::Settled
        } else {
            SenderSettleMode::Unsettled
        };
    }
    answer
}
