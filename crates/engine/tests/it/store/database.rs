//! Databases on the PostgreSQL server that these tests start for themselves.

use groundswell_engine::store::Store;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::postgres::{Options, Postgres};
use private_postgres::Server;
use tokio::sync::OnceCell;

use super::upgrade::{fill, read};

/// A database of its own, with the schema in it.
pub struct Database {
    url: String,
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
        Self { url: server.url(&server.create(Some(template.await))) }
    }

    pub async fn open(&self) -> Postgres {
        open(&self.url).await
    }
}

async fn open(url: &str) -> Postgres {
    Postgres::open(url, Options { readers: 2, ..Options::new(0, super::vault(1)) })
        .await
        .expect("the database opens")
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
