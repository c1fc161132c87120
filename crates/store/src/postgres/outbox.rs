//! The outbox on PostgreSQL.

use uuid::Uuid;

use super::Database;
use crate::fault::{Fault, Result};
use crate::{Delivery, DeliveryOutcome, SinkRegistration};

pub(crate) async fn register(_database: &Database, _sinks: &[SinkRegistration]) -> Result<()> {
    Err(Fault::defect("not yet on PostgreSQL"))
}

pub(crate) async fn due(_database: &Database, _sink: &str, _limit: usize) -> Result<Vec<Delivery>> {
    Err(Fault::defect("not yet on PostgreSQL"))
}

pub(crate) async fn settle(
    _database: &Database,
    _sink: &str,
    _outcomes: &[(Uuid, DeliveryOutcome)],
) -> Result<()> {
    Err(Fault::defect("not yet on PostgreSQL"))
}
