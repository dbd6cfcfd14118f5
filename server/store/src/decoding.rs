//! Rows as they are found. SQLite keeps in a cell whatever somebody wrote into it, a text where a number belongs or
//! nothing where something must be: a row with such a cell was not written by Strongroom, and is one damaged row. It
//! must neither hide the others nor pass for a failure of the database.
//!
//! A query for one row needs nothing of this: [`crate::fault::store_error`] calls what does not read damaged.

use std::fmt::{self, Write as _};

use sea_orm::{
    ColumnTrait as _, ColumnType, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IdenStatic as _, Iterable as _,
    PrimaryKeyTrait, QueryResult, Select, TryGetableMany as _,
};
use sqlx::{Row as _, TypeInfo as _, ValueRef as _, sqlite::SqliteValueRef};
use strongroom_domain::ports::StoreError;
use uuid::Uuid;

use crate::fault::store_error;

/// Most characters of a cell that are shown.
pub(crate) const MAX_SHOWN: usize = 64;

/// The key of a row.
pub(crate) type KeyOf<E> = <<E as EntityTrait>::PrimaryKey as PrimaryKeyTrait>::ValueType;

/// A row that does not read: which one, and why. Nothing of it but its key is shown.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) table: &'static str,
    pub(crate) place: String,
    pub(crate) why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.table, self.place, self.why)
    }
}

impl From<Unreadable> for StoreError {
    fn from(row: Unreadable) -> Self {
        Self::Damaged(row.to_string())
    }
}

/// A row of the table of `E`, all of it or as much as `M` is made of. To be asked for with `into_model`.
pub(crate) enum FoundRow<E: EntityTrait, M = <E as EntityTrait>::Model> {
    /// It reads.
    Read(KeyOf<E>, M),
    /// It does not; its key may.
    Unreadable(Option<KeyOf<E>>, Unreadable),
}

impl<E: EntityTrait, M> FoundRow<E, M> {
    /// What was read.
    pub(crate) fn row(self) -> Result<M, StoreError> {
        match self {
            Self::Read(_, row) => Ok(row),
            Self::Unreadable(_, why) => Err(why.into()),
        }
    }
}

impl<E: EntityTrait, M: FromQueryResult> FromQueryResult for FoundRow<E, M> {
    fn from_query_result(row: &QueryResult, pre: &str) -> Result<Self, DbErr> {
        let columns: Vec<String> = E::PrimaryKey::iter().map(|key| key.as_str().to_owned()).collect();
        let key = KeyOf::<E>::try_get_many(row, pre, &columns).map_err(DbErr::from);
        let (key, why) = match (key, M::from_query_result(row, pre)) {
            (Ok(key), Ok(read)) => match text_for_bytes::<E>(row, pre) {
                None => return Ok(Self::Read(key, read)),
                Some(column) => (Some(key), format!("{column}: a text stands for bytes")),
            },
            (Ok(key), Err(why)) => (Some(key), why.to_string()),
            (Err(why), _) => (None, why.to_string()),
        };
        let cells: Vec<String> = columns.iter().map(|column| shown(row, pre, column)).collect();
        let table = E::default().table_name();
        Ok(Self::Unreadable(key, Unreadable { table, place: cells.join("/"), why }))
    }
}

/// A column of bytes in which a text stands, as SQLite lets it. It would read as the same bytes, but compares as
/// something else: what was written there is found by nobody.
fn text_for_bytes<E: EntityTrait>(row: &QueryResult, pre: &str) -> Option<&'static str> {
    let row = row.try_as_sqlite_row()?;
    let holds_text = |column: &E::Column| {
        let of_bytes = matches!(
            column.def().get_column_type(),
            ColumnType::Uuid | ColumnType::Blob | ColumnType::Binary(_) | ColumnType::VarBinary(_)
        );
        let name = format!("{pre}{}", column.as_str());
        // What was not asked for is not there, and of a cell with nothing in it the column's type would be told.
        let is_text = |cell: SqliteValueRef<'_>| !cell.is_null() && cell.type_info().name() == "TEXT";
        of_bytes && row.try_get_raw(name.as_str()).is_ok_and(is_text)
    };
    E::Column::iter().find(holds_text).map(|column| column.as_str())
}

/// A cell of a key for people, whatever is in it: nothing of somebody else's reaches a terminal as it is.
fn shown(row: &QueryResult, pre: &str, column: &str) -> String {
    let whole = if let Ok(text) = row.try_get::<String>(pre, column) {
        text.escape_debug().to_string()
    } else if let Ok(id) = row.try_get::<Uuid>(pre, column) {
        id.to_string()
    } else if let Ok(bytes) = row.try_get::<Vec<u8>>(pre, column) {
        bytes.iter().take(MAX_SHOWN).fold(String::from("0x"), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    } else if let Ok(number) = row.try_get::<i64>(pre, column) {
        number.to_string()
    } else if let Ok(number) = row.try_get::<f64>(pre, column) {
        number.to_string()
    } else {
        "null".to_owned()
    };
    whole.chars().take(MAX_SHOWN).collect()
}

/// All rows of a query, each by itself.
pub(crate) async fn each_row<E: EntityTrait>(
    select: Select<E>,
    database: &impl ConnectionTrait,
) -> Result<Vec<Result<E::Model, StoreError>>, StoreError> {
    let found = select.into_model::<FoundRow<E>>().all(database).await.map_err(|e| store_error(&e))?;
    Ok(found.into_iter().map(FoundRow::row).collect())
}

/// A row that somebody edited so that it says nothing keeps no other from being used.
pub(crate) fn kept<T>(row: Result<T, StoreError>) -> Option<T> {
    row.inspect_err(|error| tracing::error!(%error, "a row is damaged and counts for nothing")).ok()
}
