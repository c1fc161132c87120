//! Keys of the API on PostgreSQL.

use time::OffsetDateTime;
use uuid::Uuid;

use super::super::Database;
use crate::SecretHash;
use crate::access::keys::{self, KeyColumns, KeyRow, KeyStanding, NewKey};
use crate::column;
use crate::fault::Result;

pub(crate) async fn create(database: &Database, key: &NewKey) -> Result<KeyRow> {
    let lifetime = key.lifetime.map(|lifetime| lifetime.as_secs());
    let mut writing = database.write().await?;
    let row: KeyColumns<OffsetDateTime> = sqlx::query_as(
        "INSERT INTO api_keys
             (key_id, name, role, secret_hash, created_at, created_by, expires_at)
         SELECT $1, $2, $3, $4, now, $5, now + make_interval(secs => $6::double precision)
         FROM clock_timestamp() AS now
         RETURNING key_id, name, role, created_at, created_by, expires_at, revoked_at",
    )
    .bind(key.key_id.to_string())
    .bind(&key.name)
    .bind(key.role.as_str())
    .bind(key.secret_hash.0.as_slice())
    .bind(&key.created_by)
    .bind(lifetime.map(column::number).transpose()?)
    .fetch_one(writing.connection())
    .await?;
    writing.commit().await?;
    read(row)
}

pub(crate) async fn list(database: &Database) -> Result<Vec<KeyRow>> {
    let rows: Vec<KeyColumns<OffsetDateTime>> = sqlx::query_as(
        "SELECT key_id, name, role, created_at, created_by, expires_at, revoked_at
         FROM api_keys ORDER BY created_at DESC, key_id",
    )
    .fetch_all(database.readers())
    .await?;
    rows.into_iter().map(read).collect()
}

pub(crate) async fn revoke(database: &Database, key_id: Uuid) -> Result<Option<KeyRow>> {
    let mut writing = database.write().await?;
    let row: Option<KeyColumns<OffsetDateTime>> = sqlx::query_as(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, clock_timestamp())
         WHERE key_id = $1
         RETURNING key_id, name, role, created_at, created_by, expires_at, revoked_at",
    )
    .bind(key_id.to_string())
    .fetch_optional(writing.connection())
    .await?;
    writing.commit().await?;
    row.map(read).transpose()
}

pub(crate) async fn by_secret(database: &Database, secret: SecretHash) -> Result<KeyStanding> {
    let row: Option<KeyColumns<OffsetDateTime>> = sqlx::query_as(
        "SELECT key_id, name, role, created_at, created_by, expires_at, revoked_at
         FROM api_keys WHERE secret_hash = $1",
    )
    .bind(secret.0.as_slice())
    .fetch_optional(database.readers())
    .await?;
    let key = row.map(read).transpose()?;
    Ok(KeyStanding::of(key, database.now().await?))
}

fn read(row: KeyColumns<OffsetDateTime>) -> Result<KeyRow> {
    keys::read(row, |time| Ok(time.into()))
}
