//! What the log's filters ask.

use bytes::Bytes;
use groundswell_engine::store::{
    Accept, DeliverySearch, EventSearch, Outcome, Store, Unsuccessful, WebhooksChange,
};
use groundswell_engine::store::{After, AttemptRecord, SMALL_BODY};
use groundswell_types::{DeliveryId, EventKind, StatusRange};

use super::commit;
use super::make::{self, ACCEPTED_AT_MS};

fn search() -> EventSearch {
    EventSearch {
        program_id: make::program(1),
        from: make::event(0),
        before: make::event(1_000),
        kind: None,
        endpoint: None,
        text: None,
        look_at: 1_000,
        limit: 1_000,
    }
}

async fn found(store: &dyn Store, search: &EventSearch) -> (Vec<i64>, Option<i64>) {
    let found = store.find_events(search).await.expect("reads");
    let ids = found.events.iter().map(|event| event.id.number()).collect();
    (ids, found.reached.map(groundswell_types::EventId::number))
}

pub async fn events_are_found_by_kind_webhook_and_what_they_say(store: &dyn Store) {
    let accept = |number: i64| Accept {
        kind: if number % 3 == 0 { EventKind::CampaignEnded } else { EventKind::NewParticipantAdded },
        body: Bytes::from(format!("{{\"email\":\"Ada.{number}@Example.com\",\"name\":\"ÄDA 100%_\"}}")),
        ..make::accept(number, if number % 2 == 0 { &[10, 1] } else { &[101] })
    };
    commit(store, make::accepts((1..=9).map(accept))).await;
    let others = Accept { program_id: make::program(2), ..accept(10) };
    let nobodys = make::accept(11, &[]);
    let large = Accept { body: Bytes::from(format!("ada.12@{}", "x".repeat(SMALL_BODY))), ..accept(12) };
    commit(store, make::accepts([others, nobodys, large])).await;

    let ended = EventSearch { kind: Some(EventKind::CampaignEnded), ..search() };
    assert_eq!(found(store, &ended).await, (vec![12, 9, 6, 3], None));
    let to_one = EventSearch { endpoint: Some(make::endpoint(1)), ..search() };
    assert_eq!(found(store, &to_one).await, (vec![12, 8, 6, 4, 2], None), "and not those to 10 or 101");
    let says = |text: &str| EventSearch { text: Some(text.to_owned()), ..search() };
    assert_eq!(found(store, &says("ada.7@example.com")).await, (vec![7], None));
    assert_eq!(found(store, &says("ada.12@")).await, (vec![], None), "it is too large to be looked into");
    assert_eq!(found(store, &says("100%_")).await.0.len(), 9, "nothing stands for anything else");
    assert_eq!(found(store, &says("100_")).await.0.len(), 0);
    assert_eq!(found(store, &says("Äda")).await.0.len(), 9, "A to Z alone have two cases");
    assert_eq!(found(store, &says("äda")).await.0.len(), 0);
    let all = EventSearch { kind: Some(EventKind::NewParticipantAdded), ..to_one };
    assert_eq!(found(store, &EventSearch { text: Some("ada.4".to_owned()), ..all }).await, (vec![4], None));
}

pub async fn a_search_of_events_says_how_far_it_came(store: &dyn Store) {
    make::accept_all(store, 1..=9, &[10]).await;
    let of = async |look_at, limit, before, text: &str| {
        let text = (!text.is_empty()).then(|| text.to_owned());
        found(store, &EventSearch { look_at, limit, before: make::event(before), text, ..search() }).await
    };
    assert_eq!(of(3, 100, 100, "").await, (vec![9, 8, 7], Some(7)));
    assert_eq!(of(100, 3, 100, "").await, (vec![9, 8, 7], Some(7)));
    assert_eq!(of(3, 100, 100, "\"number\":2}").await, (vec![], Some(7)));
    assert_eq!(of(3, 100, 4, "\"number\":2}").await, (vec![2], Some(1)), "there may be more");
    assert_eq!(of(4, 100, 4, "\"number\":2}").await, (vec![2], None));
    assert_eq!(of(100, 1, 7, "").await, (vec![6], Some(6)));
    let from = EventSearch { from: make::event(8), ..search() };
    assert_eq!(found(store, &from).await, (vec![9, 8], None));

    let ids = [3, 77, 1, 3].map(make::event);
    let mut events = store.events_by_id(&ids).await.expect("reads");
    events.sort_by_key(|event| event.id);
    assert_eq!(events.iter().map(|event| event.id.number()).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(store.events_by_id(&[]).await.expect("reads"), []);
}

pub async fn deliveries_are_found_by_what_became_of_them(store: &dyn Store) {
    make::accept_all(store, 1..=6, &[10, 20]).await;
    let queue = make::queue(store, 10).await;
    let ended = |at: usize, after, status_code| Outcome {
        attempt: AttemptRecord { status_code, ..make::attempt(&queue[at], after) },
        remove: vec![queue[at].key],
        insert: None,
    };
    let again = make::retried(&queue[1], ACCEPTED_AT_MS + 50);
    let then = make::retried(&again.insert.expect("is due again"), ACCEPTED_AT_MS + 90);
    commit(store, make::outcomes([make::delivered(&queue[0]), again])).await;
    commit(
        store,
        make::outcomes([then, ended(2, After::Undeliverable, Some(404)), ended(3, After::Cancelled, None)]),
    )
    .await;

    let from_to = |from: i64, to: i64, limit| DeliverySearch {
        endpoint_id: make::endpoint(10),
        from: make::delivery(from, 0),
        to: make::delivery(to, 7),
        limit,
    };
    let numbers = |ids: Vec<DeliveryId>| ids.iter().map(|id| id.event().number()).collect::<Vec<_>>();
    let unsuccessful = async |wanted, what| numbers(store.unsuccessful(wanted, what).await.expect("reads"));
    let answered = |range: &str| Unsuccessful::Answered(StatusRange::parse(range).expect("valid"));
    for (what, wanted) in [
        (Unsuccessful::Any, vec![4, 3, 2]),
        (Unsuccessful::Undeliverable, vec![3]),
        (answered("5xx"), vec![2]),
        (answered("404"), vec![3]),
        (answered("200"), vec![]),
    ] {
        assert_eq!(unsuccessful(from_to(0, 100, 100), what).await, wanted, "{what:?}");
    }
    assert_eq!(unsuccessful(from_to(0, 100, 2), Unsuccessful::Any).await, [4, 3]);
    assert_eq!(unsuccessful(from_to(3, 3, 2), Unsuccessful::Any).await, [3]);

    let pending = async |wanted| numbers(store.pending_deliveries(wanted).await.expect("reads"));
    assert_eq!(pending(from_to(0, 100, 100)).await, [6, 5, 2]);
    assert_eq!(pending(from_to(0, 5, 1)).await, [5]);
    assert_eq!(pending(from_to(3, 4, 1)).await, [0_i64; 0]);
}

pub async fn the_webhooks_of_a_program_are_known_when_they_are_gone(store: &dyn Store) {
    make::create_program(store, 1).await;
    let upserts = vec![make::endpoint_record(20, "primary"), make::endpoint_record(10, "wh_2")];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;
    make::apply(store, WebhooksChange { deletes: vec![make::endpoint(10)], ..make::change(2) }).await;
    let own = store.endpoints_of(&make::program(1)).await.expect("reads");
    assert_eq!(own, [10, 20].map(make::endpoint));
    assert_eq!(store.endpoints_of(&make::program(2)).await.expect("reads"), []);
}
