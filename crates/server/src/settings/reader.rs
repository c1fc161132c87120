//! Typed access to the effective values while the settings are composed.
//!
//! A key that the table does not have, or has with another kind, is a defect of the program; it is
//! reported like a fault of the settings, and a test composes every key, so that users never see it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use rollcall_model::JsonPointer;

use super::effective::Effective;
use super::fault::{Fault, Faults};
use super::kind::Value;
use super::raw::Origin;
use super::sinks::Sink;

pub(crate) struct Reader<'a> {
    effective: &'a [Effective],
    pub(crate) faults: &'a mut Faults,
    /// Keys that somebody asked for.
    asked: RefCell<BTreeSet<&'static str>>,
}

macro_rules! getter {
    ($(#[$doc:meta])* $name:ident, $optional:ident, $variant:ident, $type:ty, $fallback:expr) => {
        $(#[$doc])*
        pub(crate) fn $optional(&mut self, key: &'static str) -> Option<$type> {
            match self.value(key) {
                None => None,
                Some(Value::$variant(value)) => Some(value),
                Some(_) => {
                    self.defect(key, "has another kind");
                    None
                }
            }
        }

        pub(crate) fn $name(&mut self, key: &'static str) -> $type {
            self.$optional(key).unwrap_or_else(|| {
                if !self.faults.concern(key) {
                    self.defect(key, "has no value");
                }
                $fallback
            })
        }
    };
}

impl<'a> Reader<'a> {
    pub(crate) fn new(effective: &'a [Effective], faults: &'a mut Faults) -> Self {
        Self {
            effective,
            faults,
            asked: RefCell::default(),
        }
    }

    getter!(text, optional_text, Text, String, String::new());
    getter!(flag, optional_flag, Flag, bool, false);
    getter!(number, optional_number, Count, u64, 1);
    getter!(
        duration,
        optional_duration,
        Duration,
        Duration,
        Duration::ZERO
    );
    getter!(size, optional_size, Size, u64, 0);
    getter!(texts, optional_texts, Texts, Vec<String>, Vec::new());
    getter!(
        pointer,
        optional_pointer,
        Pointer,
        JsonPointer,
        JsonPointer::default()
    );
    getter!(sinks, optional_sinks, Sinks, Vec<Sink>, Vec::new());
    getter!(
        listen,
        optional_listen,
        Listen,
        SocketAddr,
        SocketAddr::from(([127, 0, 0, 1], 0))
    );
    getter!(
        start_position,
        optional_start_position,
        StartPosition,
        rollcall_source::StartPosition,
        rollcall_source::StartPosition::Earliest
    );

    /// A count of at least one.
    pub(crate) fn count(&mut self, key: &'static str) -> NonZeroUsize {
        to_count(self.number(key))
    }

    /// A size as a count of bytes of at least one.
    pub(crate) fn bytes(&mut self, key: &'static str) -> NonZeroUsize {
        to_count(self.size(key))
    }

    pub(crate) fn origin(&self, key: &str) -> Origin {
        let found = self.effective.iter().find(|e| e.setting.key == key);
        found.map_or(Origin::Default, |effective| effective.origin.clone())
    }

    /// Adds a fault that no single value shows, unless a fault of the key is known already.
    pub(crate) fn fault(&mut self, key: &'static str, problem: String, mend: &str) {
        if !self.faults.concern(key) {
            let origin = Some(self.origin(key));
            self.faults.push(Fault::new(key, origin, problem, mend));
        }
    }

    /// The keys that nobody asked for: they would be accepted without effect.
    #[cfg(test)]
    pub(crate) fn unasked(&self) -> Vec<&'static str> {
        let asked = self.asked.borrow();
        let keys = self.effective.iter().map(|effective| effective.setting.key);
        keys.filter(|key| !asked.contains(key)).collect()
    }

    fn value(&self, key: &'static str) -> Option<Value> {
        self.asked.borrow_mut().insert(key);
        let found = self.effective.iter().find(|e| e.setting.key == key)?;
        found.value.clone()
    }

    fn defect(&mut self, key: &'static str, problem: &str) {
        let mend = "this is a defect of rollcall: please report it";
        self.faults.push(Fault::new(key, None, problem, mend));
    }
}

fn to_count(number: u64) -> NonZeroUsize {
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}
