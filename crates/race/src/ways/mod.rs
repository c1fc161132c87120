//! The ways that take one message at a time, side by side.
//!
//! Each of them is asked for the row of an owner that the consumer has not seen in this life, and
//! enters and announces it if it is new. They differ in this alone.

pub(crate) mod check_then_create;
pub(crate) mod check_then_set;
pub(crate) mod event_after_commit;
pub(crate) mod get_or_lock;
pub(crate) mod lock_around;
pub(crate) mod outbox;
pub(crate) mod set_nx;

use async_trait::async_trait;

use crate::fate::Step;
use crate::hands::Hands;

/// A way to enter newcomers.
#[async_trait]
pub(crate) trait Way: Send + Sync {
    /// The owner's row; none if the way gives up on it, and with it on the status.
    async fn row(&self, hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>>;
}

/// The first row, if there are several.
const FIND: &str = "SELECT id FROM owners WHERE owner_id = $1 ORDER BY id LIMIT 1";
const CREATE: &str = "INSERT INTO owners (owner_id) VALUES ($1) RETURNING id";
