//! What people do with their own account: its name, what they sign in with, and where they are signed in.

use groundswell_types::{Email, Problem, SessionView, SignInChange};

use super::passwords::{Line, Password};
use super::proof::{Proof, Shown};
use crate::access::{Begun, Came, IDLE_MS, Person, hash_token};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{SessionRecord, UserRecord};
use crate::telling::Asking;

const MAX_NAME_CHARS: usize = 200;

/// Shown on pages, so its translations are in the catalogue.
const ADDRESS_STAYS: &str =
    "Somebody else made the link you came by. Set a new password first; then you can change your address.";

/// Shown on pages, so its translations are in the catalogue.
const MANY_ADDRESSES: &str =
    "You have tried several e-mail addresses. Try another one in a quarter of an hour.";

/// What somebody can be called.
pub(super) fn checked_name(name: &str) -> Result<String, EngineError> {
    let name = name.trim();
    let count = name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&count) || name.chars().any(char::is_control) {
        return Err(EngineError::invalid("/name", "must have 1 to 200 characters, without line breaks"));
    }
    Ok(name.to_owned())
}

impl Engine {
    pub(crate) async fn rename(&self, person: &Person, name: &str) -> Result<(), EngineError> {
        let name = checked_name(name)?;
        let _held = self.access.doorkeeper.accounts.lock().await;
        let user = self.account(person).await?;
        self.store.save_user(&UserRecord { name, ..user }).await?;
        Ok(())
    }

    /// Ends all sessions and sign-in links of the person and forgets their browsers; the one that asks gets a new session.
    pub(crate) async fn change_sign_in(
        &self,
        person: &Person,
        change: SignInChange<'_>,
        came: Came,
    ) -> Result<Begun, EngineError> {
        let before = self.account(person).await?;
        let (email, new) = checked(&before, change)?;
        let proof = self.proof(person, before.password_hash.is_some());
        let shown = Shown { proof, typed: change.present_password, address: came.address };
        self.check_proof(person, &before, shown).await?;
        self.check_new_address((proof, person), &before, &email)?;
        let is_new = new.is_some();
        let hash = match new {
            Some(new) => Some(self.access.doorkeeper.passwords.hash(new, Line::Known).await?),
            None => before.password_hash.clone(),
        };
        let _held = self.access.doorkeeper.accounts.lock().await;
        let now = self.account(person).await?;
        if (&now.password_hash, &now.email) != (&before.password_hash, &before.email) {
            let why = "Your e-mail address or password was changed elsewhere meanwhile. Sign in again.";
            return Err(EngineError::Conflict(why.to_owned()));
        }
        if self.store.user_by_email(&email).await?.is_some_and(|other| other.id != now.id) {
            return Err(EngineError::invalid(
                "/email",
                "that e-mail address cannot be used here; choose another",
            ));
        }
        // First, so that whatever fails, nobody stays signed in by what no longer holds.
        self.store.delete_devices_of(&now.id).await?;
        self.store.delete_sign_in_links_of(&now.id).await?;
        self.store.delete_sessions_of(&now.id, Some(person.session)).await?;
        // Whoever sets a password after a link takes their account back, from whoever connected it before, too.
        let has_shown = |subject: &String| proof == Proof::PresentPassword || self.has_shown(person, subject);
        let oidc_subject = now.oidc_subject.filter(|subject| !is_new || has_shown(subject));
        let user = UserRecord { email: Some(email), password_hash: hash, oidc_subject, ..now };
        self.store.save_user(&user).await?;
        self.note_language(&user.id, &came).await?;
        self.ask_whose_address(&user, Asking::Anew).await?;
        // A session by a key's link stays one until somebody shows that they are more than whoever has the key.
        let key = person.api_key_id.clone().filter(|_| proof != Proof::PresentPassword);
        let begun = self.begin_session_by(user.id, came, key).await?;
        let session = hash_token(&begun.token);
        self.store.delete_sessions_of(&begun.user, Some(session)).await?;
        if let Some(team) = &person.team {
            self.store.choose_team(session, team).await?;
        }
        self.access.tell();
        Ok(begun)
    }

