//! Notifications between nodes: a channel whose payload says where to look, and two of live statuses
//! (`live_feed.rs`).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio::runtime;
use tokio::task::AbortHandle;

use super::live_feed;
use crate::fault::{Fault, Result};
use crate::wakes::{Signals, Wake, Wakes};

const CHANNEL: &str = "rollcall";
/// After so long without a notification the connection is asked whether it still lives: a network
/// that went away says nothing.
const QUIET: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Between tries to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// Everybody hears it once the transaction is committed; within one transaction many are one.
pub(super) async fn notify(connection: &mut PgConnection, wake: Wake) -> Result<()> {
    sqlx::query("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(wake.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Hears what the nodes notify of, as soon as somebody wants to know. Dropped, it stops.
pub(crate) struct Listener {
    /// Of one connection, opened when it is needed.
    pool: PgPool,
    signals: Signals,
    live: Arc<live_feed::Parts>,
    task: OnceLock<AbortHandle>,
}

impl Listener {
    pub(super) fn new(pool: PgPool, live: Arc<live_feed::Parts>) -> Self {
        Self {
            pool,
            signals: Signals::new(),
            live,
            task: OnceLock::new(),
        }
    }

    pub(crate) fn subscribe(&self, runtime: &runtime::Handle) -> Wakes {
        let wakes = self.signals.subscribe();
        self.start(runtime);
        wakes
    }

    pub(super) fn start(&self, runtime: &runtime::Handle) {
        self.task.get_or_init(|| {
            let live = Arc::clone(&self.live);
            let listening = listen_for_ever(self.pool.clone(), self.signals.clone(), live);
            runtime.spawn(listening).abort_handle()
        });
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

async fn listen_for_ever(pool: PgPool, signals: Signals, live: Arc<live_feed::Parts>) {
    let mut said = false;
    loop {
        let Err(fault) = listen(&pool, &signals, &live, &mut said).await;
        // Once a failure: the writing transactions tell of a database that is away.
        if !said {
            said = true;
            let error = fault.chain();
            tracing::warn!(error, "changes by other nodes are heard late: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Hears until the connection is lost.
async fn listen(
    pool: &PgPool,
    signals: &Signals,
    live: &Arc<live_feed::Parts>,
    said: &mut bool,
) -> Result<std::convert::Infallible> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    let channels = [CHANNEL, live_feed::WANTED, live_feed::SHOWN];
    listener.listen_all(channels).await?;
    *said = false;
    // Whatever was notified of before is found by looking.
    signals.wake(Wake::Reconnected);
    loop {
        match tokio::time::timeout(QUIET, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => match notification.channel() {
                CHANNEL => signals.wake(Wake::parse(notification.payload())),
                channel => live.hear(channel, notification.payload()),
            },
            Ok(Ok(None)) => return Err(lost("the connection was closed")),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                let asked = sqlx::query("SELECT 1").execute(&mut listener);
                let answer = tokio::time::timeout(ANSWER_TIMEOUT, asked).await;
                answer.map_err(|_| lost("the server does not answer"))??;
            }
        }
    }
}

fn lost(reason: &'static str) -> Fault {
    Fault::new(crate::Kind::Unavailable, reason)
}
