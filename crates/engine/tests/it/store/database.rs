//! Databases on the PostgreSQL server that these tests start for themselves.

use groundswell_engine::cluster::{Asked, Presence};
use groundswell_engine::store::Store;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::postgres::{Options, Postgres};
use private_postgres::{Pooler, Server};
use tokio::sync::OnceCell;

use super::upgrade::{fill, read};

/// A database of its own, with the schema in it.
pub struct Database {
    name: String,
}

impl Database {
    pub async fn new() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let server = Server::shared();
        let template = TEMPLATE.get_or_init(|| async {
            let name = server.create(None);
            open(&server.url(&name)).await.close().await;
            name
        });
        Self { name: server.create(Some(template.await)) }
    }

    pub async fn open(&self) -> Postgres {
        open(&Server::shared().url(&self.name)).await
    }

    /// As one of several nodes, which does not lead.
    pub async fn join(&self, number: u8) -> Postgres {
        join(&Server::shared().url(&self.name), number).await
    }

    pub async fn join_pooled(&self, number: u8) -> Postgres {
        join(&Pooler::shared().url(&self.name), number).await
    }

    /// Through a pooler in transaction mode.
    pub async fn open_pooled(&self) -> Postgres {
        open(&Pooler::shared().url(&self.name)).await
    }
}

async fn join(url: &str, number: u8) -> Postgres {
    let address = format!("http://10.0.0.{number}:3000");
    let options = Options { readers: 2, address, ..Options::new(0, super::vault(1)) };
    Postgres::open(url, options).await.expect("the database opens")
}

async fn open(url: &str) -> Postgres {
    let store = join(url, 1).await;
    lead(&store).await;
    store
}

/// Makes a store's node the one that leads, as an engine does for itself: by a lease that nobody else takes, because it is over
/// at once and stays so.
pub async fn lead(store: &dyn Store) {
    let cluster = store.cluster().expect("several nodes may have it");
    let asked =
        |leases| Asked { node: cluster.node(), presence: Presence::Staying, leases, ttl_ms: 0, sent_ms: 0 };
    let first = cluster.renew(&asked(vec![])).await.expect("renews").leases[0].lease;
    let taken = cluster.acquire(&asked(vec![first])).await.expect("acquires");
    cluster.lead_under(taken.first().copied());
}

/// From its first table on.
#[tokio::test]
async fn a_new_database_is_opened_through_a_pooler() {
    let (server, pooler) = (Server::shared(), Pooler::shared());
    let name = server.create(None);
    let oracle = Memory::new();
    fill(&oracle).await;
    let store = open(&pooler.url(&name)).await;
    fill(&store).await;
    assert_eq!(read(&store).await, read(&oracle).await);
    store.close().await;
    let store = open(&server.url(&name)).await;
    assert_eq!(read(&store).await, read(&oracle).await);
    store.close().await;
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    let database = Database::new().await;
    let oracle = Memory::new();
    fill(&oracle).await;
    let store = database.open().await;
    fill(&store).await;
    store.close().await;

    let store = database.open().await;
    assert_eq!(read(&store).await, read(&oracle).await);
    store.close().await;
}
