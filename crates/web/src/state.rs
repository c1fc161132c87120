//! What every handler can reach.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use rollcall_model::Clock;
use rollcall_store::Store;

use crate::{Metrics, OwnerDesk, SettingRow};

/// The parts of the node that the API shows and asks. Clones are cheap.
#[derive(Clone)]
pub struct State {
    pub store: Store,
    pub desk: Arc<dyn OwnerDesk>,
    /// Everything that `/metrics` shows, this crate's [`Metrics`] included.
    pub registry: Arc<Registry>,
    pub metrics: Metrics,
    pub clock: Arc<dyn Clock>,
    /// This node's name.
    pub node: String,
    /// What it goes by, without secrets.
    pub settings: Arc<[SettingRow]>,
}
