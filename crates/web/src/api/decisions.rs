//! Decisions about an owner: approve, block, restore, delete.
//!
//! | | active | pending | blocked | deleted |
//! |---|---|---|---|---|
//! | approve | stays | active | 409 | 409 |
//! | block | blocked | blocked | stays | 409 |
//! | restore | stays | 409 | active | active |
//! | delete | deleted | deleted | deleted | stays |
//!
//! Where it stays, the answer is the owner as it is: a decision may be sent twice. What is held of the
//! owner follows in the background, on whichever node is first.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_model::{Owner, OwnerId, OwnerState};
use rollcall_store::OwnerPatch;
use schemars::JsonSchema;
use serde::Serialize;

use super::edit::{self, conflict};
use super::owners::shown;
use super::{Answer, ok};
use crate::auth::Caller;
use crate::etag::IfMatch;
use crate::params::Params;
use crate::path::OwnerPath;
use crate::{Problem, State};

/// What somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Approve,
    Block,
    Restore,
    Delete,
}

impl Decision {
    /// The state that it makes of an owner in `from`; `Err`: what to do instead.
    pub(super) const fn of(self, from: OwnerState) -> Result<OwnerState, &'static str> {
        use OwnerState::{Active, Blocked, Deleted, Pending};
        match (self, from) {
            (Self::Approve, Active | Pending) | (Self::Restore, Active | Blocked | Deleted) => {
                Ok(Active)
            }
            (Self::Block, Active | Pending | Blocked) => Ok(Blocked),
            (Self::Delete, _) => Ok(Deleted),
            (Self::Approve, Blocked | Deleted) | (Self::Block, Deleted) => Err("restore it"),
            (Self::Restore, Pending) => Err("approve it"),
        }
    }
}

pub(crate) async fn approve(
    caller: Caller,
    state: Data<State>,
    path: OwnerPath,
    request: HttpRequest,
) -> Answer {
    decide((&state, &caller), path, &request, Decision::Approve).await
}

pub(crate) async fn block(
    caller: Caller,
    state: Data<State>,
    path: OwnerPath,
    request: HttpRequest,
) -> Answer {
    decide((&state, &caller), path, &request, Decision::Block).await
}

pub(crate) async fn restore(
    caller: Caller,
    state: Data<State>,
    path: OwnerPath,
    request: HttpRequest,
) -> Answer {
    decide((&state, &caller), path, &request, Decision::Restore).await
}

async fn decide(
    by: (&State, &Caller),
    OwnerPath(owner_id): OwnerPath,
    request: &HttpRequest,
    decision: Decision,
) -> Answer {
    Params::of(request, &[])?;
    shown(&decided(by, &owner_id, request, decision).await?)
}

async fn decided(
    (state, caller): (&State, &Caller),
    owner_id: &OwnerId,
    request: &HttpRequest,
    decision: Decision,
) -> Result<Owner, Problem> {
    let if_match = IfMatch::of(request)?;
    edit::revise(state, caller, owner_id, async |owner| {
        if_match.check(owner.version)?;
        let next = decision.of(owner.state).map_err(|instead| {
            let is = owner.state;
            conflict(format!(
                "owner {:?} is {is}: {instead} instead",
                owner_id.as_str()
            ))
        })?;
        Ok(OwnerPatch {
            state: Some(next),
            ..OwnerPatch::default()
        })
    })
    .await
}

/// A deleted owner, and how many of its statuses were removed, if that was wished.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Deletion {
    #[serde(flatten)]
    owner: Owner,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<u64>,
}

pub(crate) async fn delete(
    caller: Caller,
    state: Data<State>,
    path: OwnerPath,
    request: HttpRequest,
) -> Answer {
    let params = Params::of(&request, &["erase"])?;
    let erase = params.parsed("erase", str::parse::<bool>)?.unwrap_or(false);
    let OwnerPath(owner_id) = path;
    let owner = decided((&state, &caller), &owner_id, &request, Decision::Delete).await?;
    if !erase {
        return shown(&owner);
    }
    // What is held would be stored if somebody restored the owner.
    while state.store.settle_held(&owner_id).await?.total() > 0 {}
    let mut erased = 0;
    loop {
        match state.store.erase_statuses(&owner_id).await? {
            0 => break,
            chunk => erased += chunk,
        }
    }
    tracing::warn!(%owner_id, erased, "the statuses of owner {owner_id} are erased: {erased}");
    let erased = Some(erased);
    let deletion = Deletion { owner, erased };
    caller.ended(&deletion);
    ok(&deletion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_decision_makes_an_owner_pending() {
        let decisions = [
            Decision::Approve,
            Decision::Block,
            Decision::Restore,
            Decision::Delete,
        ];
        for decision in decisions {
            for state in OwnerState::ALL {
                assert_ne!(decision.of(*state), Ok(OwnerState::Pending));
            }
        }
    }
}
