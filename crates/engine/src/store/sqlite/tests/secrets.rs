//! Where secrets are, and where they are not.

use groundswell_types::{Currency, ProgramId, ProgramStatus, ProgramType, Secret, WebhookHeaders, WebhookId};
use sqlx::Row;

use super::File;
use crate::store::sql::Database as _;
use crate::store::sqlite::Sqlite;
use crate::store::{EndpointId, EndpointRecord, ProgramRecord, SettingsChange, Store, WebhooksChange};

const SECRET: &str = "correct horse battery staple";
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
        at_ms: 500,
    })
}

async fn publish(store: &Sqlite) {
    let program = ProgramRecord {
        id: program(),
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
    let first = r#"[{"endpointId":10,"id":"primary","payloadUrl":"https://example.com","events":[],"isEnabled":true,"autoDisabled":false,"hasSecret":true,"headerNames":["x-api-key"]}]"#;
    // The third changed no webhook.
    assert_eq!(history, [(1, 500, first.to_owned()), (2, 500, "[]".to_owned())]);
}

#[tokio::test]
async fn a_removed_webhook_keeps_its_url_but_nothing_that_is_secret() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    let secrets = async || {
        let mut db = store.reader().await.expect("reads");
        let rows =
            sqlx::query("SELECT secret, headers FROM endpoint").fetch_all(&mut *db).await.expect("reads");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<(Option<String>, Option<String>)>>()
    };
    let headers = format!("[[\"x-api-key\",\"{HEADER_VALUE}\"]]");
    assert_eq!(secrets().await, [(Some(SECRET.to_owned()), Some(headers))]);
    store.apply(&change(2, Vec::new(), vec![EndpointId(10)])).await.expect("applies");
    assert_eq!(secrets().await, [(None, None)]);
    assert!(store.endpoint_url(EndpointId(10)).await.expect("reads").is_some());
}
