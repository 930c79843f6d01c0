//! What the trait does not show: settings, statements, partitions, the lease, and connections that break.

mod audit;
mod dialect;
mod emit;
mod failures;
mod leases;
mod partitions;
mod proxy;
mod secrets;
mod settings;
mod statements;

use std::time::Duration;

use bytes::Bytes;
use groundswell_types::{EventId, EventKind, ProgramId};
use private_postgres::Server;

use super::{Options, Postgres};
use crate::store::vault::{SecretsKey, Vault};
use crate::store::{Accept, Batch, EndpointId, Target};

/// An empty database of its own.
struct Database<'s> {
    server: &'s Server,
    name: String,
}

impl Database<'static> {
    fn new() -> Self {
        Self::on(Server::shared())
    }
}

impl<'s> Database<'s> {
    fn on(server: &'s Server) -> Self {
        Self { server, name: server.create(None) }
    }

    fn url(&self) -> String {
        self.server.url(&self.name)
    }

    async fn open(&self) -> Postgres {
        Postgres::open(&self.url(), options()).await.expect("the database opens")
    }

    async fn refusal(&self) -> String {
        Postgres::open(&self.url(), options()).await.expect_err("is refused").to_string()
    }

    /// Runs a statement of the test's own, and returns what it answers.
    fn sql(&self, statement: &str) -> String {
        self.server.sql(&self.name, statement)
    }
}

/// Of keys that differ by a number.
fn vault(number: u8) -> Vault {
    Vault::new(&SecretsKey::from_bytes([number; 32]))
}

fn options() -> Options {
    Options { readers: 2, ..Options::new(0, vault(1)) }
}

fn with_lease(lease: Duration) -> Options {
    Options { lease, ..options() }
}

fn accepts(numbers: impl IntoIterator<Item = i64>) -> Batch {
    let accept = |number| Accept {
        event_id: EventId::from_number(number),
        program_id: ProgramId::parse("program1").expect("a valid id"),
        kind: EventKind::CampaignEnded,
        occurred_at_ms: 1,
        accepted_at_ms: 1,
        expires_at_ms: 2,
        body: Bytes::from_static(b"{}"),
        targets: vec![Target { endpoint_id: EndpointId(10), is_parked: false }],
        idempotency: None,
    };
    Batch { accepts: numbers.into_iter().map(accept).collect(), ..Batch::default() }
}
