//! Signing in with what an OpenID provider says: who is let in, and whose account it never becomes.

use std::sync::Arc;

use groundswell_engine::access::{Actor, Came, Who, hash_token};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::people::Proof;
use groundswell_engine::people::provider::{Provided, TurnedAway};
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{
    AddressRecord, AddressState, AuditSearch, InvitationRecord, MembershipRecord, Store, TeamRecord,
    UserRecord,
};
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::{AuditAction, AuditFilter, Email, Role, SignInChange, TeamId, UserId};

const NOW_MS: i64 = 1_800_000_000_000;

async fn start() -> (Arc<Engine>, Arc<dyn Store>) {
    let store = Arc::new(Memory::new()) as Arc<dyn Store>;
    let clock = Clock::manual(NOW_MS);
    let parts = EngineParts { store: Arc::clone(&store), config: EngineConfig::default(), clock };
    (Engine::start(parts).await.expect("starts"), store)
}

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

fn ada() -> Provided {
    let name = Some("Ada".to_owned());
    Provided { subject: "https://a.example ada".to_owned(), email: Some(email("ada@example.com")), name }
}

async fn invite(store: &dyn Store, id: u8, to: &str, (team, expires_at_ms): (TeamId, i64)) {
    let invitation = InvitationRecord {
        id: format!("inv_{id}"),
        token_hash: [id; 32],
        team_id: team,
        email: email(to),
        role: Role::Editor,
        invited_by: "Owner".to_owned(),
        made_by: None,
        created_at_ms: NOW_MS - i64::from(id),
        expires_at_ms,
    };
    store.save_invitation(&invitation).await.expect("saves");
}

async fn sign_in(engine: &Engine, provided: Provided) -> Result<UserId, TurnedAway> {
    engine.sign_in_with_subject(provided, Came::default()).await.map(|begun| begun.user)
}

#[tokio::test]
async fn somebody_who_was_invited_comes_into_the_team_once_and_is_known_from_then_on() {
    let (engine, store) = start().await;
    invite(&*store, 1, "ADA@example.com", (TeamId::first(), NOW_MS + 1)).await;
    let user = sign_in(&engine, ada()).await.expect("was invited");
    let found = store.user(&user).await.expect("reads").expect("is there");
    assert_eq!((found.name.as_str(), found.email, found.password_hash), ("Ada", ada().email, None));
    let memberships = store.memberships(&user).await.expect("reads");
    assert_eq!(
        memberships.iter().map(|one| (&one.team_id, one.role)).collect::<Vec<_>>(),
        [(&TeamId::first(), Role::Editor)]
    );
    assert!(store.invitations(&TeamId::first()).await.expect("reads").is_empty(), "it is used up");
    let address = store.address(&user, &email("ada@example.com")).await.expect("reads");
    assert_eq!(address.map(|known| known.state), Some(AddressState::Theirs), "the provider said so");

    // Another name and address change nothing: the subject says who it is.
    let later = Provided { email: None, name: Some("Countess".to_owned()), ..ada() };
    assert_eq!(sign_in(&engine, later).await.expect("is known"), user);
    assert_eq!(store.user(&user).await.expect("reads").expect("is there").name, "Ada");
}

#[tokio::test]
async fn of_two_teams_that_invite_the_first_counts_and_the_other_invitation_stays() {
    let (engine, store) = start().await;
    let other = TeamId::parse("team_other").expect("an id");
    let record = TeamRecord { id: other.clone(), name: "Other".to_owned(), created_at_ms: 1 };
    store.save_team(&record).await.expect("saves");
    invite(&*store, 1, "ada@example.com", (TeamId::first(), NOW_MS + 1)).await;
    invite(&*store, 2, "ada@example.com", (other.clone(), NOW_MS + 1)).await;
    let user = sign_in(&engine, ada()).await.expect("was invited");
    let memberships = store.memberships(&user).await.expect("reads");
    assert_eq!(memberships.into_iter().map(|one| one.team_id).collect::<Vec<_>>(), [other]);
    assert_eq!(store.invitations(&TeamId::first()).await.expect("reads").len(), 1);
}

