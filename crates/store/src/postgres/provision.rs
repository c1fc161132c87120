//! Provisioning on PostgreSQL.

use rollcall_model::EventSource;

use super::Database;
use crate::fault::{Fault, Result};
use crate::{Newcomer, Provisioned};

pub(crate) async fn provision(
    _database: &Database,
    _source: &EventSource,
    _newcomers: &[Newcomer],
) -> Result<Vec<Provisioned>> {
    Err(Fault::defect("not yet on PostgreSQL"))
}
