//! A time as the database keeps it.

use rollcall_model::Timestamp;
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value};
use time::OffsetDateTime;

/// RFC 3339 UTC text of fixed width in SQLite, `timestamptz` in PostgreSQL. As a value in a query
/// it is the text: PostgreSQL has to be told to take it for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredTime(pub Timestamp);

impl From<StoredTime> for Value {
    fn from(time: StoredTime) -> Self {
        Self::from(time.0.to_string())
    }
}

impl TryGetable for StoredTime {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        if row.try_as_pg_row().is_some() {
            return OffsetDateTime::try_get_by(row, index).map(|time| Self(time.into()));
        }
        let text = String::try_get_by(row, index)?;
        let time = Timestamp::parse(&text);
        time.map(Self)
            .map_err(|error| TryGetError::DbErr(DbErr::Type(error.to_string())))
    }
}

impl ValueType for StoredTime {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        let text = <String as ValueType>::try_from(value)?;
        Timestamp::parse(&text).map(Self).map_err(|_| ValueTypeErr)
    }

    fn type_name() -> String {
        "StoredTime".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::Text
    }
}

impl Nullable for StoredTime {
    fn null() -> Value {
        Value::String(None)
    }
}
