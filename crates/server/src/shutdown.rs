//! SIGTERM and Ctrl-C ask for a drain; a second Ctrl-C does not wait for it.

use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::failure::Failure;

/// Nobody presses Ctrl-C twice within this: `timeout` and some supervisors signal a process and
/// then its group, which is one request.
const SAME_REQUEST: Duration = Duration::from_millis(500);

const ASKED: u32 = 1;
const INSISTED: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// Ctrl-C, SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// What was asked for so far. Clones see the same.
#[derive(Clone)]
pub(crate) struct Shutdown {
    level: watch::Receiver<u32>,
}

impl Shutdown {
    /// Listens from now on, on the current runtime.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, level) = watch::channel(0);
        let mut terminate = terminations()?;
        tokio::spawn(async move {
            let mut first = None;
            loop {
                let signal = tokio::select! {
                    interrupted = tokio::signal::ctrl_c() => match interrupted {
                        Ok(()) => Signal::Interrupt,
                        Err(_) => return,
                    },
                    () = terminate.next() => Signal::Terminate,
                };
                let since = first.get_or_insert_with(Instant::now).elapsed();
                sender.send_modify(|level| *level = (*level).max(asks_for(signal, since)));
            }
        });
        Ok(Self { level })
    }

    /// A shutdown that the returned sender asks for.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (watch::Sender<u32>, Self) {
        let (sender, level) = watch::channel(0);
        (sender, Self { level })
    }

    /// Resolves when a drain is asked for.
    pub(crate) async fn asked(&mut self) {
        self.reached(ASKED).await;
    }

    /// Resolves when the drain shall not be waited for.
    async fn insisted(&mut self) {
        self.reached(INSISTED).await;
    }

    /// Runs `work` to its end, unless a second Ctrl-C comes.
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

    async fn reached(&mut self, level: u32) {
        if self.level.wait_for(|now| *now >= level).await.is_err() {
            // Nobody listens for signals any more, so none will come.
            std::future::pending::<()>().await;
        }
    }
}

/// What a signal asks for so long after the first one.
fn asks_for(signal: Signal, since_first: Duration) -> u32 {
    match signal {
        Signal::Interrupt if since_first >= SAME_REQUEST => INSISTED,
        Signal::Interrupt | Signal::Terminate => ASKED,
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

    #[test]
    fn only_a_second_ctrl_c_insists_and_a_repeat_of_the_same_request_is_none() {
        let soon = Duration::from_millis(20);
        let later = Duration::from_secs(2);
        assert_eq!(asks_for(Signal::Interrupt, Duration::ZERO), ASKED);
        assert_eq!(asks_for(Signal::Interrupt, soon), ASKED);
        assert_eq!(asks_for(Signal::Interrupt, later), INSISTED);
        assert_eq!(asks_for(Signal::Terminate, later), ASKED);
    }

    #[tokio::test]
    async fn what_was_asked_for_reaches_all_clones() {
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
