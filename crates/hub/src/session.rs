//! A session: its windows and its links. All arithmetic on transfer numbers wraps around.

use std::collections::{BTreeMap, BTreeSet};

use fe2o3_amqp_types::performatives::{Begin, Flow};

use crate::link::{Incoming, Outgoing};

/// Transfer frames that a peer may send before the window is opened again.
pub(crate) const INCOMING_WINDOW: u32 = 2_048;
/// Links per session, less one.
pub(crate) const HANDLE_MAX: u32 = 1_023;

/// One end of a link.
#[derive(Debug)]
pub(crate) enum Link {
    /// The peer sends to us.
    Incoming(Incoming),
    /// We send to the peer.
    Outgoing(Box<Outgoing>),
}

/// The state of one session. Our channel has the number of the peer's, our handles those of the
/// peer's.
#[derive(Debug)]
pub(crate) struct Session {
    next_incoming_id: u32,
    /// Transfer frames that the peer may still send.
    incoming_left: u32,
    next_outgoing_id: u32,
    /// Transfer frames that we may still send.
    outgoing_left: u32,
    next_delivery_id: u32,
    pub(crate) links: BTreeMap<u32, Link>,
    /// Handles that we have detached and the peer not yet; what comes for them is dropped.
    pub(crate) detached: BTreeSet<u32>,
}

impl Session {
    pub(crate) fn new(begin: &Begin) -> Self {
        Self {
            next_incoming_id: begin.next_outgoing_id,
            incoming_left: INCOMING_WINDOW,
            next_outgoing_id: 0,
            outgoing_left: begin.incoming_window,
            next_delivery_id: 0,
            links: BTreeMap::new(),
            detached: BTreeSet::new(),
        }
    }

    /// Our answer to the peer's begin.
    pub(crate) fn begin(&self, channel: u16) -> Begin {
        Begin {
            remote_channel: Some(channel),
            next_outgoing_id: self.next_outgoing_id,
            incoming_window: self.incoming_left,
            outgoing_window: u32::MAX,
            handle_max: HANDLE_MAX.into(),
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        }
    }

    /// Counts a transfer frame of the peer; false when it had no right to send one.
    pub(crate) fn received(&mut self) -> bool {
        let Some(left) = self.incoming_left.checked_sub(1) else {
            return false;
        };
        self.incoming_left = left;
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        true
    }

    /// Opens the window again when half of it is used; true: the peer has to be told.
    pub(crate) fn reopen(&mut self) -> bool {
        let low = self.incoming_left <= INCOMING_WINDOW / 2;
        if low {
            self.incoming_left = INCOMING_WINDOW;
        }
        low
    }

    /// Takes over the session part of the peer's flow.
    pub(crate) fn flowed(&mut self, flow: &Flow) {
        let seen = flow.next_incoming_id.unwrap_or(0);
        let under_way = self.next_outgoing_id.wrapping_sub(seen);
        self.outgoing_left = flow.incoming_window.saturating_sub(under_way);
    }

    /// A flow with the session's part filled in.
    pub(crate) fn flow(&self) -> Flow {
        Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window: self.incoming_left,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: u32::MAX,
            handle: None,
            delivery_count: None,
            link_credit: None,
            available: None,
            drain: false,
            echo: false,
            properties: None,
        }
    }

    pub(crate) fn may_send(&self) -> bool {
        self.outgoing_left > 0
    }

    /// Counts a transfer frame of ours.
    pub(crate) fn sent(&mut self) {
        self.outgoing_left -= 1;
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(1);
    }

    pub(crate) fn next_delivery_id(&mut self) -> u32 {
        let id = self.next_delivery_id;
        self.next_delivery_id = id.wrapping_add(1);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(window: u32) -> Session {
        Session::new(&Begin {
            remote_channel: None,
            next_outgoing_id: u32::MAX,
            incoming_window: window,
            outgoing_window: 1,
            handle_max: 7.into(),
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        })
    }

    fn flow(seen: u32, window: u32) -> Flow {
        Flow {
            next_incoming_id: Some(seen),
            incoming_window: window,
            ..session(0).flow()
        }
    }

    #[test]
    fn windows_wrap_around() {
        let mut session = session(u32::MAX);
        session.next_outgoing_id = 3;
        session.flowed(&flow(u32::MAX - 1, 10));
        assert_eq!(session.outgoing_left, 5, "five are under way");
        session.flowed(&flow(3, u32::MAX));
        assert_eq!(session.outgoing_left, u32::MAX);
        session.flowed(&flow(u32::MAX - 1, 2));
        assert_eq!(session.outgoing_left, 0, "a window that shrank");
    }

    #[test]
    fn a_peer_may_send_as_many_frames_as_the_window_has() {
        let mut session = session(1);
        for _ in 0..INCOMING_WINDOW {
            assert!(session.received());
        }
        assert!(!session.received());
        assert!(session.reopen() && session.received());
    }
}
