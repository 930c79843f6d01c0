//! Resends, their jobs, and what retention removes.

use groundswell_engine::store::{
    Forget, PARKED_DUE_MS, Pending, PendingKey, ResendBatch, ResendJobRecord, ResendRecord, Store, StoreError,
};
use groundswell_types::{DeliveryId, ResendJobId, ResendState};

use super::commit;
use super::make::{self, ACCEPTED_AT_MS};

fn resend(number: i64, event: i64, program: i64) -> ResendRecord {
    ResendRecord {
        id: DeliveryId::of_resend(make::event(number)),
        program_id: make::program(program),
        event_id: make::event(event),
        original_id: make::delivery(event, 0),
        endpoint_id: make::endpoint(10),
        accepted_at_ms: ACCEPTED_AT_MS + number,
    }
}

fn row(resend: &ResendRecord) -> Pending {
    let key = PendingKey {
        endpoint_id: resend.endpoint_id,
        due_at_ms: resend.accepted_at_ms,
        delivery_id: resend.id,
    };
    let accepted_at_ms = resend.accepted_at_ms;
    Pending { key, attempts: 0, accepted_at_ms, expires_at_ms: accepted_at_ms + 5_000 }
}

fn job(number: i64, program: i64) -> ResendJobRecord {
    ResendJobRecord {
        id: ResendJobId::from_number(number),
        program_id: make::program(program),
        selection: "{}".to_owned(),
        state: ResendState::Running,
        total: 7,
        done: 0,
        cursor: make::delivery(900, 7),
        created_at_ms: number,
        ended_at_ms: None,
    }
}

async fn add(store: &dyn Store, resends: Vec<ResendRecord>) {
    let pending = resends.iter().map(row).collect();
    store.resend(&ResendBatch { resends, pending, job: None }).await.expect("commits");
}

pub async fn resends_are_pending_and_are_found(store: &dyn Store) {
    make::accept_all(store, 1..=3, &[10]).await;
    let all = [resend(101, 1, 1), resend(102, 2, 1), resend(103, 1, 2), resend(104, 1, 1)];
    add(store, all.to_vec()).await;

    let newest_first = [all[3].clone(), all[1].clone(), all[0].clone()];
    assert_eq!(store.resends(&make::program(1), None, 10).await.expect("reads"), newest_first);
    let behind = store.resends(&make::program(1), Some(all[3].id), 1).await.expect("reads");
    assert_eq!(behind, [all[1].clone()]);
    let of_first = store.resends_of(&[make::event(1), make::event(3)]).await.expect("reads");
    assert_eq!(of_first, [all[0].clone(), all[2].clone(), all[3].clone()]);
    let by_id = store.resends_by_id(&[all[1].id, make::delivery(1, 0)]).await.expect("reads");
    assert_eq!(by_id, [all[1].clone()]);
    let queue = make::queue(store, 10).await;
    assert_eq!(queue[3..], all.each_ref().map(row));
}

pub async fn a_resend_whose_id_is_used_is_rejected_and_nothing_written(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::accept_all(store, [1], &[10]).await;
    add(store, vec![resend(101, 1, 1)]).await;
    let before = make::queue(store, 10).await;
    let resends = vec![resend(102, 1, 1), resend(101, 1, 1)];
    let pending = vec![row(&resends[0])];
    let result = store.resend(&ResendBatch { resends, pending, job: Some(job(1, 1)) }).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    assert_eq!(make::queue(store, 10).await, before);
    assert_eq!(store.resend_job(ResendJobId::from_number(1)).await.expect("reads"), None);
}

pub async fn a_job_keeps_its_place(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::create_program(store, 2).await;
    for job in [job(1, 1), job(2, 2), job(3, 1)] {
        store.resend(&ResendBatch { job: Some(job), ..ResendBatch::default() }).await.expect("commits");
    }
    let further = ResendJobRecord { done: 4, cursor: make::delivery(500, 7), ..job(1, 1) };
    let resends = vec![resend(101, 1, 1)];
    let pending = resends.iter().map(row).collect();
    store.resend(&ResendBatch { resends, pending, job: Some(further.clone()) }).await.expect("commits");
    assert_eq!(store.resend_job(further.id).await.expect("reads"), Some(further.clone()));
    assert_eq!(store.running_resend_jobs().await.expect("reads"), [further.clone(), job(2, 2), job(3, 1)]);

    let ended = ResendJobRecord { state: ResendState::Done, ended_at_ms: Some(99), ..further };
    store.resend(&ResendBatch { job: Some(ended.clone()), ..ResendBatch::default() }).await.expect("commits");
    assert_eq!(store.running_resend_jobs().await.expect("reads"), [job(2, 2), job(3, 1)]);
    assert_eq!(store.resend_jobs(&make::program(1), 10).await.expect("reads"), [job(3, 1), ended]);
}

