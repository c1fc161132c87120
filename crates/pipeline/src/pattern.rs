//! A pattern for ids: `*` stands for any run of characters, also none, `?` for exactly one, every
//! other character for itself. It matches an id as a whole, byte for byte as ids are compared.

use rollcall_model::OwnerId;

/// A pattern for ids from the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<char>);

impl Pattern {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    pub(crate) fn matches(&self, owner_id: &OwnerId) -> bool {
        let id: Vec<char> = owner_id.as_str().chars().collect();
        matches(&self.0, &id)
    }
}

/// Where a star has matched too little, only the last star needs to take more: linear in id times
/// pattern, whatever somebody sends.
fn matches(pattern: &[char], id: &[char]) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut star = None;
    while next < id.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, next));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == id[next] => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((place, taken)) = star else {
                    return false;
                };
                star = Some((place, taken + 1));
                at = place + 1;
                next = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(pattern: &str, id: &str) -> bool {
        Pattern::new(pattern).matches(&OwnerId::parse(id).unwrap())
    }

    #[test]
    fn a_pattern_matches_the_whole_id() {
        assert!(hits("plant-*", "plant-7") && hits("plant-*", "plant-"));
        assert!(!hits("plant-*", "a plant-7") && !hits("plant", "plant-7"));
        assert!(hits("*", "7") && hits("a**b", "ab") && hits("*a*b", "xaab"));
    }

    #[test]
    fn a_question_mark_is_one_character_of_whatever_length_in_bytes() {
        assert!(hits("?", "ü") && !hits("??", "ü") && !hits("?", "ab"));
        assert!(hits("a?c*", "abcd") && !hits("a?c", "ac"));
    }

    #[test]
    fn letters_are_compared_exactly() {
        assert!(!hits("plant-*", "Plant-7") && !hits("[ab]", "a") && hits("[ab]", "[ab]"));
    }

    #[test]
    fn many_stars_take_no_longer_than_they_must() {
        let pattern = "a*".repeat(60) + "b";
        assert!(!hits(&pattern, &"a".repeat(128)));
    }
}
