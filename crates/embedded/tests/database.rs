//! What the services rely on, asked of the embedded Postgres through sqlx.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::str::FromStr;
use std::time::{Duration, Instant};

use algotrade_embedded::EmbeddedDatabase;
use rust_decimal::Decimal;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, PgPool, Row};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

const KEPT: &str = "CREATE TABLE trading.kept (
             id uuid PRIMARY KEY, amount numeric NOT NULL, doc jsonb NOT NULL,
             at timestamptz NOT NULL DEFAULT now(), state bytea NOT NULL, tags text[] NOT NULL
         );
         CREATE INDEX kept_at ON trading.kept (at DESC);";

async fn pool(database: &EmbeddedDatabase) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect(database.url())
        .await
        .unwrap()
}

fn migrator(schema: &'static str, sql: &'static str) -> Migrator {
    let migration = Migration::new(
        1,
        "first".into(),
        MigrationType::Simple,
        sqlx::SqlSafeStr::into_sql_str(sql),
        false,
    );
    let mut migrator = Migrator::with_migrations(vec![migration]);
    migrator.create_schema(schema);
    migrator.dangerous_set_table_name(format!("{schema}._sqlx_migrations"));
    migrator
}

#[tokio::test]
async fn every_type_that_services_store_comes_back_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(data.path()).await.unwrap();
    let pool_before = pool(&database).await;
    migrator("trading", KEPT).run(&pool_before).await.unwrap();
    let id = Uuid::now_v7();
    let amount = Decimal::from_str("12345678901234.567890123456").unwrap();
    let at: DateTime<Utc> = "2025-11-25T04:00:00.049274Z".parse().unwrap();
    let doc = serde_json::json!({"nodes": [{"id": "sma-1"}]});
    for _ in 0..2 {
        sqlx::query(
            "INSERT INTO trading.kept (id, amount, doc, at, state, tags)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id)
        .bind(amount)
        .bind(&doc)
        .bind(at)
        .bind(vec![0_u8, 255])
        .bind(vec!["a".to_owned(), "b".to_owned()])
        .execute(&pool_before)
        .await
        .unwrap();
    }
    pool_before.close().await;
    database.shutdown().await;

    let database = EmbeddedDatabase::start(data.path()).await.unwrap();
    let pool_after = pool(&database).await;
    // Migrating what is migrated already does nothing.
    migrator("trading", "SELECT 1")
        .run(&pool_after)
        .await
        .unwrap_err();
    let row = sqlx::query("SELECT id, amount, doc, at, state, tags FROM trading.kept")
        .fetch_one(&pool_after)
        .await
        .unwrap();
    assert_eq!(row.get::<Uuid, _>("id"), id);
    assert_eq!(row.get::<Decimal, _>("amount"), amount);
    assert_eq!(row.get::<serde_json::Value, _>("doc"), doc);
    assert_eq!(row.get::<DateTime<Utc>, _>("at"), at);
    assert_eq!(row.get::<Vec<u8>, _>("state"), [0, 255]);
    assert_eq!(row.get::<Vec<String>, _>("tags"), ["a", "b"]);
}

#[tokio::test]
async fn two_services_migrate_schemas_of_their_own() {
    let data = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(data.path()).await.unwrap();
    let pool = pool(&database).await;
    for schema in ["strategy", "forward_test"] {
        let migrator = migrator(schema, "CREATE TABLE IF NOT EXISTS public.shared (id int)");
        migrator.run(&pool).await.unwrap();
        // A second start of the service.
        migrator.run(&pool).await.unwrap();
    }
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE tablename = '_sqlx_migrations'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(tables, 2);
}

