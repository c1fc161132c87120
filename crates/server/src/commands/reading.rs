//! What the reading commands share: the store, opened read-only beside a running node.

use rollcall_store::Store;

use super::Context;
use crate::failure::Failure;
pub(crate) use crate::node::failures::of_store;
use crate::settings::Settings;

/// # Errors
/// The faults of the settings; that there is no database yet; that it cannot be read.
pub(crate) async fn open(context: &Context) -> Result<(Settings, Store), Failure> {
    let settings = context.settings()?;
    if let Some(file) = settings.database_file()
        && !file.exists()
    {
        return Err(Failure::unavailable(
            format!("there is no database {} yet", file.display()),
            "start a node (rollcall run), or name its data directory or store.url",
        ));
    }
    let opened = Store::open_read_only(settings.store.clone()).await;
    Ok((settings, opened.map_err(|error| of_store(&error))?))
}

/// Tells how to get the next page, if there is one.
pub(crate) fn say_more(context: &Context, cursor: Option<&str>) {
    if let Some(cursor) = cursor {
        context
            .talk
            .say(&format!("there are more: --cursor {cursor}"));
    }
}
