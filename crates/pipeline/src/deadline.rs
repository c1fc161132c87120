//! A limit on how long the database is waited for. The transaction goes on without whoever asked.

use std::time::Duration;

use crate::Error;

/// The answer, or that it did not come in time.
///
/// # Errors
/// Those of the store, and [`Error::TimedOut`].
pub(crate) async fn within<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, rollcall_store::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::TimedOut {
            actor: "the database".to_owned(),
            seconds: limit.as_secs(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_database_that_does_not_answer_is_not_waited_for() {
        let never = std::future::pending::<Result<(), rollcall_store::Error>>();
        let answer = within(Duration::from_secs(5), never).await;
        let sentence = answer.unwrap_err().to_string();
        assert!(
            sentence.starts_with("the database did not answer within 5 s"),
            "{sentence}"
        );
        within(Duration::from_secs(5), async { Ok(()) })
            .await
            .unwrap();
    }
}
