//! Days that pass for the sessions in a server's database: the server's clock is the machine's.

use std::time::Duration;

use rusqlite::Connection;

use crate::server::Server;

/// The sessions of a server, seen from outside.
pub struct Sessions(Connection);

impl Sessions {
    pub fn of(server: &Server) -> Self {
        let db = Connection::open(server.database()).expect("it opens");
        db.busy_timeout(Duration::from_secs(10)).expect("it can be set");
        Self(db)
    }

    /// Nobody has used any of them for so much longer.
    pub fn were_not_used_for(&self, ms: i64) {
        let ago = "UPDATE session SET last_seen_at_ms = last_seen_at_ms - ?1";
        self.0.execute(ago, [ms]).expect("time passes");
    }

    /// All of them began so much earlier.
    pub fn began_earlier_by(&self, ms: i64) {
        self.0.execute("UPDATE session SET created_at_ms = created_at_ms - ?1", [ms]).expect("time passes");
    }

    /// When one of them was last used, Unix milliseconds.
    pub fn last_used_at_ms(&self) -> i64 {
        let last = "SELECT MAX(last_seen_at_ms) FROM session";
        self.0.query_row(last, [], |row| row.get(0)).expect("there is one")
    }

    /// Nobody has a password any more.
    pub fn lose_passwords(&self) {
        self.0.execute("UPDATE user_account SET password_hash = NULL", []).expect("it is forgotten");
    }
}
