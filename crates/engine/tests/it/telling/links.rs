//! What the link in a letter is good for once nobody names its reader, and what becomes of letters that are on their way.

use groundswell_engine::EngineError;
use groundswell_engine::store::TellingStore;
use groundswell_engine::telling::{Topic, Wish};
use groundswell_types::RecipientState;

use super::{World, email};

impl World {
    async fn remove(&self, address: &str) {
        let named = self.acting().recipients(&self.program, &self.webhook).await.expect("listed");
        let one = named.iter().find(|one| one.email == email(address)).expect("is named");
        self.acting().remove_recipient(&self.program, &self.webhook, &one.id).await.expect("removed");
    }
}

#[tokio::test]
async fn who_was_named_and_removed_again_can_still_say_no_for_good() {
    let world = World::new().await.tell();
    world.add("eve@example.org").await.expect("named");
    let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
    world.remove("eve@example.org").await;
    let gone = |state| Topic::Gone { state };
    let topic = async || world.engine.subscription(&token).await.expect("a link").topic;
    assert_eq!(topic().await, gone(RecipientState::Invited));

    // Named again, they have the same link, so that what they say holds.
    world.add("eve@example.org").await.expect("named");
    assert_eq!(world.office.wait_for(2).await[1].token.as_deref(), Some(token.as_str()));
    world.remove("eve@example.org").await;
    world.engine.subscribe(&token, Wish::NotThese).await.expect("taken");
    assert_eq!(topic().await, gone(RecipientState::Unsubscribed));
    assert_eq!(world.add("eve@example.org").await.expect("named"), RecipientState::Unsubscribed);
    world.office.wait_for(2).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn the_link_outlives_the_webhook() {
    let world = World::new().await.tell();
    world.add("eve@example.org").await.expect("named");
    let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
    world.acting().delete_webhook(&world.program, &world.webhook).await.expect("deleted");
    world.engine.subscribe(&token, Wish::None).await.expect("taken");
    assert!(world.store.refuses_letters(&email("eve@example.org")).await.expect("reads"));
    let unknown = world.engine.subscribe("nobody has this", Wish::None).await;
    assert!(matches!(unknown, Err(EngineError::Refused(_))), "{unknown:?}");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn who_wanted_letters_need_not_be_asked_again_when_they_are_named_again() {
    let world = World::new().await.tell();
    world.add("eve@example.org").await.expect("named");
    let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
    world.engine.subscribe(&token, Wish::These).await.expect("taken");
    world.remove("eve@example.org").await;
    assert_eq!(world.add("eve@example.org").await.expect("named"), RecipientState::Confirmed);
    world.office.wait_for(1).await;
    world.engine.shut_down().await;
}
