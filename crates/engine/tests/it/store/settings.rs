//! Programs, webhooks and drafts.

use groundswell_engine::store::{
    Batch, DraftRecord, EndpointRecord, HealthRecord, NoticeRecord, OldSecret, OldSecretChange,
    ProgramChange, SettingsChange, Store, StoreError, WebhooksChange,
};
use groundswell_types::editor::ChangedBy;
use groundswell_types::{NoticeId, NoticeKind, ProgramStatus, RetentionDays};

use super::commit;
use super::make;

pub async fn programs_are_listed_by_creation(store: &dyn Store) {
    for number in [2, 1, 3] {
        make::create_program(store, number).await;
    }
    assert_eq!(store.programs().await.expect("reads"), [1, 2, 3].map(make::program_record));

    let again = store.apply(&SettingsChange::CreateProgram(make::program_record(1))).await;
    assert!(matches!(again, Err(StoreError::Rejected(_))), "{again:?}");
}

pub async fn a_program_changes_name_and_status(store: &dyn Store) {
    make::create_program(store, 1).await;
    let (name, status) = ("Ünïcode 'quoted'".to_owned(), ProgramStatus::Complete);
    let retention = RetentionDays::try_from(7).ok();
    let change = ProgramChange { id: make::program(1), name: name.clone(), status, retention };
    let update = SettingsChange::UpdateProgram(change);
    store.apply(&update).await.expect("applies");
    let changed =
        groundswell_engine::store::ProgramRecord { name, status, retention, ..make::program_record(1) };
    assert_eq!(store.programs().await.expect("reads"), [changed]);
}

pub async fn a_change_of_a_missing_program_is_rejected(store: &dyn Store) {
    let status = ProgramStatus::Complete;
    let change = ProgramChange { id: make::program(1), name: String::new(), status, retention: None };
    let update = SettingsChange::UpdateProgram(change);
    let upserts = vec![make::endpoint_record(10, "primary")];
    let webhooks = SettingsChange::Webhooks(WebhooksChange { upserts, ..make::change(1) });
    for change in [update, webhooks] {
        let result = store.apply(&change).await;
        assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    }
    assert_eq!(store.endpoints().await.expect("reads"), []);
}

pub async fn webhooks_are_added_changed_and_removed(store: &dyn Store) {
    make::create_program(store, 1).await;
    let first = make::endpoint_record(10, "primary");
    let second = EndpointRecord { secret: None, events: Vec::new(), ..make::endpoint_record(20, "wh_2") };
    let upserts = vec![second.clone(), first.clone()];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;
    assert_eq!(store.endpoints().await.expect("reads"), [first.clone(), second.clone()]);
    assert_eq!(store.programs().await.expect("reads")[0].webhooks_version, 1);

    let changed = EndpointRecord {
        url: "http://example.org/?q=ü".to_owned(),
        is_enabled: false,
        auto_disabled: true,
        secret: None,
        timeout: Some(make::timeout(30)),
        name: Some(make::name("O'Neil's \"CRM\" 販売")),
        headers: make::headers(&[("x-a", "\"quoted\" and 'so'"), ("Authorization", "Bearer s3cret")]),
        ..first
    };
    let (upserts, deletes) = (vec![changed.clone()], vec![second.id]);
    make::apply(store, WebhooksChange { upserts, deletes, ..make::change(2) }).await;
    assert_eq!(store.endpoints().await.expect("reads"), std::slice::from_ref(&changed));
    assert_eq!(store.endpoint_url(changed.id).await.expect("reads"), Some(changed.url));
    assert_eq!(store.endpoint_url(second.id).await.expect("reads"), Some(second.url));
    assert_eq!(store.endpoint_url(make::endpoint(30)).await.expect("reads"), None);
}

