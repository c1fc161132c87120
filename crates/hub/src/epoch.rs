//! Who receives from which partition, and who displaces whom.
//!
//! | present | newcomer | outcome |
//! |---|---|---|
//! | none, or fewer than five without an epoch | without an epoch | admitted |
//! | five without an epoch | without an epoch | refused |
//! | one with an epoch | without an epoch | refused |
//! | one with a higher epoch | with an epoch | refused |
//! | any without, or one with an equal or lower epoch | with an epoch | admitted; those are displaced |
//!
//! Per partition and consumer group. Epochs are forgotten when their receiver goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::mailbox::{LinkKey, Mailbox, Notice};

/// Receivers without an epoch, per partition and consumer group.
const MAX_WITHOUT_EPOCH: usize = 5;

type Place = (u32, String);

/// All receivers of the hub.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    places: Mutex<HashMap<Place, Vec<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    epoch: Option<i64>,
    link: LinkKey,
    mailbox: Arc<Mailbox>,
}

/// Why a receiver is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("a receiver with the epoch {present} is there")]
    Epoch { present: i64 },
    #[error("{MAX_WITHOUT_EPOCH} receivers without an epoch are there, which is the limit")]
    TooMany,
}

/// A receiver's place; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Registration {
    receivers: Arc<Receivers>,
    place: Place,
    id: u64,
}

impl Receivers {
    /// Admits the receiver at the end of `link`, or says why not. The displaced are told through
    /// their mailboxes.
    pub(crate) fn admit(
        self: &Arc<Self>,
        place: (u32, &str),
        epoch: Option<i64>,
        link: LinkKey,
        mailbox: Arc<Mailbox>,
    ) -> Result<Registration, Refused> {
        let place = (place.0, place.1.to_lowercase());
        let mut places = self.lock();
        let present = places.entry(place.clone()).or_default();
        let highest = present.iter().filter_map(|entry| entry.epoch).max();
        match (highest, epoch) {
            (Some(present), None) => return Err(Refused::Epoch { present }),
            (Some(present), Some(epoch)) if present > epoch => {
                return Err(Refused::Epoch { present });
            }
            (None, None) if present.len() >= MAX_WITHOUT_EPOCH => return Err(Refused::TooMany),
            (None, None) => {}
            (_, Some(epoch)) => {
                for displaced in present.drain(..) {
                    let link = displaced.link;
                    displaced.mailbox.push(Notice::Displaced { link, epoch });
                }
            }
        }
        present.push(Entry {
            epoch,
            link,
            mailbox,
        });
        drop(places);
        Ok(Registration {
            receivers: Arc::clone(self),
            place,
            id: link.id,
        })
    }

    /// Receivers of a partition, over all consumer groups.
    pub(crate) fn count(&self, partition: u32) -> usize {
        let places = self.lock();
        let of_partition = places.iter().filter(|((id, _), _)| *id == partition);
        of_partition.map(|(_, entries)| entries.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Vec<Entry>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut places = self.receivers.lock();
        if let Some(entries) = places.get_mut(&self.place) {
            entries.retain(|entry| entry.link.id != self.id);
            if entries.is_empty() {
                places.remove(&self.place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        receivers: Arc<Receivers>,
        mailbox: Arc<Mailbox>,
        next: u64,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                receivers: Arc::default(),
                mailbox: Arc::default(),
                next: 0,
            }
        }

        fn admit(&mut self, epoch: Option<i64>) -> Result<Registration, Refused> {
            self.next += 1;
            let link = LinkKey {
                channel: 0,
                handle: 0,
                id: self.next,
            };
            let mailbox = Arc::clone(&self.mailbox);
            self.receivers.admit((0, "$Default"), epoch, link, mailbox)
        }

        fn displaced(&self) -> Vec<u64> {
            let notices = self.mailbox.take();
            let ids = notices.into_iter().map(|notice| match notice {
                Notice::Displaced { link, .. } => link.id,
                other => panic!("unexpected {other:?}"),
            });
            ids.collect()
        }
    }

    #[test]
    fn five_without_an_epoch_and_no_more() {
        let mut fixture = Fixture::new();
        let held: Vec<_> = (0..5).map(|_| fixture.admit(None).unwrap()).collect();
        assert_eq!(fixture.admit(None).unwrap_err(), Refused::TooMany);
        drop(held);
        assert!(fixture.admit(None).is_ok());
    }

    #[test]
    fn an_equal_or_higher_epoch_displaces_and_a_lower_is_refused() {
        let mut fixture = Fixture::new();
        let _plain = fixture.admit(None).unwrap();
        let _first = fixture.admit(Some(7)).unwrap();
        assert_eq!(fixture.displaced(), [1]);
        assert_eq!(
            fixture.admit(Some(6)).unwrap_err(),
            Refused::Epoch { present: 7 }
        );
        assert_eq!(
            fixture.admit(None).unwrap_err(),
            Refused::Epoch { present: 7 }
        );
        let equal = fixture.admit(Some(7)).unwrap();
        assert_eq!(fixture.displaced(), [2]);
        drop(equal);
        assert!(
            fixture.admit(None).is_ok(),
            "epochs are forgotten with their receiver"
        );
    }
}
