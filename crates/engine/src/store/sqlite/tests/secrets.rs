//! Where secrets are, and where they are not.

use groundswell_types::editor::ChangedBy;
use groundswell_types::{Currency, ProgramId, ProgramStatus, ProgramType, Secret, WebhookHeaders, WebhookId};
use sqlx::Row;

use super::File;
use crate::store::sql::Database as _;
use crate::store::sqlite::Sqlite;
use crate::store::{
    EndpointId, EndpointRecord, OldSecret, OldSecretChange, ProgramRecord, SettingsChange, Store,
    WebhooksChange,
};

const SECRET: &str = "correct horse battery staple";
const OLD_SECRET: &str = "a battery of old horses";
const HEADER_VALUE: &str = "a key of somebody else's";

fn program() -> ProgramId {
    ProgramId::parse("program1").expect("a valid id")
}

fn change(version: i64, upserts: Vec<EndpointRecord>, deletes: Vec<EndpointId>) -> SettingsChange {
    SettingsChange::Webhooks(WebhooksChange {
        program_id: program(),
        version,
        upserts,
        deletes,
        notices: Vec::new(),
        clears_draft: false,
        by: ChangedBy::Rest,
        at_ms: 500,
    })
}

async fn publish(store: &Sqlite) {
    let program = ProgramRecord {
        id: program(),
        team_id: groundswell_types::TeamId::first(),
        name: String::new(),
        kind: ProgramType::Referral,
        status: ProgramStatus::Draft,
        currency: Currency::default(),
        created_at_ms: 1,
        webhooks_version: 0,
    };
    let endpoint = EndpointRecord {
        id: EndpointId(10),
        program_id: program.id.clone(),
        public_id: WebhookId::parse("primary").expect("a valid id"),
        url: "https://example.com".to_owned(),
        events: Vec::new(),
        is_enabled: true,
        auto_disabled: false,
        secret: Some(Secret::parse(SECRET).expect("a valid secret")),
        created_at_ms: 1,
        parked_at_ms: None,
        timeout: None,
        headers: WebhookHeaders::parse([("X-Api-Key", HEADER_VALUE)]).expect("valid headers"),
        name: None,
        old_secret: Some(OldSecret {
            secret: Secret::parse(OLD_SECRET).expect("a valid secret"),
            ends_at_ms: 5,
            new_accepted_at_ms: None,
        }),
    };
    store.apply(&SettingsChange::CreateProgram(program)).await.expect("applies");
    store.apply(&change(1, vec![endpoint], Vec::new())).await.expect("applies");
}

#[tokio::test]
async fn history_keeps_what_was_live_without_secrets() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    store.apply(&change(2, Vec::new(), vec![EndpointId(10)])).await.expect("applies");
    store.apply(&change(3, Vec::new(), Vec::new())).await.expect("applies");

    let mut db = store.reader().await.expect("reads");
    let rows = sqlx::query("SELECT version, at_ms, rows_json FROM publication ORDER BY version");
    let rows = rows.fetch_all(&mut *db).await.expect("reads");
    let history: Vec<(i64, i64, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let first = r#"{"by":"rest","webhooks":[{"endpointId":10,"id":"primary","payloadUrl":"https://example.com","events":[],"isEnabled":true,"autoDisabled":false,"hasSecret":true,"headerNames":["x-api-key"]}]}"#;
    // The third changed no webhook.
    assert_eq!(history, [(1, 500, first.to_owned()), (2, 500, r#"{"by":"rest","webhooks":[]}"#.to_owned())]);
}

#[tokio::test]
async fn a_removed_webhook_keeps_its_url_but_nothing_that_is_secret() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    let secrets = async || -> Vec<[Option<String>; 3]> {
        let mut db = store.reader().await.expect("reads");
        let rows = sqlx::query("SELECT secret, old_secret, headers FROM endpoint");
        let rows = rows.fetch_all(&mut *db).await.expect("reads");
        rows.iter().map(|row| [0, 1, 2].map(|column| row.get(column))).collect()
    };
    let headers = format!("[[\"x-api-key\",\"{HEADER_VALUE}\"]]");
    assert_eq!(secrets().await, [[SECRET, OLD_SECRET, &headers].map(|text| Some(text.to_owned()))]);
    store.apply(&change(2, Vec::new(), vec![EndpointId(10)])).await.expect("applies");
    assert_eq!(secrets().await, [[None, None, None]]);
    assert!(store.endpoint_url(EndpointId(10)).await.expect("reads").is_some());
}

#[tokio::test]
async fn what_is_erased_is_not_left_behind_in_the_file() {
    for deletes in [Vec::new(), vec![EndpointId(10)]] {
        let file = File::new();
        let store = file.open().await;
        publish(&store).await;
        let erased = OldSecretChange { program_id: program(), endpoint_id: EndpointId(10), old_secret: None };
        let mut gone = vec![OLD_SECRET];
        if deletes.is_empty() {
            store.apply(&SettingsChange::OldSecret(erased)).await.expect("applies");
        } else {
            store.apply(&change(2, Vec::new(), deletes)).await.expect("applies");
            gone.extend([SECRET, HEADER_VALUE]);
        }
        store.checkpoint().await.expect("copies the log");
        store.close().await;
        let bytes = std::fs::read(file.path()).expect("reads");
        for secret in [SECRET, OLD_SECRET, HEADER_VALUE] {
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert_eq!(is_there, !gone.contains(&secret), "{secret}, of which {gone:?} are gone");
        }
    }
}
