//! People that sign in, and the sessions that they have open.
//!
//! A change of a user's password or role ends all sessions of theirs; so does their deletion.

use std::time::Duration;

use rollcall_model::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Role, SecretHash};
use crate::store::{Backend, Operation};
use crate::{Error, Store, column, fault, postgres, sqlite};

/// A user to enter.
#[derive(Clone)]
pub struct NewUser {
    pub user_name: String,
    pub role: Role,
    /// In the text form of its function, which has the salt.
    pub password_hash: String,
    pub created_by: String,
}

/// What to change of a user; absent parts stay.
#[derive(Clone, Default)]
pub struct UserChange {
    pub role: Option<Role>,
    pub password_hash: Option<String>,
}

/// A user as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserRow {
    pub user_name: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub created_by: String,
}

/// Name, role, creation, creator.
pub(crate) type UserColumns<T> = (String, String, T, String);

/// # Errors
/// If a column holds what nobody wrote.
pub(crate) fn read<T>(
    (user_name, role, created_at, created_by): UserColumns<T>,
    time: impl Fn(T) -> fault::Result<Timestamp>,
) -> fault::Result<UserRow> {
    Ok(UserRow {
        user_name,
        role: column::name("role", &role)?,
        created_at: time(created_at)?,
        created_by,
    })
}

/// Calls the method of the database that is open.
macro_rules! on_backend {
    ($self:ident, $operation:expr, $method:ident($($argument:ident),*)) => {
        $self.call($operation, move |backend| {
            $(let $argument = $argument.clone();)*
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::access::users::$method(database, $(&$argument),*).await
                    }
                    Backend::Postgres(database) => {
                        postgres::access::users::$method(database, $(&$argument),*).await
                    }
                }
            }
        })
        .await
    };
}

/// # Errors
/// Every method: by [`crate::Kind`], as every transaction.
impl Store {
    /// `None`: there is a user of that name already.
    pub async fn create_user(&self, user: NewUser) -> Result<Option<UserRow>, Error> {
        let operation = Operation::write("create_user", user.user_name.clone());
        on_backend!(self, operation, create(user))
    }

    /// By name.
    pub async fn list_users(&self) -> Result<Vec<UserRow>, Error> {
        on_backend!(self, Operation::read("list_users", ""), list())
    }

    /// `None`: there is no such user.
    pub async fn change_user(
        &self,
        user_name: String,
        change: UserChange,
    ) -> Result<Option<UserRow>, Error> {
        let operation = Operation::write("change_user", user_name.clone());
        on_backend!(self, operation, change(user_name, change))
    }

    /// The user as it was; `None`: there was none.
    pub async fn delete_user(&self, user_name: String) -> Result<Option<UserRow>, Error> {
        let operation = Operation::write("delete_user", user_name.clone());
        on_backend!(self, operation, delete(user_name))
    }

    /// What a password of this user is compared with.
    pub async fn password_hash(&self, user_name: String) -> Result<Option<String>, Error> {
        let operation = Operation::read("password_hash", user_name.clone());
        on_backend!(self, operation, password_hash(user_name))
    }

    /// Opens a session of a user whose password was compared with `password_hash`, and closes those
    /// of anybody that have expired. `None`: there is no such user with that hash any more.
    pub async fn open_session(
        &self,
        user_name: String,
        password_hash: String,
        secret_hash: SecretHash,
        lifetime: Duration,
    ) -> Result<Option<UserRow>, Error> {
        let operation = Operation::write("open_session", user_name.clone());
        on_backend!(
            self,
            operation,
            open_session(user_name, password_hash, secret_hash, lifetime)
        )
    }

    /// Whose session this is just now.
    pub async fn session_user(&self, secret_hash: SecretHash) -> Result<Option<UserRow>, Error> {
        on_backend!(
            self,
            Operation::read("session_user", ""),
            session_user(secret_hash)
        )
    }

    /// One that is not open stays closed.
    pub async fn close_session(&self, secret_hash: SecretHash) -> Result<(), Error> {
        on_backend!(
            self,
            Operation::write("close_session", ""),
            close_session(secret_hash)
        )
    }
}
