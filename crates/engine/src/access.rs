//! Who asks, and what they may do: people with sessions, holders of API keys, those who came by
//! an editor link, the operator.
//!
//! Architecture invariant: adapters reach use cases through [`crate::acting::Acting`] alone, which asks the [`Actor`] first.
//! A team's things are, to everybody else, as if they were not there.

mod actor;
mod links;
mod sessions;

use groundswell_types::signature::hex;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

pub(crate) use actor::only_for;
pub use actor::{Actor, Permission, Person, Who};
pub use links::{EDITOR_IDLE_MS, EDITOR_LINK_MS, EDITOR_SESSION_MS, EditorLink, LinkHolder, NewEditorLink};
pub(crate) use sessions::ALL_OTHERS;
pub use sessions::{Begun, Came, DEVICE_MS, IDLE_MS, SESSION_MS, SIGN_IN_LINK_MS};

use crate::engine::Engine;
use crate::id;
use crate::people::Doorkeeper;

/// What those who serve somebody for long have to know.
pub(crate) struct Access {
    /// How often somebody was shut out: a session ended, a role changed, a membership ended.
    changed: watch::Sender<u64>,
    pub doorkeeper: Doorkeeper,
}

impl Default for Access {
    fn default() -> Self {
        Self { changed: watch::Sender::new(0), doorkeeper: Doorkeeper::default() }
    }
}

impl Access {
    /// Has those who serve somebody for long ask again.
    pub(crate) fn tell(&self) {
        self.changed.send_modify(|changed| *changed += 1);
    }
}

/// The SHA-256 a key or token is kept as.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A token that nobody guesses, and the hash it is kept as.
pub(crate) fn new_token() -> (String, [u8; 32]) {
    let token = hex(&id::random_bytes());
    let hash = hash_token(&token);
    (token, hash)
}

impl Engine {
    /// Changes whenever a session ends or somebody may do less than before: whoever goes on serving a person has to ask
    /// again.
    pub fn access_changed(&self) -> watch::Receiver<u64> {
        self.access.changed.subscribe()
    }
}
