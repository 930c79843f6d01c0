//! API keys, people, teams, sessions.

use groundswell_engine::store::{
    ApiKeyRecord, Connection, DeviceRecord, InvitationRecord, Joining, LinkMaker, MembershipChange,
    MembershipChanged, MembershipRecord, SessionRecord, SignInLinkRecord, Store, StoreError, TeamRecord,
    UserRecord,
};
use groundswell_types::{Email, RateLimit, Role, Scope, Scopes, TeamId, UserId};

use super::make;

fn key(number: u8) -> ApiKeyRecord {
    ApiKeyRecord {
        id: format!("key_{number}"),
        team_id: TeamId::first(),
        name: format!("Key {number}"),
        key_hash: [number; 32],
        scopes: Scopes::USUAL,
        program_id: None,
        rate_limit: None,
        ends_with: None,
        created_at_ms: 100 - i64::from(number),
        last_used_at_ms: None,
    }
}

pub async fn api_keys_are_kept_until_removed(store: &dyn Store) {
    for number in [1, 2] {
        store.save_api_key(&key(number)).await.expect("saves");
    }
    assert_eq!(store.api_keys().await.expect("reads"), [key(2), key(1)]);
    assert!(store.delete_api_key("key_2").await.expect("deletes"));
    assert!(!store.delete_api_key("key_2").await.expect("answers"));
    assert_eq!(store.api_keys().await.expect("reads"), [key(1)]);
}

pub async fn an_api_key_keeps_what_it_may_do_and_when_it_was_used(store: &dyn Store) {
    let narrow = ApiKeyRecord {
        scopes: Scopes::from_iter([Scope::Events]),
        program_id: Some(make::program(1)),
        rate_limit: Some(RateLimit { second: 1, minute: 2, hour: 3 }),
        ends_with: Some("a1B2".to_owned()),
        last_used_at_ms: Some(5),
        ..key(1)
    };
    store.save_api_key(&narrow).await.expect("saves");
    assert_eq!(store.api_keys().await.expect("reads"), std::slice::from_ref(&narrow));
    store.note_api_keys_used(&[("key_1", 77), ("key_2", 78)]).await.expect("saves");
    let used = ApiKeyRecord { last_used_at_ms: Some(77), ..narrow };
    assert_eq!(store.api_keys().await.expect("reads"), [used]);
}

pub async fn an_api_key_used_twice_is_rejected(store: &dyn Store) {
    store.save_api_key(&key(1)).await.expect("saves");
    for same in
        [ApiKeyRecord { id: key(1).id, ..key(2) }, ApiKeyRecord { key_hash: key(1).key_hash, ..key(2) }]
    {
        let result = store.save_api_key(&same).await;
        assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    }
    assert_eq!(store.api_keys().await.expect("reads"), [key(1)]);
}

fn link() -> SignInLinkRecord {
    let (token_hash, user_id) = ([9; 32], UserId::first());
    SignInLinkRecord { token_hash, user_id, expires_at_ms: 1000, made_by: LinkMaker::Person }
}

pub async fn a_sign_in_link_works_once_and_in_time(store: &dyn Store) {
    let by_key = SignInLinkRecord { made_by: LinkMaker::Key("key_1".to_owned()), ..link() };
    store.save_sign_in_link(&by_key).await.expect("saves");
    for number in [1, 2] {
        let link = SignInLinkRecord { token_hash: [number; 32], user_id: UserId::first(), ..link() };
        store.save_sign_in_link(&link).await.expect("saves");
    }
    let used =
        async |number: u8, now_ms| store.use_sign_in_link([number; 32], now_ms).await.expect("answers");
    assert_eq!(used(3, 10).await, None, "nobody made that one");
    assert_eq!(used(1, 999).await, Some(SignInLinkRecord { token_hash: [1; 32], ..link() }));
    assert_eq!(used(9, 999).await, Some(by_key), "and with which key it was made");
    assert_eq!(used(1, 999).await, None, "it was used");
    assert_eq!(used(2, 1000).await, None, "it has expired");
}

