//! Keys, users, sessions and the audit log on PostgreSQL.

pub(crate) mod audit;
pub(crate) mod keys;
pub(crate) mod users;
