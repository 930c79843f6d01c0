//! That the audit log is append-only in the database, whoever writes.

use super::Database;
use crate::store::Store as _;

#[tokio::test]
async fn a_row_of_the_audit_log_cannot_be_changed() {
    let database = Database::new();
    database.open().await.close().await;
    for change in ["UPDATE audit_log SET actor_name = 'Somebody'", "TRUNCATE audit_log"] {
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
}