pub async fn an_old_secret_is_changed_and_erased_without_a_new_version(store: &dyn Store) {
    make::create_program(store, 1).await;
    let old = Box::new(OldSecret { new_accepted_at_ms: Some(7), ..make::old_secret(5_000) });
    let first = EndpointRecord {
        old_secret: Some(Box::new(make::old_secret(4_000))),
        ..make::endpoint_record(10, "primary")
    };
    let second = EndpointRecord { old_secret: Some(old.clone()), ..make::endpoint_record(20, "wh_2") };
    let upserts = vec![first.clone(), second.clone()];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;
    assert_eq!(store.endpoints().await.expect("reads"), [first.clone(), second.clone()]);

    let set = |number, old_secret| {
        let (program_id, endpoint_id) = (make::program(1), make::endpoint(number));
        SettingsChange::OldSecret(OldSecretChange { program_id, endpoint_id, old_secret })
    };
    store.apply(&set(10, Some(old.clone()))).await.expect("applies");
    store.apply(&set(20, None)).await.expect("applies");
    let changed = EndpointRecord { old_secret: Some(old.clone()), ..first };
    let erased = EndpointRecord { old_secret: None, ..second };
    assert_eq!(store.endpoints().await.expect("reads"), [changed, erased]);
    assert_eq!(store.programs().await.expect("reads")[0].webhooks_version, 1);

    make::apply(store, WebhooksChange { deletes: vec![make::endpoint(10)], ..make::change(2) }).await;
    for number in [10, 30] {
        let result = store.apply(&set(number, Some(old.clone()))).await;
        assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    }
}

pub async fn a_public_id_is_free_again_once_its_webhook_is_gone(store: &dyn Store) {
    make::create_program(store, 1).await;
    let upserts = vec![make::endpoint_record(10, "primary")];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;
    let (upserts, deletes) = (vec![make::endpoint_record(20, "primary")], vec![make::endpoint(10)]);
    make::apply(store, WebhooksChange { upserts, deletes, ..make::change(2) }).await;
    assert_eq!(store.endpoints().await.expect("reads"), [make::endpoint_record(20, "primary")]);
}

pub async fn two_live_webhooks_cannot_have_one_public_id(store: &dyn Store) {
    make::create_program(store, 1).await;
    let upserts = vec![make::endpoint_record(10, "primary"), make::endpoint_record(20, "primary")];
    let result = store.apply(&SettingsChange::Webhooks(WebhooksChange { upserts, ..make::change(1) })).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    assert_eq!(store.endpoints().await.expect("reads"), []);
    assert_eq!(store.programs().await.expect("reads")[0].webhooks_version, 0);
}

pub async fn webhooks_changed_meanwhile_are_not_overwritten(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::apply(store, make::change(3)).await;
    // The same version again is no older one.
    make::apply(store, make::change(3)).await;
    let upserts = vec![make::endpoint_record(10, "primary")];
    let result = store.apply(&SettingsChange::Webhooks(WebhooksChange { upserts, ..make::change(2) })).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    assert_eq!(store.endpoints().await.expect("reads"), []);
}

pub async fn a_removed_webhook_takes_its_health_along_and_its_log_stays(store: &dyn Store) {
    make::create_program(store, 1).await;
    let upserts = vec![make::endpoint_record(10, "primary"), make::endpoint_record(20, "wh_2")];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;
    make::accept_all(store, 1..=3, &[10, 20]).await;
    let health = [10, 20].map(|number| (make::endpoint(number), HealthRecord::default()));
    commit(store, Batch { health: health.into(), ..Batch::default() }).await;
    let deletes = vec![make::endpoint(10)];
    make::apply(store, WebhooksChange { deletes, ..make::change(2) }).await;

    assert_eq!(store.health().await.expect("reads"), health[1..]);
    assert_eq!(store.events(&make::program(1), None, 10).await.expect("reads").len(), 3);
}

fn draft(version: i64) -> DraftRecord {
    DraftRecord {
        program_id: make::program(1),
        version,
        base_version: 4,
        rows_json: format!("[{version}]"),
        saved_at_ms: 5,
    }
}

pub async fn a_draft_is_saved_only_over_the_one_it_was_made_from(store: &dyn Store) {
    make::create_program(store, 1).await;
    let id = make::program(1);
    assert_eq!(store.draft(&id).await.expect("reads"), None);
    assert!(!store.save_draft(&draft(2), Some(1)).await.expect("answers"), "there is no first one");
    assert!(store.save_draft(&draft(1), None).await.expect("answers"));
    assert!(!store.save_draft(&draft(1), None).await.expect("answers"), "somebody else was first");
    assert!(store.save_draft(&draft(2), Some(1)).await.expect("answers"));
    assert!(!store.save_draft(&draft(4), Some(3)).await.expect("answers"), "that is not what is there");
    assert_eq!(store.draft(&id).await.expect("reads"), Some(draft(2)));

    store.delete_draft(&id).await.expect("deletes");
    store.delete_draft(&id).await.expect("there is nothing to delete, which is no failure");
    assert_eq!(store.draft(&id).await.expect("reads"), None);
    let other = DraftRecord { program_id: make::program(2), ..draft(1) };
    let result = store.save_draft(&other, None).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "there is no such program: {result:?}");
}

