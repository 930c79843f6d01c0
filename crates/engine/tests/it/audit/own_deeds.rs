//! What somebody does for themselves is seen by the owners of each team that they are in, and by none that there are others.

use std::sync::Arc;

use groundswell_engine::access::{Actor, Begun, Came, Who, hash_token};
use groundswell_engine::acting::Acting;
use groundswell_engine::people::provider::Provided;
use groundswell_engine::people::sign_in::Credentials;
use groundswell_engine::store::{
    AddressRecord, AddressState, AddressStore as _, AuditRecord, AuditSearch, AuditStore as _,
    InvitationRecord, MembershipRecord, PeopleStore as _, TeamRecord,
};
use groundswell_types::{AuditAction, Email, Role, SignInChange, TeamId, UserId};

use super::BEGAN_MS;
use super::every_action::{EMAIL, PASSWORD, World};

const OTHER_EMAIL: &str = "bob@example.org";

fn other() -> TeamId {
    TeamId::parse("team_other").expect("an id")
}

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

impl World {
    async fn other_team(&self) {
        let record = TeamRecord { id: other(), name: "Others".to_owned(), created_at_ms: BEGAN_MS };
        self.store.save_team(&record).await.expect("saves");
    }

    async fn by_link(&self, user: &UserId) -> Begun {
        let (token, _) = self.engine.create_sign_in_token(user).await.expect("a link");
        self.engine.sign_in(&token, Came::default()).await.expect("signs in")
    }

    async fn by_password(&self, email: &str, password: &str) -> Option<Begun> {
        let credentials = Credentials { email, password, device: None };
        self.engine.sign_in_with_password(credentials, Came::default()).await.ok()
    }

    async fn acting(&self, begun: &Begun) -> Acting {
        let person = self.engine.person(&begun.token).await.expect("reads").expect("is signed in");
        self.engine.acting(Arc::new(Actor { who: Who::Person(Arc::new(person)), address: None }))
    }

    /// What the owners of a team see, oldest first.
    async fn log_of(&self, team: TeamId) -> Vec<AuditRecord> {
        let search = AuditSearch { team: Some(team), limit: 100, ..AuditSearch::default() };
        let mut log = self.store.audit_log(&search).await.expect("reads");
        log.reverse();
        log
    }
}

/// Everything that somebody does with their own account, or others do with it.
async fn do_all(world: &World, user: &UserId) {
    let begun = world.by_link(user).await;
    let change = SignInChange { email: EMAIL, new_password: PASSWORD, present_password: "" };
    let begun = world.acting(&begun).await.change_sign_in(change, Came::default()).await.expect("is set");
    assert!(world.by_password(EMAIL, "wrong").await.is_none());
    world.entries(AuditAction::SessionFailed).await;
    let wrong = SignInChange { new_password: "", present_password: "wrong", ..change };
    let acting = world.acting(&world.by_password(EMAIL, PASSWORD).await.expect("is right")).await;
    acting.change_sign_in(wrong, Came::default()).await.expect_err("is wrong");
    let change = SignInChange { email: OTHER_EMAIL, present_password: PASSWORD, ..wrong };
    let begun_anew = acting.change_sign_in(change, Came::default()).await.expect("is changed");
    assert!(world.engine.person(&begun.token).await.expect("reads").is_none(), "it has ended");

    let acting = world.acting(&begun_anew).await;
    let subject = "https://a.example bob".to_owned();
    let provided = Provided { subject, email: None, name: None };
    acting.connect_provider(provided.clone()).await.expect("connects");
    world.engine.sign_in_with_subject(provided, Came::default()).await.expect("signs in");
    acting.disconnect_provider().await.expect("disconnects");
    acting.disconnect_provider().await.expect("once more changes nothing");

    world.by_password(OTHER_EMAIL, PASSWORD).await.expect("is right");
    let sessions = acting.sessions().await.expect("reads");
    let session = sessions.iter().find(|one| !one.is_this).expect("the other one");
    acting.end_session(&session.id).await.expect("ends");
    acting.end_other_sessions().await.expect("ends");
    world.engine.sign_out(&begun_anew.token, None).await.expect("ends");

    world.operator.create_sign_in_link(Some(user)).await.expect("made");
    let (user_id, state) = (user.clone(), AddressState::Theirs);
    let address = AddressRecord { user_id, email: email(OTHER_EMAIL), token: None, state, at_ms: BEGAN_MS };
    world.store.save_address(&address).await.expect("saves");
    world.engine.send_sign_in_link(OTHER_EMAIL, None).expect("is taken");
}

