//! Who killed the actor?
//!
//! When an actor dies, all that lies in its mailbox is lost with it, innocent or not. Each message
//! therefore carries an [`InHand`] mark that the actor raises while it works on this very message.
//! Its sender keeps the other end: after a death only the sender whose mark is up has reason to
//! suspect its message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a message must kill before it is blamed: once may be chance.
pub(crate) const DEATHS_TO_BLAME: u32 = 2;
/// How often a single event must kill, alone, before it is poison.
pub(crate) const DEATHS_TO_CONDEMN: u32 = 3;

/// Shared by the sender of a message and the actor that works on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct InHand(Arc<AtomicBool>);

impl InHand {
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn lower(&self) {
        self.0.store(false, Ordering::Release);
    }

    pub(crate) fn is_up(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
