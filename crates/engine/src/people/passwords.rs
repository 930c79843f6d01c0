//! Passwords: which may be chosen, how they are kept, and how they are compared.
//!
//! Kept as argon2id hashes (RFC 9106) in PHC form, with the parameters that OWASP's Password Storage Cheat Sheet has first for
//! machines with little memory. A hash takes 19 MiB and tens of milliseconds of a processor, so only half of the processors
//! hash at a time, and only so many wait for their turn; browsers that have signed in before wait in a line of their own.
//!
//! What may be chosen follows NIST SP 800-63B, section 5.1.1.2: length, no rules of composition, nothing that everybody tries.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use groundswell_types::{Email, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;

use crate::error::EngineError;
use crate::id;

/// The shortest password, in characters (Unicode scalar values).
pub const MIN_PASSWORD_CHARS: usize = 12;

/// The longest one.
pub const MAX_PASSWORD_CHARS: usize = 200;

/// OWASP: 19 MiB, two passes, one lane. Hashes with others are made anew when their passwords are next at hand.
const M_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

const SALT_BYTES: usize = 16;

/// What is compared when there is nothing to compare with, so that nobody learns from the time it takes.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$LRSakK1qyBqv2mCiHVGxYw$iMClCk83D2ERnpDJmoCPNHvuoy701swoTRjgvrbu75c";

/// So many wait for their turn: about two seconds of work for two processors.
const WAITING: [usize; 2] = [48, 16];

/// Which line somebody waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Strangers,
    /// Those whose browsers have signed in before, or are signed in.
    Known,
}

/// A password as somebody typed it.
#[derive(Clone)]
pub struct Password {
    /// NFKC, so that it does not matter how a keyboard composes an accent (NIST SP 800-63B).
    text: String,
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

impl Password {
    /// One to compare with what is kept.
    pub fn typed(text: &str) -> Self {
        Self { text: text.nfkc().collect() }
    }

    /// One to be kept for whoever has this address.
    pub fn chosen(text: &str, email: &Email) -> Result<Self, Problem> {
        let password = Self::typed(text);
        let problem = |message: &str| Err(Problem::new("/newPassword", message));
        let count = password.text.chars().count();
        if count < MIN_PASSWORD_CHARS {
            return problem(
                "the new password must have 12 characters or more; a few words that do not belong together are good",
            );
        }
        if count > MAX_PASSWORD_CHARS {
            return problem("the new password must have at most 200 characters");
        }
        let lower = password.text.to_lowercase();
        if lower.contains(email.as_str()) {
            return problem("the new password must not contain your e-mail address");
        }
        if lower.contains("groundswell") {
            return problem(
                "the new password must not contain the name of this product, which is tried first",
            );
        }
        if COMMON.contains(lower.as_str()) {
            return problem("the new password is one of those that everybody tries first; choose another");
        }
        Ok(password)
    }
}

/// The commonest of those that are long enough, from the list that Django refuses (made by Royce Williams).
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and to be kept with today's parameters.
    RightButOld,
}

/// Hashes and compares.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    lines: [Arc<Semaphore>; 2],
}

impl Default for Passwords {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self::with_turns((processors / 2).max(1))
    }
}

impl Passwords {
    fn with_turns(turns: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            lines: WAITING.map(|places| Arc::new(Semaphore::new(places + turns))),
        }
    }

    /// The PHC form of a password.
    pub(crate) async fn hash(&self, password: Password, line: Line) -> Result<String, EngineError> {
        self.in_turn(line, move || hash(&password)).await
    }

    /// Compares with what is kept; takes its time also when nothing is.
    pub(crate) async fn compare(
        &self,
        password: Password,
        kept: Option<String>,
        line: Line,
    ) -> Result<Verdict, EngineError> {
        self.in_turn(line, move || compare(&password, kept.as_deref())).await
    }

    /// Does it when it is its turn; the place is kept until it is done, also when nobody waits for it any more.
    async fn in_turn<T: Send + 'static>(
        &self,
        line: Line,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let place =
            Arc::clone(&self.lines[line as usize]).try_acquire_owned().map_err(|_| EngineError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| EngineError::Stopping)?;
        let places: [OwnedSemaphorePermit; 2] = [place, turn];
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(places);
            done
        });
        done.await.map_err(|_| EngineError::Stopping)
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(M_KIB, PASSES, LANES, None).expect("they are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &Password) -> String {
    let random = id::random_bytes();
    let hash = argon2().hash_password_with_salt(password.text.as_bytes(), &random[..SALT_BYTES]);
    hash.expect("salt and parameters are as argon2 wants them, and memory is there").to_string()
}

