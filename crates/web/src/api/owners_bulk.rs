//! One wish for many owners: approve, block, restore, delete, or change settings, by filter.
//!
//! Owners are changed in the order of their ids, each by its actor and in a transaction of its own, so
//! that a decision made meanwhile by somebody else stands.

use std::cell::{Cell, RefCell};

use actix_web::web::Data;
use rollcall_model::{Owner, OwnerId, OwnerState, Settings};
use rollcall_store::{OwnerFilter, OwnerPatch, Page};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bulk::{Mode, each};
use super::decisions::Decision;
use super::edit::{self, merged_settings};
use super::{Answer, ok};
use crate::auth::Caller;
use crate::body::Json;
use crate::openapi::patches::SettingsPatch;
use crate::{Problem, State};

/// Owners that are looked for at a time.
const CHUNK: u32 = 200;
/// Ids that one request may name.
const MAX_IDS: usize = 10_000;

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "OwnersBulk",
    extend("oneOf" = [
        {"required": ["settings"], "properties": {"action": {"const": "change_settings"}, "settings": {"type": "object"}}},
        {"properties": {"action": {"not": {"const": "change_settings"}}, "settings": {"type": "null"}}},
    ])
)]
pub(crate) struct Bulk {
    action: Action,
    filter: Filter,
    /// A merge patch, with the action `change_settings`.
    #[schemars(with = "Option<SettingsPatch>")]
    settings: Option<Value>,
    #[serde(default)]
    dry_run: bool,
    /// Where the request before stopped.
    cursor: Option<String>,
}

/// Whom it is about: named owners, or those that all given parts fit. At least one part.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "OwnersFilter",
    extend("oneOf" = [
        {"required": ["owner_ids"], "properties": {"owner_ids": {"type": "array"}, "q": {"type": "null"}, "state": {"type": "null"}}},
        {"required": ["q"], "properties": {"owner_ids": {"type": "null"}, "q": {"type": "string"}}},
        {"required": ["state"], "properties": {"owner_ids": {"type": "null"}, "q": {"type": "null"}, "state": {"type": "string"}}},
    ])
)]
struct Filter {
    #[schemars(length(max = 10_000))]
    owner_ids: Option<Vec<OwnerId>>,
    /// Part of the id or of the name.
    q: Option<String>,
    state: Option<OwnerState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OwnersAction")]
enum Action {
    Approve,
    Block,
    Restore,
    Delete,
    ChangeSettings,
}

/// An owner for the audit log; settings where they are what is changed.
#[derive(Debug, Serialize)]
struct Brief {
    owner_id: OwnerId,
    state: OwnerState,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Settings>,
}

/// The owners that were changed, as they were and as they are.
#[derive(Debug, Default)]
struct Changed {
    before: Vec<Brief>,
    after: Vec<Brief>,
}

impl Changed {
    /// One whose version is the same was as it should be.
    fn note(&mut self, before: Option<Brief>, after: Brief) {
        if let Some(before) = before
            && before.version != after.version
        {
            self.before.push(before);
            self.after.push(after);
        }
    }
}

pub(crate) async fn bulk(caller: Caller, state: Data<State>, body: Json<Bulk>) -> Answer {
    let Json(bulk) = body;
    bulk.check()?;
    let page = async |cursor: Option<&str>| bulk.filter.page(&state, cursor).await;
    let changed = RefCell::default();
    let act = async |owner: &Owner| bulk.one((&state, &caller), owner, &changed).await;
    let mode = Mode::of(bulk.dry_run);
    let outcome = each(mode, bulk.cursor.clone(), page, act).await;
    if mode == Mode::Act {
        // Also where a fault ended it: what was done before stays done.
        let Changed { before, after } = changed.into_inner();
        let after = json!({"asked": bulk, "outcome": outcome.as_ref().ok(), "owners": after});
        caller.changed(&before, &after);
    }
    ok(&outcome?)
}

impl Bulk {
    fn check(&self) -> Result<(), Problem> {
        let refuse = |detail: &str| Err(Problem::bad_request(detail));
        let Filter {
            owner_ids,
            q,
            state,
        } = &self.filter;
        if owner_ids.is_none() && q.is_none() && state.is_none() {
            return refuse("filter: give owner_ids, q or state");
        }
        if owner_ids.is_some() && (q.is_some() || state.is_some()) {
            return refuse("filter: owner_ids stand alone, without q and state");
        }
        if owner_ids.as_ref().is_some_and(|ids| ids.len() > MAX_IDS) {
            return refuse(&format!("filter: at most {MAX_IDS} owner_ids at a time"));
        }
        match (self.action, &self.settings) {
            (Action::ChangeSettings, None) => {
                refuse("settings: change_settings needs a merge patch")
            }
            (Action::ChangeSettings, Some(settings)) if !settings.is_object() => {
                refuse("settings: a merge patch is an object")
            }
            // Also where nobody is found who would be asked.
            (Action::ChangeSettings, Some(settings)) => {
                merged_settings(&Settings::default(), settings.clone()).map(drop)
            }
            (_, None) => Ok(()),
            (_, Some(_)) => refuse("settings: only change_settings takes them"),
        }
    }