#[tokio::test]
async fn what_somebody_does_for_themselves_is_in_the_log_of_each_of_their_teams() {
    let world = World::new().await;
    let bob = world.viewer().await;
    world.other_team().await;
    let (team_id, user_id) = (other(), bob.clone());
    let member = MembershipRecord { team_id, user_id, role: Role::Owner, since_ms: BEGAN_MS + 1 };
    world.store.add_member(&member).await.expect("joins");
    do_all(&world, &bob).await;
    world.engine.shut_down().await;

    let (first, others) = (world.log_of(TeamId::first()).await, world.log_of(other()).await);
    let said = |log: &[AuditRecord]| -> Vec<_> {
        let one = |entry: &AuditRecord| (entry.action, entry.target.clone(), entry.details.clone());
        log.iter().map(one).collect()
    };
    assert_eq!(said(&first), said(&others), "whoever sees one learns nothing of the other");
    let actions: Vec<_> = first.iter().map(|entry| entry.action).collect();
    let wanted = [
        AuditAction::SessionBegan,
        AuditAction::PasswordChanged,
        AuditAction::SessionFailed,
        AuditAction::SessionBegan,
        AuditAction::PasswordRefused,
        AuditAction::AccountChanged,
        AuditAction::AccountChanged,
        AuditAction::SessionBegan,
        AuditAction::AccountChanged,
        AuditAction::SessionBegan,
        AuditAction::SessionEnded,
        AuditAction::SessionEnded,
        AuditAction::SessionEnded,
        AuditAction::LinkCreated,
        AuditAction::LinkCreated,
    ];
    assert_eq!(actions, wanted);
    for (log, unknown) in [(first, other()), (others, TeamId::first())] {
        let entries: Vec<_> = log.into_iter().map(AuditRecord::entry).collect();
        let text = serde_json::to_string(&entries).expect("is JSON");
        assert!(!text.contains(unknown.as_str()), "{text}");
    }
}

#[tokio::test]
async fn whoever_joins_another_team_ends_sessions_in_the_log_of_the_team_before_and_nothing_else() {
    let world = World::new().await;
    let bob = world.viewer().await;
    world.other_team().await;
    let invitation = InvitationRecord {
        id: "inv_other".to_owned(),
        token_hash: hash_token("a token"),
        team_id: other(),
        email: email(EMAIL),
        role: Role::Owner,
        invited_by: "Operator".to_owned(),
        made_by: None,
        created_at_ms: BEGAN_MS,
        expires_at_ms: BEGAN_MS + 1,
    };
    world.store.save_invitation(&invitation).await.expect("saves");
    let begun = world.by_link(&bob).await;
    let person = world.engine.person(&begun.token).await.expect("reads").expect("is signed in");
    world.engine.join("a token", &person, None).await.expect("joins");
    let of = async |team| {
        let log = world.log_of(team).await.into_iter();
        log.map(|entry| entry.action).collect::<Vec<_>>()
    };
    assert_eq!(of(TeamId::first()).await, [AuditAction::SessionBegan, AuditAction::SessionEnded]);
    assert_eq!(of(other()).await, [AuditAction::MemberJoined]);
    world.engine.shut_down().await;
}
