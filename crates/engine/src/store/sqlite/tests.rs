//! What the trait does not show: settings, statements and their plans, failures.

mod audit;
mod commits;
mod failures;
mod secrets;
mod settings;
mod statements;

use std::path::PathBuf;

use bytes::Bytes;
use groundswell_types::{EventId, EventKind, ProgramId};
use tempfile::TempDir;

use super::{Options, Sqlite};
use crate::store::sql::Transaction as _;
use crate::store::vault::{SecretsKey, Vault};
use crate::store::{Accept, Batch, EndpointId, Target};

fn options() -> Options {
    Options::new(0, vault(1))
}

/// Of keys that differ by a number.
fn vault(number: u8) -> Vault {
    Vault::new(&SecretsKey::from_bytes([number; 32]))
}

struct File {
    directory: TempDir,
}

impl File {
    fn new() -> Self {
        Self { directory: TempDir::new().expect("there is a temporary directory") }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("groundswell.db")
    }

    async fn open(&self) -> Sqlite {
        Sqlite::open(&self.path(), options()).await.expect("the database opens")
    }
}

/// Runs a statement of the test's own on the connection that writes.
async fn execute(store: &Sqlite, sql: &'static str) {
    let mut db = store.writer.begin().await.expect("begins");
    let result = sqlx::query(sql).execute(&mut *db).await.map_err(super::error::of_write);
    db.finish(result).await.expect("the statement works");
}

fn accepts(numbers: impl IntoIterator<Item = i64>, body_bytes: usize) -> Batch {
    let accept = |number| Accept {
        event_id: EventId::from_number(number),
        program_id: ProgramId::parse("program1").expect("a valid id"),
        kind: EventKind::CampaignEnded,
        occurred_at_ms: 1,
        accepted_at_ms: 1,
        expires_at_ms: 2,
        body: Bytes::from(vec![b'x'; body_bytes]),
        targets: vec![Target { endpoint_id: EndpointId(10), is_parked: false }],
        idempotency: None,
    };
    Batch { accepts: numbers.into_iter().map(accept).collect(), ..Batch::default() }
}
