//! Which owner actor owns an owner.

use xxhash_rust::xxh3::xxh3_64;

use crate::OwnerId;

/// The shard of an owner among `shards`, in `0..shards`; 0 if there are none.
///
/// The same on every machine and in every release: xxh3 of the id's bytes, scaled by a
/// multiplication, which spreads as evenly as a remainder and does not divide.
#[must_use]
pub fn shard_of(owner_id: &OwnerId, shards: usize) -> usize {
    let hash = u128::from(xxh3_64(owner_id.as_str().as_bytes()));
    let scaled = (hash * shards as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owner(text: &str) -> OwnerId {
        OwnerId::parse(text).unwrap()
    }

    #[test]
    fn the_hash_is_the_same_in_every_release() {
        let shards: Vec<_> = ["1", "2", "customer-17", "zähler"]
            .iter()
            .map(|id| shard_of(&owner(id), 1_000_000))
            .collect();
        assert_eq!(shards, PINNED);
    }

    /// Computed by the reference implementation (`python-xxhash`).
    const PINNED: [usize; 4] = [397_661, 982_752, 946_042, 36_507];

    #[test]
    fn owners_spread_evenly() {
        let mut counts = [0_usize; 16];
        for number in 0..16_000 {
            counts[shard_of(&owner(&number.to_string()), 16)] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn a_shard_lies_within_the_count(id in "[a-z0-9]{1,40}", shards in 1_usize..100) {
            prop_assert!(shard_of(&owner(&id), shards) < shards);
        }
    }
}
