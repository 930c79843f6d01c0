//! What a sign-in began with. The browser keeps it, sealed, until it comes back: so the server has nothing to remember of
//! people who may never come back, and nobody can crowd out others by beginning again and again.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use groundswell_engine::access::hash_token;
use groundswell_engine::id::random_bytes;
use groundswell_types::signature::hex;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// How long somebody may take at the provider: 10 minutes.
pub const UNDER_WAY_MS: i64 = 600_000;

const NONCE_BYTES: usize = 24;

/// What is to come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A session.
    SignIn {
        /// Path and query of the page that somebody is led to then.
        next: String,
    },
    /// The account of the session with this token's hash is connected.
    Connect {
        /// In hexadecimal digits.
        session_hash: String,
    },
}

impl Purpose {
    /// To connect the account of that session.
    pub fn connect(session: &str) -> Self {
        Self::Connect { session_hash: hex(&hash_token(session)) }
    }

    /// Whether it is for the browser that has this session, or needs none.
    pub fn is_of(&self, session: Option<&str>) -> bool {
        match self {
            Self::SignIn { .. } => true,
            Self::Connect { .. } => session.is_some_and(|session| Self::connect(session) == *self),
        }
    }
}

/// A sign-in that has begun.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Shows that the browser that comes back is the one that went.
    pub state: String,
    /// Shows that the ID token was made for this sign-in.
    pub nonce: String,
    /// Shows the provider that whoever brings the code is who asked for it (RFC 7636).
    pub verifier: String,
    pub purpose: Purpose,
    until_ms: i64,
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UnderWay").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl UnderWay {
    /// A new one.
    pub fn begin(purpose: Purpose, now_ms: i64) -> Self {
        let random = || hex(&random_bytes());
        Self {
            state: random(),
            nonce: random(),
            verifier: random(),
            purpose,
            until_ms: now_ms + UNDER_WAY_MS,
        }
    }

    /// Whether the one who comes back with this state is who went.
    pub fn has_state(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }
}

/// Seals and opens them, with a key that nobody has but this process.
pub struct Seal(XChaCha20Poly1305);

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal(…)")
    }
}

impl Seal {
    /// With a key of its own.
    pub fn new() -> Self {
        Self(XChaCha20Poly1305::new(&random_bytes().into()))
    }

    /// For the cookie.
    pub fn close(&self, under_way: &UnderWay) -> String {
        let random = random_bytes();
        let nonce = XNonce::try_from(&random[..NONCE_BYTES]).expect("it is as long as a nonce");
        let text = serde_json::to_vec(under_way).expect("texts and numbers can be written");
        let sealed = self.0.encrypt(&nonce, text.as_slice()).expect("it is short enough to seal");
        BASE64.encode([&nonce[..], &sealed].concat())
    }

    /// What was sealed here, while it lasts.
    pub fn open(&self, sealed: &str, now_ms: i64) -> Option<UnderWay> {
        let data = BASE64.decode(sealed).ok()?;
        let (nonce, data) = data.split_at_checked(NONCE_BYTES)?;
        let text = self.0.decrypt(&XNonce::try_from(nonce).ok()?, data).ok()?;
        let under_way: UnderWay = serde_json::from_slice(&text).ok()?;
        (under_way.until_ms > now_ms).then_some(under_way)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn sign_in(next: &str) -> Purpose {
        Purpose::SignIn { next: next.to_owned() }
    }

    proptest! {
        #[test]
        fn no_text_opens_that_was_not_sealed(
            text in prop_oneof![any::<String>(), any::<Vec<u8>>().prop_map(|data| BASE64.encode(data))],
            next: String,
            at: Index,
            byte: u8,
        ) {
            let seal = Seal::new();
            prop_assert_eq!(seal.open(&text, NOW_MS), None);
            let under_way = UnderWay::begin(sign_in(&next), NOW_MS);
            let sealed = seal.close(&under_way);
            prop_assert_eq!(seal.open(&sealed, NOW_MS), Some(under_way));
            let mut data = BASE64.decode(&sealed).expect("it was encoded so");
            let at = at.index(data.len());
            prop_assume!(data[at] != byte);
            data[at] = byte;
            prop_assert_eq!(seal.open(&BASE64.encode(data), NOW_MS), None);
        }
    }

    #[test]
    fn what_was_sealed_opens_for_ten_minutes_and_nowhere_else() {
        let seal = Seal::new();
        let under_way = UnderWay::begin(Purpose::connect("session"), NOW_MS);
        let sealed = seal.close(&under_way);
        assert_eq!(seal.open(&sealed, NOW_MS + UNDER_WAY_MS - 1), Some(under_way.clone()));
        assert_eq!(seal.open(&sealed, NOW_MS + UNDER_WAY_MS), None);
        assert_eq!(Seal::new().open(&sealed, NOW_MS), None, "another process has another key");
        for changed in
            ["", "A", &sealed[..40], &format!("{sealed}AAAA"), &sealed.replace(&sealed[60..64], "AAAA")]
        {
            assert_eq!(seal.open(changed, NOW_MS), None, "{changed}");
        }
        let longest = UnderWay::begin(sign_in(&"/".repeat(crate::oidc::MAX_NEXT_BYTES)), NOW_MS);
        assert!(seal.close(&longest).len() < 3_000, "a cookie has room for it");
        assert!(!format!("{under_way:?}").contains(&under_way.verifier));
    }

    #[test]
    fn no_two_begin_alike_and_a_verifier_is_as_long_as_it_must_be() {
        let [one, other] = ["/", "/"].map(|next| UnderWay::begin(sign_in(next), NOW_MS));
        assert!(one.state != other.state && one.nonce != other.nonce && one.verifier != other.verifier);
        assert!((43..=128).contains(&one.verifier.len()), "RFC 7636, section 4.1");
        assert!(one.has_state(&one.state) && !one.has_state(&other.state) && !one.has_state(""));
    }

    #[test]
    fn a_connection_is_for_the_session_that_began_it() {
        let connect = Purpose::connect("one");
        assert!(connect.is_of(Some("one")) && !connect.is_of(Some("other")) && !connect.is_of(None));
        assert!(sign_in("/").is_of(None) && sign_in("/").is_of(Some("one")));
    }
}
