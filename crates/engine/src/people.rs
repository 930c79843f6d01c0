//! Use cases on people and the teams they are in.

pub mod account;
mod guesses;
pub mod invitations;
mod passwords;
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

/// What stands between a password and a session.
#[derive(Default)]
pub(crate) struct Doorkeeper {
    guesses: Guesses,
    passwords: Passwords,
    /// Held from reading somebody's account until it is written or a session was begun by what was read. So a password that
    /// is being changed begins no session, and of two changes at once neither is lost. One process writes; see the lease.
    accounts: tokio::sync::Mutex<()>,
    /// Wrong passwords that are being recorded.
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
