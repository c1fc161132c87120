//! What can go wrong in the pipeline, by what the caller does about it.

/// An error of the pipeline.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The actor that would do it died or is being replaced, or the node drains: try again.
    #[error("{actor} is being restarted")]
    Restarting { actor: String },
    /// Nothing is known of what was asked: it may still happen. Ask again.
    #[error("{actor} did not answer within {seconds} s: the database may be away")]
    TimedOut { actor: String, seconds: u64 },
    /// The settings of the claims cannot be right.
    #[error("registry.redis_url: {0}")]
    Claims(#[from] redis::RedisError),
    #[error(transparent)]
    Store(#[from] rollcall_store::Error),
    #[error(transparent)]
    Source(#[from] rollcall_source::Error),
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
