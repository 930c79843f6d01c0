//! Inboxes and checklists.

use bytes::Bytes;
use groundswell_engine::store::{INBOX_REQUESTS, InboxRecord, InboxRequestRecord, Store, TestRecord};
use groundswell_types::{
    EventKind, HeaderView, InboxRequest, InboxRequestId, SchemeCheck, SignatureCheck, TestId, WebhookId,
};

use super::make;

/// A request of program 1; it came at `number`.
pub fn request(number: i64) -> InboxRequestRecord {
    InboxRequestRecord {
        id: InboxRequestId::from_number(number),
        program_id: make::program(1),
        received_at_ms: number,
        method: "POST".to_owned(),
        is_own: true,
        webhook_id: Some("evt_0000000000001".to_owned()),
        event: Some(EventKind::CampaignEnded),
        check: SignatureCheck {
            webhook_id: WebhookId::parse("primary").ok(),
            product: SchemeCheck::Verified,
            standard: SchemeCheck::Expired,
        },
        headers: vec![HeaderView { name: "x-a".to_owned(), value: "ä\u{1}".to_owned() }],
        body: Bytes::from_static(b"{\"a\":\0\xff"),
    }
}

async fn numbers(store: &dyn Store, program: i64, since_ms: i64) -> Vec<i64> {
    let requests = store.inbox_requests(&make::program(program), since_ms).await.expect("reads");
    requests.iter().map(|request| request.id.number()).collect()
}

async fn save(store: &dyn Store, numbers: impl IntoIterator<Item = i64>) {
    for number in numbers {
        store.save_inbox_request(&request(number)).await.expect("saves");
    }
}

pub async fn an_inbox_has_one_address(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::create_program(store, 2).await;
    let inbox = |program, token: &str| InboxRecord {
        program_id: make::program(program),
        token: token.to_owned(),
        made_at_ms: 5,
    };
    for inbox in [inbox(1, "one"), inbox(2, "two"), inbox(1, "three")] {
        store.save_inbox(&inbox).await.expect("saves");
    }
    let mut all = store.inboxes().await.expect("reads");
    all.sort_by(|one, other| one.token.cmp(&other.token));
    assert_eq!(all, [inbox(1, "three"), inbox(2, "two")]);
    for (token, wanted) in [("two", Some(inbox(2, "two"))), ("three", Some(inbox(1, "three"))), ("one", None)]
    {
        assert_eq!(store.inbox_at(token).await.expect("reads"), wanted, "{token}");
    }
}

pub async fn a_request_reads_back_in_its_program_only(store: &dyn Store) {
    let other = InboxRequestRecord {
        is_own: false,
        webhook_id: None,
        event: None,
        headers: Vec::new(),
        body: Bytes::new(),
        ..request(2)
    };
    save(store, [1]).await;
    store.save_inbox_request(&other).await.expect("saves");
    let listed = store.inbox_requests(&make::program(1), 0).await.expect("reads");
    assert_eq!(listed, [other.view(), InboxRequest { body_bytes: 7, ..request(1).view() }]);
    for wanted in [request(1), other] {
        let found = store.inbox_request(&make::program(1), wanted.id).await.expect("reads");
        assert_eq!(found, Some(wanted.clone()));
        assert_eq!(store.inbox_request(&make::program(2), wanted.id).await.expect("reads"), None);
    }
    assert_eq!(numbers(store, 2, 0).await, [0; 0]);
}

pub async fn an_inbox_keeps_its_newest_requests(store: &dyn Store) {
    let other = InboxRequestRecord { program_id: make::program(2), ..request(1) };
    store.save_inbox_request(&other).await.expect("saves");
    let kept = i64::try_from(INBOX_REQUESTS).expect("small");
    save(store, 2..=kept + 4).await;
    let wanted: Vec<i64> = (5..=kept + 4).rev().collect();
    assert_eq!(numbers(store, 1, 0).await, wanted);
    assert_eq!(numbers(store, 2, 0).await, [1]);
}

pub async fn requests_are_forgotten_by_age_and_by_program(store: &dyn Store) {
    store.forget_inbox_requests(10).await.expect("there is nothing yet");
    let other = InboxRequestRecord { program_id: make::program(2), ..request(6) };
    store.save_inbox_request(&other).await.expect("saves");
    save(store, [3, 4, 5]).await;
    assert_eq!(numbers(store, 1, 4).await, [5, 4]);
    store.forget_inbox_requests(4).await.expect("forgets");
    assert_eq!(numbers(store, 1, 0).await, [5, 4]);
    store.clear_inbox(&make::program(1)).await.expect("clears");
    assert_eq!(numbers(store, 1, 0).await, [0; 0]);
    assert_eq!(numbers(store, 2, 0).await, [6]);
}

pub async fn tests_are_listed_newest_first(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::create_program(store, 2).await;
    let test = |number, program| TestRecord {
        id: TestId::from_number(number),
        program_id: make::program(program),
        started_at_ms: number,
        view_json: format!("{{\"id\":{number}}}"),
    };
    for (number, program) in [(1, 1), (2, 2), (3, 1), (4, 1)] {
        store.save_test(&test(number, program)).await.expect("saves");
    }
    assert_eq!(store.tests(&make::program(1), 2).await.expect("reads"), [test(4, 1), test(3, 1)]);
}

pub async fn a_checklist_ends_once_and_for_its_program(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::create_program(store, 2).await;
    let has_ended =
        async |program| store.has_ended_first_steps(&make::program(program)).await.expect("reads");
    assert!(!has_ended(1).await);
    for at_ms in [5, 6] {
        store.end_first_steps(&make::program(1), at_ms).await.expect("ends");
        assert!(has_ended(1).await && !has_ended(2).await);
    }
}
