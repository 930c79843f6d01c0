//! What API keys may have to do with accounts: a key is for its team, and what it begins ends with it.

use groundswell_engine::access::hash_token;
use groundswell_types::{NewApiKey, NewInvitation, Scope, Scopes};

use super::*;

impl World {
    /// The use cases for a key of the first team that is its admin, and the key's id.
    async fn admin_key(&self) -> (Acting, String) {
        let (name, scopes) = ("Of the team".to_owned(), Scopes::from_iter([Scope::Admin]));
        let new = NewApiKey { name, scopes, campaign_id: None, rate_limit: None };
        let made = self.engine.create_api_key(TeamId::first(), new).await.expect("a key");
        let known = self.engine.api_key(&hash_token(&made.key)).expect("it is known");
        let id = known.id.clone();
        (self.engine.acting(Arc::new(Actor { who: Who::Key(known), address: None })), id)
    }

    fn operator(&self) -> Acting {
        self.engine.acting(Arc::new(Actor { who: Who::Operator, address: None }))
    }

    /// Bob, signed in by a link that somebody makes for him.
    async fn bob_by_link_of(&self, maker: &Acting) -> Begun {
        let (token, _) = maker.create_sign_in_link_of(&email(BOB)).await.expect("a link");
        self.engine.sign_in(&token, Came::default()).await.expect("signs in")
    }
}

#[tokio::test]
async fn a_key_is_no_way_to_run_the_server() {
    let world = World::new().await;
    let (key, _) = world.admin_key().await;
    let bob = UserId::parse("usr_bob").expect("an id");
    let refused = [
        key.create_sign_in_link(None).await.map(drop),
        key.create_sign_in_link(Some(&UserId::first())).await.map(drop),
        key.create_sign_in_link_of(&email(ADA)).await.map(drop),
        key.change_role(&TeamId::first(), &bob, Role::Owner).await.map(drop),
        key.invite(&TeamId::first(), NewInvitation { email: email("eve@example.com"), role: Role::Owner })
            .await
            .map(drop),
    ];
    for (number, refused) in refused.into_iter().enumerate() {
        assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{number}: {refused:?}");
    }
    key.change_role(&TeamId::first(), &bob, Role::Editor).await.expect("of its team it is the admin");
    let new = NewInvitation { email: email("eve@example.com"), role: Role::Editor };
    key.invite(&TeamId::first(), new).await.expect("invites");
    world.operator().create_sign_in_link_of(&email(ADA)).await.expect("the operator may");

    let other = TeamId::parse("team_other").expect("an id");
    world.store.save_team(&TeamRecord { id: other.clone(), ..TeamRecord::first() }).await.expect("saves");
    let new = NewInvitation { email: email("eve@example.com"), role: Role::Owner };
    world.operator().invite(&other, new).await.expect("owners of other teams run nothing");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn who_came_by_a_keys_link_runs_no_server_when_they_become_an_owner() {
    let world = World::new().await;
    let (key, _) = world.admin_key().await;
    let begun = world.bob_by_link_of(&key).await;
    let (unused, _) = key.create_sign_in_link_of(&email(BOB)).await.expect("a link");
    assert!(world.is_signed_in(&begun).await);
    world.operator().change_role(&TeamId::first(), &begun.user, Role::Owner).await.expect("is an owner");
    assert!(!world.is_signed_in(&begun).await);
    let refused = world.engine.sign_in(&unused, Came::default()).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_session_that_came_of_a_keys_link_ends_with_the_key() {
    let world = World::new().await;
    let (key, id) = world.admin_key().await;
    let by_key = world.bob_by_link_of(&key).await;
    // Whoever sets a password in it shows nothing but that they have the link.
    let change = SignInChange { email: BOB, new_password: OTHER, present_password: "" };
    let by_key = world.acting(&by_key.token).await.change_sign_in(change, came_with(&by_key)).await;
    let by_key = by_key.expect("is set");
    let by_operator = world.bob_by_link_of(&world.operator()).await;
    let by_password = world.sign_in(BOB, OTHER, from(1)).await.expect("signs in");
    let (unused, _) = key.create_sign_in_link_of(&email(BOB)).await.expect("a link");
    assert!(world.is_signed_in(&by_key).await);
    assert_eq!(world.acting(&by_key.token).await.sessions().await.expect("reads").len(), 3);

    let mut told = world.engine.access_changed();
    told.mark_unchanged();
    world.operator().delete_api_key(&id).await.expect("is revoked");
    assert!(told.has_changed().expect("the engine runs"), "open pages ask again");
    let bobs = world.acting(&by_operator.token).await;
    assert_eq!(bobs.sessions().await.expect("reads").len(), 2, "it is not shown any more");
    assert!(!world.is_signed_in(&by_key).await);
    assert!(world.is_signed_in(&by_operator).await && world.is_signed_in(&by_password).await);
    let refused = world.engine.sign_in(&unused, Came::default()).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    world.engine.shut_down().await;
}
