//! What can go wrong when the relay starts.

/// An error of [`crate::start`]. Once started, the relay waits failures out and shows them in its
/// status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sink's settings cannot be used: a configuration error.
    #[error("events.sinks {name:?}: {problem}")]
    Sink { name: String, problem: String },
    #[error(transparent)]
    Store(#[from] rollcall_store::Error),
}
