//! Whose an address is: who is asked, and what is sent to whoever has not said that it is theirs.

use groundswell_engine::access::Came;
use groundswell_engine::store::{
    AddressState, AddressStore, MembershipRecord, PeopleStore, TellingStore, UserRecord,
};
use groundswell_engine::telling::{Content, Letter, Posted, Topic, Wish};
use groundswell_engine::webhooks::WebhookInput;
use groundswell_types::{NoticeKind, RecipientState, Role, TeamId, UserId};

use super::{AddressRecord, DAY_MS, NOW_MS, World, addresses, theirs};

impl World {
    /// A world in which nobody knows yet whose Ada's and Bob's addresses are.
    async fn of_strangers() -> Self {
        let world = Self::new().await;
        for id in [UserId::first(), UserId::parse("usr_bob").expect("an id")] {
            let user = world.store.user(&id).await.expect("reads").expect("is there");
            let long_ago = AddressRecord { state: AddressState::Asked, at_ms: 0, ..theirs(&user) };
            world.store.save_address(&long_ago).await.expect("saves");
        }
        world.store.forget_unanswered(1).await.expect("forgets");
        world.tell()
    }

    async fn sign_in(&self) {
        let (token, _) = self.engine.create_sign_in_token(&UserId::first()).await.expect("a link");
        self.engine.sign_in(&token, Came::default()).await.expect("signs in");
    }
}

fn notice_of(letter: &Letter) -> Option<NoticeKind> {
    match &letter.content {
        Content::Notice { notice, .. } => Some(*notice),
        _ => None,
    }
}

fn is_question(letter: &Letter) -> bool {
    matches!(&letter.content, Content::Address { name } if name == "ada")
}