#[tokio::test]
async fn nobody_comes_in_without_an_open_invitation_of_their_verified_address() {
    let (engine, store) = start().await;
    let turned = |result| matches!(result, Err(TurnedAway::NotInvited));
    assert!(turned(sign_in(&engine, ada()).await));
    invite(&*store, 1, "ada@example.com", (TeamId::first(), NOW_MS)).await;
    assert!(turned(sign_in(&engine, ada()).await), "it has expired");
    invite(&*store, 2, "eve@example.com", (TeamId::first(), NOW_MS + 1)).await;
    assert!(turned(sign_in(&engine, ada()).await), "it is another's");
    let unverified = sign_in(&engine, Provided { email: None, ..ada() }).await;
    assert!(matches!(unverified, Err(TurnedAway::NoVerifiedEmail)), "{unverified:?}");
    assert!(store.user_by_email(&email("ada@example.com")).await.expect("reads").is_none());
}

#[tokio::test]
async fn an_account_that_is_here_is_never_taken_because_of_an_address() {
    let (engine, store) = start().await;
    let id = UserId::parse("usr_eve").expect("an id");
    let planted = UserRecord { id: id.clone(), email: ada().email, ..UserRecord::first() };
    store.save_user(&planted).await.expect("saves");
    store.add_member(&MembershipRecord { user_id: id, ..MembershipRecord::first() }).await.expect("saves");
    invite(&*store, 1, "ada@example.com", (TeamId::first(), NOW_MS + 1)).await;
    let turned = sign_in(&engine, ada()).await;
    assert!(matches!(turned, Err(TurnedAway::HasAccount)), "{turned:?}");
    assert_eq!(store.invitations(&TeamId::first()).await.expect("reads").len(), 1, "it is not used up");
}

#[tokio::test]
async fn somebody_who_is_signed_in_connects_their_own_account_and_nobody_elses() {
    let (engine, store) = start().await;
    let (token, _) = engine.create_sign_in_token(&UserId::first()).await.expect("a link");
    let begun = engine.sign_in(&token, Came::default()).await.expect("signs in");
    let person = engine.person(&begun.token).await.expect("reads").expect("is signed in");
    let acting = |who| engine.acting(Arc::new(Actor { who, address: None }));
    let owner = acting(Who::Person(Arc::new(person)));
    owner.connect_provider(ada()).await.expect("connects");
    assert_eq!(sign_in(&engine, ada()).await.expect("is connected"), UserId::first());
    owner.connect_provider(ada()).await.expect("once more changes nothing");

    invite(&*store, 1, "eve@example.com", (TeamId::first(), NOW_MS + 1)).await;
    let eve = Provided {
        subject: "https://a.example eve".to_owned(),
        email: Some(email("eve@example.com")),
        name: None,
    };
    let user = sign_in(&engine, eve.clone()).await.expect("was invited");
    assert_eq!(store.user(&user).await.expect("reads").expect("is there").name, "eve");
    let result = owner.connect_provider(eve.clone()).await;
    assert!(matches!(result, Err(EngineError::Refused(_))), "{result:?}");
    assert_eq!(sign_in(&engine, eve).await.expect("is still theirs"), user);
    let refused = acting(Who::Operator).connect_provider(ada()).await;
    assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");
}

const PASSWORD: &str = "correct horse battery";

/// The use cases for the first owner, in a new session.
async fn owner(engine: &Arc<Engine>) -> (Acting, String) {
    let (token, _) = engine.create_sign_in_token(&UserId::first()).await.expect("a link");
    let begun = engine.sign_in(&token, Came::default()).await.expect("signs in");
    (of_session(engine, &begun.token).await, begun.token)
}

async fn of_session(engine: &Arc<Engine>, session: &str) -> Acting {
    let person = engine.person(session).await.expect("reads").expect("is signed in");
    engine.acting(Arc::new(Actor { who: Who::Person(Arc::new(person)), address: None }))
}

/// The same with a password.
async fn owner_with_password(engine: &Arc<Engine>) -> (Acting, String) {
    let (acting, session) = owner(engine).await;
    let change = SignInChange { email: "owner@example.com", new_password: PASSWORD, present_password: "" };
    let came = Came { session: Some(session), ..Came::default() };
    let begun = acting.change_sign_in(change, came).await.expect("is set");
    (of_session(engine, &begun.token).await, begun.token)
}

