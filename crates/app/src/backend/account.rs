//! Signing in, and what people do with their own account. Part of [`super::Backend`].

use async_trait::async_trait;
use groundswell_types::{SessionView, SignInChange};

use super::telling::Whose;
use crate::failure::Failure;
use crate::language::Language;
use crate::said::Said;

/// Somebody's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    /// `None` until it is given.
    pub email: Option<String>,
    /// Whether that is known to be theirs; `None` when this server sends no e-mail.
    pub whose: Option<Whose>,
    pub has_password: bool,
    /// What it takes to change how they sign in.
    pub asks: Asks,
    /// Whether they can sign in through the OpenID provider.
    pub has_provider: bool,
}

/// What somebody is asked for before they change how they sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Nothing: they have just signed in.
    Nothing,
    PresentPassword,
    /// To sign in again.
    NewSignIn,
}

/// Somebody was turned away: a failure, and how that is said in HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    pub failure: Failure,
    /// The HTTP status.
    pub status: u16,
    /// In how many seconds to try again, if that is known.
    pub retry_after_s: Option<u32>,
}

impl From<Failure> for Turned {
    fn from(failure: Failure) -> Self {
        Self { status: failure.status(), failure, retry_after_s: None }
    }
}

impl Said for Turned {
    fn said_in(self, language: Language) -> Self {
        Self { failure: self.failure.said_in(language), ..self }
    }
}

/// What signs in answers with the values of the `Set-Cookie` headers that do.
#[async_trait]
pub trait AccountBackend: Send + Sync + 'static {
    /// Uses up the token of a one-time link.
    async fn sign_in(&self, token: &str) -> Result<Vec<String>, Turned>;

    /// Signs in whoever has this address and this password.
    async fn sign_in_with_password(&self, email: &str, password: &str) -> Result<Vec<String>, Turned>;

    /// Whether this server sends sign-in links by e-mail.
    fn sends_sign_in_links(&self) -> bool;

    /// Has one sent to whoever has this address. Nothing tells whether anybody has it.
    async fn send_sign_in_link(&self, email: &str) -> Result<(), Turned>;

    /// The account of who made the request.
    async fn account(&self) -> Result<Account, Failure>;

    /// Gives them another name.
    async fn rename_account(&self, name: &str) -> Result<(), Failure>;

    /// Changes what they sign in with; ends all their sessions but this one, which goes on with new cookies.
    async fn change_sign_in(&self, change: SignInChange<'_>) -> Result<Vec<String>, Turned>;

    /// Has them not sign in through the OpenID provider any more; ends all their sessions but this one.
    async fn disconnect_provider(&self) -> Result<(), Failure>;

    /// Where they are signed in, newest first.
    async fn sessions(&self) -> Result<Vec<SessionView>, Failure>;

    /// Ends one of their sessions.
    async fn end_session(&self, id: &str) -> Result<(), Failure>;

    /// Ends all of their sessions but this one.
    async fn end_other_sessions(&self) -> Result<(), Failure>;
}