    /// Fails when the account is to have another address, and whoever wants that has shown too little, or tries many.
    ///
    /// Somebody else may have made the link that they came by. A new password, which it is for, is noticed by whoever has the
    /// account, and they get it back by their address; so that one stays.
    fn check_new_address(
        &self,
        (proof, person): (Proof, &Person),
        before: &UserRecord,
        email: &Email,
    ) -> Result<(), EngineError> {
        if before.email.as_ref() == Some(email) {
            return Ok(());
        }
        if before.email.is_some() && proof == Proof::Nothing && self.came_by_anothers_link(person) {
            return Err(EngineError::Refused(ADDRESS_STAYS.to_owned()));
        }
        if self.access.doorkeeper.counts_address(&person.id, self.clock.now_ms()) {
            return Ok(());
        }
        Err(EngineError::Refused(MANY_ADDRESSES.to_owned()))
    }

    /// Newest first.
    pub(crate) async fn sessions_of(&self, person: &Person) -> Result<Vec<SessionView>, EngineError> {
        let sessions = self.live_sessions(person).await?;
        let view = |session: SessionRecord| SessionView {
            id: session_id(&session),
            is_this: session.token_hash == person.session,
            address: session.address,
            user_agent: session.user_agent,
            began_at: session.created_at_ms,
            last_seen_at: session.last_seen_at_ms,
        };
        Ok(sessions.into_iter().map(view).collect())
    }

    pub(crate) async fn end_session(&self, person: &Person, id: &str) -> Result<(), EngineError> {
        let sessions = self.live_sessions(person).await?;
        let session = sessions.into_iter().find(|session| session_id(session) == id);
        let session = session.ok_or(EngineError::NotFound("session"))?;
        self.store.delete_session(session.token_hash).await?;
        self.access.tell();
        Ok(())
    }

    /// Whoever does that does not want anybody to come in by a link that they do not know of, either.
    pub(crate) async fn end_other_sessions(&self, person: &Person) -> Result<(), EngineError> {
        let _held = self.access.doorkeeper.accounts.lock().await;
        self.store.delete_sign_in_links_of(&person.id).await?;
        self.store.delete_sessions_of(&person.id, Some(person.session)).await?;
        self.access.tell();
        Ok(())
    }

    /// Those that neither time has ended.
    async fn live_sessions(&self, person: &Person) -> Result<Vec<SessionRecord>, EngineError> {
        let now_ms = self.clock.now_ms();
        let mut sessions = self.store.sessions_of(&person.id).await?;
        let memberships = self.store.memberships(&person.id).await?;
        sessions.retain(|one| one.expires_at_ms > now_ms && now_ms - one.last_seen_at_ms <= IDLE_MS);
        sessions.retain(|one| !self.has_outlived_its_key(one, &memberships));
        Ok(sessions)
    }

    pub(super) async fn account(&self, person: &Person) -> Result<UserRecord, EngineError> {
        self.store.user(&person.id).await?.ok_or(EngineError::NotFound("account"))
    }
}

/// Address and new password; a first password is needed, a further one is not.
fn checked(before: &UserRecord, change: SignInChange<'_>) -> Result<(Email, Option<Password>), EngineError> {
    let mut problems = Vec::new();
    let email = Email::parse(change.email);
    if let Err(error) = &email {
        problems.push(Problem::new("/email", error.to_string()));
    }
    let is_kept = change.new_password.is_empty() && before.password_hash.is_some();
    let mut new = None;
    if let (Ok(email), false) = (&email, is_kept) {
        match Password::chosen(change.new_password, email) {
            Ok(password) => new = Some(password),
            Err(problem) => problems.push(problem),
        }
    }
    match email {
        Ok(email) if problems.is_empty() => Ok((email, new)),
        _ => Err(EngineError::Invalid(problems)),
    }
}

/// What a session is called: nobody can tell its token from it, nor the hash of it.
fn session_id(session: &SessionRecord) -> String {
    let hash = groundswell_types::signature::hex(&session.token_hash);
    let hash = groundswell_types::signature::hex(&hash_token(&hash));
    format!("ses_{}", &hash[..16])
}
