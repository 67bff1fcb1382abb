//! What a statement takes and gives, the same for both engines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sqlx::{
    Arguments, ColumnIndex, Database, Decode, Encode, Postgres, Row as _, Sqlite, Type, ValueRef as _,
    postgres::{PgArguments, PgRow},
    sqlite::SqliteRow,
};
use uuid::Uuid;

use crate::error::StoreError;

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Uuid(Uuid),
    OptionalUuid(Option<Uuid>),
    Integer(i64),
    OptionalInteger(Option<i64>),
    Text(String),
    OptionalText(Option<String>),
    Bytes(Vec<u8>),
    OptionalBytes(Option<Vec<u8>>),
    Boolean(bool),
}

macro_rules! value_from {
    ($($type:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }
    )+};
}

value_from! {
    Uuid => Uuid,
    Option<Uuid> => OptionalUuid,
    i64 => Integer,
    Option<i64> => OptionalInteger,
    String => Text,
    Option<String> => OptionalText,
    Vec<u8> => Bytes,
    Option<Vec<u8>> => OptionalBytes,
    bool => Boolean,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<IpAddr> for Value {
    fn from(address: IpAddr) -> Self {
        Self::Bytes(address_bytes(address))
    }
}

impl From<u64> for Value {
    /// A number beyond what both engines store becomes the largest that they do; no counter gets there.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        Self::OptionalInteger(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

/// An address as the ledger stores it: 4 or 16 bytes, most significant first.
pub(crate) fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The parameters of one statement for one engine.
pub(crate) fn arguments<DB: Database>(values: Vec<Value>) -> Result<DB::Arguments, StoreError>
where
    for<'q> Uuid: Encode<'q, DB> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB>,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> Vec<u8>: Encode<'q, DB> + Type<DB>,
    for<'q> bool: Encode<'q, DB> + Type<DB>,
    for<'q> Option<Uuid>: Encode<'q, DB>,
    for<'q> Option<i64>: Encode<'q, DB>,
    for<'q> Option<String>: Encode<'q, DB>,
    for<'q> Option<Vec<u8>>: Encode<'q, DB>,
{
    let mut arguments = DB::Arguments::default();
    arguments.reserve(values.len(), values.len() * 16);
    for value in values {
        let added = match value {
            Value::Uuid(value) => arguments.add(value),
            Value::OptionalUuid(value) => arguments.add(value),
            Value::Integer(value) => arguments.add(value),
            Value::OptionalInteger(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::OptionalText(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::OptionalBytes(value) => arguments.add(value),
            Value::Boolean(value) => arguments.add(value),
        };
        added.map_err(|error| StoreError::Internal(format!("cannot bind a parameter: {error}")))?;
    }
    Ok(arguments)
}

/// The parameters of a statement about `rows` rows, for PostgreSQL: an array for each column.
pub(crate) fn columns(values: Vec<Value>, rows: usize) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    add_columns(&mut arguments, values, rows)?;
    Ok(arguments)
}

/// Adds the parameters of one more statement about rows.
pub(crate) fn add_columns(
    arguments: &mut PgArguments,
    values: Vec<Value>,
    rows: usize,
) -> Result<(), StoreError> {
    let width = values.len() / rows.max(1);
    let mut columns: Vec<Vec<Value>> = (0..width).map(|_| Vec::with_capacity(rows)).collect();
    for (index, value) in values.into_iter().enumerate() {
        columns[index % width].push(value);
    }
    for column in columns {
        add_column(arguments, column)
            .map_err(|error| StoreError::Internal(format!("cannot bind a column: {error}")))?;
    }
    Ok(())
}

/// Adds values that are all of one kind.
fn add_column(arguments: &mut PgArguments, column: Vec<Value>) -> Result<(), sqlx::error::BoxDynError> {
    macro_rules! array_of {
        ($kind:ident) => {{
            let value = |value| match value {
                Value::$kind(value) => Ok(value),
                other => Err(format!("{other:?} in a column of another kind")),
            };
            arguments.add(column.into_iter().map(value).collect::<Result<Vec<_>, _>>()?)
        }};
    }
    match column.first() {
        None => Ok(()),
        Some(Value::Uuid(_)) => array_of!(Uuid),
        Some(Value::OptionalUuid(_)) => array_of!(OptionalUuid),
        Some(Value::Integer(_)) => array_of!(Integer),
        Some(Value::OptionalInteger(_)) => array_of!(OptionalInteger),
        Some(Value::Text(_)) => array_of!(Text),
        Some(Value::OptionalText(_)) => array_of!(OptionalText),
        Some(Value::Bytes(_)) => array_of!(Bytes),
        Some(Value::OptionalBytes(_)) => array_of!(OptionalBytes),
        Some(Value::Boolean(_)) => array_of!(Boolean),
    }
}

/// A row that a statement found, read column by column from the left.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Reads a row's columns in the order in which the statement names them.
#[derive(Debug)]
pub(crate) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl Row {
    pub(crate) fn columns(&self) -> Columns<'_> {
        Columns { row: self, next: 0 }
    }
}

impl Columns<'_> {
    /// The next column, as both engines decode it.
    pub(crate) fn get<T>(&mut self) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
        usize: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        let index = self.next;
        self.next += 1;
        let value = match self.row {
            Row::Sqlite(row) => row.try_get::<T, _>(index),
            Row::Postgres(row) => row.try_get::<T, _>(index),
        };
        value.map_err(|error| StoreError::Internal(format!("column {index}: {error}")))
    }

    /// Whether the next column is null; it stays the next one.
    pub(crate) fn is_null(&self) -> Result<bool, StoreError> {
        let index = self.next;
        let is_null = match self.row {
            Row::Sqlite(row) => row.try_get_raw(index).map(|value| value.is_null()),
            Row::Postgres(row) => row.try_get_raw(index).map(|value| value.is_null()),
        };
        is_null.map_err(|error| StoreError::Internal(format!("column {index}: {error}")))
    }

    /// Leaves out the next columns, so many of them.
    pub(crate) fn skip(&mut self, count: usize) {
        self.next += count;
    }

    /// The next column, an identity.
    pub(crate) fn id<I: From<Uuid>>(&mut self) -> Result<I, StoreError> {
        self.get::<Uuid>().map(Into::into)
    }

    /// The next column, an identity, or nothing.
    pub(crate) fn id_option<I: From<Uuid>>(&mut self) -> Result<Option<I>, StoreError> {
        Ok(self.get::<Option<Uuid>>()?.map(I::from))
    }

    /// The next column, a number that is never negative.
    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        let number: i64 = self.get()?;
        u64::try_from(number).map_err(|_| damaged("number", &number))
    }

    /// The next column, a text of a type that parses.
    pub(crate) fn parsed<T: TryFrom<String>>(&mut self) -> Result<T, StoreError> {
        let text: String = self.get()?;
        text.clone().try_into().map_err(|_| damaged("text", &text))
    }

    /// The next column, a text of a type that parses, or nothing.
    pub(crate) fn parsed_option<T: TryFrom<String>>(&mut self) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get()?;
        text.map(|text| text.clone().try_into().map_err(|_| damaged("text", &text))).transpose()
    }

    /// The next column, plain data as JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text: String = self.get()?;
        serde_json::from_str(&text).map_err(|_| damaged("JSON", &text))
    }

    /// The next column, plain data as JSON, or nothing.
    pub(crate) fn json_option<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get()?;
        text.map(|text| serde_json::from_str(&text).map_err(|_| damaged("JSON", &text))).transpose()
    }

    /// The next column, a number that is never negative, or nothing.
    pub(crate) fn number_option(&mut self) -> Result<Option<u64>, StoreError> {
        let number: Option<i64> = self.get()?;
        number.map(|number| u64::try_from(number).map_err(|_| damaged("number", &number))).transpose()
    }

    /// The next column, an address.
    pub(crate) fn address(&mut self) -> Result<IpAddr, StoreError> {
        address(&self.get::<Vec<u8>>()?)
    }

    /// The next column, an address or nothing.
    pub(crate) fn address_option(&mut self) -> Result<Option<IpAddr>, StoreError> {
        self.get::<Option<Vec<u8>>>()?.as_deref().map(address).transpose()
    }

    /// The next column, exactly `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let bytes: Vec<u8> = self.get()?;
        bytes.as_slice().try_into().map_err(|_| damaged("bytes", &bytes))
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, StoreError> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(bytes).into());
    }
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| damaged("address", &bytes))?;
    Ok(Ipv6Addr::from(bytes).into())
}

/// The database holds a value that the program never writes.
pub(crate) fn damaged(what: &str, value: &dyn std::fmt::Debug) -> StoreError {
    StoreError::Internal(format!("the database holds an impossible {what}: {value:?}"))
}

/// Plain data as the JSON text of a column.
pub(crate) fn json(value: &impl serde::Serialize) -> Value {
    Value::Text(json_text(value))
}

/// Plain data as JSON text.
pub(crate) fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data with text keys is JSON")
}
