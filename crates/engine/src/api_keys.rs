//! Keys for the REST API: made, shown once, looked up by their hashes for each request, revoked.
//!
//! A key's text is [`API_KEY_PREFIX`], 36 random characters, and a checksum over both, so that a scanner for leaked keys
//! finds it and can tell it from what only looks like one without asking us.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use groundswell_types::{
    API_KEY_PREFIX, ApiKey, CreatedApiKey, MAX_API_KEY_NAME_CHARS, NewApiKey, Problem, ProgramId, RateLimit,
    Scope, Scopes, TeamId,
};

use tokio::sync::watch;

use crate::access::hash_token;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::{ApiKeyRecord, Store, StoreError};

const RANDOM_CHARS: usize = 36;

const CHECKSUM_CHARS: usize = 6;

/// Characters that are kept to recognise a key by.
const SHOWN_CHARS: usize = 4;

/// How exactly it is kept when a key was last used, so that a busy key costs a write a minute.
const USED_STEP_MS: i64 = 60_000;

/// Of a team: keys are looked through in memory at every start and shown on one page.
const MAX_KEYS: usize = 1_000;

/// Of one program.
const MAX_KEYS_OF_PROGRAM: usize = 100;

/// All keys, for each request.
pub struct ApiKeys {
    by_hash: RwLock<HashMap<[u8; 32], Arc<KnownKey>>>,
    /// How many were revoked.
    revoked: watch::Sender<u64>,
}

/// A key that a request came with.
#[derive(Debug)]
pub struct KnownKey {
    pub id: String,
    pub name: String,
    pub team: TeamId,
    pub scopes: Scopes,
    /// The one program it is good for.
    pub program: Option<ProgramId>,
    pub rate_limit: Option<RateLimit>,
    /// Unix milliseconds; 0 is never.
    last_used_at_ms: AtomicI64,
    /// What the store has of it.
    written_at_ms: AtomicI64,
}

/// Some of the keys.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Of all teams if none.
    pub team: Option<TeamId>,
    /// Only those of this program.
    pub program: Option<ProgramId>,
}

impl Reach {
    fn has(&self, key: &ApiKeyRecord) -> bool {
        self.team.as_ref().is_none_or(|team| key.team_id == *team)
            && (self.program.is_none() || key.program_id == self.program)
    }
}

impl From<&ApiKeyRecord> for KnownKey {
    fn from(record: &ApiKeyRecord) -> Self {
        let used = record.last_used_at_ms.unwrap_or(0);
        Self {
            id: record.id.clone(),
            name: record.name.clone(),
            team: record.team_id.clone(),
            scopes: record.scopes,
            program: record.program_id.clone(),
            rate_limit: record.rate_limit,
            last_used_at_ms: AtomicI64::new(used),
            written_at_ms: AtomicI64::new(used),
        }
    }
}

impl KnownKey {
    /// Whether it may do what needs `scope`.
    pub const fn may(&self, scope: Scope) -> bool {
        self.scopes.allow(scope)
    }
}

impl ApiKeys {
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let keys = store.api_keys().await?;
        let by_hash = keys.iter().map(|key| (key.key_hash, Arc::new(KnownKey::from(key)))).collect();
        Ok(Self { by_hash: RwLock::new(by_hash), revoked: watch::Sender::new(0) })
    }

    /// Takes over what other nodes have made and revoked.
    pub(crate) async fn read_again(&self, store: &dyn Store) -> Result<(), StoreError> {
        let records = store.api_keys().await?;
        let mut keys = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *keys);
        for record in &records {
            // One that is known has been used since it was written.
            let known = before.get(&record.key_hash).cloned();
            keys.insert(record.key_hash, known.unwrap_or_else(|| Arc::new(KnownKey::from(record))));
        }
        let has_lost = before.keys().any(|hash| !keys.contains_key(hash));
        drop(keys);
        if has_lost {
            self.revoked.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    fn find(&self, hash: &[u8; 32]) -> Option<Arc<KnownKey>> {
        self.by_hash.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    /// Whether there is a key with that id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.by_hash.read().unwrap_or_else(PoisonError::into_inner).values().any(|known| known.id == id)
    }

    pub(crate) fn forget(&self, id: &str) {
        let mut keys = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, known| known.id != id);
        drop(keys);
        self.revoked.send_modify(|revoked| *revoked += 1);
    }

    fn known(&self) -> Vec<Arc<KnownKey>> {
        self.by_hash.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Whether a text is written as our keys are, its checksum included. Keys from before there was one are not.
pub fn is_well_formed(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(API_KEY_PREFIX) else { return false };
    rest.len() == RANDOM_CHARS + CHECKSUM_CHARS
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.ends_with(&checksum(&text[..API_KEY_PREFIX.len() + RANDOM_CHARS]))
}

/// CRC-32 (IEEE) in base 62, most significant digit first, filled up with zeros.
fn checksum(text: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % DIGITS.len()];
        rest /= DIGITS.len();
    }
    digits.map(char::from).iter().collect()
}

fn new_text() -> String {
    let text = format!("{API_KEY_PREFIX}{}", id::random_text(RANDOM_CHARS));
    let checksum = checksum(&text);
    text + &checksum
}

impl Engine {
    /// The API key whose text has this hash, see [`hash_token`], and notes that it was used. Looked up by hash, so timing
    /// tells nothing about stored keys.
    pub fn api_key(&self, hash: &[u8; 32]) -> Option<Arc<KnownKey>> {
        let key = self.api_keys.find(hash)?;
        key.last_used_at_ms.fetch_max(self.clock.now_ms(), Ordering::Relaxed);
        Some(key)
    }

