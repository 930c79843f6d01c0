//! Who may use the editor: one-time sign-in links, sessions. Only hashes are kept; what is random enough needs no slow
//! hash.

use groundswell_types::signature::hex;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::SessionRecord;

/// How long a sign-in link can be used: one hour.
pub const SIGN_IN_LINK_MS: i64 = 3_600_000;

/// How long a session lasts: 30 days.
pub const SESSION_MS: i64 = 30 * 86_400_000;

/// What those who serve a session for long have to know.
pub(crate) struct Access {
    /// How many sessions were ended.
    ended: watch::Sender<u64>,
}

impl Default for Access {
    fn default() -> Self {
        Self { ended: watch::Sender::new(0) }
    }
}

/// The SHA-256 a key or token is kept as.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl Engine {
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