pub async fn publishing_clears_the_draft(store: &dyn Store) {
    make::create_program(store, 1).await;
    store.save_draft(&draft(1), None).await.expect("saves");
    let upserts = vec![make::endpoint_record(10, "primary")];
    make::apply(store, WebhooksChange { upserts: upserts.clone(), ..make::change(1) }).await;
    assert!(store.draft(&make::program(1)).await.expect("reads").is_some(), "that was no publication");
    make::apply(store, WebhooksChange { upserts, clears_draft: true, ..make::change(2) }).await;
    assert_eq!(store.draft(&make::program(1)).await.expect("reads"), None);
}

pub async fn history_is_kept_by_program_and_read_from_any_version(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::create_program(store, 2).await;
    let read = async |newest, limit| -> Vec<(i64, Vec<String>)> {
        let records = store.publications(&make::program(1), newest, limit).await.expect("reads");
        let urls = |one: groundswell_engine::store::PublicationRecord| {
            assert_eq!((one.program_id, one.published.by), (make::program(1), Some(ChangedBy::Rest)));
            (one.version, one.published.webhooks.into_iter().map(|webhook| webhook.payload_url).collect())
        };
        records.into_iter().map(urls).collect()
    };
    assert_eq!(read(i64::MAX, 10).await, []);
    let first = make::endpoint_record(10, "primary");
    let second =
        EndpointRecord { created_at_ms: first.created_at_ms - 1, ..make::endpoint_record(20, "wh_2") };
    let urls = [&first, &second].map(|endpoint| endpoint.url.clone());
    make::apply(store, WebhooksChange { upserts: vec![first], ..make::change(1) }).await;
    make::apply(store, WebhooksChange { upserts: vec![second], ..make::change(2) }).await;
    // One that changes no webhook is no version.
    make::apply(store, make::change(3)).await;
    make::apply(store, WebhooksChange { deletes: vec![make::endpoint(10)], ..make::change(4) }).await;
    let [one, two] = urls;
    let wanted = [(4, vec![two.clone()]), (2, vec![two, one.clone()]), (1, vec![one])];
    assert_eq!(read(i64::MAX, 10).await, wanted);
    assert_eq!(read(3, 1).await, wanted[1..2]);
    assert_eq!(read(1, 10).await, wanted[2..]);
    let other = store.publications(&make::program(2), i64::MAX, 10).await.expect("reads");
    assert_eq!(other, []);
}

pub async fn notices_are_listed_by_program_and_in_order(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::create_program(store, 2).await;
    let notice = |number: i64, program: i64, kind| NoticeRecord {
        id: NoticeId::from_number(number),
        program_id: make::program(program),
        endpoint_id: make::endpoint(10),
        kind,
        at_ms: number * 10,
        since_ms: number,
    };
    let all: Vec<_> = NoticeKind::ALL.into_iter().zip(1..).map(|(kind, n)| notice(n, 1, kind)).collect();
    let (first, rest) = all.split_at(2);
    let others = [notice(7, 2, NoticeKind::Gone)];
    commit(store, Batch { notices: [first, &others].concat(), ..Batch::default() }).await;
    make::apply(store, WebhooksChange { notices: rest.to_vec(), ..make::change(1) }).await;

    let program = make::program(1);
    assert_eq!(store.notices(&program, None, 10).await.expect("reads"), all);
    let behind = store.notices(&program, Some(NoticeId::from_number(2)), 2).await.expect("reads");
    assert_eq!(behind, all[2..4]);

    let gone = NoticeKind::Gone;
    let told = store.last_notice_at_ms(make::endpoint(10), gone).await.expect("reads");
    assert_eq!(told, Some(70), "the latest, of whichever program");
    assert_eq!(store.last_notice_at_ms(make::endpoint(20), gone).await.expect("reads"), None);
}