#[tokio::test]
async fn whoever_finds_a_browser_open_connects_no_account_of_theirs_without_the_password() {
    let (engine, _) = start().await;
    let (link_only, _) = owner(&engine).await;
    link_only.begin_to_connect_provider("").await.expect("there is no password to ask for");
    let (acting, _) = owner_with_password(&engine).await;
    acting.begin_to_connect_provider(PASSWORD).await.expect("it is right");
    for number in 0..10 {
        let wrong = ["", "not this one"][number % 2];
        let refused = acting.begin_to_connect_provider(wrong).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    }
    let locked = acting.begin_to_connect_provider(PASSWORD).await;
    assert!(matches!(locked, Err(EngineError::TooManyGuesses { wait_ms: 600_000 })), "{locked:?}");
    // The guesses are those at this browser's password, whatever it is asked for.
    let change = SignInChange { email: "owner@example.com", new_password: "", present_password: PASSWORD };
    let locked = acting.change_sign_in(change, Came::default()).await;
    assert!(matches!(locked, Err(EngineError::TooManyGuesses { .. })), "{locked:?}");
    let nobody = engine.acting(Arc::new(Actor { who: Who::Operator, address: None }));
    let refused = nobody.begin_to_connect_provider(PASSWORD).await;
    assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn whoever_came_by_a_link_connects_no_account_beside_a_password_that_they_do_not_know() {
    let (engine, _) = start().await;
    owner_with_password(&engine).await;
    // The link may be of an owner's making.
    let (by_link, _) = owner(&engine).await;
    assert_eq!(by_link.proof().expect("a person"), Proof::Nothing, "a new password can be set");
    let refused = by_link.begin_to_connect_provider("").await;
    assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    by_link.begin_to_connect_provider(PASSWORD).await.expect("it is right");
}

#[tokio::test]
async fn a_new_password_after_a_link_ends_a_connection_and_one_by_the_present_or_the_provider_does_not() {
    let (engine, store) = start().await;
    let change = SignInChange { email: "owner@example.com", new_password: PASSWORD, present_password: "" };
    // A first one, and one that was forgotten.
    for _ in 0..2 {
        let (by_link, _) = owner(&engine).await;
        by_link.connect_provider(ada()).await.expect("connects");
        by_link.change_sign_in(change, Came::default()).await.expect("is set");
        let turned = sign_in(&engine, ada()).await;
        assert!(matches!(turned, Err(TurnedAway::NotInvited)), "{turned:?}");
    }
    invite(&*store, 1, "ada@example.com", (TeamId::first(), NOW_MS + 1)).await;
    let through = engine.sign_in_with_subject(ada(), Came::default()).await.expect("was invited");
    let acting = of_session(&engine, &through.token).await;
    let change = SignInChange { email: "ada@example.com", ..change };
    let begun = acting.change_sign_in(change, Came::default()).await.expect("a first one");
    let acting = of_session(&engine, &begun.token).await;
    let change = SignInChange { present_password: PASSWORD, ..change };
    acting.change_sign_in(change, Came::default()).await.expect("another");
    assert_eq!(sign_in(&engine, ada()).await.expect("is still connected"), through.user);
}

/// Has that session's person join a further team.
async fn join(engine: &Engine, store: &dyn Store, session: &str) -> Result<String, EngineError> {
    let other = TeamId::parse("team_other").expect("an id");
    store.save_team(&TeamRecord { id: other.clone(), name: "Other".to_owned(), created_at_ms: 1 }).await?;
    store
        .save_invitation(&InvitationRecord {
            id: "inv_9".to_owned(),
            token_hash: hash_token("an invitation"),
            team_id: other,
            email: email("ada.at.work@example.com"),
            role: Role::Owner,
            invited_by: "Somebody".to_owned(),
            made_by: None,
            created_at_ms: NOW_MS,
            expires_at_ms: NOW_MS + 1,
        })
        .await?;
    let person = engine.person(session).await?.expect("is signed in");
    engine.join("an invitation", &person, None).await
}

#[tokio::test]
async fn a_connection_that_an_owner_made_does_not_reach_into_a_team_that_is_joined_later() {
    let (engine, store) = start().await;
    // Before there is a password, in a session begun by a link of the owner's making.
    let (by_link, _) = owner(&engine).await;
    by_link.connect_provider(ada()).await.expect("connects");
    let (_, session) = owner(&engine).await;
    let refused = join(&engine, &*store, &session).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "it may be the only way in: {refused:?}");
    assert_eq!(store.memberships(&UserId::first()).await.expect("reads").len(), 1);

    // In an account that has one, whichever way that came about.
    let (acting, session) = owner_with_password(&engine).await;
    acting.connect_provider(ada()).await.expect("connects");
    join(&engine, &*store, &session).await.expect("joins");
    assert_eq!(store.memberships(&UserId::first()).await.expect("reads").len(), 2);
    let turned = sign_in(&engine, ada()).await;
    assert!(matches!(turned, Err(TurnedAway::NotInvited)), "{turned:?}");
    let search = AuditSearch { team: None, filter: AuditFilter::default(), before: None, limit: 1 };
    let last = store.audit_log(&search).await.expect("reads").remove(0);
    assert_eq!(last.action, AuditAction::MemberJoined);
    assert_eq!(last.details.get("provider").map(String::as_str), Some("disconnected"));
}