#[tokio::test]
async fn an_address_that_nobody_said_is_theirs_is_asked_once_and_told_nothing_before_that() {
    let world = World::of_strangers().await;
    world.notice(1, NoticeKind::Failing).await;
    let letters = world.office.wait_for(1).await;
    assert_eq!(addresses(&letters), ["ada@example.com"]);
    assert!(is_question(&letters[0]), "{letters:?}");
    world.notice(2, NoticeKind::StillFailing).await;
    world.sign_in().await;
    world.office.wait_for(1).await;

    let token = letters[0].token.clone().expect("a link");
    let subscription = world.engine.subscription(&token).await.expect("a link");
    let asked = Topic::Account { name: "ada".to_owned(), state: AddressState::Asked };
    assert_eq!((subscription.email.as_str(), subscription.topic), ("ada@example.com", asked));
    world.engine.subscribe(&token, Wish::These, None).await.expect("taken");
    let letters = world.office.wait_for(2).await;
    let last = Some(NoticeKind::StillFailing);
    assert_eq!(notice_of(&letters[1]), last, "the last one has waited: {letters:?}");
    world.engine.subscribe(&token, Wish::These, None).await.expect("once more changes nothing");
    world.notice(3, NoticeKind::AutoDisabled).await;
    world.sign_in().await;
    let letters = world.office.wait_for(4).await;
    assert!(letters[1..].iter().all(|letter| !is_question(letter)), "{letters:?}");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn what_waits_for_an_answer_is_told_as_long_as_it_is_news() {
    for (is_disabled, days, told) in [(true, 20, true), (true, 31, false), (false, 20, false)] {
        let world = World::of_strangers().await;
        let kind = if is_disabled { NoticeKind::AutoDisabled } else { NoticeKind::Failing };
        let change = WebhookInput { is_enabled: Some(!is_disabled), ..WebhookInput::default() };
        world.acting().patch_webhook(&world.program, &world.webhook, change).await.expect("is changed");
        world.notice(1, kind).await;
        let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
        world.clock.set(NOW_MS + days * DAY_MS);
        world.engine.subscribe(&token, Wish::These, None).await.expect("taken");
        let letters = world.office.wait_for(1 + usize::from(told)).await;
        assert!(letters[1..].iter().all(|letter| notice_of(letter) == Some(kind)), "{letters:?}");
        world.engine.shut_down().await;
    }
}

#[tokio::test]
async fn what_waits_is_nothing_from_before_somebody_came_and_nothing_for_who_gets_none() {
    let world = World::of_strangers().await;
    world.notice(1, NoticeKind::Failing).await;
    let asked = world.office.wait_for(1).await;
    world.clock.set(NOW_MS + DAY_MS);
    let eve = UserId::parse("usr_eve").expect("an id");
    let email = Some(super::email("eve@example.com"));
    let account = UserRecord { id: eve.clone(), name: "eve".to_owned(), email, ..UserRecord::first() };
    world.store.save_user(&account).await.expect("saves");
    let since_ms = NOW_MS + DAY_MS;
    let joins = MembershipRecord { user_id: eve.clone(), since_ms, ..MembershipRecord::first() };
    world.store.add_member(&joins).await.expect("joins");
    let (token, _) = world.engine.create_sign_in_token(&eve).await.expect("a link");
    world.engine.sign_in(&token, Came::default()).await.expect("signs in");
    let question = world.office.wait_for(2).await.remove(1);
    assert_eq!(question.to.as_str(), "eve@example.com");
    world.engine.subscribe(&question.token.expect("a link"), Wish::These, None).await.expect("taken");
    world.office.wait_for(2).await;

    // Whoever is no owner any more gets nothing about webhooks.
    let ada = UserId::first();
    world.acting().change_role(&TeamId::first(), &ada, Role::Viewer).await.expect("is changed");
    let token = asked[0].token.as_ref().expect("a link");
    world.engine.subscribe(token, Wish::These, None).await.expect("taken");
    world.office.wait_for(2).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_says_that_an_address_is_not_theirs_is_left_alone() {
    for wish in [Wish::NotThese, Wish::None] {
        let world = World::of_strangers().await;
        world.sign_in().await;
        let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
        world.engine.subscribe(&token, wish, None).await.expect("taken");
        world.clock.set(NOW_MS + 90 * DAY_MS);
        world.sign_in().await;
        world.notice(1, NoticeKind::Failing).await;
        world.office.wait_for(1).await;
        let refuses = world.store.refuses_letters(&super::email("ada@example.com")).await.expect("reads");
        assert_eq!(refuses, wish == Wish::None, "about webhooks it may want to hear, unless it said so");
        world.engine.shut_down().await;
    }
}

#[tokio::test]
async fn who_does_not_answer_is_asked_again_after_a_month_with_the_same_link() {
    let world = World::of_strangers().await;
    world.sign_in().await;
    world.office.wait_for(1).await;
    world.clock.set(NOW_MS + 29 * DAY_MS);
    world.sign_in().await;
    world.office.wait_for(1).await;
    world.clock.set(NOW_MS + 30 * DAY_MS);
    world.sign_in().await;
    let letters = world.office.wait_for(2).await;
    assert_eq!(letters[0].token, letters[1].token);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_member_whose_address_nobody_said_is_theirs_is_asked_like_a_stranger() {
    let world = World::of_strangers().await;
    assert_eq!(world.add("bob@example.com").await.expect("named"), RecipientState::Invited);
    let letters = world.office.wait_for(1).await;
    assert!(matches!(letters[0].content, Content::Question { .. }), "{letters:?}");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn somebody_is_told_of_ten_sign_ins_a_day_and_they_take_no_room_from_others() {
    let world = World::new().await.tell();
    world.office.answer(Some(Posted::Away("down".to_owned())));
    for _ in 0..12 {
        world.sign_in().await;
    }
    assert_eq!(world.store.due_letters(i64::MAX, 99).await.expect("reads").len(), 10);
    assert_eq!(world.store.waiting_letters(99).await.expect("counts"), 0);
    world.clock.set(NOW_MS + DAY_MS);
    world.sign_in().await;
    assert_eq!(world.store.due_letters(i64::MAX, 99).await.expect("reads").len(), 11);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn whoever_says_that_an_address_is_theirs_after_all_gets_letters_about_webhooks_again() {
    let world = World::of_strangers().await;
    world.sign_in().await;
    let token = world.office.wait_for(1).await[0].token.clone().expect("a link");
    let refuses =
        async || world.store.refuses_letters(&super::email("ada@example.com")).await.expect("reads");
    world.engine.subscribe(&token, Wish::None, None).await.expect("taken");
    assert!(refuses().await);
    world.engine.subscribe(&token, Wish::These, None).await.expect("taken");
    assert!(!refuses().await);
    world.notice(1, NoticeKind::Failing).await;
    world.office.wait_for(2).await;
    // What was said elsewhere is not taken back here.
    world.store.refuse_letters(&super::email("ada@example.com"), NOW_MS).await.expect("writes");
    world.engine.subscribe(&token, Wish::These, None).await.expect("taken");
    assert!(refuses().await);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_sign_in_that_waits_is_not_told_to_an_address_that_is_not_theirs_any_more() {
    let world = World::new().await.tell();
    world.office.answer(Some(Posted::Away("down".to_owned())));
    world.sign_in().await;
    while world.office.tries() < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let ada = world.store.user(&UserId::first()).await.expect("reads").expect("is there");
    let not_theirs = AddressRecord { state: AddressState::NotTheirs, ..theirs(&ada) };
    world.store.save_address(&not_theirs).await.expect("saves");
    world.office.answer(None);
    world.clock.set(NOW_MS + 3_600_000);
    while !world.store.due_letters(i64::MAX, 9).await.expect("reads").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    world.office.wait_for(0).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn an_account_has_five_addresses_asked_a_day() {
    let world = World::of_strangers().await;
    for number in 0..7 {
        let ada = world.store.user(&UserId::first()).await.expect("reads").expect("is there");
        let email = Some(super::email(&format!("ada{number}@example.com")));
        world.store.save_user(&UserRecord { email, ..ada }).await.expect("saves");
        world.sign_in().await;
    }
    world.office.wait_for(5).await;
    world.engine.shut_down().await;
}
