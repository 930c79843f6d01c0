//! The audit log.

use std::collections::BTreeMap;

use groundswell_engine::store::{AuditRecord, AuditSearch, Store, StoreError};
use groundswell_types::{
    AuditAction, AuditActor, AuditActorKind, AuditFilter, AuditId, AuditOutcome, TeamId,
};

use super::make;

pub fn audit_record(number: i64) -> AuditRecord {
    AuditRecord {
        id: AuditId::from_number(number),
        at_ms: number * 100,
        team_id: Some(TeamId::first()),
        program_id: Some(make::program(1)),
        actor: AuditActor {
            kind: AuditActorKind::Person,
            id: Some("usr_1".to_owned()),
            name: "Ada".to_owned(),
        },
        address: Some("2001:db8::1".to_owned()),
        action: AuditAction::WebhookChanged,
        target: Some("primary".to_owned()),
        details: BTreeMap::from([("changed".to_owned(), "url, \"events\"".to_owned())]),
        outcome: AuditOutcome::Done,
    }
}

async fn found(store: &dyn Store, filter: AuditFilter) -> Vec<i64> {
    let search = AuditSearch { filter, limit: 100, ..AuditSearch::default() };
    numbers(store.audit_log(&search).await.expect("reads"))
}

fn numbers(records: Vec<AuditRecord>) -> Vec<i64> {
    records.into_iter().map(|record| record.id.number()).collect()
}

pub async fn what_was_done_reads_back_newest_first(store: &dyn Store) {
    let bare = AuditRecord {
        team_id: None,
        program_id: None,
        actor: AuditActor { kind: AuditActorKind::Operator, id: None, name: "Operator".to_owned() },
        address: None,
        target: None,
        details: BTreeMap::new(),
        ..audit_record(2)
    };
    for record in [&audit_record(1), &bare] {
        store.record_audit(std::slice::from_ref(record)).await.expect("writes");
    }
    let search = AuditSearch { limit: 10, ..AuditSearch::default() };
    assert_eq!(store.audit_log(&search).await.expect("reads"), [bare, audit_record(1)]);
    let again = store.record_audit(&[audit_record(1)]).await;
    assert!(matches!(again, Err(StoreError::Rejected(_))), "{again:?}");
    for action in AuditAction::ALL.iter().copied() {
        let id = AuditId::from_number(i64::from(action as u8) + 10);
        store.record_audit(&[AuditRecord { id, action, ..audit_record(1) }]).await.expect("writes");
        assert_eq!(
            store.audit_log(&AuditSearch { limit: 1, ..search.clone() }).await.expect("reads")[0].action,
            action
        );
    }
}

pub async fn the_audit_log_is_filtered_and_paged_by_team(store: &dyn Store) {
    let other = TeamId::parse("team_other").expect("is an id");
    let change = |number, change: fn(&mut AuditRecord)| {
        let mut record = audit_record(number);
        change(&mut record);
        record
    };
    let records = [
        audit_record(1),
        change(2, |record| record.team_id = None),
        change(3, |record| record.action = AuditAction::KeyCreated),
        change(4, |record| record.actor.id = Some("usr_2".to_owned())),
        change(5, |record| record.program_id = Some(make::program(2))),
        change(6, |record| {
            record.actor = AuditActor { kind: AuditActorKind::Operator, id: None, name: String::new() }
        }),
        change(7, |record| record.team_id = TeamId::parse("team_other").ok()),
    ];
    for record in &records {
        store.record_audit(std::slice::from_ref(record)).await.expect("writes");
    }
    let of_team = |team: &TeamId, before, limit| {
        let before = Option::map(before, AuditId::from_number);
        AuditSearch { team: Some(team.clone()), before, limit, filter: AuditFilter::default() }
    };
    let read = async |search| numbers(store.audit_log(&search).await.expect("reads"));
    assert_eq!(read(of_team(&TeamId::first(), None, 3)).await, [6, 5, 4]);
    assert_eq!(read(of_team(&TeamId::first(), Some(4), 3)).await, [3, 1]);
    assert_eq!(read(of_team(&other, None, 3)).await, [7]);

    let all = AuditFilter::default;
    assert_eq!(found(store, AuditFilter { action: Some(AuditAction::KeyCreated), ..all() }).await, [3]);
    assert_eq!(found(store, AuditFilter { actor: Some("usr_2".to_owned()), ..all() }).await, [4]);
    assert_eq!(found(store, AuditFilter { actor: Some("operator".to_owned()), ..all() }).await, [6]);
    assert_eq!(found(store, AuditFilter { campaign_id: Some(make::program(2)), ..all() }).await, [5]);
    assert_eq!(found(store, AuditFilter { from: Some(300), to: Some(500), ..all() }).await, [4, 3]);
    let nothing =
        AuditFilter { action: Some(AuditAction::KeyCreated), actor: Some("usr_2".to_owned()), ..all() };
    assert_eq!(found(store, nothing).await, Vec::<i64>::new());
}

pub async fn what_was_begun_is_in_the_log_once_it_is_known_what_came_of_it(store: &dyn Store) {
    for number in 1..=4 {
        store.begin_audit(&[audit_record(number)]).await.expect("writes");
    }
    assert_eq!(found(store, AuditFilter::default()).await, Vec::<i64>::new());
    let done = AuditRecord { target: Some("wh_2".to_owned()), ..audit_record(1) };
    store.end_audit(std::slice::from_ref(&done)).await.expect("writes");
    store.drop_audit(&[AuditId::from_number(2)]).await.expect("writes");
    store.settle_audit(AuditId::from_number(4)).await.expect("writes");
    let search = AuditSearch { limit: 10, ..AuditSearch::default() };
    let unclear = AuditRecord { outcome: AuditOutcome::Unclear, ..audit_record(3) };
    assert_eq!(store.audit_log(&search).await.expect("reads"), [unclear.clone(), done.clone()]);

    // Whoever comes back late makes no second entry.
    store.end_audit(&[audit_record(3)]).await.expect("answers");
    assert_eq!(store.audit_log(&search).await.expect("reads"), [unclear, done]);
    store.end_audit(&[audit_record(4)]).await.expect("writes");
    assert_eq!(found(store, AuditFilter::default()).await, [4, 3, 1]);
}

pub async fn old_entries_of_the_audit_log_are_forgotten_oldest_first(store: &dyn Store) {
    for number in 1..=4 {
        store.record_audit(&[audit_record(number)]).await.expect("writes");
    }
    assert_eq!(store.forget_audit(400, 2).await.expect("removes"), 2);
    assert_eq!(found(store, AuditFilter::default()).await, [4, 3]);
    assert_eq!(store.forget_audit(400, 2).await.expect("removes"), 1);
    assert_eq!(store.forget_audit(400, 2).await.expect("removes"), 0);
    assert_eq!(found(store, AuditFilter::default()).await, [4]);
}
