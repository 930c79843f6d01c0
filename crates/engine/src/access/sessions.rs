//! Sessions, and the one-time links that begin them. Only hashes are kept; what is random enough needs no slow hash.

use std::net::IpAddr;

use groundswell_types::{AuditAction, TeamId, UserId};

use super::{Person, hash_token, new_token};
use crate::audit::{By, Deed, Trace};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{DeviceRecord, LinkMaker, MembershipRecord, SessionRecord, SignInLinkRecord, SignedIn};

/// How long a sign-in link can be used: one hour.
pub const SIGN_IN_LINK_MS: i64 = 3_600_000;

/// How long a session lasts at most: 30 days.
pub const SESSION_MS: i64 = 30 * 86_400_000;

/// How long a session lasts that nobody uses: 7 days.
pub const IDLE_MS: i64 = 7 * 86_400_000;

/// How long a browser is remembered that somebody signed in with: 180 days.
pub const DEVICE_MS: i64 = 180 * 86_400_000;

/// What all sessions of somebody are called in the audit log that end but the one that ends them.
pub(crate) const ALL_OTHERS: &str = "all others";

/// How exactly it is kept when a session was last used.
const SEEN_STEP_MS: i64 = 300_000;

/// Of what a browser calls itself so much is kept.
const MAX_USER_AGENT_CHARS: usize = 300;

/// Who uses a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    ByPerson,
    ByPage,
}

/// Where somebody comes from who signs in.
#[derive(Debug, Clone, Default)]
pub struct Came {
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
    /// The session that the browser had before, which ends.
    pub session: Option<String>,
    /// What marks the browser as one that somebody has signed in with before.
    pub device: Option<String>,
    /// What its pages are in: a language tag.
    pub language: Option<String>,
}

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// For the cookie.
    pub token: String,
    /// For the cookie that marks the browser as one that has signed in; lasts for [`DEVICE_MS`].
    pub device: String,
    pub user: UserId,
}

impl Engine {
    /// Makes a one-time sign-in link's token for somebody; returns it with its end, Unix milliseconds.
    pub async fn create_sign_in_token(&self, user: &UserId) -> Result<(String, i64), EngineError> {
        self.create_sign_in_token_by(user, LinkMaker::Person).await
    }

    /// Makes the link by which the first owner comes for the first time. It is the only one: nobody knows who has read where the
    /// earlier ones were written.
    pub async fn create_first_sign_in_token(&self) -> Result<(String, i64), EngineError> {
        let _held = self.access.doorkeeper.accounts.lock().await;
        self.store.delete_sign_in_links_of(&UserId::first()).await?;
        self.create_sign_in_token(&UserId::first()).await
    }

    /// The same for what somebody else makes.
    pub(crate) async fn create_sign_in_token_by(
        &self,
        user: &UserId,
        made_by: LinkMaker,
    ) -> Result<(String, i64), EngineError> {
        let (token, token_hash) = new_token();
        let expires_at_ms = self.clock.now_ms() + SIGN_IN_LINK_MS;
        let link = SignInLinkRecord { token_hash, user_id: user.clone(), expires_at_ms, made_by };
        self.store.save_sign_in_link(&link).await?;
        Ok((token, expires_at_ms))
    }

    /// Uses up a sign-in link's token and begins a session.
    pub async fn sign_in(&self, token: &str, came: Came) -> Result<Begun, EngineError> {
        // A link that a new password ends begins no session behind it.
        let _held = self.access.doorkeeper.accounts.lock().await;
        let link = self.store.use_sign_in_link(hash_token(token), self.clock.now_ms()).await?;
        let link = link.ok_or_else(|| EngineError::Refused(LINK_USED.to_owned()))?;
        let user = link.user_id;
        let key = match &link.made_by {
            LinkMaker::Person | LinkMaker::Mail => None,
            LinkMaker::Key(key) if self.may_key_sign_in(key, &self.store.memberships(&user).await?) => {
                Some(key.clone())
            }
            LinkMaker::Key(_) => return Err(EngineError::Refused(LINK_USED.to_owned())),
        };
        self.record_sign_in(&user, came.address, "link").await?;
        self.tell_of_sign_in(&user, &came).await?;
        let begun = self.begin_session_by(user, came, key).await?;
        self.access.doorkeeper.by_link.note(hash_token(&begun.token), link.made_by, self.clock.now_ms());
        Ok(begun)
    }

    /// Records a sign-in; it is none when it cannot be recorded.
    pub(crate) async fn record_sign_in(
        &self,
        user: &UserId,
        address: Option<IpAddr>,
        by: &str,
    ) -> Result<(), EngineError> {
        let teams = self.teams_of(user).await?;
        let trace = Trace::default().with("by", by);
        let deed = Deed { action: AuditAction::SessionBegan, teams, program: None, trace };
        self.record(self.by_user(user, address).await?, deed).await
    }

    /// Whether somebody with these memberships may be signed in by a link that this key made. It is nobody who runs the
    /// server: a key is for its team, and would be more than that. And it is nobody any more once the key is revoked.
    fn may_key_sign_in(&self, key: &str, memberships: &[MembershipRecord]) -> bool {
        self.api_keys.has(key) && !memberships.iter().any(MembershipRecord::runs_server)
    }

