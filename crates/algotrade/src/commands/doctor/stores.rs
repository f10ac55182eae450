//! What is wrong with Postgres and Redis, where the settings name them.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use service_kit::Settings;
use service_kit::cache::Cache;
use service_kit::clock;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::report::{Finding, Outcome};
use super::room;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What this version brings each schema to.
static SCHEMAS: [(&str, Migrator); 5] = [
    (
        "market_data",
        sqlx::migrate!("../../services/market-data/migrations"),
    ),
    (
        "strategy",
        sqlx::migrate!("../../services/strategy/migrations"),
    ),
    (
        "forward_test",
        sqlx::migrate!("../../services/forward-test/migrations"),
    ),
    (
        "notification",
        sqlx::migrate!("../../services/notification/migrations"),
    ),
    ("ops", sqlx::migrate!("../ops/migrations")),
];

/// What was given, in the environment or by file; the defaults name a developer's servers.
fn is_given(setting: &str) -> bool {
    let variable = format!("ALGOTRADE__{setting}__URL");
    [variable.clone(), format!("{variable}_FILE")]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
}

/// The outcomes of `database`, `schema`, `disk` and `redis`.
pub(super) async fn check(settings: &Settings) -> [(&'static str, Outcome); 4] {
    let [database, schema, disk] = match is_given("DATABASE") {
        true => postgres(settings.database.url.expose_secret()).await,
        false => [(); 3].map(|()| unset("database")),
    };
    let redis = match is_given("REDIS") {
        true => redis(settings).await,
        false => unset("redis"),
    };
    [
        ("database", database),
        ("schema", schema),
        ("disk", disk),
        ("redis", redis),
    ]
}

fn unset(section: &str) -> Outcome {
    Err(format!("{section}.url is not set"))
}

async fn postgres(url: &str) -> [Outcome; 3] {
    let connecting = tokio::time::timeout(TIMEOUT, PgConnection::connect(url)).await;
    let error = match connecting {
        Ok(Ok(mut connection)) => {
            let clock = clock(&mut connection).await;
            let schemas = schemas(&mut connection).await;
            let schema_names = SCHEMAS.iter().map(|(schema, _)| *schema);
            let room = room::check(&mut connection, schema_names).await;
            return [clock, schemas, room];
        }
        Ok(Err(error)) => error,
        Err(_) => sqlx::Error::PoolTimedOut,
    };
    let code = error.as_database_error().and_then(|error| error.code());
    let (found, remedy) = told(code.as_deref(), &error);
    let finding = finding("database.url", found, remedy);
    let unknown = || Err("no connection".to_owned());
    [Ok(vec![finding]), unknown(), unknown()]
}

pub(super) fn finding(subject: &str, found: String, remedy: &str) -> Finding {
    Finding {
        subject: subject.to_owned(),
        found,
        remedy: remedy.to_owned(),
        kafka: String::new(),
    }
}

/// Why there is no connection, and what helps.
fn told(code: Option<&str>, error: &sqlx::Error) -> (String, &'static str) {
    match code {
        Some("28P01" | "28000") => (
            error.to_string(),
            "database-setup (deploy/postgres/set-up.sh) gives each service's role the password that \
             is in the secrets",
        ),
        Some("3D000") => (
            error.to_string(),
            "name an existing database, or have it created",
        ),
        Some("53300") => (
            error.to_string(),
            "lower database.max_connections of the services, or raise max_connections of the server",
        ),
        Some("57P03") => (error.to_string(), "it is starting or stopping: wait"),
        Some(_) => (error.to_string(), "see the server's log"),
        None => (
            match error {
                sqlx::Error::PoolTimedOut => format!("does not answer within {TIMEOUT:?}"),
                error => error.to_string(),
            },
            "start it, and compare host and port",
        ),
    }
}

/// The server's clock beside this machine's: tokens, retention and every age depend on them.
async fn clock(connection: &mut PgConnection) -> Outcome {
    let found = clock::of_database(connection).await;
    let found = found.map_err(|error| error.to_string())?;
    let found = found.map(|found| finding("database.url", found, clock::REMEDY));
    Ok(found.into_iter().collect())
}

/// Schemas that this version has to migrate first. A role sees its own; what it may not read is left
/// to who may.
async fn schemas(connection: &mut PgConnection) -> Outcome {
    let mut findings = Vec::new();
    let mut read = 0;
    for (schema, migrator) in &SCHEMAS {
        let readable: Option<bool> = sqlx::query_scalar(
            "SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = '_migrations'",
        )
        .bind(schema)
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| error.to_string())?;
        if readable == Some(false) {
            continue;
        }
        read += 1;
        let applied: Option<i64> = match readable {
            None => None,
            Some(_) => {
                // Schemas are constants, never input.
                let newest = format!("SELECT max(version) FROM {schema}._migrations WHERE success");
                sqlx::query_scalar(AssertSqlSafe(newest))
                    .fetch_one(&mut *connection)
                    .await
                    .map_err(|error| error.to_string())?
            }
        };
        let wanted = migrator.iter().map(|migration| migration.version).max();
        findings.extend(outdated(schema, applied, wanted));
    }
    match read {
        0 => Err("this role may read no service's schema".to_owned()),
        _ => Ok(findings),
    }
}

fn outdated(schema: &str, applied: Option<i64>, wanted: Option<i64>) -> Option<Finding> {
    // One that a later version has migrated is fine: migrations only add.
    if applied >= wanted {
        return None;
    }
    let newest = wanted.unwrap_or_default();
    let found = match applied {
        Some(applied) => format!("is at migration {applied}, this version needs {newest}"),
        None => format!("has no tables yet, this version needs migration {newest}"),
    };
    let remedy = "start the service of this version, which migrates its schema; if it was started, the \
                  first lines of its log say why it could not";
    Some(finding(schema, found, remedy))
}

async fn redis(settings: &Settings) -> Outcome {
    let connecting = async { Cache::connect(&settings.redis).await?.ping().await };
    let found = match tokio::time::timeout(TIMEOUT, connecting).await {
        Ok(Ok(())) => return Ok(Vec::new()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("does not answer within {TIMEOUT:?}"),
    };
    let remedy = "start it, compare host and port, and compare the password in redis.url";
    Ok(vec![finding("redis.url", found, remedy)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_schema_that_is_too_old_is_found() {
        let found = |applied, wanted| outdated("strategy", applied, wanted).map(|f| f.found);
        assert_eq!(found(Some(9), Some(9)), None);
        assert_eq!(found(Some(9_999), Some(9)), None);
        let text = found(Some(9), Some(10)).unwrap();
        assert_eq!(text, "is at migration 9, this version needs 10");
        let text = found(None, Some(10)).unwrap();
        assert_eq!(text, "has no tables yet, this version needs migration 10");
    }

    #[test]
    fn every_schema_has_migrations() {
        for (schema, migrator) in &SCHEMAS {
            assert!(migrator.iter().count() > 0, "{schema}");
        }
    }
}
