//! The known key that an unknown one was probably meant to be.

/// Edits that count as slips of the hand.
const CLOSE: usize = 3;

/// The known key with the fewest edits, where a right last part in the wrong section counts as one
/// edit. `None` only if nothing is known.
pub(crate) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.min_by_key(|key| distance(typed, key))
}

/// The nearest one, if so few edits away that it was surely meant.
pub(crate) fn close<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest(typed, known).filter(|near| distance(typed, near) <= CLOSE)
}

fn distance(typed: &str, known: &str) -> usize {
    let edits = strsim::damerau_levenshtein(typed, known);
    let moved = strsim::damerau_levenshtein(last_part(typed), last_part(known)) * 2 + 1;
    edits.min(moved)
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_and_a_wrong_section_find_their_key() {
        let known = [
            "store.url",
            "store.migrate",
            "registry.owner_shards",
            "leases.ttl",
        ];
        let find = |typed| nearest(typed, known.into_iter());
        assert_eq!(find("store.ulr"), Some("store.url"));
        assert_eq!(find("pipeline.owner_shards"), Some("registry.owner_shards"));
        assert_eq!(find("lease.ttl"), Some("leases.ttl"));
    }
}
