//! Use cases on people and the teams they are in.

pub mod account;
mod guesses;
pub mod invitations;
mod passwords;
mod proof;
pub mod provider;
pub mod sign_in;
mod team;

use groundswell_types::{Role, TeamId, UserId};
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::error::EngineError;
use guesses::Guesses;
use passwords::Passwords;
pub use passwords::{MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS};
pub(crate) use proof::ByLink;
pub use proof::{Proof, RECENT_MS};

/// What stands between a password and a session.
#[derive(Default)]
pub(crate) struct Doorkeeper {
    guesses: Guesses,
    passwords: Passwords,
    /// Held from reading somebody's account until it is written or a session was begun by what was read. So a password that
    /// is being changed begins no session, and of two changes at once neither is lost. One process writes; see the lease.
    pub(crate) accounts: tokio::sync::Mutex<()>,
    /// Who has just come by a one-time link.
    pub(crate) by_link: ByLink,
    /// Wrong passwords that are being recorded, and links that are being written.
    records: TaskTracker,
}

impl Doorkeeper {
    /// Waits until everything is recorded.
    pub(crate) async fn finish(&self) {
        self.records.close();
        self.records.wait().await;
    }
}

impl Engine {
    /// A member of a team: the one who is asked for, else the owner who was there first.
    pub(crate) async fn member_or_owner(
        &self,
        team: &TeamId,
        user: Option<&UserId>,
    ) -> Result<UserId, EngineError> {
        let members = self.store.members(team).await?;
        let wanted = members.into_iter().find(|(member, membership)| match user {
            Some(user) => member.id == *user,
            None => membership.role == Role::Owner,
        });
        wanted.map(|(member, _)| member.id).ok_or(EngineError::NotFound("member of the team"))
    }
}
