//! Sending: events from the log and replies, to the links that have credit, in turn.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{Connection, HIGH_WATER, Peer};
use crate::broker::Broker;
use crate::link::{Feed, Outgoing, Remainder, Source};
use crate::log::{Cursor, Fetch, record};
use crate::mailbox::{LinkKey, Mailbox, Notice};
use crate::session::{Link, Session};
use crate::wire::{frame, transfer};
use crate::{management, message};

/// Bytes a link may send before it is another's turn.
const QUANTUM: usize = 65_536;
/// Bytes read from disk at a time, with few links and with many.
const CHUNK: u64 = 262_144;
const SMALL_CHUNK: u64 = 65_536;
/// With more links than this a link keeps no chunk that it cannot send, and reads small ones.
const MANY_LINKS: usize = 64;

/// How a link's turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It can go on.
    Spent,
    /// It waits for credit, for the window, or for something to send.
    Blocked,
}

/// What a link needs to send.
struct Sending<'a> {
    broker: &'a Broker,
    mailbox: &'a Arc<Mailbox>,
    peer: Peer,
    out: &'a mut BytesMut,
    session: &'a mut Session,
    many: bool,
}

impl Connection {
    /// Fills `out` up to the high-water mark.
    pub(super) fn deliver(&mut self) {
        let links = self.order.len();
        let mut blocked = 0;
        while blocked < links && self.out.len() < HIGH_WATER {
            self.turn = (self.turn + 1) % links;
            let (channel, handle) = self.order[self.turn];
            match self.take_turn(channel, handle) {
                Turn::Spent => blocked = 0,
                Turn::Blocked => blocked += 1,
            }
        }
    }

    fn take_turn(&mut self, channel: u16, handle: u32) -> Turn {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return Turn::Blocked;
        };
        let Some(Link::Outgoing(mut link)) = session.links.remove(&handle) else {
            return Turn::Blocked;
        };
        let mut sending = Sending {
            broker: &self.broker,
            mailbox: &self.mailbox,
            peer: self.peer,
            out: &mut self.out,
            session,
            many: self.order.len() > MANY_LINKS,
        };
        let turn = sending.turn(&mut link);
        let drained = turn == Turn::Blocked && link.drained();
        session.links.insert(handle, Link::Outgoing(link));
        if drained {
            self.say_flow(channel, handle);
        }
        turn
    }

    pub(super) fn positioned(&mut self, link: LinkKey, outcome: io::Result<Cursor>) {
        let Some(feed) = self.feed_of(link) else {
            return;
        };
        match outcome {
            Ok(cursor) => feed.cursor = Some(cursor),
            Err(error) => self.unreadable(link, &error),
        }
    }

    pub(super) fn chunk_read(&mut self, link: LinkKey, outcome: io::Result<Bytes>) {
        let Some(feed) = self.feed_of(link) else {
            return;
        };
        feed.reading = false;
        match outcome {
            Ok(chunk) => feed.chunk = chunk,
            Err(error) => {
                if !feed.step_over(&error) {
                    self.unreadable(link, &error);
                }
            }
        }
    }

    fn unreadable(&mut self, link: LinkKey, error: &io::Error) {
        tracing::error!(%error, "cannot read the log");
        let text = "the log cannot be read";
        self.detach_for(link.channel, link.handle, "amqp:internal-error", text);
    }

    pub(super) fn displaced(&mut self, link: LinkKey, epoch: i64) {
        if self.feed_of(link).is_some() {
            let text = format!("a receiver with the epoch {epoch} took this place");
            self.detach_for(link.channel, link.handle, "amqp:link:stolen", &text);
        }
    }

    fn feed_of(&mut self, link: LinkKey) -> Option<&mut Feed> {
        let session = self.sessions.get_mut(&link.channel)?;
        match session.links.get_mut(&link.handle)? {
            Link::Outgoing(outgoing) if outgoing.key == link => match &mut outgoing.source {
                Source::Events(feed) => Some(feed),
                Source::Replies { .. } => None,
            },
            _ => None,
        }
    }
}

