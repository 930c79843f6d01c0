//! How often somebody may guess at a password. Pure: time is an argument; in memory: a restart forgets it.
//!
//! Every try takes from budgets that fill up again by themselves, and gets back what it took when the password was right. A
//! browser that nobody has signed in with takes from three: its network's, its wider network's, and the account's. So nobody
//! guesses much at one account however many addresses they have, nor at many accounts from one address; and a used-up budget
//! looks the same for an account that does not exist. A browser that has signed in to the account before has a budget of its
//! own instead ("device cookies", OWASP): whoever uses up the others shuts out strangers, and not the account's owner.
//!
//! Who has a link sent instead takes from budgets of the same networks, apart from those: wrong passwords do not shut the way
//! around them.
//!
//! Memory is bounded. Budgets of accounts are apart from those of addresses that are nobody's, so no flood of made-up ones
//! has an account's forgotten.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use groundswell_types::{Email, UserId};

use crate::access::{SIGN_IN_LINK_MS, hash_token};

/// So many tries at once, and another one each time.
#[derive(Debug, Clone, Copy)]
struct Budget {
    tries: i64,
    every_ms: i64,
}

const MINUTE_MS: i64 = 60_000;

/// 58 a day: NIST SP 800-63B has at most 100 in a row.
const ACCOUNT: Budget = Budget { tries: 10, every_ms: 30 * MINUTE_MS };

/// What only who has the browser can use up.
const DEVICE: Budget = Budget { tries: 10, every_ms: 10 * MINUTE_MS };

/// Behind one address may be an office.
const NETWORK: Budget = Budget { tries: 20, every_ms: 3 * MINUTE_MS };

/// Whoever has one address often has its neighbours.
const WIDE_NETWORK: Budget = Budget { tries: 100, every_ms: MINUTE_MS / 2 };

/// Links that are sent to an account. One can be asked for again when the last one has expired at the latest, so whoever has
/// somebody else's sent all the time fills no mailbox and keeps nobody out: the owner has one that is good.
const LINKS: Budget = Budget { tries: 3, every_ms: SIGN_IN_LINK_MS };

/// Addresses that an account tries to take for its own: whether somebody has one shows, so nobody tries many.
const ADDRESSES: Budget = Budget { tries: 5, every_ms: 12 * MINUTE_MS };

/// So many keys are known of each kind; a few hundred kilobytes.
const MANY_KEYS: usize = 20_000;

type Key = [u8; 16];

/// Who tries to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guesser {
    at: At,
    /// The network it comes from, and the wider one; none for who is known.
    networks: Option<[Key; 2]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The account, in a browser that has signed in to it before.
    Device(Key),
    Account(Key),
    Nobody(Key),
    /// The mailbox of an account.
    Mailbox(Key),
    /// The address that an account is to have.
    Address(Key),
    /// Who has a link sent, to no account in particular.
    Wish,
}

impl Guesser {
    /// Somebody in a browser whose device or session has this hash.
    pub(crate) fn known(hash: &[u8; 32]) -> Self {
        Self { at: At::Device(key_of(hash)), networks: None }
    }

    /// Somebody in a browser that the account knows nothing of.
    pub(crate) fn unknown(user: &UserId, address: Option<IpAddr>) -> Self {
        let key = key_of(&hash_token(user.as_str()));
        Self { at: At::Account(key), networks: address.map(networks) }
    }

    /// Somebody who says an address that no account has.
    pub(crate) fn at_nobody(email: &Email, address: Option<IpAddr>) -> Self {
        let key = key_of(&hash_token(email.as_str()));
        Self { at: At::Nobody(key), networks: address.map(networks) }
    }

    /// Somebody who has a link sent, to whomever.
    pub(super) fn asking(address: Option<IpAddr>) -> Self {
        Self { at: At::Wish, networks: address.map(networks) }
    }

    /// Whoever gives this account another address.
    pub(super) fn address_of(user: &UserId) -> Self {
        Self { at: At::Address(key_of(&hash_token(user.as_str()))), networks: None }
    }

    /// Whoever has links sent to this account.
    pub(super) fn mailbox(user: &UserId) -> Self {
        Self { at: At::Mailbox(key_of(&hash_token(user.as_str()))), networks: None }
    }
}

/// There were too many wrong ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// Until the next one.
    pub wait_ms: i64,
}

/// Counts guesses.
#[derive(Debug)]
pub(crate) struct Guesses(Mutex<Books>);

#[derive(Debug)]
struct Books {
    accounts: Book,
    nobodies: Book,
    devices: Book,
    mailboxes: Book,
    addresses: Book,
    networks: Book,
    wide_networks: Book,
    wish_networks: Book,
    wide_wish_networks: Book,
}

