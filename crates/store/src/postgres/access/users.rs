//! Users and sessions on PostgreSQL.

use std::time::Duration;

use time::OffsetDateTime;

use super::super::Database;
use crate::access::users::{self, NewUser, UserChange, UserColumns, UserRow};
use crate::fault::Result;
use crate::{Role, SecretHash};

pub(crate) async fn create(database: &Database, user: &NewUser) -> Result<Option<UserRow>> {
    let mut writing = database.write().await?;
    let row: Option<UserColumns<OffsetDateTime>> = sqlx::query_as(
        "INSERT INTO users (user_name, role, password_hash, created_at, created_by)
         VALUES ($1, $2, $3, clock_timestamp(), $4)
         ON CONFLICT DO NOTHING
         RETURNING user_name, role, created_at, created_by",
    )
    .bind(&user.user_name)
    .bind(user.role.as_str())
    .bind(&user.password_hash)
    .bind(&user.created_by)
    .fetch_optional(writing.connection())
    .await?;
    writing.commit().await?;
    row.map(read).transpose()
}

pub(crate) async fn list(database: &Database) -> Result<Vec<UserRow>> {
    let rows: Vec<UserColumns<OffsetDateTime>> = sqlx::query_as(
        "SELECT user_name, role, created_at, created_by FROM users ORDER BY user_name",
    )
    .fetch_all(database.readers())
    .await?;
    rows.into_iter().map(read).collect()
}

pub(crate) async fn change(
    database: &Database,
    user_name: &str,
    change: &UserChange,
) -> Result<Option<UserRow>> {
    let mut writing = database.write().await?;
    let row: Option<UserColumns<OffsetDateTime>> = sqlx::query_as(
        "UPDATE users
         SET role = coalesce($1, role), password_hash = coalesce($2, password_hash)
         WHERE user_name = $3
         RETURNING user_name, role, created_at, created_by",
    )
    .bind(change.role.map(Role::as_str))
    .bind(&change.password_hash)
    .bind(user_name)
    .fetch_optional(writing.connection())
    .await?;
    sqlx::query("DELETE FROM sessions WHERE user_name = $1")
        .bind(user_name)
        .execute(writing.connection())
        .await?;
    writing.commit().await?;
    row.map(read).transpose()
}

pub(crate) async fn delete(database: &Database, user_name: &str) -> Result<Option<UserRow>> {
    let mut writing = database.write().await?;
    let row: Option<UserColumns<OffsetDateTime>> = sqlx::query_as(
        "DELETE FROM users WHERE user_name = $1
         RETURNING user_name, role, created_at, created_by",
    )
    .bind(user_name)
    .fetch_optional(writing.connection())
    .await?;
    writing.commit().await?;
    row.map(read).transpose()
}

pub(crate) async fn password_hash(database: &Database, user_name: &str) -> Result<Option<String>> {
    let hash = sqlx::query_scalar("SELECT password_hash FROM users WHERE user_name = $1")
        .bind(user_name)
        .fetch_optional(database.readers())
        .await?;
    Ok(hash)
}

/// The hash is compared once more within the transaction: a password that was changed meanwhile
/// opens nothing.
pub(crate) async fn open_session(
    database: &Database,
    user_name: &str,
    password_hash: &str,
    secret_hash: &SecretHash,
    lifetime: &Duration,
) -> Result<Option<UserRow>> {
    let mut writing = database.write().await?;
    sqlx::query("DELETE FROM sessions WHERE expires_at <= clock_timestamp()")
        .execute(writing.connection())
        .await?;
    let row: Option<UserColumns<OffsetDateTime>> = sqlx::query_as(
        "SELECT user_name, role, created_at, created_by FROM users
         WHERE user_name = $1 AND password_hash = $2
         FOR SHARE",
    )
    .bind(user_name)
    .bind(password_hash)
    .fetch_optional(writing.connection())
    .await?;
    if row.is_some() {
        sqlx::query(
            "INSERT INTO sessions (secret_hash, user_name, created_at, expires_at)
             SELECT $1, $2, now, now + make_interval(secs => $3)
             FROM clock_timestamp() AS now",
        )
        .bind(secret_hash.0.as_slice())
        .bind(user_name)
        .bind(lifetime.as_secs_f64())
        .execute(writing.connection())
        .await?;
    }
    writing.commit().await?;
    row.map(read).transpose()
}

pub(crate) async fn session_user(
    database: &Database,
    secret_hash: &SecretHash,
) -> Result<Option<UserRow>> {
    let row: Option<UserColumns<OffsetDateTime>> = sqlx::query_as(
        "SELECT u.user_name, u.role, u.created_at, u.created_by
         FROM sessions AS s JOIN users AS u ON u.user_name = s.user_name
         WHERE s.secret_hash = $1 AND s.expires_at > clock_timestamp()",
    )
    .bind(secret_hash.0.as_slice())
    .fetch_optional(database.readers())
    .await?;
    row.map(read).transpose()
}

pub(crate) async fn close_session(database: &Database, secret_hash: &SecretHash) -> Result<()> {
    let mut writing = database.write().await?;
    sqlx::query("DELETE FROM sessions WHERE secret_hash = $1")
        .bind(secret_hash.0.as_slice())
        .execute(writing.connection())
        .await?;
    writing.commit().await
}

fn read(row: UserColumns<OffsetDateTime>) -> Result<UserRow> {
    users::read(row, |time| Ok(time.into()))
}
