//! SIGTERM and Ctrl-C: the first one asks for a drain, the second one does not wait for it.

use std::io;

use tokio::sync::watch;

use crate::failure::Failure;

/// How many signals came.
#[derive(Clone)]
pub(crate) struct Shutdown {
    signals: watch::Receiver<u32>,
}

impl Shutdown {
    /// Listens from now on, on the current runtime.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(crate) fn listen() -> io::Result<Self> {
        let (count, signals) = watch::channel(0);
        let mut terminate = terminations()?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { return },
                    () = terminate.next() => {}
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { signals })
    }

    /// A shutdown that the returned sender asks for.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (watch::Sender<u32>, Self) {
        let (count, signals) = watch::channel(0);
        (count, Self { signals })
    }

    /// Resolves when a drain is asked for.
    pub(crate) async fn asked(&mut self) {
        self.reached(1).await;
    }

    /// Resolves when the drain shall not be waited for.
    async fn insisted(&mut self) {
        self.reached(2).await;
    }

    /// Runs `work` to its end, unless the second signal comes.
    ///
    /// # Errors
    /// Those of `work`, and that it was cut off.
    pub(crate) async fn or_insisted<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut signals = self.clone();
        tokio::select! {
            done = work => done,
            () = signals.insisted() => Err(anyhow::anyhow!("stopped at once, without a drain").into()),
        }
    }

    async fn reached(&mut self, count: u32) {
        if self
            .signals
            .wait_for(|signals| *signals >= count)
            .await
            .is_err()
        {
            // Nobody listens for signals any more, so none will come.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Terminations(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Terminations {
    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
fn terminations() -> io::Result<Terminations> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate()).map(Terminations)
}

#[cfg(not(unix))]
struct Terminations;

#[cfg(not(unix))]
impl Terminations {
    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}

#[cfg(not(unix))]
fn terminations() -> io::Result<Terminations> {
    Ok(Terminations)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_insists() {
        let (count, mut shutdown) = Shutdown::by_hand();
        assert!(shutdown.asked().now_or_never().is_none());
        count.send_replace(1);
        shutdown.asked().await;
        let signals = shutdown.clone();
        let drained = signals
            .or_insisted(async { Ok::<_, Failure>("drained") })
            .await;
        assert_eq!(drained.unwrap(), "drained");
        count.send_replace(2);
        let hung = signals
            .or_insisted(std::future::pending::<Result<(), Failure>>())
            .await;
        assert_eq!(
            hung.unwrap_err().to_string(),
            "stopped at once, without a drain"
        );
    }
}
