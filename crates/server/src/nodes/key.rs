//! By what nodes know each other, and that a message is for this one, and new.
//!
//! A message is signed with a key that is made of the secrets key, which all nodes have. What is signed names who sends it and
//! to whom: both are processes, from their start to their end, so that nothing said to one is heard by another, or by the one
//! that is started next. Each message of a sender has a number of its own, the next one, and a number is heard once. No time is
//! in it: clocks of two machines may be minutes apart, and nothing that nodes do depends on them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use groundswell_engine::cluster::NodeId;
use groundswell_engine::store::vault::Vault;
use groundswell_types::signature::{hex, hmac_sha256};
use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The signature of what one node sends another: who it is, the message's number and the HMAC, with blanks between.
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("groundswell-node");

/// A message that so many of the same sender have overtaken is not heard any more.
const OVERTAKEN: u64 = 4_096;

/// Senders are few; beyond this those that do not live any more are forgotten.
const MANY: usize = 128;

/// What nodes know each other by.
#[derive(Clone)]
pub struct NodeKey(Arc<Inner>);

struct Inner {
    key: Zeroizing<[u8; 32]>,
    me: NodeId,
    /// Of the next message.
    number: AtomicU64,
    heard: Mutex<HashMap<NodeId, Numbers>>,
}

/// A message's signature as it was sent, whoever sent it.
pub(super) struct Claim<'a> {
    sender: NodeId,
    number: u64,
    mac: &'a str,
}

impl<'a> Claim<'a> {
    /// None if there is nothing that a node would have sent: there is one way to write a sender and a number.
    pub(super) fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut parts = headers.get(SIGNATURE)?.to_str().ok()?.split(' ');
        let (sender, number, mac) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || mac.len() != 64 {
            return None;
        }
        let claim = Self {
            sender: i64::from_str_radix(sender, 16).ok().map(NodeId::new)?,
            number: number.parse().ok()?,
            mac,
        };
        let is_as_sent = claim.sender.to_string() == sender && claim.number.to_string() == number;
        is_as_sent.then_some(claim)
    }
}

impl NodeKey {
    /// Of all nodes whose secrets are sealed with the same key; this one is `me`.
    pub fn new(vault: &Vault, me: NodeId) -> Self {
        let key = Zeroizing::new(*vault.between_nodes());
        Self(Arc::new(Inner { key, me, number: AtomicU64::new(1), heard: Mutex::default() }))
    }

    /// Signs the next message to a node, which consists of these parts.
    pub(super) fn sign(&self, to: NodeId, parts: &[&[u8]]) -> HeaderValue {
        let (me, number) = (self.0.me, self.0.number.fetch_add(1, Ordering::Relaxed));
        let mac = self.mac((me, number, to), parts);
        HeaderValue::try_from(format!("{me} {number} {mac}")).expect("digits and blanks")
    }

    /// Whether a message with these parts is of a node, for this one, and was not heard before. `lives` is asked of who has said
    /// nothing yet.
    pub(super) async fn hears<F: Future<Output = bool> + Send>(
        &self,
        claim: &Claim<'_>,
        parts: &[&[u8]],
        lives: impl Fn(NodeId) -> F + Send + Sync,
    ) -> bool {
        let mac = self.mac((claim.sender, claim.number, self.0.me), parts);
        if !bool::from(claim.mac.as_bytes().ct_eq(mac.as_bytes())) {
            return false;
        }
        if !self.knows(claim.sender) {
            if !lives(claim.sender).await {
                return false;
            }
            self.forget_the_dead(&lives).await;
        }
        let mut heard = self.heard();
        heard.entry(claim.sender).or_default().take(claim.number)
    }

    /// A short text that stands for a body in what is signed, so that nobody's body is read before it is known to be a node's.
    pub(super) fn mac_of_body(&self, body: &[u8]) -> String {
        hex(&hmac_sha256(&self.0.key[..], &[b"body\n", body]))
    }

    fn mac(&self, (sender, number, to): (NodeId, u64, NodeId), parts: &[&[u8]]) -> String {
        let head = format!("node\n{sender} {number} {to}\n");
        let mut whole: Vec<&[u8]> = vec![head.as_bytes()];
        whole.extend(parts);
        hex(&hmac_sha256(&self.0.key[..], &whole))
    }

    fn knows(&self, sender: NodeId) -> bool {
        self.heard().contains_key(&sender)
    }

    /// Whoever does not live any more would have to be asked about again, and is not heard.
    async fn forget_the_dead<F: Future<Output = bool> + Send>(
        &self,
        lives: &(impl Fn(NodeId) -> F + Send + Sync),
    ) {
        let known: Vec<NodeId> = self.heard().keys().copied().collect();
        if known.len() < MANY {
            return;
        }
        for node in known {
            if !lives(node).await {
                self.heard().remove(&node);
            }
        }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, HashMap<NodeId, Numbers>> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of a sender's messages were heard.
#[derive(Debug)]
struct Numbers {
    /// The highest.
    newest: u64,
    /// Of the last ones, by their number; the others are not heard any more.
    heard: Box<[bool]>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { newest: 0, heard: vec![false; place(OVERTAKEN - 1) + 1].into() }
    }
}

impl Numbers {
    /// Hears a message, unless it was heard before or may have been.
    fn take(&mut self, number: u64) -> bool {
        if number.saturating_add(OVERTAKEN) <= self.newest {
            return false;
        }
        if number > self.newest {
            // Each place is a new number's from here on.
            let passed = (number - self.newest).min(OVERTAKEN);
            for skipped in 0..passed {
                self.heard[place(number - skipped)] = false;
            }
            self.newest = number;
        }
        !std::mem::replace(&mut self.heard[place(number)], true)
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number % OVERTAKEN).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use groundswell_engine::store::vault::SecretsKey;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const ONE: NodeId = NodeId::new(1);
    const OTHER: NodeId = NodeId::new(0x7fff_ffff_ffff_ffff);