impl Default for Guesses {
    fn default() -> Self {
        Self(Mutex::new(Books {
            accounts: Book::of(ACCOUNT),
            nobodies: Book::of(ACCOUNT),
            devices: Book::of(DEVICE),
            mailboxes: Book::of(LINKS),
            addresses: Book::of(ADDRESSES),
            networks: Book::of(NETWORK),
            wide_networks: Book::of(WIDE_NETWORK),
            wish_networks: Book::of(NETWORK),
            wide_wish_networks: Book::of(WIDE_NETWORK),
        }))
    }
}

impl Guesses {
    /// Takes a try from the budgets, or none from any of them.
    pub(crate) fn take(&self, who: Guesser, now_ms: i64) -> Result<(), TooMany> {
        let mut books = self.books();
        let mut turns = books.turns(who);
        let wait_ms = turns.iter().map(|(book, key)| book.wait_ms(key, now_ms)).max().unwrap_or_default();
        if wait_ms > 0 {
            return Err(TooMany { wait_ms });
        }
        for (book, key) in &mut turns {
            book.take(*key, now_ms);
        }
        Ok(())
    }

    /// Gives back what a try took that was right, or could not be looked at.
    pub(crate) fn give_back(&self, who: Guesser) {
        for (book, key) in &mut self.books().turns(who) {
            book.give_back(key);
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// What somebody takes from.
    fn turns(&mut self, who: Guesser) -> Vec<(&mut Book, Key)> {
        let own = match who.at {
            At::Device(key) => Some((&mut self.devices, key)),
            At::Account(key) => Some((&mut self.accounts, key)),
            At::Nobody(key) => Some((&mut self.nobodies, key)),
            At::Mailbox(key) => Some((&mut self.mailboxes, key)),
            At::Address(key) => Some((&mut self.addresses, key)),
            At::Wish => None,
        };
        let [networks, wide_networks] = match who.at {
            At::Wish => [&mut self.wish_networks, &mut self.wide_wish_networks],
            _ => [&mut self.networks, &mut self.wide_networks],
        };
        let mut turns: Vec<_> = own.into_iter().collect();
        if let Some([network, wide]) = who.networks {
            turns.extend([(networks, network), (wide_networks, wide)]);
        }
        turns
    }
}

/// The budgets of one kind. Of each is known when it will be full again; those that are full need no entry. When there are
/// too many, those that are nearly full are forgotten.
#[derive(Debug)]
struct Book {
    budget: Budget,
    full_at_ms: HashMap<Key, i64>,
}

impl Book {
    fn of(budget: Budget) -> Self {
        Self { budget, full_at_ms: HashMap::new() }
    }

    /// How long until there is a try; zero when there is one.
    fn wait_ms(&self, key: &Key, now_ms: i64) -> i64 {
        let Budget { tries, every_ms } = self.budget;
        let full_at_ms = self.full_at_ms.get(key).copied().unwrap_or_default();
        (full_at_ms.max(now_ms) + every_ms - (now_ms + tries * every_ms)).max(0)
    }

    fn take(&mut self, key: Key, now_ms: i64) {
        if self.full_at_ms.len() >= MANY_KEYS && !self.full_at_ms.contains_key(&key) {
            self.forget_some(now_ms);
        }
        let full_at_ms = self.full_at_ms.entry(key).or_default();
        *full_at_ms = (*full_at_ms).max(now_ms) + self.budget.every_ms;
    }

    fn give_back(&mut self, key: &Key) {
        if let Some(full_at_ms) = self.full_at_ms.get_mut(key) {
            *full_at_ms -= self.budget.every_ms;
        }
    }

    /// A quarter at least, so that it need not be done again soon.
    fn forget_some(&mut self, now_ms: i64) {
        let mut times: Vec<i64> = self.full_at_ms.values().copied().collect();
        let (_, quarter, _) = times.select_nth_unstable(MANY_KEYS / 4);
        let until_ms = (*quarter).max(now_ms);
        self.full_at_ms.retain(|_, full_at_ms| *full_at_ms > until_ms);
    }
}

fn key_of(hash: &[u8; 32]) -> Key {
    let (key, _) = hash.split_first_chunk().expect("32 bytes have 16 in front");
    *key
}

/// Of IPv4 the address and its 256; of IPv6, where everybody has many, the /64 and the /48.
fn networks(address: IpAddr) -> [Key; 2] {
    let (bits, lengths) = match address {
        IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), [128, 120]),
        IpAddr::V6(address) => (address.to_bits(), [64, 48]),
    };
    lengths.map(|length| (bits & (u128::MAX << (128 - length))).to_be_bytes())
}

#[cfg(test)]
mod tests;