pub async fn somebodys_sign_in_links_end_together(store: &dyn Store) {
    for (token, of) in [(1, 1), (2, 1), (3, 2)] {
        store.save_user(&user(of)).await.expect("saves");
        let link = SignInLinkRecord { token_hash: [token; 32], user_id: user(of).id, ..link() };
        store.save_sign_in_link(&link).await.expect("saves");
    }
    store.delete_sign_in_links_of(&user(1).id).await.expect("deletes");
    store.delete_sign_in_links_of(&user(1).id).await.expect("once more changes nothing");
    let used = async |token: u8| {
        let link = store.use_sign_in_link([token; 32], 10).await.expect("answers");
        link.map(|link| link.user_id)
    };
    assert_eq!((used(1).await, used(2).await, used(3).await), (None, None, Some(user(2).id)));
}

fn session(number: u8) -> SessionRecord {
    SessionRecord {
        token_hash: [number; 32],
        user_id: UserId::first(),
        team_id: None,
        created_at_ms: 10,
        last_seen_at_ms: 11,
        expires_at_ms: 1000,
        address: Some("203.0.113.7".to_owned()),
        user_agent: None,
        api_key_id: Some("key_1".to_owned()),
    }
}

pub async fn a_session_lasts_until_it_ends(store: &dyn Store) {
    store.save_session(&session(1)).await.expect("saves");
    store.save_session(&session(2)).await.expect("saves");
    let read = async |number: u8, now_ms| {
        store.session([number; 32], now_ms).await.expect("reads").map(|signed_in| signed_in.session)
    };
    assert_eq!(read(1, 999).await, Some(session(1)));
    assert_eq!(read(1, 1000).await, None);

    let longer = SessionRecord { expires_at_ms: 2000, ..session(1) };
    store.save_session(&longer).await.expect("saves");
    assert_eq!(read(1, 1000).await, Some(longer));
    store.delete_session([1; 32]).await.expect("deletes");
    assert_eq!(read(1, 20).await, None);
    assert_eq!(read(2, 20).await, Some(session(2)));
}

pub async fn that_somebody_signed_in_is_remembered(store: &dyn Store) {
    assert!(!store.has_sessions().await.expect("reads"));
    store.save_session(&session(1)).await.expect("saves");
    store.delete_session([1; 32]).await.expect("deletes");
    assert!(store.has_sessions().await.expect("reads"), "signing out does not undo it");
}

fn team(number: i64) -> TeamRecord {
    let id = TeamId::parse(&format!("team_{number}")).expect("an id");
    TeamRecord { id, name: format!("Team {number}"), created_at_ms: number }
}

fn user(number: i64) -> UserRecord {
    UserRecord {
        id: UserId::parse(&format!("usr_{number}")).expect("an id"),
        name: format!("User {number}"),
        email: Some(Email::parse(&format!("user{number}@example.com")).expect("an address")),
        password_hash: Some("$argon2id$…".to_owned()),
        oidc_subject: Some(format!("https://id.example.com {number}")),
        created_at_ms: number,
    }
}

fn membership(team_id: i64, user_id: i64, role: Role) -> MembershipRecord {
    MembershipRecord { team_id: team(team_id).id, user_id: user(user_id).id, role, since_ms: user_id }
}

fn invitation(number: u8) -> InvitationRecord {
    InvitationRecord {
        id: format!("inv_{number}"),
        token_hash: [number; 32],
        team_id: team(1).id,
        email: Email::parse(&format!("guest{number}@example.com")).expect("an address"),
        role: Role::Editor,
        invited_by: "Ada".to_owned(),
        made_by: None,
        created_at_ms: 10,
        expires_at_ms: 1000,
    }
}

