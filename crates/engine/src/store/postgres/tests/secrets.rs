//! Secrets in the tables: sealed, whatever was there before, and with one key.

use groundswell_types::{Currency, ProgramId, ProgramStatus, ProgramType};

use super::{Database, options, vault};
use crate::store::postgres::{Options, Postgres};
use crate::store::{DraftRecord, ProgramRecord, SettingsChange, Store};

const SECRET: &str = "correct horse battery staple";

fn program() -> ProgramId {
    ProgramId::parse("program1").expect("a valid id")
}

/// A database with a draft, whose text is said to be secret.
async fn with_draft() -> Database<'static> {
    let database = Database::new();
    let store = database.open().await;
    let record = ProgramRecord {
        id: program(),
        team_id: groundswell_types::TeamId::first(),
        name: String::new(),
        kind: ProgramType::Referral,
        status: ProgramStatus::Draft,
        currency: Currency::default(),
        created_at_ms: 1,
        webhooks_version: 0,
        retention: None,
    };
    store.apply(&SettingsChange::CreateProgram(record)).await.expect("applies");
    let rows_json = SECRET.to_owned();
    let draft = DraftRecord { program_id: program(), version: 1, base_version: 0, rows_json, saved_at_ms: 5 };
    store.save_draft(&draft, None).await.expect("saves");
    store.close().await;
    database
}

async fn draft(store: &Postgres) -> String {
    store.draft(&program()).await.expect("reads").expect("is there").rows_json
}

impl Database<'_> {
    fn stored(&self) -> String {
        self.sql("SELECT rows_json FROM draft")
    }

    /// Whether it is known that something plain may be left in the tables' files.
    fn has_leftovers(&self) -> bool {
        self.sql("SELECT name FROM meta").contains("secrets_leftovers")
    }
}

#[tokio::test]
async fn what_an_earlier_version_kept_plain_is_sealed_at_the_first_start() {
    let database = with_draft().await;
    assert!(database.stored().starts_with("1:"), "{}", database.stored());
    database.sql(&format!("UPDATE draft SET rows_json = '{SECRET}'; DELETE FROM secrets_key"));
    let before = database.sql("SELECT pg_relation_filepath('draft')");
    let store = database.open().await;
    assert_eq!(draft(&store).await, SECRET);
    store.close().await;
    assert!(database.stored().starts_with("1:"), "{}", database.stored());
    assert_ne!(before, database.sql("SELECT pg_relation_filepath('draft')"), "in another file");
    assert!(!database.has_leftovers());
}

#[tokio::test]
async fn another_key_is_refused_and_a_new_one_takes_over() {
    let database = with_draft().await;
    let other = Options { vault: vault(2), ..options() };
    let refused = Postgres::open(&database.url(), other.clone()).await.expect_err("is refused");
    assert!(refused.to_string().contains(&vault(1).key_id().to_string()), "{refused}");

    let sealed = database.stored();
    Postgres::rotate(&database.url(), options(), &vault(2)).await.expect("rotates");
    assert!(database.has_leftovers(), "the next start sees to it");
    assert_ne!(database.stored(), sealed);
    database.refusal().await;
    let store = Postgres::open(&database.url(), other).await.expect("opens");
    assert_eq!(draft(&store).await, SECRET);
    store.close().await;
    assert!(!database.has_leftovers());
}
