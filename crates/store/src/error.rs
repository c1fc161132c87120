//! What can go wrong, by what the caller does about it.

/// A failed transaction: nothing of it is stored, unless `kind` is [`Kind::Unknown`].
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation}")]
pub struct Error {
    /// The transaction's name and what it was about, such as `commit partition 3 (9, 20]`.
    pub operation: String,
    pub kind: Kind,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller does about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Busy, full, unreachable, read-only for a while: try again later with back-off.
    Unavailable,
    /// The connection broke inside COMMIT: send the same batch again, the position rule answers.
    Unknown,
    /// The database refuses the data itself: bisect, then dead-letter.
    RefusedData,
    /// The schema is older or newer than this program: say what to do, exit 69 or migrate.
    Schema,
    /// The page's cursor is not one that a list gave out: the reader's mistake.
    BadCursor,
    /// A defect of the program or of the configuration: give up and say so.
    Defect,
}

impl Kind {
    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::RefusedData => "refused_data",
            Self::Schema => "schema",
            Self::BadCursor => "bad_cursor",
            Self::Defect => "defect",
        }
    }
}
