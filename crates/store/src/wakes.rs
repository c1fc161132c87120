//! Signals that something may be worth a look. They only save waiting: whoever listens also looks
//! from time to time, and after [`Wake::Reconnected`] looks at everything.
//!
//! On PostgreSQL a writer notifies within its transaction, so that nobody looks too early, and all
//! nodes hear it. On SQLite there is one process, which signals itself after the commit.

use tokio::sync::broadcast;

use crate::Store;
use crate::store::Backend;

/// Who does not come for its signals has missed some after so many: it is told to look at
/// everything.
const WAITING: usize = 64;

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wake {
    /// Owners were changed: [`Store::changes_since`].
    Owners,
    /// Partitions became free, or a node went away.
    Leases,
    /// Events may be due at a sink.
    Outbox,
    /// Signals may have been missed: at everything.
    Reconnected,
}

/// The signals from [`Store::wakes`] on.
#[derive(Debug)]
pub struct Wakes(broadcast::Receiver<Wake>);

impl Wakes {
    /// Waits for the next signal. Signals may come together or more often than something happens.
    /// Nothing is lost if the waiting is given up.
    pub async fn next(&mut self) -> Wake {
        match self.0.recv().await {
            Ok(wake) => wake,
            Err(broadcast::error::RecvError::Lagged(_)) => Wake::Reconnected,
            // The store is gone, and with it whatever could be looked at.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Hands each signal to everybody who listens in this process.
#[derive(Debug, Clone)]
pub(crate) struct Signals(broadcast::Sender<Wake>);

impl Signals {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }

    pub(crate) fn wake(&self, wake: Wake) {
        // Nobody listens: nobody waits.
        drop(self.0.send(wake));
    }

    pub(crate) fn subscribe(&self) -> Wakes {
        Wakes(self.0.subscribe())
    }
}

impl Wake {
    /// As PostgreSQL's notifications carry it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Owners => "owners",
            Self::Leases => "leases",
            Self::Outbox => "outbox",
            Self::Reconnected => "reconnected",
        }
    }

    /// Whatever a newer program notifies of, a look at everything finds it.
    pub(crate) fn parse(text: &str) -> Self {
        [Self::Owners, Self::Leases, Self::Outbox]
            .into_iter()
            .find(|wake| wake.as_str() == text)
            .unwrap_or(Self::Reconnected)
    }
}

impl Store {
    /// Begins to listen. On PostgreSQL the first call opens a connection for it, which is replaced
    /// when it is lost; a first [`Wake::Reconnected`] comes when it is there.
    #[must_use]
    pub fn wakes(&self) -> Wakes {
        match self.backend() {
            Backend::Sqlite(database) => database.signals().subscribe(),
            Backend::Postgres(database) => database.listener().subscribe(self.runtime()),
        }
    }
}