    /// The API keys in reach, oldest first.
    pub async fn api_keys(&self, reach: &Reach) -> Result<Vec<ApiKey>, EngineError> {
        let used: HashMap<String, i64> = (self.api_keys.known().iter())
            .map(|key| (key.id.clone(), key.last_used_at_ms.load(Ordering::Relaxed)))
            .collect();
        let records = self.store.api_keys().await?.into_iter();
        let records = records.filter(|key| reach.has(key));
        Ok(records
            .map(|record| {
                let used_at_ms = used.get(&record.id).copied().filter(|at_ms| *at_ms > 0);
                ApiKeyRecord { last_used_at_ms: used_at_ms.max(record.last_used_at_ms), ..record }.view()
            })
            .collect())
    }

    /// Makes an API key of a team.
    pub async fn create_api_key(&self, team: TeamId, new: NewApiKey) -> Result<CreatedApiKey, EngineError> {
        let NewApiKey { name, scopes, campaign_id: program, rate_limit } = new;
        let name = name.trim();
        let mut problems = Vec::new();
        if name.is_empty() || name.chars().count() > MAX_API_KEY_NAME_CHARS || name.contains('\0') {
            problems.push(Problem::new("/name", "must have 1 to 100 characters"));
        }
        if scopes.is_empty() {
            problems.push(Problem::new("/scopes", "must have at least one scope"));
        }
        let is_elsewhere = |program: &ProgramId| {
            self.directory.program(program).is_none_or(|entry| entry.record.team_id != team)
        };
        if program.as_ref().is_some_and(is_elsewhere) {
            problems.push(Problem::new("/campaignId", "must be the id of a program"));
        }
        if !problems.is_empty() {
            return Err(EngineError::Invalid(problems));
        }
        let known = self.api_keys.known();
        if known.iter().filter(|key| key.team == team).count() >= MAX_KEYS {
            return Err(EngineError::Conflict("There are 1,000 API keys; revoke some first.".to_owned()));
        }
        // So that one program's admin cannot take all.
        let of_program = known.iter().filter(|key| key.program == program).count();
        if program.is_some() && of_program >= MAX_KEYS_OF_PROGRAM {
            return Err(EngineError::Conflict(
                "There are 100 API keys for this program; revoke some first.".to_owned(),
            ));
        }
        let text = new_text();
        let record = ApiKeyRecord {
            id: format!("key_{}", id::random_text(10)),
            team_id: team,
            name: name.to_owned(),
            key_hash: hash_token(&text),
            scopes,
            program_id: program,
            rate_limit,
            ends_with: Some(text[text.len() - SHOWN_CHARS..].to_owned()),
            created_at_ms: self.clock.now_ms(),
            last_used_at_ms: None,
        };
        self.store.save_api_key(&record).await?;
        let mut keys = self.api_keys.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(record.key_hash, Arc::new(KnownKey::from(&record)));
        Ok(CreatedApiKey { view: record.view(), key: text })
    }

    /// An API key in reach.
    pub(crate) async fn api_key_in(&self, id: &str, reach: &Reach) -> Result<ApiKeyRecord, EngineError> {
        let is_in_reach = |key: &ApiKeyRecord| key.id == id && reach.has(key);
        let keys = self.store.api_keys().await?;
        keys.into_iter().find(is_in_reach).ok_or(EngineError::NotFound("API key"))
    }

    /// Revokes an API key in reach; it stops working at once.
    pub async fn delete_api_key(&self, id: &str, reach: &Reach) -> Result<(), EngineError> {
        self.api_key_in(id, reach).await?;
        // First, so that it stops working whatever becomes of the write and of whoever waits for it.
        self.api_keys.forget(id);
        // Who came by one of its editor links is shut out with it.
        self.access.tell();
        if self.store.delete_api_key(id).await? { Ok(()) } else { Err(EngineError::NotFound("API key")) }
    }

    /// Changes whenever a key is revoked: whoever goes on serving one has to ask again whether it is valid.
    pub fn api_keys_revoked(&self) -> watch::Receiver<u64> {
        self.api_keys.revoked.subscribe()
    }

    /// Writes when keys were last used, of those that were used since.
    pub(crate) async fn write_used_keys(&self) -> Result<(), EngineError> {
        let mut used = Vec::new();
        for key in self.api_keys.known() {
            let at_ms = key.last_used_at_ms.load(Ordering::Relaxed);
            let written_at_ms = key.written_at_ms.load(Ordering::Relaxed);
            if at_ms > written_at_ms && (written_at_ms == 0 || at_ms - written_at_ms >= USED_STEP_MS) {
                used.push((key, at_ms));
            }
        }
        if used.is_empty() {
            return Ok(());
        }
        let rows: Vec<(&str, i64)> = used.iter().map(|(key, at_ms)| (key.id.as_str(), *at_ms)).collect();
        self.store.note_api_keys_used(&rows).await?;
        for (key, at_ms) in &used {
            key.written_at_ms.store(*at_ms, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_prefix_and_a_checksum_that_finds_a_mistake() {
        let text = new_text();
        assert_eq!(text.len(), 46);
        assert!(is_well_formed(&text), "{text}");
        for at in 0..text.len() {
            let mut mistaken = text.clone().into_bytes();
            mistaken[at] = if mistaken[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(&String::from_utf8(mistaken).expect("ASCII")), "a mistake at {at}");
        }
        for text in ["", "gsk_", "gsk_ä", &text[..45]] {
            assert!(!is_well_formed(text), "{text}");
        }
    }

    #[test]
    fn the_checksum_is_the_one_that_is_documented() {
        // The check value of CRC-32/ISO-HDLC is 0xCBF43926 = 3421780262.
        assert_eq!(checksum("123456789"), "3jZRME");
    }
}
