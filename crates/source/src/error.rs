//! What can go wrong on the way in, by what the caller does about it.

use azure_messaging_eventhubs::EventHubsError;

use crate::reason;

/// An error of the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub cannot be reached or answered with a failure that may pass: try again.
    #[error("cannot {operation}: {cause}")]
    Unavailable { operation: String, cause: String },
    /// The hub did not answer within the limit: try again on a new connection.
    #[error("cannot {operation}: no answer within {seconds} s")]
    TimedOut { operation: String, seconds: u64 },
    /// Another receiver has the partition under an equal or a higher owner level.
    #[error("cannot {operation}: another receiver of the consumer group displaced this one")]
    Displaced { operation: String },
    /// The settings cannot be right: no retry helps.
    #[error("{problem}")]
    Misconfigured { problem: String },
}

impl Error {
    pub(crate) fn of_client(operation: &str, error: &EventHubsError) -> Self {
        use azure_messaging_eventhubs::error::ErrorKind;
        let operation = operation.to_owned();
        match &error.kind {
            ErrorKind::ConsumerDisconnected(_) => Self::Displaced { operation },
            _ => Self::Unavailable {
                operation,
                cause: reason::reason(error),
            },
        }
    }
}
