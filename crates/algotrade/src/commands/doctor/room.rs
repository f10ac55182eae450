//! Whether Postgres has room to write: a role can't see how full the server's disk is, but it can write
//! a little and take it back.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::report::Outcome;
use super::stores::finding;

/// `disk_full`: no room for a table or an index.
const DISK_FULL: &str = "53100";
/// `read_only_sql_transaction`: a standby, or a server that somebody has made read-only.
const READ_ONLY: &str = "25006";
/// As they are (`STORAGE EXTERNAL`): compressed, they would be next to nothing.
const BYTES: i32 = 1_048_576;

/// Looks in the first schema that this role may write.
pub(super) async fn check(
    connection: &mut PgConnection,
    schemas: impl IntoIterator<Item = &'static str>,
) -> Outcome {
    for schema in schemas {
        let writable: Option<bool> = sqlx::query_scalar(
            "SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1",
        )
        .bind(schema)
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| error.to_string())?;
        if writable == Some(true) {
            return judged(write(connection, schema).await);
        }
    }
    Err("this role may write in no service's schema".to_owned())
}

/// Writes, and takes it back by not committing.
async fn write(connection: &mut PgConnection, schema: &'static str) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    // Schemas are constants, never input.
    for statement in [
        format!("CREATE TABLE {schema}.doctor_room (filler text)"),
        format!("ALTER TABLE {schema}.doctor_room ALTER filler SET STORAGE EXTERNAL"),
    ] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *transaction)
            .await?;
    }
    let filler = format!("INSERT INTO {schema}.doctor_room VALUES (repeat('x', $1))");
    sqlx::query(AssertSqlSafe(filler))
        .bind(BYTES)
        .execute(&mut *transaction)
        .await?;
    transaction.rollback().await
}

fn judged(written: sqlx::Result<()>) -> Outcome {
    let Err(error) = written else {
        return Ok(Vec::new());
    };
    let code = error
        .as_database_error()
        .and_then(|error| error.code())
        .map(std::borrow::Cow::into_owned);
    let remedy = match code.as_deref() {
        Some(DISK_FULL) => {
            "make room on the disk of Postgres' data, or enlarge it (docs/runbooks/DiskNearlyFull.md); \
             what could not be written was refused, and no service needs a restart"
        }
        Some(READ_ONLY) => {
            "it is a standby, or somebody has made it read-only, perhaps because its disk was full: \
             name the primary in database.url, or make it writable again"
        }
        _ => return Err(error.to_string()),
    };
    Ok(vec![finding("database.url", error.to_string(), remedy)])
}
