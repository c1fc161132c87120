//! Keys of the API. A key's secret is shown once, to whoever made it; only its SHA-256 is here.
//!
//! Whether a key counts, the database's clock decides: nodes whose clocks differ agree. A revoked key
//! keeps its row, so that what it did can still be laid at its door.

use std::time::Duration;

use rollcall_model::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{Role, SecretHash};
use crate::store::{Backend, Operation};
use crate::{Error, Store, column, fault, postgres, sqlite};

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub key_id: Uuid,
    /// For people.
    pub name: String,
    pub role: Role,
    pub secret_hash: SecretHash,
    pub created_by: String,
    /// From now on, by the database's clock; `None`: until it is revoked.
    pub lifetime: Option<Duration>,
}

/// A key as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyRow {
    pub key_id: Uuid,
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A key that was looked up by its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStanding {
    Valid(KeyRow),
    Expired(KeyRow),
    Revoked(KeyRow),
    Unknown,
}

impl KeyStanding {
    pub(crate) fn of(key: Option<KeyRow>, now: Timestamp) -> Self {
        match key {
            None => Self::Unknown,
            Some(key) if key.revoked_at.is_some() => Self::Revoked(key),
            Some(key) if key.expires_at.is_some_and(|at| at <= now) => Self::Expired(key),
            Some(key) => Self::Valid(key),
        }
    }
}

/// Id, name, role, creation, creator, expiry, revocation.
pub(crate) type KeyColumns<T> = (String, String, String, T, String, Option<T>, Option<T>);

/// # Errors
/// If a column holds what nobody wrote.
pub(crate) fn read<T>(
    (key_id, name, role, created_at, created_by, expires_at, revoked_at): KeyColumns<T>,
    time: impl Fn(T) -> fault::Result<Timestamp>,
) -> fault::Result<KeyRow> {
    Ok(KeyRow {
        key_id: column::uuid("key_id", &key_id)?,
        name,
        role: column::name("role", &role)?,
        created_at: time(created_at)?,
        created_by,
        expires_at: expires_at.map(&time).transpose()?,
        revoked_at: revoked_at.map(&time).transpose()?,
    })
}

/// # Errors
/// Every method: by [`crate::Kind`], as every transaction.
impl Store {
    pub async fn create_key(&self, key: NewKey) -> Result<KeyRow, Error> {
        let operation = Operation::write("create_key", key.key_id.to_string());
        self.call(operation, move |backend| {
            let key = key.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => sqlite::access::keys::create(database, &key).await,
                    Backend::Postgres(database) => {
                        postgres::access::keys::create(database, &key).await
                    }
                }
            }
        })
        .await
    }

    /// Newest first, revoked and expired ones as well.
    pub async fn list_keys(&self) -> Result<Vec<KeyRow>, Error> {
        self.call(Operation::read("list_keys", ""), |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => sqlite::access::keys::list(database).await,
                Backend::Postgres(database) => postgres::access::keys::list(database).await,
            }
        })
        .await
    }

    /// The key as it stands afterwards; one that was revoked before keeps its time. `None`: there is
    /// no such key.
    pub async fn revoke_key(&self, key_id: Uuid) -> Result<Option<KeyRow>, Error> {
        let operation = Operation::write("revoke_key", key_id.to_string());
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => sqlite::access::keys::revoke(database, key_id).await,
                Backend::Postgres(database) => {
                    postgres::access::keys::revoke(database, key_id).await
                }
            }
        })
        .await
    }

    /// Whether a secret opens anything just now.
    pub async fn key_by_secret(&self, secret_hash: SecretHash) -> Result<KeyStanding, Error> {
        let operation = Operation::read("key_by_secret", "");
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => {
                    sqlite::access::keys::by_secret(database, secret_hash).await
                }
                Backend::Postgres(database) => {
                    postgres::access::keys::by_secret(database, secret_hash).await
                }
            }
        })
        .await
    }
}