#[tokio::test]
async fn whoever_joins_a_further_team_through_the_provider_stays_connected() {
    let (engine, store) = start().await;
    let (by_link, _) = owner(&engine).await;
    by_link.connect_provider(ada()).await.expect("connects");
    let through = engine.sign_in_with_subject(ada(), Came::default()).await.expect("is connected");
    // Nobody who came by a link of another's takes their way in from them.
    let other = Provided { subject: "https://a.example eve".to_owned(), ..ada() };
    let refused = by_link.connect_provider(other.clone()).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    assert_eq!(sign_in(&engine, ada()).await.expect("is connected"), UserId::first());
    // It was connected with another account since they came.
    let connect = async |provided: Provided| {
        let user = store.user(&UserId::first()).await.expect("reads").expect("is there");
        let user = UserRecord { oidc_subject: Some(provided.subject), ..user };
        store.save_user(&user).await.expect("is saved");
    };
    connect(other).await;
    let refused = join(&engine, &*store, &through.token).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");

    connect(ada()).await;
    join(&engine, &*store, &through.token).await.expect("joins");
    assert_eq!(sign_in(&engine, ada()).await.expect("is connected"), UserId::first());
}

#[tokio::test]
async fn an_account_is_disconnected_only_when_a_password_is_left_and_what_began_through_it_ends() {
    let (engine, store) = start().await;
    let (link_only, _) = owner(&engine).await;
    link_only.connect_provider(ada()).await.expect("connects");
    let refused = link_only.disconnect_provider().await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    assert_eq!(sign_in(&engine, ada()).await.expect("is still connected"), UserId::first());

    let (acting, session) = owner_with_password(&engine).await;
    acting.connect_provider(ada()).await.expect("connects");
    let through = engine.sign_in_with_subject(ada(), Came::default()).await.expect("is connected");
    acting.disconnect_provider().await.expect("there is a password");
    assert!(engine.person(&session).await.expect("reads").is_some(), "the session that asks goes on");
    assert!(engine.person(&through.token).await.expect("reads").is_none());
    let turned = sign_in(&engine, ada()).await;
    assert!(matches!(turned, Err(TurnedAway::NotInvited)), "{turned:?}");
    acting.disconnect_provider().await.expect("once more changes nothing");

    let search = AuditSearch { team: None, filter: AuditFilter::default(), before: None, limit: 50 };
    let entries = store.audit_log(&search).await.expect("reads").into_iter();
    let changes = entries.filter(|entry| entry.action == AuditAction::AccountChanged);
    let words: Vec<_> = changes.filter_map(|entry| entry.details.get("provider").cloned()).collect();
    assert_eq!(words, ["disconnected", "connected", "connected"], "newest first");
}

#[tokio::test]
async fn what_the_reader_of_an_address_has_said_stands_whatever_the_provider_says() {
    let (engine, store) = start().await;
    invite(&*store, 1, "ada@example.com", (TeamId::first(), NOW_MS + 1)).await;
    let user = sign_in(&engine, ada()).await.expect("was invited");
    let of =
        async || store.address(&user, &email("ada@example.com")).await.expect("reads").expect("is there");
    assert_eq!(of().await.state, AddressState::Theirs);
    store.save_address(&AddressRecord { state: AddressState::NotTheirs, ..of().await }).await.expect("saves");
    sign_in(&engine, ada()).await.expect("is known");
    assert_eq!(of().await.state, AddressState::NotTheirs);
}
