//! Where one way runs: a database of its own, a name space in Redis of its own, the topic.

use crate::kind::Kind;
use crate::session::Session;
use crate::topic::Publisher;
use anyhow::{Context as _, Result};

/// Owners as most people have them: a key that counts, the id beside it, not unique.
const LOOSE_OWNERS: &str = "
    CREATE TABLE owners (id {key}, owner_id TEXT NOT NULL);
    CREATE INDEX owners_by_owner_id ON owners (owner_id);";

const UNIQUE_OWNERS: &str = "
    CREATE TABLE owners (id {key}, owner_id TEXT NOT NULL UNIQUE);";

const STATUSES: &str = "
    CREATE TABLE statuses (
        id {key}, owner BIGINT NOT NULL REFERENCES owners (id), sub_owner_id TEXT NOT NULL,
        partition_id BIGINT NOT NULL, sequence_number BIGINT NOT NULL, data TEXT NOT NULL);
    CREATE TABLE checkpoints (
        partition_id BIGINT PRIMARY KEY, sequence_number BIGINT NOT NULL);
    CREATE TABLE outbox (
        id {key}, event_id TEXT NOT NULL, owner_id TEXT NOT NULL, sent BIGINT NOT NULL DEFAULT 0);
    CREATE INDEX outbox_unsent ON outbox (id) WHERE sent = 0;";

/// What all consumers of one way share.
#[derive(Debug, Clone)]
pub struct Place {
    pub database_url: String,
    /// The server's URL, and what every key begins with.
    pub redis: Option<(String, String)>,
    pub publisher: Publisher,
}

impl Place {
    /// Makes the tables that the way uses, in an empty database.
    ///
    /// # Errors
    /// If the database does not take them.
    pub async fn prepare(&self, kind: Kind) -> Result<()> {
        let owners = match kind {
            Kind::TwoHundredLines(job) => {
                return crate::two_hundred_lines::prepare(&self.database_url, job).await;
            }
            Kind::Rollcall => return Ok(()),
            Kind::EventAfterCommit | Kind::Outbox => UNIQUE_OWNERS,
            _ => LOOSE_OWNERS,
        };
        let mut session = Session::open(&self.database_url).await?;
        session.prepare(owners).await?;
        session.prepare(STATUSES).await?;
        session.close().await
    }

    pub(crate) async fn redis(&self) -> Result<Option<Redis>> {
        let Some((url, prefix)) = &self.redis else {
            return Ok(None);
        };
        let client = redis::Client::open(url.as_str()).context("the URL of Redis")?;
        let connection = client.get_multiplexed_async_connection().await;
        Ok(Some(Redis {
            connection: connection.context("cannot connect to Redis")?,
            prefix: prefix.clone(),
        }))
    }
}

/// A consumer's connection to Redis.
pub(crate) struct Redis {
    pub(crate) connection: redis::aio::MultiplexedConnection,
    prefix: String,
}

impl Redis {
    pub(crate) fn key(&self, owner_id: &str) -> String {
        format!("{}{owner_id}", self.prefix)
    }

    pub(crate) fn lock(&self, owner_id: &str) -> String {
        format!("{}{owner_id}_lock", self.prefix)
    }
}