impl Sending<'_> {
    fn turn(&mut self, link: &mut Outgoing) -> Turn {
        let end = (self.out.len() + QUANTUM).min(HIGH_WATER);
        while self.out.len() < end {
            if !self.session.may_send() || !self.go_on(link) {
                return self.blocked(link);
            }
        }
        Turn::Spent
    }

    /// Sends one frame, or looks for something to send; false when there is nothing to do.
    fn go_on(&mut self, link: &mut Outgoing) -> bool {
        if link.partial.is_some() {
            self.put_remainder(link);
            return true;
        }
        if !link.has_credit() {
            return false;
        }
        match &mut link.source {
            Source::Replies { waiting, .. } => match waiting.pop_front() {
                Some(message) => {
                    self.put_message(link, |out| out.extend_from_slice(&message));
                    true
                }
                None => false,
            },
            Source::Events(feed) if feed.chunk.is_empty() => self.fetch(link.key, feed),
            Source::Events(_) => {
                self.put_events(link);
                true
            }
        }
    }

    fn blocked(&self, link: &mut Outgoing) -> Turn {
        if self.many
            && let Source::Events(feed) = &mut link.source
        {
            feed.chunk = Bytes::new();
        }
        Turn::Blocked
    }

    /// Gets the next records; false when they are not there yet.
    fn fetch(&self, link: LinkKey, feed: &mut Feed) -> bool {
        let Some(cursor) = feed.cursor.as_mut().filter(|_| !feed.reading) else {
            return false;
        };
        match feed.partition.fetch(cursor) {
            Fetch::Ready(chunk) => {
                feed.chunk = chunk;
                true
            }
            Fetch::AtEnd => false,
            Fetch::OnDisk(read) => {
                feed.reading = true;
                let mailbox = Arc::clone(self.mailbox);
                let size = if self.many { SMALL_CHUNK } else { CHUNK };
                tokio::task::spawn_blocking(move || {
                    let outcome = read.run(size);
                    mailbox.push(Notice::Read { link, outcome });
                });
                false
            }
        }
    }

    /// Sends events of the chunk at hand.
    fn put_events(&mut self, link: &mut Outgoing) {
        let end = (self.out.len() + QUANTUM).min(HIGH_WATER);
        let runtime = self.runtime(link);
        while self.out.len() < end
            && link.partial.is_none()
            && link.has_credit()
            && self.session.may_send()
        {
            let Some((record, offset)) = next_record(link) else {
                return;
            };
            if let Some(view) = record::view(&record) {
                self.put_message(link, |out| {
                    message::put_delivery(out, &view, offset, &runtime)
                });
            }
        }
    }

    fn runtime(&self, link: &Outgoing) -> Vec<u8> {
        match &link.source {
            Source::Events(feed) if feed.runtime_metrics => {
                management::runtime_metrics(self.broker, &feed.partition)
            }
            _ => Vec::new(),
        }
    }

    /// Sends a message that `put` writes, in one frame if it fits.
    fn put_message(&mut self, link: &mut Outgoing, put: impl FnOnce(&mut BytesMut)) {
        let delivery_id = self.session.next_delivery_id();
        link.sent();
        let start = transfer::begin(self.out, head(link, delivery_id, false));
        put(self.out);
        if self.out.len() - start <= self.peer.max_frame_size {
            frame::finish(self.out, start);
            self.session.sent();
            return;
        }
        let message = self.out.split_off(start + transfer::HEAD_LEN).freeze();
        self.out.truncate(start);
        link.partial = Some(Remainder {
            delivery_id,
            message,
        });
        self.put_remainder(link);
    }

    /// Sends one more frame of a large delivery.
    fn put_remainder(&mut self, link: &mut Outgoing) {
        let Some(mut remainder) = link.partial.take() else {
            return;
        };
        let room = self.peer.max_frame_size - transfer::HEAD_LEN;
        let more = remainder.message.len() > room;
        let payload = remainder
            .message
            .split_to(room.min(remainder.message.len()));
        let start = transfer::begin(self.out, head(link, remainder.delivery_id, more));
        self.out.extend_from_slice(&payload);
        frame::finish(self.out, start);
        self.session.sent();
        if more {
            link.partial = Some(remainder);
        }
    }
}

fn head(link: &Outgoing, delivery_id: u32, more: bool) -> transfer::Head {
    transfer::Head {
        channel: link.key.channel,
        handle: link.key.handle,
        delivery_id,
        settled: link.settled,
        more,
    }
}

/// Takes the next record that the receiver wants off its chunk, with its offset.
fn next_record(link: &mut Outgoing) -> Option<(Bytes, u64)> {
    let Source::Events(feed) = &mut link.source else {
        return None;
    };
    let cursor = feed.cursor.as_mut()?;
    loop {
        let Some(len) = record::len(&feed.chunk).filter(|len| *len <= feed.chunk.len()) else {
            feed.chunk = Bytes::new();
            return None;
        };
        let record = feed.chunk.split_to(len);
        let offset = cursor.offset();
        cursor.advance(len);
        let view = record::view(&record)?;
        if feed.start.is_none_or(|start| start.admits(&view, offset)) {
            feed.start = None;
            return Some((record, offset));
        }
    }
}
