//! Owners on PostgreSQL.

use rollcall_model::{EventSource, OwnerId, SubOwnerId};

use super::Database;
use crate::fault::{Fault, Result};
use crate::{Change, OwnerPatch, OwnerRecord};

pub(crate) async fn find(
    _database: &Database,
    _wanted: &[(OwnerId, Vec<SubOwnerId>)],
) -> Result<Vec<Option<OwnerRecord>>> {
    Err(Fault::defect("not yet on PostgreSQL"))
}

pub(crate) async fn change(
    _database: &Database,
    _source: &EventSource,
    _owner_id: &OwnerId,
    _patch: &OwnerPatch,
) -> Result<Change> {
    Err(Fault::defect("not yet on PostgreSQL"))
}
