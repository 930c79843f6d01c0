//! Who may call: API keys, one-time sign-in links, sessions. Only hashes are kept; what is random enough needs no
//! slow hash.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::{ApiKeyRecord, SessionRecord, Store, StoreError};
use groundswell_types::signature::hex;

/// How long a sign-in link can be used: one hour.
pub const SIGN_IN_LINK_MS: i64 = 3_600_000;

/// How long a session lasts: 30 days.
pub const SESSION_MS: i64 = 30 * 86_400_000;

/// API keys by their hashes, for each request.
pub(crate) struct Access {
    keys: RwLock<HashMap<[u8; 32], String>>,
    /// How many sessions were ended, for those who serve one for long.
    ended: watch::Sender<u64>,
}

impl Access {
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let keys = store.api_keys().await?.into_iter().map(|key| (key.key_hash, key.id)).collect();
        Ok(Self { keys: RwLock::new(keys), ended: watch::Sender::new(0) })
    }
}

/// A new API key, shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewApiKey {
    pub record: ApiKeyRecord,
    pub key: String,
}

/// The SHA-256 a key or token is kept as.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl Engine {
    /// The id of the API key whose text this is. Looked up by hash, so timing tells nothing about stored keys.
    pub fn api_key(&self, key: &str) -> Option<String> {
        let keys = self.access.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&hash_token(key)).cloned()
    }

    /// All API keys.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, EngineError> {
        Ok(self.store.api_keys().await?)
    }

    /// Makes an API key.
    pub async fn create_api_key(&self, name: &str) -> Result<NewApiKey, EngineError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 100 {
            return Err(EngineError::invalid("/name", "must have 1 to 100 characters"));
        }
        let key = format!("gsk_{}", id::random_text(40));
        let record = ApiKeyRecord {
            id: format!("key_{}", id::random_text(10)),
            name: name.to_owned(),
            key_hash: hash_token(&key),
            created_at_ms: self.clock.now_ms(),
        };
        self.store.save_api_key(&record).await?;
        let mut keys = self.access.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(record.key_hash, record.id.clone());
        Ok(NewApiKey { record, key })
    }

    /// Removes an API key; it stops working at once.
    pub async fn delete_api_key(&self, id: &str) -> Result<(), EngineError> {
        if !self.store.delete_api_key(id).await? {
            return Err(EngineError::NotFound("API key"));
        }
        let mut keys = self.access.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, known| known != id);
        Ok(())
    }

    /// Makes a one-time sign-in link's token; returns it with its end, Unix milliseconds.
    pub async fn create_sign_in_token(&self) -> Result<(String, i64), EngineError> {
        let token = hex(&id::random_bytes());
        let expires_at_ms = self.clock.now_ms() + SIGN_IN_LINK_MS;
        self.store.save_sign_in_link(hash_token(&token), expires_at_ms).await?;
        Ok((token, expires_at_ms))
    }

    /// Uses up a sign-in link's token and begins a session; returns the session's token.
    pub async fn sign_in(&self, token: &str) -> Result<String, EngineError> {
        let now_ms = self.clock.now_ms();
        if !self.store.use_sign_in_link(hash_token(token), now_ms).await? {
            return Err(EngineError::Refused(
                "This sign-in link has been used or has expired. Make a new one.".to_owned(),
            ));
        }
        let session = hex(&id::random_bytes());
        let record = SessionRecord {
            token_hash: hash_token(&session),
            created_at_ms: now_ms,
            expires_at_ms: now_ms + SESSION_MS,
        };
        self.store.save_session(&record).await?;
        Ok(session)
    }

    /// Whether a session's token is valid.
    pub async fn is_signed_in(&self, session: &str) -> Result<bool, EngineError> {
        Ok(self.store.session(hash_token(session), self.clock.now_ms()).await?.is_some())
    }

    /// Ends a session.
    pub async fn sign_out(&self, session: &str) -> Result<(), EngineError> {
        self.store.delete_session(hash_token(session)).await?;
        self.access.ended.send_modify(|ended| *ended += 1);
        Ok(())
    }

    /// Changes whenever a session is ended: whoever goes on serving one has to ask again whether it is valid.
    pub fn sessions_ended(&self) -> watch::Receiver<u64> {
        self.access.ended.subscribe()
    }

    /// Whether nobody has ever signed in.
    pub async fn is_first_run(&self) -> Result<bool, EngineError> {
        Ok(!self.store.has_sessions().await?)
    }
}
