//! What can go wrong on the way in, by what the caller does about it.

/// An error of the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub cannot be reached or answered with a failure that may pass: try again.
    #[error("cannot {operation}")]
    Unavailable {
        operation: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The hub did not answer within the limit: try again on a new connection.
    #[error("cannot {operation}: no answer within {seconds} s")]
    TimedOut { operation: String, seconds: u64 },
    /// The connection string, the hub or the credentials are wrong: no retry helps.
    #[error("{problem}")]
    Misconfigured { problem: String },
}
