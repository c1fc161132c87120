//! Whom the stream may enter on the roll. What is made by hand is bound by none of it.

use rollcall_model::{CreatedBy, OwnerId, OwnerState};

use crate::pattern::Pattern;

/// What becomes of an owner that the stream brings and that is not on the roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provisioning {
    /// It is entered as active.
    #[default]
    Auto,
    /// It is entered as pending, until somebody decides about it.
    Approve,
    /// It is not entered; its statuses are dropped as `denied`.
    Deny,
}

/// The rules for newcomers. An owner that is on the roll needs none of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    pub provisioning: Provisioning,
    /// If there is a list, only owners whose id matches one of it are entered: none by an empty
    /// one.
    pub allow: Option<Vec<Pattern>>,
    /// Owners whose id matches one are not entered, also where `allow` has them.
    pub deny: Vec<Pattern>,
    /// How many owners the stream may enter in all.
    pub owner_quota: Option<u64>,
    /// How many sub-owners the stream may enter below each owner.
    pub sub_owner_quota: Option<u64>,
}

impl Policy {
    /// The state in which somebody enters an owner.
    pub(crate) fn first_state(&self, created_by: CreatedBy) -> OwnerState {
        match (created_by, self.provisioning) {
            (CreatedBy::Stream, Provisioning::Approve) => OwnerState::Pending,
            _ => OwnerState::Active,
        }
    }

    /// Whether the stream may not enter this owner.
    pub(crate) fn denies(&self, owner_id: &OwnerId) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(owner_id));
        self.provisioning == Provisioning::Deny
            || any(&self.deny)
            || self.allow.as_deref().is_some_and(|allow| !any(allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::new(text)).collect()
    }

    fn denied(policy: &Policy, owner_id: &str) -> bool {
        policy.denies(&OwnerId::parse(owner_id).unwrap())
    }

    #[test]
    fn deny_counts_more_than_allow() {
        let policy = Policy {
            allow: Some(patterns(&["plant-*"])),
            deny: patterns(&["*-test"]),
            ..Policy::default()
        };
        assert!(!denied(&policy, "plant-7"));
        assert!(denied(&policy, "plant-test") && denied(&policy, "7"));
    }

    #[test]
    fn under_approve_the_stream_enters_pending_owners_and_a_hand_active_ones() {
        let policy = Policy {
            provisioning: Provisioning::Approve,
            ..Policy::default()
        };
        assert_eq!(policy.first_state(CreatedBy::Stream), OwnerState::Pending);
        assert_eq!(policy.first_state(CreatedBy::Api), OwnerState::Active);
        let auto = Policy::default();
        assert_eq!(auto.first_state(CreatedBy::Stream), OwnerState::Active);
    }

    #[test]
    fn an_empty_list_of_allowed_ones_allows_nobody() {
        let policy = Policy {
            allow: Some(Vec::new()),
            ..Policy::default()
        };
        assert!(denied(&policy, "7") && !denied(&Policy::default(), "7"));
    }

    #[test]
    fn under_deny_nobody_is_entered_whatever_the_patterns_say() {
        let policy = Policy {
            provisioning: Provisioning::Deny,
            allow: Some(patterns(&["*"])),
            ..Policy::default()
        };
        assert!(denied(&policy, "7"));
    }
}
