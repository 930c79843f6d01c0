//! The erasing of participants' data.

use bytes::Bytes;
use groundswell_engine::store::{
    After, EraseStep, ErasureRecord, Forget, InboxRequestRecord, Store, StoreError,
};
use groundswell_types::{
    AuditActor, AuditActorKind, ErasureId, EventId, InboxRequestId, ProgramId, Subject, SubjectKind,
};

use super::audit::audit_record;
use super::first_steps::request;
use super::{commit, make};

pub fn job(number: i64) -> ErasureRecord {
    ErasureRecord {
        id: ErasureId::from_number(number),
        program_id: make::program(1),
        kind: SubjectKind::Email,
        subject: Subject::parse(SubjectKind::Email, "ada@example.com"),
        subject_hash: "00ff".to_owned(),
        actor: AuditActor {
            kind: AuditActorKind::Person,
            id: Some("usr_1".to_owned()),
            name: "Ada".to_owned(),
        },
        address: Some("192.0.2.1".to_owned()),
        cursor: EventId::from_number(0),
        until: make::event(9),
        events: 0,
        attempts: 0,
        cancelled: 0,
        inbox_requests: 0,
        created_at_ms: 100 + number,
        ended_at_ms: None,
    }
}

async fn in_order(store: &dyn Store, program: &ProgramId, after: i64, limit: usize) -> Vec<i64> {
    let events = store.events_in_order(program, EventId::from_number(after), limit).await.expect("reads");
    events.into_iter().map(|event| event.id.number()).collect()
}

pub async fn all_events_of_a_program_are_found_in_order(store: &dyn Store) {
    make::accept_all(store, [1, 4], &[10]).await;
    make::accept_all(store, [2, 5], &[]).await;
    let mut of_another = make::accept(3, &[]);
    of_another.program_id = make::program(2);
    commit(store, make::accepts([of_another])).await;
    assert_eq!(in_order(store, &make::program(1), 0, 9).await, [1, 2, 4, 5]);
    assert_eq!(in_order(store, &make::program(1), 1, 2).await, [2, 4]);
    assert_eq!(in_order(store, &make::program(2), 0, 9).await, [3]);
    assert_eq!(in_order(store, &make::program(2), 3, 9).await, Vec::<i64>::new());
}

pub async fn a_step_leaves_nothing_of_bodies_and_answers(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::accept_all(store, 1..=3, &[10]).await;
    let queue = make::queue(store, 10).await;
    let mut outcomes =
        [make::delivered(&queue[0]), make::retried(&queue[1], 2_000_000), make::delivered(&queue[2])];
    // An answer may have had nothing in it.
    outcomes[0].attempt.response_body = Bytes::new();
    commit(store, make::outcomes(outcomes)).await;
    store.save_erasure(&job(1)).await.expect("saves");

    let after = ErasureRecord { cursor: make::event(2), events: 2, cancelled: 1, ..job(1) };
    let bodies = [1, 2].map(|number| (make::event(number), Bytes::from_static(b"{}"))).to_vec();
    let deliveries = vec![make::delivery(1, 0), make::delivery(2, 0)];
    let step = EraseStep { job: after.clone(), events: bodies, deliveries, audit: None };
    store.erase(&step).await.expect("commits");

    let mut left = store.bodies(&[1, 2, 3].map(make::event)).await.expect("reads");
    left.sort_unstable();
    let lengths: Vec<usize> = left.iter().map(|(_, body)| body.len()).collect();
    assert_eq!(lengths, [2, 2, make::accept(3, &[]).body.len()]);
    assert_eq!(store.erased(&[1, 2, 3].map(make::event)).await.expect("reads"), [1, 2].map(make::event));
    let attempt =
        async |number| store.attempts_in_full(make::delivery(number, 0)).await.expect("reads").remove(0);
    let (first, second, third) = (attempt(1).await, attempt(2).await, attempt(3).await);
    assert_eq!(
        (first.response_head.as_str(), first.response_body.len(), first.message.as_str()),
        ("", 0, "")
    );
    assert_eq!((first.status_code, first.after), (Some(200), After::Delivered));
    assert_eq!(second.message, "What the receiver answered was erased.");
    assert_eq!((second.response_body.len(), second.after), (0, After::Retry(2_000_000)));
    assert_ne!(third.response_body.len(), 0);
    let counted = ErasureRecord { attempts: 2, ..after };
    assert_eq!(store.erasure(job(1).id).await.expect("reads"), Some(counted));
}