    fn key(secret: u8, me: NodeId) -> NodeKey {
        NodeKey::new(&Vault::new(&SecretsKey::from_bytes([secret; 32])), me)
    }

    fn signed(value: HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(SIGNATURE, value)])
    }

    async fn hears(key: &NodeKey, headers: &HeaderMap, parts: &[&[u8]], lives: bool) -> bool {
        let claim = Claim::of(headers).expect("well formed");
        key.hears(&claim, parts, |_| std::future::ready(lives)).await
    }

    #[tokio::test]
    async fn a_message_is_heard_once_by_the_one_it_is_for() {
        let (sender, receiver, third) = (key(1, ONE), key(1, OTHER), key(1, NodeId::new(3)));
        let parts: &[&[u8]] = &[b"say\n", b"a"];
        let message = signed(sender.sign(OTHER, parts));
        assert!(!hears(&third, &message, parts, true).await, "it is not for this one");
        assert!(!hears(&receiver, &message, &[b"say\n", b"b"], true).await, "nobody has said that");
        assert!(hears(&receiver, &message, parts, true).await);
        assert!(!hears(&receiver, &message, parts, true).await, "it was heard");
        let restarted = key(1, NodeId::new(4));
        assert!(!hears(&restarted, &message, parts, true).await, "nor is the next process");
        let next = signed(sender.sign(OTHER, parts));
        assert!(hears(&receiver, &next, parts, true).await, "the same can be said again");
    }

    #[tokio::test]
    async fn only_who_has_the_key_and_lives_is_heard() {
        let receiver = key(1, OTHER);
        let parts: &[&[u8]] = &[b"say\n", b"a"];
        let strange = signed(key(2, ONE).sign(OTHER, parts));
        assert!(!hears(&receiver, &strange, parts, true).await);
        let sender = key(1, ONE);
        let message = signed(sender.sign(OTHER, parts));
        assert!(!hears(&receiver, &message, parts, false).await, "it has died");
        assert!(hears(&receiver, &message, parts, true).await, "who was not heard may come again");
        let later = signed(sender.sign(OTHER, parts));
        assert!(hears(&receiver, &later, parts, false).await, "who is known is not asked about");
    }

    #[test]
    fn what_was_held_back_for_long_is_not_heard() {
        let mut numbers = Numbers::default();
        assert!(numbers.take(2) && numbers.take(1) && !numbers.take(2) && !numbers.take(1));
        assert!(numbers.take(OVERTAKEN + 10));
        assert!(!numbers.take(10), "as many have overtaken it");
        assert!(numbers.take(11) && !numbers.take(11));
        assert!(numbers.take(100 * OVERTAKEN) && numbers.take(99 * OVERTAKEN + 1));
        assert!(!numbers.take(99 * OVERTAKEN));
        assert!(numbers.take(u64::MAX) && !numbers.take(1));
    }

    #[test]
    fn what_no_node_would_send_is_told_by_its_form() {
        for value in ["", "1 1", "1 1 00", "x 1 ", "1 1 1 1"] {
            assert!(Claim::of(&signed(HeaderValue::from_static(value))).is_none(), "{value}");
        }
        assert!(Claim::of(&HeaderMap::new()).is_none());
        assert!(Claim::of(&signed(key(1, ONE).sign(OTHER, &[]))).is_some());
    }

    /// Whether a header of these bytes, if they are one, is heard as the signature of `parts`; and what it claims.
    fn heard(value: &[u8], parts: &[&[u8]]) -> Option<(NodeId, u64, bool)> {
        let headers = signed(HeaderValue::from_bytes(value).ok()?);
        let claim = Claim::of(&headers)?;
        let receiver = key(1, OTHER);
        let is_heard = receiver.hears(&claim, parts, |_| std::future::ready(true)).now_or_never();
        Some((claim.sender, claim.number, is_heard.expect("it waits for nobody")))
    }

    proptest! {
        #[test]
        fn no_bytes_are_heard_that_no_node_has_signed(
            value in prop_oneof![
                any::<Vec<u8>>(),
                "[0-9a-f+-]{0,17} [0-9+]{0,21} [0-9a-f]{64}".prop_map(String::into_bytes),
            ],
            part in any::<Vec<u8>>(),
        ) {
            prop_assert!(heard(&value, &[&part]).is_none_or(|(_, _, is_heard)| !is_heard));
        }

        #[test]
        fn a_signature_with_another_byte_is_not_heard(part in any::<Vec<u8>>(), at: Index, byte: u8) {
            let mut value = key(1, ONE).sign(OTHER, &[&part]).as_bytes().to_vec();
            prop_assert_eq!(heard(&value, &[&part]), Some((ONE, 1, true)));
            let at = at.index(value.len());
            prop_assume!(value[at] != byte);
            value[at] = byte;
            prop_assert!(heard(&value, &[&part]).is_none_or(|(_, _, is_heard)| !is_heard));
        }
    }
}
