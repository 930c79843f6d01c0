//! That the audit log is append-only in the database, whoever writes.

use super::File;
use crate::store::Store as _;

#[tokio::test]
async fn a_row_of_the_audit_log_cannot_be_changed() {
    let file = File::new();
    file.open().await.close().await;
    let db = rusqlite::Connection::open(file.path()).expect("opens");
    let row = "(1, 1, NULL, NULL, 'operator', NULL, 'Operator', NULL, 'key.created', NULL, '{}', 'done')";
    db.execute(&format!("INSERT INTO audit_log VALUES {row}"), []).expect("inserts");
    let error = db.execute("UPDATE audit_log SET actor_name = 'Somebody'", []).expect_err("is refused");
    assert!(error.to_string().contains("append-only"), "{error}");
}
