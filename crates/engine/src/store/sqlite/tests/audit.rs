//! That the audit log is append-only in the database, whoever writes.

use rusqlite::Connection;

use super::File;
use crate::audit::KEPT_MS;
use crate::clock::Clock;
use crate::store::sqlite::Sqlite;
use crate::store::{AuditSearch, AuditStore as _, Store as _, StoreError};

const HOUR_MS: i64 = 3_600_000;

fn row(id: i64, at_ms: i64) -> String {
    format!(
        "({id}, {at_ms}, NULL, NULL, 'operator', NULL, 'Operator', NULL, 'key.created', NULL, '{{}}', 'done')"
    )
}

/// A database whose log has rows from these times, numbered from 1.
async fn with_rows(file: &File, at_ms: impl IntoIterator<Item = i64>) -> Connection {
    file.open().await.close().await;
    let db = Connection::open(file.path()).expect("opens");
    for (id, at_ms) in (1..).zip(at_ms) {
        db.execute(&format!("INSERT INTO audit_log VALUES {}", row(id, at_ms)), []).expect("inserts");
    }
    db
}

async fn left(store: &Sqlite) -> Vec<i64> {
    let search = AuditSearch { limit: 9, ..AuditSearch::default() };
    store.audit_log(&search).await.expect("reads").iter().map(|record| record.id.number()).collect()
}

#[tokio::test]
async fn a_row_of_the_audit_log_cannot_be_changed() {
    let file = File::new();
    let now_ms = Clock::system().now_ms();
    let db = with_rows(&file, [1, now_ms]).await;
    for id in [1, 2] {
        for change in [
            format!("UPDATE audit_log SET actor_name = 'Somebody' WHERE id = {id}"),
            format!("UPDATE OR REPLACE audit_log SET id = {id} WHERE id = {}", 3 - id),
            format!("REPLACE INTO audit_log VALUES {}", row(id, 1)),
            format!("INSERT OR REPLACE INTO audit_log VALUES {}", row(id, 1)),
            format!(
                "INSERT INTO audit_log VALUES {} ON CONFLICT (id) DO UPDATE SET actor_name = 'Somebody'",
                row(id, 1)
            ),
        ] {
            let error = db.execute(&change, []).expect_err(&change);
            assert!(error.to_string().contains("append-only"), "{change}: {error}");
        }
    }
}

#[tokio::test]
async fn a_young_row_of_the_audit_log_cannot_be_deleted_and_an_old_one_goes() {
    let file = File::new();
    let now_ms = Clock::system().now_ms();
    let young = now_ms - KEPT_MS + 25 * HOUR_MS;
    let db = with_rows(&file, [now_ms - KEPT_MS - HOUR_MS, young, now_ms, now_ms + HOUR_MS]).await;
    for change in ["DELETE FROM audit_log", "DELETE FROM audit_log WHERE id = 2"] {
        let error = db.execute(change, []).expect_err(change);
        assert!(error.to_string().contains("append-only"), "{change}: {error}");
    }
    let store = file.open().await;
    let early = store.forget_audit(now_ms, 9).await;
    assert!(matches!(early, Err(StoreError::Rejected(_))), "{early:?}");
    assert_eq!(left(&store).await, [4, 3, 2, 1]);
    assert_eq!(store.forget_audit(now_ms - KEPT_MS, 9).await.expect("removes"), 1);
    assert_eq!(left(&store).await, [4, 3, 2]);
    store.close().await;
}
