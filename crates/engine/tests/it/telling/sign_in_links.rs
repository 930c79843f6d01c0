//! Sign-in links by e-mail: to whom, how many, and what is in the outbox meanwhile.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::EngineError;
use groundswell_engine::access::{Actor, Came, SIGN_IN_LINK_MS, Who};
use groundswell_engine::store::{
    AddressRecord, AddressState, AddressStore, AuditSearch, AuditStore, PeopleStore, TellingStore, UserRecord,
};
use groundswell_engine::telling::{Content, Posted};
use groundswell_types::{AuditAction, AuditFilter, SignInChange, UserId};

use super::{NOW_MS, World, theirs};

const ADA: &str = "ada@example.com";

/// Networks that are far apart.
fn from(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + (number << 8)).into()
}

impl World {
    async fn wishes(&self, email: &str, address: u32) {
        self.engine.send_sign_in_link(email, Some(from(address))).expect("it is taken");
        // What comes of it comes by itself.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    async fn outbox(&self) -> usize {
        self.store.due_letters(i64::MAX, 99).await.expect("reads").len()
    }
}

#[tokio::test]
async fn a_link_signs_its_reader_in_once_and_the_outbox_has_none() {
    let world = World::new().await.tell();
    world.office.answer(Some(Posted::Away("down".to_owned())));
    world.wishes(" Ada@Example.com", 1).await;
    let waiting = world.store.due_letters(i64::MAX, 9).await.expect("reads");
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].token, None, "it is made when the letter is sent");
    world.office.answer(None);
    world.clock.set(NOW_MS + SIGN_IN_LINK_MS);
    let letter = world.office.wait_for(1).await.remove(0);
    assert!(
        matches!(&letter.content, Content::SignInLink { name, address: Some(address), .. }
            if name == "ada" && address == "10.0.1.0"),
        "{letter:?}"
    );
    let token = letter.token.expect("a link");
    let begun = world.engine.sign_in(&token, Came::default()).await.expect("signs in");
    assert_eq!(begun.user, UserId::first());
    world.engine.sign_in(&token, Came::default()).await.expect_err("once");
    // Whoever reads the account's mailbox may have another one.
    let person = world.engine.person(&begun.token).await.expect("reads").expect("is signed in");
    let own = world.engine.acting(Arc::new(Actor { who: Who::Person(Arc::new(person)), address: None }));
    let change = SignInChange {
        email: "ada@example.net",
        new_password: "correct horse battery",
        present_password: "",
    };
    own.change_sign_in(change, Came::default()).await.expect("is changed");
    world.engine.shut_down().await;

    let search = AuditSearch { team: None, filter: AuditFilter::default(), before: None, limit: 9 };
    let log = world.store.audit_log(&search).await.expect("reads");
    let made = log.iter().find(|entry| entry.action == AuditAction::LinkCreated).expect("is recorded");
    assert_eq!((made.address.as_deref(), made.details["by"].as_str()), (Some("10.0.1.0"), "e-mail"));
    assert_eq!(made.target.as_deref(), Some(UserId::first().as_str()));
}

#[tokio::test]
async fn nobody_gets_a_link_whose_address_nobody_said_is_theirs() {
    let world = World::new().await.tell();
    let ada = world.store.user(&UserId::first()).await.expect("reads").expect("is there");
    for state in [AddressState::Asked, AddressState::NotTheirs] {
        world.store.save_address(&AddressRecord { state, ..theirs(&ada) }).await.expect("saves");
        world.wishes(ADA, 1).await;
    }
    world.wishes("nobody@example.com", 2).await;
    assert_eq!(world.outbox().await, 0);
    let refused = world.engine.send_sign_in_link("no address", Some(from(3)));
    assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    world.office.wait_for(0).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_mailbox_is_not_filled_and_has_a_link_that_is_good_whatever_strangers_do() {
    let world = World::new().await.tell();
    for number in 0..20 {
        world.wishes(ADA, number).await;
    }
    world.office.wait_for(3).await;
    // While no other one is sent, the last one is good.
    world.clock.set(NOW_MS + SIGN_IN_LINK_MS - 1);
    world.wishes(ADA, 30).await;
    let last = world.office.wait_for(3).await.remove(2).token.expect("a link");
    world.engine.sign_in(&last, Came::default()).await.expect("signs in");
    world.clock.set(NOW_MS + SIGN_IN_LINK_MS);
    for number in 31..40 {
        world.wishes(ADA, number).await;
    }
    // Of the sign-in she is told as well.
    let letters = world.office.wait_for(5).await;
    let links = letters.iter().filter(|letter| matches!(letter.content, Content::SignInLink { .. }));
    assert_eq!(links.count(), 4, "{letters:?}");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn one_network_has_no_more_links_sent_than_it_may_guess() {
    let world = World::new().await.tell();
    for number in 0..20 {
        world.engine.send_sign_in_link(&format!("{number}@example.com"), Some(from(1))).expect("it is taken");
    }
    let refused = world.engine.send_sign_in_link(ADA, Some(from(1)));
    assert!(matches!(refused, Err(EngineError::TooManyGuesses { .. })), "{refused:?}");
    world.wishes(ADA, 2).await;
    world.office.wait_for(1).await;
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_link_that_waits_goes_to_nobody_who_has_another_address_and_not_for_long() {
    for has_moved in [true, false] {
        let world = World::new().await.tell();
        world.office.answer(Some(Posted::Away("down".to_owned())));
        world.wishes(ADA, 1).await;
        if has_moved {
            let ada = world.store.user(&UserId::first()).await.expect("reads").expect("is there");
            let email = Some(super::email("ada@example.net"));
            world.store.save_user(&UserRecord { email, ..ada }).await.expect("saves");
        }
        world.office.answer(None);
        world.clock.set(NOW_MS + SIGN_IN_LINK_MS + i64::from(!has_moved));
        while world.outbox().await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.office.wait_for(0).await;
        world.engine.shut_down().await;
    }
}

#[tokio::test]
async fn a_server_without_e_mail_sends_no_links() {
    let world = World::new().await;
    world.engine.begin_telling(None);
    let refused = world.engine.send_sign_in_link(ADA, Some(from(1)));
    assert!(matches!(refused, Err(EngineError::NotFound(_))), "{refused:?}");
    world.engine.shut_down().await;
}
