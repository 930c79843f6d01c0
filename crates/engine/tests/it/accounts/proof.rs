//! What somebody has to show before they change how they sign in, and the links that end with it.

use groundswell_engine::access::Begun;
use groundswell_engine::people::{Proof, RECENT_MS};
use groundswell_engine::store::{PeopleStore, UserRecord};
use groundswell_engine::{EngineError, access::Came};
use groundswell_types::{SignInChange, UserId};

use super::{ADA, BOB, NOW_MS, OTHER, PASSWORD, World, came_with, from, is_wrong};

const CHANGE: SignInChange<'_> = SignInChange { email: ADA, new_password: OTHER, present_password: "" };

impl World {
    /// Ada, as she was before she set a password.
    async fn without_password(self) -> Self {
        let ada = self.store.user(&UserId::first()).await.expect("reads").expect("is there");
        self.store.save_user(&UserRecord { password_hash: None, ..ada }).await.expect("saves");
        self
    }

    async fn link(&self) -> String {
        self.engine.create_sign_in_token(&UserId::first()).await.expect("a link").0
    }

    async fn uses(&self, link: &str) -> Result<Begun, EngineError> {
        self.engine.sign_in(link, Came::default()).await
    }
}

#[tokio::test]
async fn links_of_before_end_with_a_new_password_and_with_all_other_sessions() {
    let world = World::new().await;
    let own = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    let before = world.link().await;
    let change = SignInChange { present_password: PASSWORD, ..CHANGE };
    let acting = world.acting(&own.token).await;
    let renewed = acting.change_sign_in(change, came_with(&own)).await.expect("is changed");
    let refused = world.uses(&before).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");

    let before = world.link().await;
    world.acting(&renewed.token).await.end_other_sessions().await.expect("ends");
    world.uses(&before).await.expect_err("it has ended, too");
    let after = world.link().await;
    world.uses(&after).await.expect("one that was made since is good");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_first_password_takes_a_sign_in_of_a_short_while_ago() {
    let world = World::new().await.without_password().await;
    let link = world.link().await;
    let begun = world.uses(&link).await.expect("signs in");
    world.clock.set(NOW_MS + RECENT_MS + 1);
    let acting = world.acting(&begun.token).await;
    assert_eq!(acting.proof().expect("a person"), Proof::NewSignIn);
    let refused = acting.change_sign_in(CHANGE, came_with(&begun)).await;
    assert!(matches!(refused, Err(EngineError::Forbidden(_))), "a browser that was found open: {refused:?}");
    let refused = acting.begin_to_connect_provider("").await;
    assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");

    let link = world.link().await;
    let begun = world.uses(&link).await.expect("signs in");
    let acting = world.acting(&begun.token).await;
    assert_eq!(acting.proof().expect("a person"), Proof::Nothing);
    acting.begin_to_connect_provider("").await.expect("there is no password to ask for");
    acting.change_sign_in(CHANGE, came_with(&begun)).await.expect("is set");
    world.sign_in(ADA, OTHER, from(1)).await.expect("signs in");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_has_forgotten_a_password_sets_another_one_after_a_link() {
    let world = World::new().await;
    let link = world.link().await;
    let begun = world.uses(&link).await.expect("signs in");
    let acting = world.acting(&begun.token).await;
    assert_eq!(acting.proof().expect("a person"), Proof::Nothing);
    let renewed = acting.change_sign_in(CHANGE, came_with(&begun)).await.expect("is set");
    is_wrong(world.sign_in(ADA, PASSWORD, from(1)).await);
    // The session that the change has begun is no link's any more, nor is one that a password began.
    let again = world.sign_in(ADA, OTHER, from(1)).await.expect("signs in");
    for begun in [renewed, again] {
        assert_eq!(world.acting(&begun.token).await.proof().expect("a person"), Proof::PresentPassword);
    }

    let link = world.link().await;
    let late = world.uses(&link).await.expect("signs in");
    world.clock.set(NOW_MS + RECENT_MS + 1);
    let acting = world.acting(&late.token).await;
    assert_eq!(acting.proof().expect("a person"), Proof::PresentPassword);
    let refused = acting.change_sign_in(CHANGE, came_with(&late)).await;
    assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_link_that_somebody_else_made_sets_a_password_and_takes_no_address_away() {
    let moved = SignInChange { email: "eve@example.com", ..CHANGE };
    for has_password in [true, false] {
        let world = World::new().await;
        let world = if has_password { world } else { world.without_password().await };
        let link = world.link().await;
        let begun = world.uses(&link).await.expect("signs in");
        let acting = world.acting(&begun.token).await;
        let refused = acting.change_sign_in(moved, came_with(&begun)).await;
        assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
        let begun = acting.change_sign_in(CHANGE, came_with(&begun)).await.expect("is set");
        let acting = world.acting(&begun.token).await;
        let known = SignInChange { new_password: "", present_password: OTHER, ..moved };
        acting.change_sign_in(known, came_with(&begun)).await.expect("with the password it is changed");
        world.engine.shut_down().await;
    }
}

#[tokio::test]
async fn nobody_tries_many_addresses_for_accounts() {
    let world = World::new().await;
    let mut own = world.sign_in(ADA, PASSWORD, from(1)).await.expect("signs in");
    let mut said = Vec::new();
    for number in 0..7 {
        let (free, acting) = (format!("{number}@example.com"), world.acting(&own.token).await);
        let email = if number % 2 == 0 { BOB } else { free.as_str() };
        let change = SignInChange { email, new_password: "", present_password: PASSWORD };
        said.push(match acting.change_sign_in(change, came_with(&own)).await {
            Ok(begun) => {
                own = begun;
                "free"
            }
            Err(EngineError::Invalid(_)) => "taken",
            Err(EngineError::Refused(_)) => "too many",
            Err(other) => panic!("{other}"),
        });
    }
    // The first one that she gave counts as well.
    assert_eq!(said, ["taken", "free", "taken", "free", "too many", "too many", "too many"]);
    // A new password takes nothing from it.
    let acting = world.acting(&own.token).await;
    let change = SignInChange { email: "3@example.com", new_password: OTHER, present_password: PASSWORD };
    acting.change_sign_in(change, came_with(&own)).await.expect("is set");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn the_first_owner_has_one_first_link() {
    let world = World::new().await;
    let make = async || world.engine.create_first_sign_in_token().await.expect("a link").0;
    let (earlier, later) = (make().await, make().await);
    let refused = world.uses(&earlier).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    world.uses(&later).await.expect("signs in");
    world.engine.shut_down().await;
}
