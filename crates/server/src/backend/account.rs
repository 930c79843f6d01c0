//! Signing in, and what people do with their own account.

use async_trait::async_trait;
use groundswell_app::backend::account::{Account, AccountBackend, Asks, Turned};
use groundswell_app::failure::Failure;
use groundswell_engine::EngineError;
use groundswell_engine::access::Who;
use groundswell_engine::people::Proof;
use groundswell_engine::people::sign_in::Credentials;
use groundswell_types::{SessionView, SignInChange};

use super::PageBackend;
use super::telling::whose;

/// After so many seconds the line for comparing passwords is shorter.
const BUSY_S: u32 = 5;

impl PageBackend {
    /// A failure with the status of its own that signing in has.
    fn turned(&self, error: EngineError) -> Turned {
        let (status, retry_after_s) = match error {
            EngineError::WrongPassword => (401, None),
            EngineError::TooManyGuesses { wait_ms } => (429, u32::try_from((wait_ms + 999) / 1_000).ok()),
            EngineError::Busy => (503, Some(BUSY_S)),
            other => return self.failure(other).into(),
        };
        Turned { failure: self.failure(error), status, retry_after_s }
    }
}

#[async_trait]
impl AccountBackend for PageBackend {
    async fn sign_in(&self, token: &str) -> Result<Vec<String>, Turned> {
        let begun = self.state.engine.sign_in(token, self.came.clone()).await;
        Ok(self.state.cookies.signed_in(&begun.map_err(|error| self.turned(error))?))
    }

    async fn sign_in_with_password(&self, email: &str, password: &str) -> Result<Vec<String>, Turned> {
        let credentials = Credentials { email, password, device: self.device.as_deref() };
        let begun = self.state.engine.sign_in_with_password(credentials, self.came.clone()).await;
        Ok(self.state.cookies.signed_in(&begun.map_err(|error| self.turned(error))?))
    }

    fn sends_sign_in_links(&self) -> bool {
        self.state.engine.is_telling()
    }

    async fn send_sign_in_link(&self, email: &str) -> Result<(), Turned> {
        let sent = self.state.engine.send_sign_in_link(email, self.came.address);
        sent.map_err(|error| self.turned(error))
    }

    async fn account(&self) -> Result<Account, Failure> {
        let acting = self.engine().await?;
        let Who::Person(person) = &acting.actor().who else { return Err(Failure::SignedOut) };
        let address = acting.own_address().await.map_err(|error| self.failure(error))?;
        Ok(Account {
            name: person.name.clone(),
            email: person.email.as_ref().map(ToString::to_string),
            whose: address.map(whose),
            has_password: person.has_password,
            asks: match acting.proof().map_err(|error| self.failure(error))? {
                Proof::Nothing => Asks::Nothing,
                Proof::PresentPassword => Asks::PresentPassword,
                Proof::NewSignIn => Asks::NewSignIn,
            },
            has_provider: self.comes_by_provider(person),
        })
    }

    async fn rename_account(&self, name: &str) -> Result<(), Failure> {
        self.engine().await?.rename_account(name).await.map_err(|error| self.failure(error))
    }

    async fn change_sign_in(&self, change: SignInChange<'_>) -> Result<Vec<String>, Turned> {
        let begun = self.engine().await?.change_sign_in(change, self.came.clone()).await;
        Ok(self.state.cookies.signed_in(&begun.map_err(|error| self.turned(error))?))
    }

    async fn disconnect_provider(&self) -> Result<(), Failure> {
        self.engine().await?.disconnect_provider().await.map_err(|error| self.failure(error))
    }

    async fn sessions(&self) -> Result<Vec<SessionView>, Failure> {
        self.engine().await?.sessions().await.map_err(|error| self.failure(error))
    }

    async fn end_session(&self, id: &str) -> Result<(), Failure> {
        self.engine().await?.end_session(id).await.map_err(|error| self.failure(error))
    }

    async fn end_other_sessions(&self) -> Result<(), Failure> {
        self.engine().await?.end_other_sessions().await.map_err(|error| self.failure(error))
    }
}
