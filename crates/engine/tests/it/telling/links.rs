//! What the link in a letter is good for once nobody names its reader, and what becomes of letters that are on their way.

use std::time::Duration;

use groundswell_engine::EngineError;
use groundswell_engine::store::{
    AddressRecord, AddressState, AddressStore, PeopleStore, Posting, RecipientRecord, TellingStore,
};
use groundswell_engine::telling::{Letter, Posted, Topic, Wish};
use groundswell_types::{NoticeKind, RecipientState, TeamId, UserId};

use super::{NOW_MS, World, addresses, email, theirs};

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
    world.engine.subscribe(&token, Wish::NotThese, None).await.expect("taken");
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
    world.engine.subscribe(&token, Wish::None, None).await.expect("taken");
    assert!(world.store.refuses_letters(&email("eve@example.org")).await.expect("reads"));
    let unknown = world.engine.subscribe("nobody has this", Wish::None, None).await;
    assert!(matches!(unknown, Err(EngineError::Refused(_))), "{unknown:?}");
    world.engine.shut_down().await;
}

/// Three letters wait for a mail server: to somebody who wanted them, to a member of the team, and to somebody who is asked.
async fn waiting_letters() -> (World, String) {
    let world = World::new().await.tell();
    world.add("eve@example.org").await.expect("named");
    let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
    world.engine.subscribe(&token, Wish::These, None).await.expect("taken");
    world.add("bob@example.com").await.expect("named");
    world.office.answer(Some(Posted::Away("down".to_owned())));
    world.notice(1, NoticeKind::Failing).await;
    world.add("mallory@example.org").await.expect("named");
    world.until_waiting(3).await;
    (world, token)
}

impl World {
    async fn until_waiting(&self, count: i64) {
        while self.store.waiting_letters(9).await.expect("counts") != count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The mail server is back; says who gets what waited.
    async fn delivered(&self) -> Vec<String> {
        self.office.answer(None);
        for minute in 1..100 {
            if self.store.waiting_letters(9).await.expect("counts") == 0 {
                break;
            }
            self.clock.set(NOW_MS + minute * 60_000);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.until_waiting(0).await;
        let letters = self.office.letters();
        let mut to: Vec<_> = letters[1..].iter().map(|letter| letter.to.to_string()).collect();
        to.sort_unstable();
        to
    }
}

#[tokio::test]
async fn letters_that_wait_go_to_those_who_still_get_them() {
    let (world, _) = waiting_letters().await;
    assert_eq!(world.delivered().await, ["bob@example.com", "eve@example.org", "mallory@example.org"]);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn letters_that_wait_do_not_go_to_whoever_ended_them_was_removed_or_left() {
    let (world, token) = waiting_letters().await;
    world.engine.subscribe(&token, Wish::NotThese, None).await.expect("taken");
    world.remove("mallory@example.org").await;
    let bob = UserId::parse("usr_bob").expect("an id");
    world.acting().remove_member(&TeamId::first(), &bob).await.expect("removed");
    assert_eq!(world.delivered().await, Vec::<String>::new());
    world.engine.shut_down().await;
}

#[tokio::test]
async fn letters_that_wait_do_not_go_out_about_a_webhook_that_is_gone() {
    let (world, _) = waiting_letters().await;
    world.acting().delete_webhook(&world.program, &world.webhook).await.expect("deleted");
    assert_eq!(world.delivered().await, Vec::<String>::new());
    world.engine.shut_down().await;
}

#[tokio::test]
async fn who_wanted_letters_need_not_be_asked_again_when_they_are_named_again() {
    let world = World::new().await.tell();
    world.add("eve@example.org").await.expect("named");
    let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
    world.engine.subscribe(&token, Wish::These, None).await.expect("taken");
    world.remove("eve@example.org").await;
    assert_eq!(world.add("eve@example.org").await.expect("named"), RecipientState::Confirmed);
    world.office.wait_for(1).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn letters_are_in_the_language_of_their_readers_account() {
    let world = World::new().await.tell();
    let bob = UserId::parse("usr_bob").expect("an id");
    let languages = |letters: &[Letter]| letters.iter().map(|one| one.language.clone()).collect::<Vec<_>>();
    world.notice(1, NoticeKind::Failing).await;
    world.office.wait_for(1).await;
    world.store.save_language_of(&UserId::first(), "de").await.expect("saves");
    world.notice(2, NoticeKind::Failing).await;
    assert_eq!(
        languages(&world.office.wait_for(2).await),
        ["en", "de"],
        "an owner's first letter decides nothing"
    );
    // Whoever names him reads Spanish.
    world.add("bob@example.com").await.expect("named");
    world.notice(3, NoticeKind::Failing).await;
    world.office.wait_for(3).await;
    world.store.save_language_of(&bob, "de").await.expect("saves");
    world.notice(4, NoticeKind::Failing).await;
    assert_eq!(languages(&world.office.wait_for(4).await)[2..], ["es", "de"]);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_letter_that_was_written_while_its_reader_said_no_is_not_sent() {
    let (world, token) = waiting_letters().await;
    let eve = world.store.recipient(&token).await.expect("reads").expect("is there");
    world.store.refuse_letters(&eve.email, NOW_MS).await.expect("writes");
    // Whoever wrote the letter had read this row before.
    assert_eq!(eve.state, RecipientState::Confirmed);
    world.store.post(&Posting { recipients: vec![eve], ..Posting::default() }).await.expect("posts");
    assert_eq!(world.delivered().await, ["bob@example.com", "mallory@example.org"]);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn who_was_asked_like_a_stranger_is_a_member_once_their_accounts_address_is_theirs() {
    let world = World::new().await.tell();
    let bob = UserId::parse("usr_bob").expect("an id");
    let bob = world.store.user(&bob).await.expect("reads").expect("is there");
    let unknown = AddressRecord { state: AddressState::Asked, ..theirs(&bob) };
    world.store.save_address(&unknown).await.expect("saves");
    assert_eq!(world.add("bob@example.com").await.expect("named"), RecipientState::Invited);
    let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
    world.store.save_address(&theirs(&bob)).await.expect("saves");
    assert_eq!(world.state(&token).await, RecipientState::Member);
    let named = world.acting().recipients(&world.program, &world.webhook).await.expect("listed");
    assert_eq!(named[0].state, RecipientState::Member);
    world.notice(1, NoticeKind::Failing).await;
    assert_eq!(addresses(&world.office.wait_for(2).await)[1], "bob@example.com");
    let stored: Option<RecipientRecord> = world.store.recipient(&token).await.expect("reads");
    assert_eq!(stored.map(|one| one.state), Some(RecipientState::Member));
    world.engine.shut_down().await;
}