#[tokio::test]
async fn transactions_roll_back_and_errors_leave_the_connection_usable() {
    let data = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(data.path()).await.unwrap();
    let pool = pool(&database).await;
    sqlx::raw_sql(
        "CREATE TABLE ledger (session uuid, seq bigint, cash numeric CHECK (cash >= 0),
                              PRIMARY KEY (session, seq))",
    )
    .execute(&pool)
    .await
    .unwrap();
    let session = Uuid::new_v4();
    let insert = "INSERT INTO ledger VALUES ($1, $2, $3)
                  ON CONFLICT (session, seq) DO UPDATE SET cash = excluded.cash
                  RETURNING (xmax = 0)";

    let mut transaction = pool.begin().await.unwrap();
    sqlx::query(insert)
        .bind(session)
        .bind(1_i64)
        .bind(Decimal::ONE)
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    // Dropped in the middle: as an error in the handler would.
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query(insert)
        .bind(session)
        .bind(1_i64)
        .bind(Decimal::TWO)
        .execute(&mut *transaction)
        .await
        .unwrap();
    drop(transaction);
    let refused = sqlx::query(insert)
        .bind(session)
        .bind(1_i64)
        .bind(Decimal::NEGATIVE_ONE)
        .execute(&pool)
        .await
        .unwrap_err();
    assert!(refused.as_database_error().unwrap().is_check_violation());

    let mut inserted = Vec::new();
    for _ in 0..2 {
        let first: bool = sqlx::query_scalar(insert)
            .bind(session)
            .bind(1_i64)
            .bind(Decimal::TEN)
            .fetch_one(&pool)
            .await
            .unwrap();
        inserted.push(first);
    }
    assert_eq!(inserted, [true, false]);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn batches_arrays_row_locks_and_advisory_locks_work() {
    let data = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(data.path()).await.unwrap();
    let pool = pool(&database).await;
    sqlx::raw_sql("CREATE TABLE points (seq bigint PRIMARY KEY, price numeric)")
        .execute(&pool)
        .await
        .unwrap();
    let seqs: Vec<i64> = (0..5_000).collect();
    let prices: Vec<Decimal> = seqs.iter().map(|seq| Decimal::new(*seq, 2)).collect();
    sqlx::query("INSERT INTO points SELECT * FROM unnest($1::bigint[], $2::numeric[])")
        .bind(&seqs)
        .bind(&prices)
        .execute(&pool)
        .await
        .unwrap();
    let total: Decimal = sqlx::query_scalar("SELECT sum(price) FROM points")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(total, Decimal::new((0..5_000_i64).sum(), 2));
    let page: Vec<i64> = sqlx::query_scalar(
        "SELECT seq FROM points WHERE seq < $1 ORDER BY seq DESC LIMIT 3 FOR UPDATE SKIP LOCKED",
    )
    .bind(100_i64)
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(page, [99, 98, 97]);
    let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(1)")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(locked);
}

#[tokio::test]
async fn a_second_client_is_told_that_there_is_one_connection() {
    let data = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(data.path()).await.unwrap();
    let pool = pool(&database).await;
    let began = Instant::now();
    let refusal = PgConnection::connect(database.url())
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("one connection at a time"), "{refusal}");
    assert!(began.elapsed() < Duration::from_secs(8));
    // The first is none the worse, and makes room when it goes.
    let one: i32 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(one, 1);
    pool.close().await;
    PgConnection::connect(database.url()).await.unwrap();
}

/// `host:port` of a database URL.
fn address(database: &EmbeddedDatabase) -> String {
    let after_user = database.url().split('@').nth(1).unwrap();
    after_user.split('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn clients_that_misbehave_do_not_end_the_database() {
    let data = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(data.path()).await.unwrap();
    let address = address(&database);

    // A browser pointed at the port.
    let mut browser = TcpStream::connect(&address).await.unwrap();
    browser
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = browser.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");

    // A client that is killed while its answer is on the way: its connection is reset.
    for _ in 0..3 {
        let mut killed = TcpStream::connect(&address).await.unwrap();
        let parameters = b"user\0postgres\0database\0postgres\0\0";
        let mut hello = u32::try_from(parameters.len() + 8)
            .unwrap()
            .to_be_bytes()
            .to_vec();
        hello.extend_from_slice(&196_608_u32.to_be_bytes());
        hello.extend_from_slice(parameters);
        killed.write_all(&hello).await.unwrap();
        killed.readable().await.unwrap();
        let query = b"SELECT repeat('x', 1000) FROM generate_series(1, 20000)\0";
        let mut message = vec![b'Q'];
        message.extend_from_slice(&u32::try_from(query.len() + 4).unwrap().to_be_bytes());
        message.extend_from_slice(query);
        killed.write_all(&message).await.unwrap();
        // Dropped with bytes unread: the kernel resets the connection.
        drop(killed);
    }

    let pool = pool(&database).await;
    let one: i32 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(one, 1);
}

#[tokio::test]
async fn shutdown_is_bounded_with_a_client_connected_and_data_is_locked_until_then() {
    let data = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(data.path()).await.unwrap();
    let refusal = EmbeddedDatabase::start(data.path())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("already in use by another `algotrade up`"),
        "{refusal}"
    );
    let pool = pool(&database).await;
    let began = Instant::now();
    database.shutdown().await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert!(sqlx::query("SELECT 1").execute(&pool).await.is_err());
    EmbeddedDatabase::start(data.path())
        .await
        .unwrap()
        .shutdown()
        .await;
}
