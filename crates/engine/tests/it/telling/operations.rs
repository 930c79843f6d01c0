//! What a team's operational webhooks are told.

use std::sync::atomic::Ordering;
use std::time::Duration;

use groundswell_engine::EngineError;
use groundswell_engine::access::{Came, NewEditorLink};
use groundswell_engine::store::{
    Batch, ErasureStore, MembershipRecord, NoticeRecord, PeopleStore, Store, TeamRecord, TellingStore,
};
use groundswell_engine::webhooks::WebhookInput;
use groundswell_types::{
    AuditAction, AuditFilter, EventId, EventKind, NoticeId, NoticeKind, Role, TeamId, UserId, WebhookId,
};

use super::{DAY_MS, HOUR_MS, NOW_MS, World};

/// The events that the first team's operational webhooks were sent, oldest first.
async fn announced(world: &World, count: usize) -> Vec<serde_json::Value> {
    announced_to(world, None, count).await
}

/// The same of another team's.
async fn announced_to(world: &World, team: Option<TeamId>, count: usize) -> Vec<serde_json::Value> {
    let operations = world.acting().operations(team).await.expect("there").id;
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
    operational_webhook_of(world, None).await
}

async fn operational_webhook_of(world: &World, team: Option<TeamId>) -> WebhookId {
    let operations = world.acting().operations(team).await.expect("made").id;
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
    let operations = world.acting().operations(None).await.expect("there").id;
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
    let operations = world.acting().operations(None).await.expect("there").id;
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

#[tokio::test]
async fn a_mail_server_that_says_nothing_keeps_nothing_from_operational_webhooks() {
    let world = World::new().await;
    operational_webhook(&world).await;
    world.office.is_silent.store(true, Ordering::Relaxed);
    let world = world.tell();
    world.add("eve@example.org").await.expect("named");
    while world.office.tries() < 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.notice(1, NoticeKind::Failing).await;
    assert_eq!(announced(&world, 1).await[0]["event"], "WEBHOOK_FAILING");
    assert_eq!(world.office.tries(), 1, "it still waits for the first answer");
    world.engine.shut_down().await;
}

async fn sign_in(world: &World, user: &UserId) {
    let came = Came {
        user_agent: Some("Browser".to_owned()),
        address: Some("203.0.113.7".parse().expect("an address")),
        ..Came::default()
    };
    let (token, _) = world.engine.create_sign_in_token(user).await.expect("a link");
    world.engine.sign_in(&token, came).await.expect("signs in");
}

#[tokio::test]
async fn where_somebody_came_from_is_told_to_the_team_alone_that_they_joined_first() {
    let world = World::new().await;
    let other = TeamId::parse("team_other").expect("an id");
    let team = TeamRecord { id: other.clone(), name: "Other".to_owned(), created_at_ms: NOW_MS };
    world.store.save_team(&team).await.expect("saves");
    let bob = UserId::parse("usr_bob").expect("an id");
    let membership = MembershipRecord {
        team_id: other.clone(),
        user_id: bob.clone(),
        role: Role::Viewer,
        since_ms: NOW_MS + 1,
    };
    world.store.add_member(&membership).await.expect("joins");
    operational_webhook(&world).await;
    operational_webhook_of(&world, Some(other.clone())).await;
    let world = world.tell();
    sign_in(&world, &bob).await;
    let first = announced(&world, 1).await.remove(0);
    assert_eq!(
        (&first["data"]["address"], &first["data"]["userAgent"]),
        (&"203.0.113.7".into(), &"Browser".into())
    );
    let second = announced_to(&world, Some(other), 1).await.remove(0);
    assert_eq!(second["data"]["user"]["id"], "usr_bob");
    assert!(second["data"].get("address").is_none() && second["data"].get("userAgent").is_none(), "{second}");
    let nowhere = TeamId::parse("team_nowhere").expect("an id");
    let refused = world.acting().operations(Some(nowhere)).await;
    assert!(matches!(refused, Err(EngineError::NotFound(_))), "{refused:?}");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn somebodys_sign_ins_are_told_ten_times_a_day() {
    let world = World::new().await;
    operational_webhook(&world).await;
    let world = world.tell();
    let bob = UserId::parse("usr_bob").expect("an id");
    for _ in 0..12 {
        sign_in(&world, &bob).await;
    }
    announced(&world, 10).await;
    world.clock.set(NOW_MS + DAY_MS);
    sign_in(&world, &bob).await;
    announced(&world, 11).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn operational_webhooks_are_named_in_the_audit_log_and_have_no_editor_links() {
    let world = World::new().await;
    let operations = world.acting().operations(None).await.expect("made").id;
    let filter = AuditFilter { action: Some(AuditAction::ProgramCreated), ..AuditFilter::default() };
    let entries = world.acting().audit_log(filter, None, 9).await.expect("reads");
    assert!(entries.iter().any(|entry| entry.campaign_id.as_ref() == Some(&operations)), "{entries:?}");
    let refused = world.acting().create_editor_link(&operations, NewEditorLink::default()).await;
    assert!(
        matches!(&refused, Err(EngineError::Refused(why)) if why.contains("no editor links")),
        "{refused:?}"
    );
    world.engine.shut_down().await;
}
