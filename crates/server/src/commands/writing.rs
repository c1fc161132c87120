//! What the commands share that write to the store themselves: whoever can do that may do
//! everything, so they need no key, and work before anybody has one.

use rollcall_store::Store;

use super::{Context, reading};
use crate::failure::Failure;

/// Who made it, in the database.
pub(crate) const BY: &str = "command line";

/// # Errors
/// The faults of the settings; that there is no database yet, or none of this version; that it
/// cannot be reached.
pub(crate) async fn open(context: &Context) -> Result<Store, Failure> {
    // Tells where there is none yet.
    let (settings, reading) = reading::open(context).await?;
    drop(reading);
    let config = rollcall_store::Config {
        migrate: false,
        ..settings.store
    };
    let opened = Store::open(config).await;
    opened.map_err(|error| reading::of_store(&error))
}
