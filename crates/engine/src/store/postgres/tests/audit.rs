//! That the audit log is append-only in the database, whoever writes.

use super::{Database, Postgres};
use crate::audit::KEPT_MS;
use crate::clock::Clock;
use crate::store::{AuditSearch, AuditStore as _, Store as _, StoreError};

const HOUR_MS: i64 = 3_600_000;

fn row(id: i64, at_ms: i64) -> String {
    format!(
        "({id}, {at_ms}, NULL, NULL, 'operator', NULL, 'Operator', NULL, 'key.created', NULL, '{{}}', 'done')"
    )
}

/// Adds rows from these times, numbered from 1.
fn add_rows(database: &Database<'_>, at_ms: impl IntoIterator<Item = i64>) {
    for (id, at_ms) in (1..).zip(at_ms) {
        database.sql(&format!("INSERT INTO audit_log VALUES {}", row(id, at_ms)));
    }
}

fn is_refused(database: &Database<'_>, change: &str) {
    // Fails itself unless the change is refused, and for this reason.
    database.sql(&format!(
        "DO $$ BEGIN
            {change};
            RAISE EXCEPTION 'changed';
        EXCEPTION WHEN OTHERS THEN
            IF SQLERRM NOT LIKE '%append-only%' THEN RAISE; END IF;
        END $$"
    ));
}

async fn left(store: &Postgres) -> Vec<i64> {
    let search = AuditSearch { limit: 9, ..AuditSearch::default() };
    store.audit_log(&search).await.expect("reads").iter().map(|record| record.id.number()).collect()
}

#[tokio::test]
async fn a_row_of_the_audit_log_cannot_be_changed() {
    let database = Database::new();
    database.open().await.close().await;
    add_rows(&database, [1, Clock::system().now_ms()]);
    for change in ["UPDATE audit_log SET actor_name = 'Somebody'", "TRUNCATE audit_log"] {
        is_refused(&database, change);
    }
    for id in [1, 2] {
        let update = "ON CONFLICT (id) DO UPDATE SET actor_name = 'Somebody'";
        is_refused(&database, &format!("INSERT INTO audit_log VALUES {} {update}", row(id, 1)));
    }
}

#[tokio::test]
async fn a_young_row_of_the_audit_log_cannot_be_deleted_and_an_old_one_goes() {
    let database = Database::new();
    let store = database.open().await;
    let now_ms = Clock::system().now_ms();
    let young = now_ms - KEPT_MS + 25 * HOUR_MS;
    add_rows(&database, [now_ms - KEPT_MS - HOUR_MS, young, now_ms, now_ms + HOUR_MS]);
    for change in ["DELETE FROM audit_log", "DELETE FROM audit_log WHERE id = 2"] {
        is_refused(&database, change);
    }
    let early = store.forget_audit(now_ms, 9).await;
    assert!(matches!(early, Err(StoreError::Rejected(_))), "{early:?}");
    assert_eq!(left(&store).await, [4, 3, 2, 1]);
    assert_eq!(store.forget_audit(now_ms - KEPT_MS, 9).await.expect("removes"), 1);
    assert_eq!(left(&store).await, [4, 3, 2]);
    store.close().await;
}
