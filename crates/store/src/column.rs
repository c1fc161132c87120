//! What the columns' texts and numbers mean.
//!
//! The database holds only what this program wrote, so a text that cannot be read is a defect.

use std::fmt::Display;
use std::str::FromStr;

use rollcall_model::{OwnerId, PartitionId, SubOwnerId, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::fault::{Fault, Result};

fn unreadable(column: &'static str, error: impl Display) -> Fault {
    Fault::defect(format!(
        "the column {column} holds what it cannot hold: {error}"
    ))
}

pub(crate) fn timestamp(column: &'static str, text: &str) -> Result<Timestamp> {
    Timestamp::parse(text).map_err(|error| unreadable(column, error))
}

pub(crate) fn owner_id(text: &str) -> Result<OwnerId> {
    OwnerId::parse(text).map_err(|error| unreadable("owner_id", error))
}

pub(crate) fn sub_owner_id(text: &str) -> Result<SubOwnerId> {
    SubOwnerId::parse(text).map_err(|error| unreadable("sub_owner_id", error))
}

/// A name of one of the model's enumerations.
pub(crate) fn name<T>(column: &'static str, text: &str) -> Result<T>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error| unreadable(column, error))
}

/// A value that lies in the database as JSON.
pub(crate) fn json<T: DeserializeOwned>(column: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(column, error))
}

/// The JSON text of a value whose type always has one.
pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(Fault::defect)
}

pub(crate) fn raw_json(column: &'static str, text: String) -> Result<Box<RawValue>> {
    RawValue::from_string(text).map_err(|error| unreadable(column, error))
}

pub(crate) fn partition_id(number: i64) -> Result<PartitionId> {
    let number = u32::try_from(number).map_err(|error| unreadable("partition_id", error))?;
    Ok(PartitionId(number))
}

/// A count.
pub(crate) fn count(column: &'static str, number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|error| unreadable(column, error))
}

/// A count on its way into the database, which counts to 2^63.
pub(crate) fn number(count: u64) -> Result<i64> {
    i64::try_from(count).map_err(Fault::defect)
}

pub(crate) fn uuid(column: &'static str, text: &str) -> Result<uuid::Uuid> {
    text.parse().map_err(|error| unreadable(column, error))
}
