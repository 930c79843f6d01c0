//! Days of attacks in no time.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 86_400_000;

fn user(number: usize) -> UserId {
    UserId::parse(&format!("usr_{number:012}")).expect("an id")
}

fn email(number: usize) -> Email {
    Email::parse(&format!("person{number}@example.com")).expect("an address")
}

fn v4(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

/// The same low bytes, in networks apart.
fn far(number: u32) -> IpAddr {
    v4(number << 8)
}

/// How many tries there are at most within a time.
fn at_most(budget: Budget, time_ms: i64) -> i64 {
    budget.tries + time_ms / budget.every_ms
}

#[test]
fn one_address_guesses_a_few_times_at_one_account_and_then_waits() {
    let guesses = Guesses::default();
    let who = Guesser::unknown(&user(1), Some(v4(1)));
    for _ in 0..ACCOUNT.tries {
        assert_eq!(guesses.take(who, NOW_MS), Ok(()));
    }
    assert_eq!(guesses.take(who, NOW_MS), Err(TooMany { wait_ms: ACCOUNT.every_ms }));
    let later_ms = NOW_MS + ACCOUNT.every_ms - 1;
    assert_eq!(guesses.take(who, later_ms), Err(TooMany { wait_ms: 1 }));
    assert_eq!(guesses.take(who, later_ms + 1), Ok(()));
    assert_eq!(guesses.take(who, later_ms + 1), Err(TooMany { wait_ms: ACCOUNT.every_ms }));
}

#[test]
fn right_passwords_use_nothing_up() {
    let guesses = Guesses::default();
    let who = Guesser::unknown(&user(1), Some(v4(1)));
    for _ in 0..1_000 {
        assert_eq!(guesses.take(who, NOW_MS), Ok(()));
        guesses.give_back(who);
    }
}

#[test]
fn one_address_guesses_no_more_at_many_accounts() {
    let guesses = Guesses::default();
    let tried = |address| {
        let tries = (0..200).map(|number| Guesser::unknown(&user(number), Some(address)));
        tries.filter(|who| guesses.take(*who, NOW_MS).is_ok()).count()
    };
    assert_eq!(tried(v4(1)), 20);
    assert_eq!(tried(v4(0x0a00_0001)), 20, "another network has its own");
    let wide: usize = (0..=255).map(|last| tried(v4(0xc633_6400 + last))).sum();
    assert_eq!(wide, 100, "256 neighbours have a hundred together");
}

#[test]
fn a_network_that_is_shut_has_links_sent_and_no_more_than_it_could_guess() {
    let guesses = Guesses::default();
    for number in 0..40_u32 {
        guesses.take(Guesser::unknown(&user(number as usize), Some(v4(1))), NOW_MS).ok();
    }
    let wishes = (0..40).filter(|_| guesses.take(Guesser::asking(Some(v4(1))), NOW_MS).is_ok());
    assert_eq!(wishes.count(), 20);
    assert_eq!(
        guesses.take(Guesser::unknown(&user(1), Some(v4(2))), NOW_MS),
        Ok(()),
        "nor do links shut passwords"
    );
}

#[test]
fn an_account_tries_a_few_addresses_an_hour() {
    let guesses = Guesses::default();
    let tries = (0..60)
        .filter(|minute| guesses.take(Guesser::address_of(&user(1)), NOW_MS + minute * MINUTE_MS).is_ok());
    assert_eq!(tries.count(), 9);
    assert_eq!(guesses.take(Guesser::address_of(&user(2)), NOW_MS), Ok(()), "others have their own");
}

#[test]
fn all_addresses_of_an_ipv6_network_are_one() {
    let guesses = Guesses::default();
    let at = |bits: u128| Guesser::unknown(&user(0), Some(Ipv6Addr::from_bits(bits).into()));
    let network = 0x2001_0db8_0001_0001_u128 << 64;
    assert_eq!(at(network), at(network + 0xffff_ffff_ffff_ffff));
    assert_ne!(at(network), at(network - 1));
    let tries = (0..300_u32).filter(|number| {
        // Each in a /64 of its own, all in one /48.
        let bits = (0x2001_0db8_0001_u128 << 80) + (u128::from(*number) << 64);
        guesses
            .take(Guesser::unknown(&user(*number as usize), Some(Ipv6Addr::from_bits(bits).into())), NOW_MS)
            .is_ok()
    });
    assert_eq!(tries.count(), 100);
}

#[test]
fn a_flood_keeps_memory_bounded_and_frees_no_account() {
    let guesses = Guesses::default();
    let victim = user(0);
    for number in 0..10 {
        assert_eq!(guesses.take(Guesser::unknown(&victim, Some(far(number))), NOW_MS), Ok(()));
    }
    for number in 1..200_000_u32 {
        let who = Guesser::at_nobody(&email(number as usize), Some(far(number)));
        assert_eq!(guesses.take(who, NOW_MS), Ok(()), "{number}: strangers are not shut out");
    }
    let books = guesses.books();
    for book in [&books.nobodies, &books.networks, &books.wide_networks] {
        assert!(book.full_at_ms.len() <= MANY_KEYS && book.full_at_ms.capacity() <= 4 * MANY_KEYS);
    }
    drop(books);
    let refused = guesses.take(Guesser::unknown(&victim, Some(far(0x00ff_0000))), NOW_MS);
    assert_eq!(refused, Err(TooMany { wait_ms: ACCOUNT.every_ms }), "the account is locked still");
}

#[test]
fn the_most_used_are_forgotten_last() {
    let mut book = Book::of(ACCOUNT);
    let key = |number: usize| key_of(&hash_token(&number.to_string()));
    for _ in 0..ACCOUNT.tries {
        book.take(key(0), NOW_MS);
    }
    for number in 1..10 * MANY_KEYS {
        book.take(key(number), NOW_MS + i64::try_from(number).expect("small"));
    }
    assert!(book.wait_ms(&key(0), NOW_MS) > 0);
}

#[test]
fn an_address_that_is_nobodys_is_locked_as_an_accounts_is() {
    let guesses = Guesses::default();
    let waits = |who: Guesser| (0..20).map(|_| guesses.take(who, NOW_MS)).collect::<Vec<_>>();
    let account = waits(Guesser::unknown(&user(1), Some(v4(1))));
    assert_eq!(account, waits(Guesser::at_nobody(&email(1), Some(far(2)))));
}

/// What an attacker does next.
#[derive(Debug, Clone)]
struct Try {
    after_ms: i64,
    account: usize,
    address: u32,
}

fn attack() -> impl Strategy<Value = Vec<Try>> {
    let one = (0..DAY_MS / 100, 0..4_usize, 0..40_u32);
    let one = one.prop_map(|(after_ms, account, address)| Try { after_ms, account, address });
    prop::collection::vec(one, 1..600)
}

proptest! {
    #[test]
    fn no_attack_gets_more_guesses_than_the_budgets_have(attack in attack()) {
        let guesses = Guesses::default();
        let mut now_ms = NOW_MS;
        let mut taken: Vec<(i64, Try)> = Vec::new();
        for one in attack {
            now_ms += one.after_ms;
            if guesses.take(Guesser::unknown(&user(one.account), Some(far(one.address))), now_ms).is_ok() {
                taken.push((now_ms, one));
            }
        }
        // In each window, from one guess to another.
        for (at, (from_ms, first)) in taken.iter().enumerate() {
            let (mut account, mut address) = (0, 0);
            for (until_ms, one) in &taken[at..] {
                account += i64::from(one.account == first.account);
                address += i64::from(one.address == first.address);
                prop_assert!(account <= at_most(ACCOUNT, until_ms - from_ms));
                prop_assert!(address <= at_most(NETWORK, until_ms - from_ms));
            }
        }
    }

    #[test]
    fn whoever_has_the_browser_gets_in_whatever_others_do(attack in attack(), account in 0..4_usize) {
        let guesses = Guesses::default();
        let mut now_ms = NOW_MS;
        let device = Guesser::known(&hash_token("the owner's browser"));
        for one in attack {
            now_ms += one.after_ms;
            let address = if one.account == account { 7 } else { one.address };
            guesses.take(Guesser::unknown(&user(one.account), Some(far(address))), now_ms).ok();
            prop_assert_eq!(guesses.take(device, now_ms), Ok(()));
            guesses.give_back(device);
        }
    }

    #[test]
    fn wrong_passwords_shut_no_network_out_from_links(attack in attack()) {
        let guesses = Guesses::default();
        let mut now_ms = NOW_MS;
        for one in attack {
            now_ms += one.after_ms;
            // All of them from where the owner is, too.
            guesses.take(Guesser::unknown(&user(one.account), Some(v4(7))), now_ms).ok();
            let wish = Guesser::asking(Some(v4(7)));
            prop_assert_eq!(guesses.take(wish, now_ms), Ok(()));
            guesses.give_back(wish);
        }
    }

    #[test]
    fn others_elsewhere_notice_nothing(attack in attack()) {
        let guesses = Guesses::default();
        let mut now_ms = NOW_MS;
        for one in attack {
            now_ms += one.after_ms;
            guesses.take(Guesser::unknown(&user(one.account), Some(far(one.address))), now_ms).ok();
            let other = Guesser::unknown(&user(100), Some(far(100)));
            prop_assert_eq!(guesses.take(other, now_ms), Ok(()));
            guesses.give_back(other);
        }
    }
}

#[test]
fn a_day_of_an_attack_from_everywhere_is_58_guesses_at_an_account() {
    let guesses = Guesses::default();
    let seconds = 0..86_400_u32;
    let tries = seconds.filter(|second| {
        let who = Guesser::unknown(&user(1), Some(far(*second)));
        guesses.take(who, NOW_MS + i64::from(*second) * 1_000).is_ok()
    });
    assert_eq!(tries.count(), 57, "and the 58th at midnight");
}
