//! What is done at once with one account, in the order that a test decides: it holds the account, and has others wait.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use groundswell_types::{Email, Role, TeamId, UserId};

use super::provider::{Provided, TurnedAway};
use crate::access::{Actor, Came, Person, Who, hash_token};
use crate::clock::Clock;
use crate::config::EngineConfig;
use crate::engine::{Engine, EngineParts};
use crate::error::EngineError;
use crate::store::memory::Memory;
use crate::store::{InvitationRecord, MembershipRecord, PeopleStore as _, TeamRecord, UserRecord};

const NOW_MS: i64 = 1_800_000_000_000;
const PATIENCE: Duration = Duration::from_secs(10);

async fn start() -> (Arc<Engine>, Arc<Memory>) {
    let store = Arc::new(Memory::new());
    let (config, clock) = (EngineConfig::default(), Clock::manual(NOW_MS));
    let engine = Engine::start(EngineParts { store: Arc::clone(&store) as _, config, clock }).await;
    let record = TeamRecord { id: other_team(), name: "Other".to_owned(), created_at_ms: 1 };
    store.save_team(&record).await.expect("saves");
    (engine.expect("starts"), store)
}

fn other_team() -> TeamId {
    TeamId::parse("team_other").expect("an id")
}

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

/// Ada, who is in the first team.
async fn ada(store: &Memory) -> UserId {
    let id = UserId::parse("usr_ada").expect("an id");
    let user = UserRecord {
        id: id.clone(),
        email: Some(email("ada@example.com")),
        password_hash: Some("kept".to_owned()),
        oidc_subject: Some("https://a.example ada".to_owned()),
        ..UserRecord::first()
    };
    store.save_user(&user).await.expect("saves");
    join(store, (&id, TeamId::first())).await;
    id
}

async fn join(store: &Memory, (user, team): (&UserId, TeamId)) {
    let (user_id, team_id) = (user.clone(), team);
    let membership = MembershipRecord { user_id, team_id, role: Role::Viewer, since_ms: NOW_MS };
    store.add_member(&membership).await.expect("saves");
}

async fn signed_in(engine: &Engine, user: &UserId) -> Person {
    let begun = engine.begin_session(user.clone(), Came::default()).await.expect("begins");
    engine.person(&begun.token).await.expect("reads").expect("is signed in")
}

#[tokio::test]
async fn a_sign_in_link_is_none_for_somebody_who_joins_another_team_while_it_is_made() {
    let (engine, store) = start().await;
    let ada = ada(&store).await;
    let owner = Who::Person(Arc::new(signed_in(&engine, &UserId::first()).await));
    let owner = engine.acting(Arc::new(Actor { who: owner, address: None }));

    let held = engine.access.doorkeeper.accounts.lock().await;
    let mut making = owner.create_sign_in_link(Some(&ada)).boxed();
    assert!((&mut making).now_or_never().is_none(), "it waits");
    join(&store, (&ada, other_team())).await;
    drop(held);
    let made = tokio::time::timeout(PATIENCE, making).await.expect("in time");
    assert!(matches!(made, Err(EngineError::Forbidden(_))), "{made:?}");
    engine.shut_down().await;
}

#[tokio::test]
async fn a_session_that_is_begun_while_somebody_joins_another_team_ends_with_the_others() {
    let (engine, store) = start().await;
    let ada = ada(&store).await;
    let invitation = InvitationRecord {
        id: "inv_1".to_owned(),
        token_hash: hash_token("an invitation"),
        team_id: other_team(),
        email: email("ada@example.com"),
        role: Role::Owner,
        invited_by: "Somebody".to_owned(),
        made_by: None,
        created_at_ms: NOW_MS,
        expires_at_ms: NOW_MS + 1,
    };
    store.save_invitation(&invitation).await.expect("saves");
    let own = signed_in(&engine, &ada).await;

    // As who signs in holds it.
    let held = engine.access.doorkeeper.accounts.lock().await;
    let mut joining = engine.join("an invitation", &own, None).boxed();
    assert!((&mut joining).now_or_never().is_none(), "it waits");
    signed_in(&engine, &ada).await;
    drop(held);
    tokio::time::timeout(PATIENCE, joining).await.expect("in time").expect("joins");
    let left = store.sessions_of(&ada).await.expect("reads");
    assert_eq!(left.iter().map(|one| one.token_hash).collect::<Vec<_>>(), [own.session]);
    engine.shut_down().await;
}

#[tokio::test]
async fn a_subject_that_is_being_disconnected_begins_no_session() {
    let (engine, store) = start().await;
    let ada = ada(&store).await;
    let provided = Provided { subject: "https://a.example ada".to_owned(), email: None, name: None };

    let held = engine.access.doorkeeper.accounts.lock().await;
    let mut signing_in = engine.sign_in_with_subject(provided, Came::default()).boxed();
    assert!((&mut signing_in).now_or_never().is_none(), "it waits");
    let user = store.user(&ada).await.expect("reads").expect("is there");
    store.save_user(&UserRecord { oidc_subject: None, ..user }).await.expect("saves");
    drop(held);
    let turned = tokio::time::timeout(PATIENCE, signing_in).await.expect("in time");
    assert!(matches!(turned, Err(TurnedAway::NoVerifiedEmail)), "{turned:?}");
    assert!(store.sessions_of(&ada).await.expect("reads").is_empty());
    engine.shut_down().await;
}

#[tokio::test]
async fn a_link_that_is_being_used_begins_no_session_behind_the_end_of_all_others() {
    let (engine, store) = start().await;
    let own = signed_in(&engine, &ada(&store).await).await;

    let held = engine.access.doorkeeper.accounts.lock().await;
    let mut ending = engine.end_other_sessions(&own).boxed();
    assert!((&mut ending).now_or_never().is_none(), "it waits");
    signed_in(&engine, &own.id).await;
    drop(held);
    tokio::time::timeout(PATIENCE, ending).await.expect("in time").expect("ends");
    assert_eq!(store.sessions_of(&own.id).await.expect("reads").len(), 1);
    engine.shut_down().await;
}