    /// Why the owner is left as it is: its state, or that it was changed meanwhile.
    async fn one(
        &self,
        (state, caller): (&State, &Caller),
        owner: &Owner,
        changed: &RefCell<Changed>,
    ) -> Result<Option<&'static str>, Problem> {
        if self.dry_run {
            return Ok(self.patch(owner)?.err());
        }
        let refused = Cell::new(None);
        let before = RefCell::new(None);
        let revised = edit::revise(state, caller, &owner.owner_id, async |owner| {
            let patch = self.patch(owner)?;
            refused.set(patch.as_ref().err().copied());
            before.replace(Some(self.brief(owner)));
            // Without any part a patch changes nothing.
            Ok(patch.unwrap_or_default())
        });
        match revised.await {
            Ok(after) => {
                changed
                    .borrow_mut()
                    .note(before.into_inner(), self.brief(&after));
                Ok(refused.get())
            }
            Err(problem) if problem.is_conflict() => Ok(Some("changed_meanwhile")),
            Err(problem) => Err(problem),
        }
    }

    fn brief(&self, owner: &Owner) -> Brief {
        let of_settings = self.action == Action::ChangeSettings;
        Brief {
            owner_id: owner.owner_id.clone(),
            state: owner.state,
            version: owner.version,
            settings: of_settings.then(|| owner.settings.clone()),
        }
    }

    /// What to change of the owner as it is; `Err`: its state, which does not allow that.
    fn patch(&self, owner: &Owner) -> Result<Result<OwnerPatch, &'static str>, Problem> {
        let decision = match self.action {
            Action::Approve => Decision::Approve,
            Action::Block => Decision::Block,
            Action::Restore => Decision::Restore,
            Action::Delete => Decision::Delete,
            Action::ChangeSettings => return self.settings_patch(owner),
        };
        let next = decision.of(owner.state).map_err(|_| owner.state.as_str());
        Ok(next.map(|next| OwnerPatch {
            state: Some(next),
            ..OwnerPatch::default()
        }))
    }

    fn settings_patch(&self, owner: &Owner) -> Result<Result<OwnerPatch, &'static str>, Problem> {
        if owner.state == OwnerState::Deleted {
            return Ok(Err(owner.state.as_str()));
        }
        let patch = self.settings.clone().unwrap_or_default();
        Ok(Ok(OwnerPatch {
            settings: Some(merged_settings(&owner.settings, patch)?),
            ..OwnerPatch::default()
        }))
    }
}

impl Filter {
    async fn page(&self, state: &State, cursor: Option<&str>) -> Result<Page<Owner>, Problem> {
        let Some(ids) = &self.owner_ids else {
            let filter = OwnerFilter {
                q: self.q.clone(),
                state: self.state,
                ..OwnerFilter::default()
            };
            return Ok(state.store.list_owners(&filter, CHUNK, cursor).await?);
        };
        let mut ids: Vec<&OwnerId> = ids.iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            let owner = state.store.owner(id).await?;
            items.push(owner.ok_or_else(|| edit::no_owner(id))?);
        }
        Ok(Page {
            items,
            next_cursor: None,
        })
    }
}
