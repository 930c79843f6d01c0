//! What entries say, beside that there is one.

use groundswell_engine::EngineError;
use groundswell_engine::access::Came;
use groundswell_engine::store::AuditRecord;
use groundswell_engine::telling::Wish;
use groundswell_types::editor::{SecretChange, SecretEdit, Seen, Side};
use groundswell_types::{AuditAction, AuditActorKind, NewApiKey, NewPerson, RateLimit, Scopes, TeamId};

use super::every_action::{EMAIL, PASSWORD, World, another_secret};

/// The only entry of an action.
async fn only(world: &World, action: AuditAction) -> AuditRecord {
    let mut entries = world.entries(action).await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

#[tokio::test]
async fn what_was_made_is_named_with_the_limits_it_has() {
    let world = World::new().await;
    let team = world.operator.create_team("Others").await.expect("made");
    let made = only(&world, AuditAction::TeamCreated).await;
    assert_eq!((made.target, made.team_id), (Some(team.id.to_string()), None));

    let rate_limit = Some(RateLimit { second: 1, minute: 2, hour: 3 });
    let new = NewApiKey { name: "CI".to_owned(), scopes: Scopes::USUAL, campaign_id: None, rate_limit };
    world.operator.create_api_key(new).await.expect("made");
    assert_eq!(only(&world, AuditAction::KeyCreated).await.details["rateLimit"], "1/2/3");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_comes_by_an_invitation_has_a_session_in_the_log() {
    let world = World::new().await;
    let (_, token) = world.invite().await;
    let new = NewPerson { name: "Ada", password: PASSWORD };
    let begun = world.engine.accept_as_new(&token, new, Came::default()).await.expect("joins");
    let entry = only(&world, AuditAction::SessionBegan).await;
    assert_eq!(entry.actor.id.as_deref(), Some(begun.user.as_str()));
    assert_eq!((entry.team_id, &*entry.details["by"]), (Some(TeamId::first()), "invitation"));
    world.engine.shut_down().await;
}

#[tokio::test]
async fn what_is_done_to_a_row_of_the_panel_is_in_the_log() {
    let world = World::new().await;
    let (operator, program, row) = (&world.operator, &world.program, &world.row.key);
    operator.test_row(program, row, None).await.expect("sent");
    assert_eq!(only(&world, AuditAction::TestSent).await.details["row"], *row);

    world.change(another_secret()).await;
    operator.end_old_secret_of_row(program, row).await.expect("ended");
    assert_eq!(only(&world, AuditAction::OldSecretEnded).await.details["row"], *row);

    let change = SecretChange::Set("a third secret".to_owned());
    let edit = SecretEdit { row_key: row.clone(), change, draft_version: 0 };
    let saved = operator.change_secret(program, edit).await.expect("saved");
    let replaced = only(&world, AuditAction::SecretReplaced).await;
    assert_eq!((&replaced.details["row"], &replaced.details["draft"]), (row, &saved.version.to_string()));
    assert!(!format!("{replaced:?}").contains("third"));
    world.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_takes_the_others_side_of_conflicts_discards_their_own_in_the_log() {
    let world = World::new().await;
    let version = world.draft().await;
    let seen = Seen::from(version);
    let saved = world.operator.resolve_conflicts(&world.program, seen, Side::Mine).await.expect("decided");
    let seen = Seen::from(saved.version);
    world.operator.resolve_conflicts(&world.program, seen, Side::Theirs).await.expect("decided");
    let discarded = only(&world, AuditAction::DraftDiscarded).await;
    assert_eq!(discarded.details["which"], "conflicts");
    assert_eq!(discarded.program_id.as_ref(), Some(&world.program));
    world.engine.shut_down().await;
}

#[tokio::test]
async fn who_is_told_of_a_webhook_is_in_the_log_whoever_decides_it() {
    let world = World::new().await;
    let (id, token) = world.asked().await;
    // Each as often again changes nothing.
    for wish in [Wish::These, Wish::These, Wish::None, Wish::None] {
        world.engine.subscribe(&token, wish, Some([192, 0, 2, 7].into())).await.expect("taken");
    }
    world.operator.remove_recipient(&world.program, &world.webhook, &id).await.expect("removed");
    for action in [
        AuditAction::RecipientAdded,
        AuditAction::RecipientConfirmed,
        AuditAction::RecipientUnsubscribed,
        AuditAction::RecipientRemoved,
    ] {
        let entry = only(&world, action).await;
        assert_eq!(entry.target.as_deref(), Some(world.webhook.as_str()), "{entry:?}");
        assert_eq!(entry.details["email"], EMAIL, "{entry:?}");
        assert_eq!(
            (&entry.team_id, &entry.program_id),
            (&Some(TeamId::first()), &Some(world.program.clone()))
        );
        assert!(!format!("{entry:?}").contains(&token), "whoever has it speaks for them");
    }
    let ended = only(&world, AuditAction::RecipientUnsubscribed).await;
    assert_eq!((ended.actor.kind, &*ended.details["letters"]), (AuditActorKind::Unknown, "none"));
    assert_eq!(ended.address.as_deref(), Some("192.0.2.7"));
    world.engine.shut_down().await;
}

#[tokio::test]
async fn nobody_fills_the_log_by_a_link_in_a_letter() {
    let world = World::new().await;
    let (_, token) = world.asked().await;
    for _ in 0..10 {
        for wish in [Wish::These, Wish::NotThese] {
            world.engine.subscribe(&token, wish, None).await.expect("taken");
        }
    }
    let refused = world.engine.subscribe(&token, Wish::These, None).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    world.engine.subscribe(&token, Wish::None, None).await.expect("they can always be ended");
    assert_eq!(world.entries(AuditAction::RecipientConfirmed).await.len(), 10);
    world.engine.shut_down().await;
}