pub async fn an_erasure_runs_until_it_ends_and_then_says_nobody(store: &dyn Store) {
    make::create_program(store, 1).await;
    for number in [1, 2] {
        store.save_erasure(&job(number)).await.expect("saves");
    }
    let again = store.save_erasure(&job(1)).await;
    assert!(matches!(again, Err(StoreError::Rejected(_))), "{again:?}");
    assert_eq!(store.running_erasures().await.expect("reads"), [job(1), job(2)]);
    let ended = ErasureRecord { subject: None, ended_at_ms: Some(500), ..job(1) };
    let (events, deliveries) = (Vec::new(), Vec::new());
    let step = EraseStep { job: ended.clone(), events, deliveries, audit: Some(audit_record(7)) };
    store.erase(&step).await.expect("commits");
    assert_eq!(store.running_erasures().await.expect("reads"), [job(2)]);
    assert_eq!(store.erasures(&make::program(1), 9).await.expect("reads"), [job(2), ended]);
    assert_eq!(store.erasures(&make::program(2), 9).await.expect("reads"), []);
    let search = groundswell_engine::store::AuditSearch { limit: 9, ..Default::default() };
    assert_eq!(store.audit_log(&search).await.expect("reads"), [audit_record(7)]);

    store.forget_audit(501, 9).await.expect("removes");
    assert_eq!(store.erasures(&make::program(1), 9).await.expect("reads"), [job(2)]);
    let key = store.erasure_key([1; 32]).await.expect("answers");
    assert_eq!((key, store.erasure_key([2; 32]).await.expect("answers")), ([1; 32], [1; 32]));
}

pub async fn retention_forgets_which_events_were_erased(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::accept_all(store, [1, 2], &[]).await;
    store.save_erasure(&job(1)).await.expect("saves");
    let events = [1, 2].map(|number| (make::event(number), Bytes::from_static(b"{}"))).to_vec();
    store
        .erase(&EraseStep { job: job(1), events, deliveries: Vec::new(), audit: None })
        .await
        .expect("commits");
    let forget = Forget { events: vec![make::event(1)], ..Forget::default() };
    store.forget(&forget).await.expect("commits");
    assert_eq!(store.erased(&[1, 2].map(make::event)).await.expect("reads"), [make::event(2)]);
}

pub async fn requests_are_removed_from_the_inbox_of_their_program_alone(store: &dyn Store) {
    let id = InboxRequestId::from_number;
    let of_another = InboxRequestRecord { program_id: make::program(2), ..request(3) };
    for request in [request(1), request(2), of_another, request(4)] {
        store.save_inbox_request(&request).await.expect("saves");
    }
    let delete = async |program, numbers: &[i64]| {
        let requests: Vec<_> = numbers.iter().copied().map(id).collect();
        store.delete_inbox_requests(&make::program(program), &requests).await.expect("removes")
    };
    assert_eq!(delete(1, &[]).await, 0);
    assert_eq!(delete(1, &[1, 3, 4, 5]).await, 2, "one is another program's, and one is nobody's");
    assert_eq!(delete(1, &[1, 4]).await, 0);
    for (program, left) in [(1, 2), (2, 3)] {
        let requests = store.inbox_requests(&make::program(program), 0).await.expect("reads");
        assert_eq!(requests.iter().map(|request| request.id).collect::<Vec<_>>(), [id(left)]);
    }
    let whole = store.inbox_request(&make::program(1), id(2)).await.expect("reads");
    assert_eq!(whole, Some(request(2)));
}