pub async fn retention_removes_events_with_all_that_is_theirs(store: &dyn Store) {
    make::accept_all(store, 1..=4, &[10, 20]).await;
    for endpoint in [10, 20] {
        let queue = make::queue(store, endpoint).await;
        commit(store, make::outcomes(queue.iter().map(make::delivered))).await;
    }
    add(store, vec![resend(101, 2, 1), resend(102, 3, 1)]).await;
    let old = store.oldest_events(make::event(1), 2).await.expect("reads");
    assert_eq!(old.iter().map(|event| event.id).collect::<Vec<_>>(), [make::event(2), make::event(3)]);
    assert_eq!(store.oldest_events(make::event(4), 9).await.expect("reads"), []);

    let events = vec![make::event(2), make::event(4)];
    let mut deliveries: Vec<_> =
        [(2, 0), (2, 1), (4, 0), (4, 1)].map(|(event, slot)| make::delivery(event, slot)).into();
    deliveries.push(resend(101, 2, 1).id);
    let removed = store.forget(&Forget { events, deliveries, ..Forget::default() }).await.expect("commits");
    assert_eq!(removed, 4 + 1 + 2, "attempts, a resend, events");
    let left = store.oldest_events(make::event(0), 9).await.expect("reads");
    assert_eq!(left.iter().map(|event| event.id).collect::<Vec<_>>(), [make::event(1), make::event(3)]);
    let all: Vec<_> = (1..=4).map(|event| make::delivery(event, 0)).collect();
    assert_eq!(store.attempts(&all).await.expect("reads").len(), 2);
    assert_eq!(store.resends(&make::program(1), None, 9).await.expect("reads"), [resend(102, 3, 1)]);
    assert_eq!(store.highest_event_id().await.expect("reads"), Some(make::event(4)), "never given again");
}

pub async fn retention_leaves_an_event_that_is_sent_again_since_it_looked(store: &dyn Store) {
    make::accept_all(store, 1..=3, &[10]).await;
    commit(store, make::outcomes(make::queue(store, 10).await.iter().map(make::delivered))).await;
    let [before, since, of_third] = [resend(101, 1, 1), resend(102, 1, 1), resend(103, 3, 1)];
    add(store, vec![before.clone(), of_third.clone()]).await;
    commit(store, make::outcomes(make::queue(store, 10).await.iter().map(make::delivered))).await;
    let events: Vec<_> = (1..=3).map(make::event).collect();
    let mut deliveries: Vec<_> = (1..=3).map(|event| make::delivery(event, 0)).collect();
    deliveries.extend([before.id, of_third.id]);
    let forget = Forget { events, deliveries, ..Forget::default() };
    add(store, vec![since.clone()]).await;

    let removed = store.forget(&forget).await.expect("commits");
    assert_eq!(removed, 3 + 1 + 2, "attempts, a resend, events");
    let left = store.oldest_events(make::event(0), 9).await.expect("reads");
    assert_eq!(left.iter().map(|event| event.id).collect::<Vec<_>>(), [make::event(1)]);
    let attempts = store.attempts(&forget.deliveries).await.expect("reads");
    let mut tried: Vec<_> = attempts.iter().map(|attempt| attempt.delivery_id).collect();
    tried.sort_unstable();
    assert_eq!(tried, [make::delivery(1, 0), before.id]);
    assert_eq!(store.resends_of(&forget.events).await.expect("reads"), [before.clone(), since.clone()]);
    assert_eq!(make::queue(store, 10).await, [row(&since)]);
    assert_eq!(store.bodies(&[make::event(1)]).await.expect("reads").len(), 1);

    // Looked at again it goes with all that is its own.
    commit(store, make::outcomes(make::queue(store, 10).await.iter().map(make::delivered))).await;
    let deliveries = vec![make::delivery(1, 0), before.id, since.id];
    let forget = Forget { events: vec![make::event(1)], deliveries, ..Forget::default() };
    assert_eq!(store.forget(&forget).await.expect("commits"), 3 + 2 + 1);
    assert_eq!(store.oldest_events(make::event(0), 9).await.expect("reads"), []);
}

pub async fn retention_removes_what_was_parked_and_old_keys(store: &dyn Store) {
    let parked = (1..=3).map(|number| {
        let mut accept = make::keyed(make::accept(number, &[10]), &format!("key-{number}"), 1);
        accept.targets[0].is_parked = true;
        accept.accepted_at_ms += number;
        accept
    });
    commit(store, make::accepts(parked)).await;
    let oldest = store.oldest_parked(make::endpoint(10), 2).await.expect("reads");
    let ids: Vec<_> = oldest.iter().map(|row| row.key.delivery_id.event().number()).collect();
    assert_eq!((ids, oldest[0].key.due_at_ms), (vec![1, 2], PARKED_DUE_MS));

    let forget = Forget {
        parked: vec![oldest[0].key],
        keys_before_ms: Some(ACCEPTED_AT_MS + 3),
        limit: 1,
        ..Forget::default()
    };
    assert_eq!(store.forget(&forget).await.expect("commits"), 2, "a parked row and the oldest key");
    assert_eq!(store.oldest_parked(make::endpoint(10), 9).await.expect("reads").len(), 2);
    assert_eq!(store.forget(&Forget { limit: 9, ..forget }).await.expect("commits"), 1, "the second key");
}
