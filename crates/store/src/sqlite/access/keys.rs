//! Keys of the API on SQLite.

use uuid::Uuid;

use super::super::Database;
use crate::SecretHash;
use crate::access::keys::{self, KeyColumns, KeyRow, KeyStanding, NewKey};
use crate::column;
use crate::fault::Result;

pub(crate) async fn create(database: &Database, key: &NewKey) -> Result<KeyRow> {
    let now = database.now();
    let mut writing = database.write().await?;
    let row: KeyColumns<String> = sqlx::query_as(
        "INSERT INTO api_keys
             (key_id, name, role, secret_hash, created_at, created_by, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         RETURNING key_id, name, role, created_at, created_by, expires_at, revoked_at",
    )
    .bind(key.key_id.to_string())
    .bind(&key.name)
    .bind(key.role.as_str())
    .bind(key.secret_hash.0.as_slice())
    .bind(now.to_string())
    .bind(&key.created_by)
    .bind(key.lifetime.map(|lifetime| now.plus(lifetime).to_string()))
    .fetch_one(writing.connection())
    .await?;
    writing.commit().await?;
    read(row)
}

pub(crate) async fn list(database: &Database) -> Result<Vec<KeyRow>> {
    let rows: Vec<KeyColumns<String>> = sqlx::query_as(
        "SELECT key_id, name, role, created_at, created_by, expires_at, revoked_at
         FROM api_keys ORDER BY created_at DESC, key_id",
    )
    .fetch_all(database.readers())
    .await?;
    rows.into_iter().map(read).collect()
}

pub(crate) async fn revoke(database: &Database, key_id: Uuid) -> Result<Option<KeyRow>> {
    let now = database.now();
    let mut writing = database.write().await?;
    let row: Option<KeyColumns<String>> = sqlx::query_as(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE key_id = ?
         RETURNING key_id, name, role, created_at, created_by, expires_at, revoked_at",
    )
    .bind(now.to_string())
    .bind(key_id.to_string())
    .fetch_optional(writing.connection())
    .await?;
    writing.commit().await?;
    row.map(read).transpose()
}

pub(crate) async fn by_secret(database: &Database, secret: SecretHash) -> Result<KeyStanding> {
    let row: Option<KeyColumns<String>> = sqlx::query_as(
        "SELECT key_id, name, role, created_at, created_by, expires_at, revoked_at
         FROM api_keys WHERE secret_hash = ?",
    )
    .bind(secret.0.as_slice())
    .fetch_optional(database.readers())
    .await?;
    Ok(KeyStanding::of(row.map(read).transpose()?, database.now()))
}

fn read(row: KeyColumns<String>) -> Result<KeyRow> {
    keys::read(row, |text| column::timestamp("api_keys", &text))
}
