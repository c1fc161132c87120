//! The stored invariants on PostgreSQL.

use super::Database;
use crate::Finding;
use crate::fault::{Fault, Result};

pub(crate) async fn check(_database: &Database) -> Result<Vec<Finding>> {
    Err(Fault::defect("not yet on PostgreSQL"))
}
