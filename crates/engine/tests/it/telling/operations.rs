//! What a team's operational webhooks are told.

use std::time::Duration;

use groundswell_engine::EngineError;
use groundswell_engine::access::Came;
use groundswell_engine::store::{Batch, ErasureStore, NoticeRecord, Store, TellingStore};
use groundswell_engine::webhooks::WebhookInput;
use groundswell_types::{EventId, EventKind, NoticeId, NoticeKind, UserId, WebhookId};

use super::{DAY_MS, HOUR_MS, NOW_MS, World};

/// The events that a team's operational webhooks were sent, oldest first.
async fn announced(world: &World, count: usize) -> Vec<serde_json::Value> {
    let operations = world.acting().operations().await.expect("there").id;
    for _ in 0..1000 {
        let events =
            world.store.events_in_order(&operations, EventId::from_number(0), 99).await.expect("reads");
        if events.len() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        let events =
            world.store.events_in_order(&operations, EventId::from_number(0), 99).await.expect("reads");
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        let bodies = world.store.bodies(&ids).await.expect("reads");
        assert_eq!(bodies.len(), count, "{bodies:?}");
        let body = |id: &EventId| bodies.iter().find(|(known, _)| known == id).expect("has a body").1.clone();
        return ids.iter().map(|id| serde_json::from_slice(&body(id)).expect("JSON")).collect();
    }
    panic!("{count} events did not come");
}

async fn operational_webhook(world: &World) -> WebhookId {
    let operations = world.acting().operations().await.expect("made").id;
    let input = WebhookInput {
        payload_url: Some("https://ops.example.com/".to_owned()),
        events: Some(EventKind::OPERATIONAL.to_vec()),
        ..WebhookInput::default()
    };
    world.acting().create_webhook(&operations, input).await.expect("created").id
}

#[tokio::test]
async fn operational_webhooks_are_told_with_and_without_a_mail_server() {
    for sends_mail in [false, true] {
        let world = World::new().await;
        operational_webhook(&world).await;
        let world = if sends_mail {
            world.tell()
        } else {
            world.engine.begin_telling(None);
            world
        };
        world.notice(1, NoticeKind::StillFailing).await;
        world.give_up(NOW_MS / HOUR_MS, 3).await;
        let events = announced(&world, 2).await;
        let notice = events.iter().find(|event| event["event"] == "WEBHOOK_FAILING").expect("is told");
        assert_eq!(notice["createdAt"], NOW_MS);
        assert_eq!(notice["data"]["notice"], "still_failing");
        assert_eq!(notice["data"]["since"], NOW_MS - DAY_MS);
        assert_eq!(notice["data"]["webhook"]["label"], "crm.example.com");
        assert_eq!(notice["data"]["campaign"]["name"], "Acme");
        let digest =
            events.iter().find(|event| event["event"] == "DELIVERIES_UNDELIVERABLE").expect("is told");
        assert_eq!(digest["data"]["count"], 3);
        for event in &events {
            let typed: groundswell_types::Event =
                serde_json::from_value(event.clone()).expect("as documented");
            assert_eq!(serde_json::to_value(&typed).expect("JSON"), *event);
        }
        assert!(!format!("{events:?}").contains("planted"), "what is secret in a URL stays there");
        world.office.wait_for(if sends_mail { 2 } else { 0 }).await;
        assert!(world.store.untold_notices(9).await.expect("reads").is_empty());
        world.engine.shut_down().await;
    }
}

#[tokio::test]
async fn what_happens_to_an_operational_webhook_is_told_by_letter_alone() {
    let world = World::new().await;
    operational_webhook(&world).await;
    let world = world.tell();
    let operations = world.acting().operations().await.expect("there").id;
    let endpoint_id = world.store.endpoints().await.expect("reads").into_iter();
    let endpoint_id = endpoint_id.filter(|one| one.program_id == operations).map(|one| one.id).next();
    let notice = NoticeRecord {
        id: NoticeId::from_number(1),
        program_id: operations,
        endpoint_id: endpoint_id.expect("it is there"),
        kind: NoticeKind::Failing,
        at_ms: NOW_MS,
        since_ms: NOW_MS - DAY_MS,
    };
    world.store.commit(&Batch { notices: vec![notice], ..Batch::default() }).await.expect("commits");
    assert_eq!(world.office.wait_for(1).await[0].to.as_str(), "ada@example.com");
    announced(&world, 0).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_new_sign_in_is_told_to_each_team_and_nobody_else_can_tell() {
    let world = World::new().await;
    operational_webhook(&world).await;
    let world = world.tell();
    let bob = UserId::parse("usr_bob").expect("an id");
    let came = Came { user_agent: Some("Browser".to_owned()), ..Came::default() };
    let (token, _) = world.engine.create_sign_in_token(&bob).await.expect("a link");
    world.engine.sign_in(&token, came).await.expect("signs in");
    let events = announced(&world, 1).await;
    assert_eq!(events[0]["event"], "NEW_SIGN_IN");
    assert_eq!(events[0]["data"]["user"]["email"], "bob@example.com");
    assert_eq!(events[0]["data"]["userAgent"], "Browser");
    let operations = world.acting().operations().await.expect("there").id;
    let forged = br#"{"event":"NEW_SIGN_IN","data":{"user":{"id":"usr_eve"}}}"#;
    let refused = world.acting().submit(&operations, forged, None).await;
    assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    let other = br#"{"event":"CAMPAIGN_ENDED","data":{"id":"p1"}}"#;
    let refused = world.acting().submit(&operations, other, None).await;
    assert!(matches!(refused, Err(EngineError::NotAccepted(_))), "{refused:?}");
    let listed = world.acting().programs();
    assert!(listed.iter().all(|program| program.id != operations), "it is nobody's program");
    world.engine.shut_down().await;
}
