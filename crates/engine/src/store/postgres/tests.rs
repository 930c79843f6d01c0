//! What the trait does not show: settings, statements, partitions, leases, and connections that break.

mod audit;
mod compact;
mod dialect;
mod emit;
mod failures;
mod fences;
mod leases;
mod nodes;
mod partitions;
mod pooler;
mod proxy;
mod secrets;
mod settings;
mod statements;

use std::time::Duration;

use bytes::Bytes;
use groundswell_types::{EventId, EventKind, ProgramId};
use private_postgres::Server;

use super::{Options, Postgres};
use crate::cluster::{Asked, Lease, Presence, Shard};
use crate::store::vault::{SecretsKey, Vault};
use crate::store::{Accept, Batch, ClusterStore as _, EndpointId, Target};

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
        let store = Postgres::open(&self.url(), options()).await.expect("the database opens");
        lead(&store).await;
        store
    }

    async fn refusal(&self) -> String {
        Postgres::open(&self.url(), options()).await.expect_err("is refused").to_string()
    }

    /// Runs a statement of the test's own, and returns what it answers.
    fn sql(&self, statement: &str) -> String {
        self.server.sql(&self.name, statement)
    }
}

/// Makes a store's node the one that leads.
async fn lead(store: &Postgres) {
    take(store, [Shard::new(0)], 1).await;
}

fn asked(store: &Postgres, leases: impl IntoIterator<Item = Lease>, ttl_ms: i64) -> Asked {
    let leases = leases.into_iter().collect();
    Asked { node: store.node(), presence: Presence::Staying, leases, ttl_ms, sent_ms: 0 }
}

/// Takes shards that are over, as they are; it leads under the first one.
async fn take(store: &Postgres, shards: impl IntoIterator<Item = Shard>, ttl_ms: i64) -> Vec<Lease> {
    let rows = store.renew(&asked(store, [], ttl_ms)).await.expect("renews").leases;
    let seen = shards.into_iter().map(|shard| rows[usize::from(shard.number())].lease);
    let taken = store.acquire(&asked(store, seen, ttl_ms)).await.expect("acquires");
    store.lead_under(taken.first().copied());
    taken
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