    /// Whether a session came of a key's link, and reaches further than the key does by now.
    pub(crate) fn has_outlived_its_key(
        &self,
        session: &SessionRecord,
        memberships: &[MembershipRecord],
    ) -> bool {
        session.api_key_id.as_ref().is_some_and(|key| !self.may_key_sign_in(key, memberships))
    }

    /// Begins a session with a token of its own, always a new one; the browser's earlier session ends.
    pub(crate) async fn begin_session(&self, user: UserId, came: Came) -> Result<Begun, EngineError> {
        self.begin_session_by(user, came, None).await
    }

    /// The same for one that ends with an API key, if there is one.
    pub(crate) async fn begin_session_by(
        &self,
        user: UserId,
        came: Came,
        api_key_id: Option<String>,
    ) -> Result<Begun, EngineError> {
        let now_ms = self.clock.now_ms();
        let (token, token_hash) = new_token();
        let agent = came.user_agent.map(|agent| agent.chars().take(MAX_USER_AGENT_CHARS).collect());
        let record = SessionRecord {
            token_hash,
            user_id: user.clone(),
            team_id: None,
            created_at_ms: now_ms,
            last_seen_at_ms: now_ms,
            expires_at_ms: now_ms + SESSION_MS,
            address: came.address.map(|address| address.to_string()),
            user_agent: agent,
            api_key_id,
        };
        self.store.save_session(&record).await?;
        if let Some(before) = came.session {
            self.store.delete_session(hash_token(&before)).await?;
            self.access.tell();
        }
        let device = self.remember_device(&user).await?;
        Ok(Begun { token, device, user })
    }

    /// Remembers a browser of somebody, under a new token: they sign in with it even while strangers guess at their password.
    pub(crate) async fn remember_device(&self, user: &UserId) -> Result<String, EngineError> {
        let now_ms = self.clock.now_ms();
        let (token, token_hash) = new_token();
        let user_id = user.clone();
        let device =
            DeviceRecord { token_hash, user_id, created_at_ms: now_ms, expires_at_ms: now_ms + DEVICE_MS };
        self.store.save_device(&device).await?;
        Ok(token)
    }

    /// Whose session this is, while it lasts; for what they do themselves, which keeps it from ending unused.
    pub async fn person(&self, session: &str) -> Result<Option<Person>, EngineError> {
        self.person_of(session, Use::ByPerson).await
    }

    /// The same for what an open page does by itself, be somebody there or not: that uses no session.
    pub async fn person_of_open_page(&self, session: &str) -> Result<Option<Person>, EngineError> {
        self.person_of(session, Use::ByPage).await
    }

    async fn person_of(&self, session: &str, is_used: Use) -> Result<Option<Person>, EngineError> {
        let now_ms = self.clock.now_ms();
        let Some(signed_in) = self.store.session(hash_token(session), now_ms).await? else {
            return Ok(None);
        };
        let SessionRecord { token_hash, last_seen_at_ms, .. } = signed_in.session;
        let is_idle = now_ms - last_seen_at_ms > IDLE_MS;
        if is_idle || self.has_outlived_its_key(&signed_in.session, &signed_in.memberships) {
            self.store.delete_session(token_hash).await?;
            return Ok(None);
        }
        if is_used == Use::ByPerson && now_ms - last_seen_at_ms > SEEN_STEP_MS {
            self.store.touch_session(token_hash, now_ms).await?;
        }
        Ok(Some(person(signed_in)))
    }

    /// Ends a session.
    pub async fn sign_out(&self, session: &str, address: Option<IpAddr>) -> Result<(), EngineError> {
        let token_hash = hash_token(session);
        let end = async {
            self.store.delete_session(token_hash).await?;
            self.access.tell();
            Ok(())
        };
        let Some(SignedIn { user, .. }) = self.store.session(token_hash, self.clock.now_ms()).await? else {
            return end.await;
        };
        let (teams, trace) = (self.teams_of(&user.id).await?, Trace::default());
        let deed = Deed { action: AuditAction::SessionEnded, teams, program: None, trace };
        self.recorded(By::person(&user.id, &user.name, address), deed, end).await
    }

    /// Whether nobody has ever signed in.
    pub async fn is_first_run(&self) -> Result<bool, EngineError> {
        Ok(!self.store.has_sessions().await?)
    }
}

const LINK_USED: &str = "This sign-in link has been used or has expired. Make a new one.";

fn person(SignedIn { session, user, memberships }: SignedIn) -> Person {
    let memberships: Vec<_> = memberships.into_iter().map(|one| (one.team_id, one.role)).collect();
    let is_member = |team: &TeamId| memberships.iter().any(|(id, _)| id == team);
    let team = session.team_id.filter(is_member).or_else(|| memberships.first().map(|(id, _)| id.clone()));
    Person {
        id: user.id,
        name: user.name,
        email: user.email,
        has_password: user.password_hash.is_some(),
        provider_subject: user.oidc_subject,
        memberships,
        team,
        session: session.token_hash,
        api_key_id: session.api_key_id,
        signed_in_at_ms: session.created_at_ms,
    }
}
