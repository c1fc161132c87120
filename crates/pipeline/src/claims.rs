//! Claims in Redis: before newcomers are entered, nodes tell each other who is at whom.
//!
//! A hint that saves work, for those who run Redis anyway: a node that finds a newcomer claimed
//! waits a moment and looks it up instead of inserting it as well. Who enters it is decided by the
//! database's unique key, whatever Redis says. So nothing here is an error to anybody: a Redis that
//! is away, slow or empty makes every newcomer one's own to enter, which is what happens without
//! claims. While it is away nobody waits for it: a task of its own tries to reach it again.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rand::Rng as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use rollcall_model::OwnerId;
use rollcall_store::OwnerRecord;
use tokio::runtime;

use self::scripts::Scripts;
use crate::Config;
use crate::error::chain;
use crate::metrics::Metrics;

mod scripts;

pub(crate) use scripts::Turn;

/// Longer than a healthy Redis ever takes; whoever waits for a newcomer waits for this at most.
const ANSWER: Duration = Duration::from_millis(300);
const CONNECT: Duration = Duration::from_secs(2);
/// Between two tries to reach it again; with jitter.
const RETRY: Duration = Duration::from_secs(2);

/// Where the claims are.
#[derive(Clone)]
pub struct ClaimsConfig {
    /// `redis://…` or `rediss://…`.
    pub url: String,
}

impl std::fmt::Debug for ClaimsConfig {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClaimsConfig").finish_non_exhaustive()
    }
}

/// The claims of this process, or nothing where they are not configured. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Claims(Option<Arc<Inner>>);

struct Inner {
    client: Client,
    scripts: Scripts,
    connection: Mutex<Option<MultiplexedConnection>>,
    metrics: Metrics,
    io: runtime::Handle,
}

impl Claims {
    /// Begins to reach Redis, if one is configured; until it is there, there are no claims.
    pub(crate) fn start(
        config: &Config,
        metrics: &Metrics,
        io: &runtime::Handle,
    ) -> RedisResult<Self> {
        let Some(claims) = &config.claims else {
            return Ok(Self(None));
        };
        let inner = Arc::new(Inner {
            client: Client::open(claims.url.as_str())?,
            scripts: Scripts::new(config.incarnation),
            connection: Mutex::new(None),
            metrics: metrics.clone(),
            io: io.clone(),
        });
        inner.io.spawn(Inner::reach(Arc::downgrade(&inner), false));
        Ok(Self(Some(inner)))
    }

    /// Whose turn it is to enter each of them; one's own where Redis does not say.
    pub(crate) async fn ask(&self, owner_ids: Vec<OwnerId>) -> Vec<Turn> {
        let count = owner_ids.len();
        let asked = self.with_connection(|inner, connection| async move {
            inner.scripts.ask(connection, &owner_ids).await
        });
        let turns = asked.await;
        if let Some(inner) = &self.0 {
            inner.metrics.note_claims(turns.as_deref(), count);
        }
        turns.unwrap_or_else(|| vec![Turn::Ours; count])
    }

    /// Says how owners stand in the roll, after the commit. Nobody waits for it.
    pub(crate) fn tell<'r>(&self, records: impl Iterator<Item = &'r OwnerRecord>) {
        let Some(inner) = &self.0 else {
            return;
        };
        let entries: Vec<_> = records.map(scripts::Entry::of).collect();
        if entries.is_empty() {
            return;
        }
        let claims = self.clone();
        inner.io.spawn(async move {
            let told = claims.with_connection(|inner, connection| async move {
                inner.scripts.tell(connection, &entries).await
            });
            told.await;
        });
    }

    /// Runs `call` on the runtime that carries I/O; a fault takes the connection away.
    async fn with_connection<T, C>(
        &self,
        call: impl FnOnce(Arc<Inner>, MultiplexedConnection) -> C,
    ) -> Option<T>
    where
        T: Send + 'static,
        C: Future<Output = RedisResult<T>> + Send + 'static,
    {
        let inner = self.0.as_ref()?;
        let connection = inner.connection()?;
        let calling = inner.io.spawn(call(Arc::clone(inner), connection));
        match calling.await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                inner.lose(&chain(&error));
                None
            }
            Err(error) => {
                inner.lose(&chain(&error));
                None
            }
        }
    }
}

impl Inner {
    fn connection(&self) -> Option<MultiplexedConnection> {
        let held = self.connection.lock();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, connection: Option<MultiplexedConnection>) -> bool {
        let mut held = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let was = held.is_some();
        self.metrics
            .claims_available
            .set(i64::from(connection.is_some()));
        *held = connection;
        was
    }

    /// The first who meets the fault says so and begins to look for its end.
    fn lose(self: &Arc<Self>, error: &str) {
        if self.set(None) {
            tracing::warn!(
                error,
                "Redis, where newcomers are claimed, does not answer: they go straight to the \
                 database, which decides anyway"
            );
            self.io.spawn(Self::reach(Arc::downgrade(self), true));
        }
    }

    /// Tries until Redis answers, or until nobody needs it any more.
    async fn reach(claims: Weak<Self>, was_lost: bool) {
        let mut has_failed = was_lost;
        let mut pause = was_lost;
        loop {
            if pause {
                let jitter = rand::rng().random_range(0.5..1.5);
                tokio::time::sleep(RETRY.mul_f64(jitter)).await;
            }
            pause = true;
            let Some(inner) = claims.upgrade() else {
                return;
            };
            match inner.connect().await {
                Ok(connection) => {
                    inner.set(Some(connection));
                    tracing::info!("newcomers are claimed in Redis");
                    return;
                }
                Err(error) if has_failed => {
                    tracing::debug!(error = %chain(&error), "Redis is still away");
                }
                Err(error) => {
                    has_failed = true;
                    tracing::warn!(
                        error = %chain(&error),
                        "Redis, where newcomers are to be claimed (registry.redis_url), cannot be \
                         reached: until it can, they go straight to the database"
                    );
                }
            }
        }
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await?;
        // A Redis that accepts and does not answer is still away.
        redis::cmd("PING")
            .query_async::<()>(&mut connection)
            .await?;
        Ok(connection)
    }
}