pub async fn a_new_database_has_a_team_with_an_owner(store: &dyn Store) {
    assert_eq!(store.teams().await.expect("reads"), [TeamRecord::first()]);
    let members = store.members(&TeamId::first()).await.expect("reads");
    assert_eq!(members, [(UserRecord::first(), MembershipRecord::first())]);
}

pub async fn people_are_found_by_what_is_theirs_alone(store: &dyn Store) {
    for number in [1, 2] {
        store.save_user(&user(number)).await.expect("saves");
    }
    let address = user(1).email.expect("has one");
    assert_eq!(store.user(&user(1).id).await.expect("reads"), Some(user(1)));
    assert_eq!(store.user_by_email(&address).await.expect("reads"), Some(user(1)));
    assert_eq!(store.user_by_subject("https://id.example.com 2").await.expect("reads"), Some(user(2)));
    for taken in [
        UserRecord { email: Some(address), ..user(2) },
        UserRecord { oidc_subject: user(1).oidc_subject, ..user(3) },
    ] {
        let result = store.save_user(&taken).await;
        assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    }
    let without = UserRecord { email: None, password_hash: None, oidc_subject: None, ..user(1) };
    store.save_user(&without).await.expect("saves");
    assert_eq!(store.user(&user(1).id).await.expect("reads"), Some(without));
}

pub async fn a_team_never_loses_its_last_owner(store: &dyn Store) {
    store.save_team(&team(1)).await.expect("saves");
    store
        .save_team(&TeamRecord { name: "Renamed".to_owned(), created_at_ms: 9, ..team(1) })
        .await
        .expect("saves");
    let renamed = TeamRecord { name: "Renamed".to_owned(), ..team(1) };
    assert_eq!(store.teams().await.expect("reads"), [TeamRecord::first(), renamed]);
    for (number, role) in [(1, Role::Owner), (2, Role::Editor)] {
        store.save_user(&user(number)).await.expect("saves");
        store.add_member(&membership(1, number, role)).await.expect("saves");
    }
    store.add_member(&membership(1, 2, Role::Owner)).await.expect("is there already");
    assert_eq!(store.memberships(&user(2).id).await.expect("reads"), [membership(1, 2, Role::Editor)]);
    let change = async |number, change| {
        store.change_member(&team(1).id, &user(number).id, change).await.expect("answers")
    };
    assert_eq!(change(3, MembershipChange::End).await, MembershipChanged::NotFound);
    for last in [MembershipChange::End, MembershipChange::Role(Role::Viewer)] {
        assert_eq!(change(1, last).await, MembershipChanged::IsLastOwner);
    }
    assert_eq!(change(2, MembershipChange::Role(Role::Owner)).await, MembershipChanged::Changed);
    assert_eq!(change(1, MembershipChange::End).await, MembershipChanged::Changed);
    let left = store.members(&team(1).id).await.expect("reads");
    assert_eq!(left, [(user(2), membership(1, 2, Role::Owner))]);
}

pub async fn an_invitation_brings_somebody_in_once_and_in_time(store: &dyn Store) {
    store.save_team(&team(1)).await.expect("saves");
    for number in [1, 2] {
        store.save_invitation(&invitation(number)).await.expect("saves");
    }
    let again = InvitationRecord { id: "inv_9".to_owned(), token_hash: [9; 32], ..invitation(1) };
    store.save_invitation(&again).await.expect("takes the place of the earlier one");
    let of_team = store.invitations(&team(1).id).await.expect("reads");
    assert_eq!(of_team, [invitation(2), again.clone()]);
    assert_eq!(store.invitation([1; 32], 20).await.expect("reads"), None);
    assert_eq!(store.invitation([9; 32], 1000).await.expect("reads"), None, "it has expired");
    assert_eq!(store.invitation([9; 32], 999).await.expect("reads"), Some(again.clone()));

    let accept =
        async |number, now_ms| store.accept_invitation(&again, &user(number), now_ms).await.expect("answers");
    assert!(!accept(1, 1000).await);
    assert!(accept(1, 999).await);
    assert!(!accept(2, 999).await, "it was used");
    let wanted = MembershipRecord { since_ms: 999, ..membership(1, 1, Role::Editor) };
    assert_eq!(store.members(&team(1).id).await.expect("reads"), [(user(1), wanted)]);
    assert!(store.delete_invitation(&team(1).id, "inv_2").await.expect("deletes"));
    assert!(!store.delete_invitation(&team(1).id, "inv_2").await.expect("answers"));
}

