//! Which databases are refused.

use super::{Database, options};
use crate::store::Store;
use crate::store::postgres::Postgres;

#[tokio::test]
async fn a_database_that_can_lose_a_commit_is_refused() {
    let database = Database::new();
    database.sql(&format!("ALTER DATABASE {} SET synchronous_commit = off", database.name));
    let refusal = database.refusal().await;
    assert!(refusal.contains("synchronous_commit is off") && refusal.contains(&database.name), "{refusal}");
}

#[tokio::test]
async fn a_database_that_cannot_keep_every_text_is_refused() {
    let database = Database::new();
    let name = format!("{}_ascii", database.name);
    database.sql(&format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    ));
    let refused = Postgres::open(&database.server.url(&name), options()).await;
    let refusal = refused.expect_err("is refused").to_string();
    assert!(refusal.contains("SQL_ASCII") && refusal.contains("UTF8"), "{refusal}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let database = Database::new();
    database.open().await.close().await;
    database.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9000, 'from the future', TRUE, '', 1)",
    );
    let refusal = database.refusal().await;
    let wanted = "newer version of Groundswell (its schema is 9000, this version knows ";
    assert!(refusal.contains(wanted) && refusal.contains(&database.name), "{refusal}");
    assert_eq!(database.sql("SELECT expires_at_ms FROM lease"), "0", "the lease was given back");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_clear_error_without_the_password() {
    let url = "postgres://me:hunter2@localhost:1/webhooks?host=/nowhere";
    let refusal = Postgres::open(url, options()).await.expect_err("cannot connect").to_string();
    assert!(refusal.starts_with("cannot connect to the database webhooks at /nowhere:1: "), "{refusal}");
    assert!(!refusal.contains("hunter2"), "{refusal}");
    let refusal = Postgres::open("postgres://h:port/x", options()).await.expect_err("is no URL").to_string();
    assert!(refusal.contains("must look like postgres://user:password@host:5432/database"), "{refusal}");
}
