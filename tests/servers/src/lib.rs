//! Private servers for the tests: real programs on free loopback ports, in temporary directories,
//! gone with the process that started them, however it ends.
//!
//! Nothing here is shared between processes but the template of an empty cluster, which is only
//! ever copied. Debian's own services are neither used nor touched.

mod keeper;
mod port;
mod postgres;
mod rabbitmq;
mod redis;
mod signal;

pub use postgres::{Database, Postgres, Snapshot};
pub use rabbitmq::RabbitMq;
pub use redis::Redis;
