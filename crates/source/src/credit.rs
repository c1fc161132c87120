//! How many events the hub may send ahead: from a byte budget, since credit counts events and an
//! event may have a megabyte.
//!
//! A receiver begins with what the budget allows for large events. Once it has seen how large they
//! are, it is opened again with what the budget allows for those. It is bounded to the range in
//! which the official client is fast.

/// Two of the largest events lie within the least budget; below that every event costs a round
/// trip.
const LEAST: u32 = 2;
/// Above this the official client gets slower again.
const MOST: u32 = 2_000;
/// What an event is taken for until some were seen.
const ASSUMED_BYTES: u64 = 64 << 10;
/// Bytes that an event costs beside its body.
const OVERHEAD_BYTES: u64 = 256;

pub(crate) struct Credit {
    budget: u64,
    fixed: Option<u32>,
    current: u32,
    events: u64,
    bytes: u64,
}

impl Credit {
    /// `budget` in bytes, for this partition; `fixed` overrules it.
    pub(crate) fn new(budget: u64, fixed: Option<u32>) -> Self {
        Self {
            budget,
            fixed,
            current: 0,
            events: 0,
            bytes: 0,
        }
    }

    /// The credit for a receiver that is being opened.
    pub(crate) fn begin(&mut self) -> u32 {
        self.current = self.wanted();
        // The mean stays; only its weight is cut, so that a change of size shows soon.
        let mean = self.mean_bytes();
        self.events = self.events.min(u64::from(self.current));
        self.bytes = self.events * mean;
        self.current
    }

    pub(crate) fn note(&mut self, events: usize, bytes: usize) {
        self.events += events as u64;
        self.bytes += bytes as u64;
    }

    /// Whether another credit would be better by a factor of two, judged by enough events.
    pub(crate) fn should_change(&self) -> bool {
        let wanted = self.wanted();
        self.events >= u64::from(self.current)
            && (wanted >= self.current.saturating_mul(2) || wanted <= self.current / 2)
    }

    fn mean_bytes(&self) -> u64 {
        self.bytes.checked_div(self.events).unwrap_or(ASSUMED_BYTES)
    }

    fn wanted(&self) -> u32 {
        let fitting = self.budget / (self.mean_bytes() + OVERHEAD_BYTES);
        self.fixed
            .unwrap_or_else(|| u32::try_from(fitting).unwrap_or(MOST).clamp(LEAST, MOST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_events_widen_the_credit_once() {
        let mut credit = Credit::new(4 << 20, None);
        assert_eq!(credit.begin(), 63);
        credit.note(63, 63 * 150);
        assert!(credit.should_change());
        assert_eq!(credit.begin(), MOST);
        credit.note(10_000, 10_000 * 150);
        assert!(!credit.should_change());
    }

    #[test]
    fn large_events_narrow_it() {
        let mut credit = Credit::new(4 << 20, None);
        credit.note(100, 100 * 150);
        assert_eq!(credit.begin(), MOST);
        credit.note(2_000, 2_000 << 20);
        assert!(credit.should_change());
        assert_eq!(credit.begin(), 4);
    }

    #[test]
    fn a_reconnect_keeps_what_is_known_of_the_size() {
        let mut credit = Credit::new(4 << 20, None);
        credit.note(1_000_000, 1_000_000 * 150);
        for _ in 0..3 {
            assert_eq!(credit.begin(), MOST);
            credit.note(128, 128 * 150);
            assert!(!credit.should_change());
        }
    }

    #[test]
    fn a_fixed_credit_stays() {
        let mut credit = Credit::new(1, Some(300));
        assert_eq!(credit.begin(), 300);
        credit.note(1_000, 1 << 30);
        assert!(!credit.should_change());
    }
}