pub async fn invitations_end_with_who_made_them(store: &dyn Store) {
    for number in [1, 2] {
        store.save_team(&team(number)).await.expect("saves");
        for member in [1, 2] {
            store.save_user(&user(member)).await.expect("saves");
            store.add_member(&membership(number, member, Role::Owner)).await.expect("saves");
        }
    }
    store.save_api_key(&key(1)).await.expect("saves");
    let by = |number, of, maker: String| InvitationRecord {
        team_id: team(of).id,
        made_by: Some(maker),
        ..invitation(number)
    };
    let first = user(1).id.as_str().to_owned();
    let all = [
        by(1, 1, first.clone()),
        by(2, 1, user(2).id.as_str().to_owned()),
        by(3, 1, "key_1".to_owned()),
        by(4, 2, first),
        invitation(5),
    ];
    for one in &all {
        store.save_invitation(one).await.expect("saves");
    }
    let left = async || {
        let [of_first, of_second] = [team(1).id, team(2).id];
        let mut left = store.invitations(&of_first).await.expect("reads");
        left.extend(store.invitations(&of_second).await.expect("reads"));
        left.into_iter().map(|one| one.token_hash[0]).collect::<Vec<_>>()
    };
    let change =
        async |of, change| store.change_member(&team(of).id, &user(1).id, change).await.expect("answers");
    change(1, MembershipChange::Role(Role::Owner)).await;
    assert_eq!(left().await, [1, 2, 3, 5, 4], "an owner still");
    change(1, MembershipChange::Role(Role::Editor)).await;
    assert_eq!(left().await, [2, 3, 5, 4], "of that team alone");
    change(2, MembershipChange::End).await;
    assert_eq!(left().await, [2, 3, 5]);
    assert!(store.delete_api_key("key_1").await.expect("deletes"));
    assert_eq!(left().await, [2, 5]);
    let read = store.invitation([2; 32], 20).await.expect("reads");
    assert_eq!(read.as_ref(), Some(&all[1]), "it reads back with who made it");
}

pub async fn sessions_and_devices_are_somebodys(store: &dyn Store) {
    store.save_user(&user(1)).await.expect("saves");
    let of_user = |number| SessionRecord { user_id: user(1).id, ..session(number) };
    for one in [of_user(1), of_user(2), session(3)] {
        store.save_session(&one).await.expect("saves");
    }
    store.touch_session([1; 32], 77).await.expect("saves");
    store.choose_team([1; 32], &TeamId::first()).await.expect("saves");
    let changed = SessionRecord { last_seen_at_ms: 77, team_id: Some(TeamId::first()), ..of_user(1) };
    assert_eq!(store.sessions_of(&user(1).id).await.expect("reads"), [changed.clone(), of_user(2)]);
    assert_eq!(store.delete_sessions_of(&user(1).id, Some([1; 32])).await.expect("deletes"), 1);
    assert_eq!(store.sessions_of(&user(1).id).await.expect("reads"), [changed]);
    assert_eq!(store.delete_sessions_of(&user(1).id, None).await.expect("deletes"), 1);
    assert!(store.session([3; 32], 20).await.expect("reads").is_some(), "somebody else's");

    let device =
        DeviceRecord { token_hash: [1; 32], user_id: user(1).id, created_at_ms: 5, expires_at_ms: 1000 };
    store.save_device(&device).await.expect("saves");
    assert_eq!(store.device([1; 32], 999).await.expect("reads"), Some(user(1).id));
    assert_eq!(store.device([1; 32], 1000).await.expect("reads"), None);
    store.delete_devices_of(&user(1).id).await.expect("deletes");
    assert_eq!(store.device([1; 32], 20).await.expect("reads"), None);
}