fn compare(password: &Password, kept: Option<&str>) -> Verdict {
    let Ok(hash) = PasswordHash::new(kept.unwrap_or(NOBODYS)) else {
        tracing::error!("a password's hash in the database is none");
        return Verdict::Wrong;
    };
    let is_right = argon2().verify_password(password.text.as_bytes(), &hash).is_ok();
    match kept {
        Some(_) if is_right && is_of_today(&hash) => Verdict::Right,
        Some(_) if is_right => Verdict::RightButOld,
        _ => Verdict::Wrong,
    }
}

fn is_of_today(hash: &PasswordHash) -> bool {
    let today = argon2();
    let params = Params::try_from(hash);
    hash.algorithm == Algorithm::Argon2id.ident()
        && hash.version == Some(Version::V0x13.into())
        && params.is_ok_and(|params| {
            let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
            cost(&params) == cost(today.params())
        })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    fn email() -> Email {
        Email::parse("ada@example.com").expect("an address")
    }

    /// `argon2id`, 8 KiB, one pass: as nobody should keep one.
    fn weak(text: &str) -> String {
        let params = Params::new(8, 1, 1, None).expect("within the limits");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_with_salt(text.as_bytes(), b"somewhat salty..").expect("hashes").to_string()
    }

    #[test]
    fn a_password_is_right_however_its_accents_were_composed() {
        let kept = hash(&Password::typed("p\u{e4}ssword of mine"));
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        let compared = |text: &str| compare(&Password::typed(text), Some(&kept));
        assert_eq!(compared("pa\u{308}ssword of mine"), Verdict::Right);
        assert_eq!(compared("p\u{e4}ssword of mine "), Verdict::Wrong);
        assert_ne!(kept, hash(&Password::typed("p\u{e4}ssword of mine")), "salted");
    }

    #[test]
    fn one_that_was_kept_with_less_is_to_be_kept_anew() {
        let kept = weak("a password of before");
        assert_eq!(compare(&Password::typed("a password of before"), Some(&kept)), Verdict::RightButOld);
        assert_eq!(compare(&Password::typed("a password of befora"), Some(&kept)), Verdict::Wrong);
        assert_eq!(compare(&Password::typed("a password of before"), Some("x")), Verdict::Wrong);
    }

    #[test]
    fn nobodys_password_is_never_right_and_takes_as_long_as_anybodys() {
        let hash = PasswordHash::new(NOBODYS).expect("it is one");
        assert!(is_of_today(&hash) && hash.hash.is_some());
        assert_eq!(compare(&Password::typed(""), None), Verdict::Wrong);
    }

    #[test]
    fn length_counts_and_composition_does_not() {
        let chosen =
            |text: &str| Password::chosen(text, &email()).map(drop).map_err(|problem| problem.message);
        for good in ["correct horse", "zzzzzzzzzzzy", "ääääääääääää", &"x".repeat(200), "   spaces   "]
        {
            assert_eq!(chosen(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("elevenchars", "12 characters"),
            (&"x".repeat(201), "200"),
            ("my Ada@Example.com!", "e-mail"),
            ("ada@example.com", "e-mail"),
            ("GroundSwell2026!", "product"),
            ("Password1234", "everybody"),
            ("qwertyqwerty", "everybody"),
        ] {
            assert!(chosen(bad).expect_err(bad).contains(why), "{bad}");
        }
    }

    #[test]
    fn every_common_password_is_one_that_the_length_lets_through() {
        assert!(COMMON.len() > 150);
        for text in COMMON.iter() {
            let count = text.chars().count();
            assert!(
                (MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&count) && text.to_lowercase() == **text
            );
        }
    }

    #[test]
    fn a_password_shows_nowhere() {
        assert_eq!(format!("{:?}", Password::typed("hunter2")), "Password(…)");
    }

    #[tokio::test]
    async fn more_than_can_wait_are_turned_away_and_known_browsers_wait_elsewhere() {
        let passwords = Passwords::with_turns(1);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = passwords.in_turn(Line::Strangers, move || held.recv().is_ok());
        let compare = |line| passwords.compare(Password::typed("x"), None, line);
        let mut waiting: Vec<_> = (0..WAITING[0]).map(|_| Box::pin(compare(Line::Strangers))).collect();
        let known = compare(Line::Known);
        let (is_held, verdicts, known) = tokio::join!(
            busy,
            async {
                let mut done = pin!(futures::future::join_all(waiting.drain(..)));
                // All of them are in line before the first goes on.
                let is_waiting =
                    poll_fn(|context| Poll::Ready(done.as_mut().poll(context).is_pending())).await;
                assert!(is_waiting);
                let refused = compare(Line::Strangers).await;
                assert!(matches!(refused, Err(EngineError::Busy)), "{refused:?}");
                release.send(()).expect("it waits");
                done.await
            },
            known
        );
        assert!(is_held.is_ok_and(|it| it) && matches!(known, Ok(Verdict::Wrong)));
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Ok(Verdict::Wrong))));
    }
}
