//! Signing in, and one's own account.

use async_trait::async_trait;
use groundswell_app::backend::account::{Account, AccountBackend, Asks, Turned};
use groundswell_app::failure::Failure;
use groundswell_types::{Problem, SessionView, SignInChange};

use super::Memory;

/// The one password that is right.
pub const PASSWORD: &str = "correct horse battery";

impl Memory {
    fn let_in(&self) -> Vec<String> {
        let mut state = self.state.lock().expect("not poisoned");
        state.viewer = Some(super::team::owner());
        vec!["session=1".to_owned(), "device=1".to_owned()]
    }
}

#[async_trait]
impl AccountBackend for Memory {
    async fn sign_in(&self, token: &str) -> Result<Vec<String>, Turned> {
        if token != "good" {
            let why = "This sign-in link has been used or has expired. Make a new one.";
            return Err(Failure::Refused(why.to_owned()).into());
        }
        Ok(self.let_in())
    }

    async fn sign_in_with_password(&self, email: &str, password: &str) -> Result<Vec<String>, Turned> {
        let turned = |why: &str, status, retry_after_s| {
            Err(Turned { failure: Failure::Refused(why.to_owned()), status, retry_after_s })
        };
        match (email, password) {
            ("ada@example.com", PASSWORD) => Ok(self.let_in()),
            ("locked@example.com", _) => turned(
                "There were too many wrong passwords. Try again in 30 min, or ask an owner of your team or whoever runs \
                 this server for a sign-in link, which works meanwhile.",
                429,
                Some(1_800),
            ),
            _ => turned(
                "E-mail address and password do not match. Check both, and whether Caps Lock is on.",
                401,
                None,
            ),
        }
    }

    fn sends_sign_in_links(&self) -> bool {
        self.state.lock().expect("not poisoned").sends_links
    }

    async fn send_sign_in_link(&self, email: &str) -> Result<(), Turned> {
        if !email.contains('@') {
            let problem = Problem::new("/email", "must be an e-mail address such as ada@example.com");
            return Err(Failure::Invalid(vec![problem]).into());
        }
        Ok(())
    }

    async fn account(&self) -> Result<Account, Failure> {
        self.with(|state| state.account.clone().ok_or(Failure::NotFound))
    }

    async fn rename_account(&self, name: &str) -> Result<(), Failure> {
        self.with(|state| {
            name.clone_into(&mut state.account.as_mut().ok_or(Failure::NotFound)?.name);
            Ok(())
        })
    }

    async fn change_sign_in(&self, change: SignInChange<'_>) -> Result<Vec<String>, Turned> {
        self.with(|state| {
            let account = state.account.as_mut().ok_or(Failure::NotFound)?;
            if account.has_password && change.present_password != PASSWORD {
                let problem = Problem::new("/presentPassword", "the present password is not right");
                return Err(Failure::Invalid(vec![problem]));
            }
            account.email = Some(change.email.to_owned());
            (account.has_password, account.asks) = (true, Asks::PresentPassword);
            Ok(vec!["session=2".to_owned(), "device=2".to_owned()])
        })
        .map_err(Turned::from)
    }

    async fn disconnect_provider(&self) -> Result<(), Failure> {
        self.with(|state| {
            let account = state.account.as_mut().ok_or(Failure::NotFound)?;
            if !account.has_password {
                return Err(Failure::Refused("Set a password first.".to_owned()));
            }
            account.has_provider = false;
            Ok(())
        })
    }

    async fn sessions(&self) -> Result<Vec<SessionView>, Failure> {
        self.with(|state| Ok(state.sessions.clone()))
    }

    async fn end_session(&self, id: &str) -> Result<(), Failure> {
        self.with(|state| {
            state.sessions.retain(|session| session.id != id);
            Ok(())
        })
    }

    async fn end_other_sessions(&self) -> Result<(), Failure> {
        self.with(|state| {
            state.sessions.retain(|session| session.is_this);
            Ok(())
        })
    }
}