pub async fn starts_after_an_unclean_end_are_known(store: &dyn Store) {
    let boots = async || {
        let boots = store.boots().await.expect("reads");
        boots.iter().map(|boot| (boot.at_ms, boot.is_clean)).collect::<Vec<_>>()
    };
    store.begin_boot(100, 0).await.expect("writes");
    assert_eq!(boots().await, [(100, true)]);
    store.end_boot().await.expect("writes");
    store.begin_boot(200, 0).await.expect("writes");
    store.begin_boot(300, 0).await.expect("writes");
    assert_eq!(boots().await, [(100, true), (200, true), (300, false)]);
    store.end_boot().await.expect("writes");
    store.begin_boot(400, 300).await.expect("writes");
    assert_eq!(boots().await, [(300, false), (400, true)]);
}

pub async fn who_joins_a_further_team_keeps_one_session_and_no_links(store: &dyn Store) {
    store.save_team(&team(1)).await.expect("saves");
    for number in [1, 2] {
        store.save_user(&user(number)).await.expect("saves");
        let link = SignInLinkRecord {
            token_hash: [10 + u8::try_from(number).expect("small"); 32],
            user_id: user(number).id,
            ..link()
        };
        store.save_sign_in_link(&link).await.expect("saves");
    }
    store.save_invitation(&invitation(1)).await.expect("saves");
    let of = |number: u8, token: u8| SessionRecord {
        user_id: user(number.into()).id,
        token_hash: [token; 32],
        ..session(token)
    };
    for one in [of(1, 1), of(1, 7), of(2, 2)] {
        store.save_session(&one).await.expect("saves");
    }
    let (first, open, who) = (of(1, 1), invitation(1), user(1).id);
    let stays = Connection::Stays;
    let session = first.token_hash;
    let joining = |at_ms| Joining { invitation: &open, user: &who, session, connection: stays, at_ms };
    assert!(!store.join_by_invitation(joining(1000)).await.expect("answers"), "it has expired");
    assert!(store.join_by_invitation(joining(999)).await.expect("answers"));
    assert!(!store.join_by_invitation(joining(999)).await.expect("answers"), "it was used");
    let wanted = MembershipRecord { since_ms: 999, role: open.role, ..membership(1, 1, Role::Viewer) };
    assert_eq!(store.memberships(&user(1).id).await.expect("reads"), [wanted]);
    assert_eq!(store.user(&user(1).id).await.expect("reads"), Some(user(1)), "the account is as it was");
    let left = store.sessions_of(&user(1).id).await.expect("reads");
    assert_eq!(left, [SessionRecord { team_id: Some(team(1).id), ..first.clone() }]);
    assert_eq!(store.sessions_of(&user(2).id).await.expect("reads").len(), 1);
    assert_eq!(store.use_sign_in_link([11; 32], 5).await.expect("answers"), None);
    store.save_invitation(&invitation(2)).await.expect("saves");
    let further = Joining { invitation: &invitation(2), connection: Connection::Ends, ..joining(999) };
    assert!(store.join_by_invitation(further).await.expect("answers"));
    let alone = UserRecord { oidc_subject: None, ..user(1) };
    assert_eq!(store.user(&user(1).id).await.expect("reads"), Some(alone), "nothing else of it has changed");
    assert_eq!(store.user(&user(2).id).await.expect("reads"), Some(user(2)));
    let link = store.use_sign_in_link([12; 32], 5).await.expect("answers");
    assert_eq!(link.map(|link| link.user_id), Some(user(2).id));
}
