//! Use cases on people and the teams they are in.

pub mod account;
mod guesses;
pub mod invitations;
mod passwords;
mod proof;
pub mod provider;
pub mod sign_in;
mod team;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use groundswell_types::{Role, TeamId, UserId};
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::LinkMaker;
use guesses::{Guesser, Guesses};
use passwords::Passwords;
pub use passwords::{MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS};
pub(crate) use proof::Lately;
pub use proof::{Proof, RECENT_MS};

/// What stands between a password and a session.
#[derive(Default)]
pub(crate) struct Doorkeeper {
    guesses: Guesses,
    passwords: Passwords,
    /// Held from reading somebody's account until it is written or a session or link was begun by what was read. So a
    /// password that is being changed begins no session, nothing that joining a team ends is begun behind it, and of two
    /// changes at once neither is lost. One process writes; see the lease.
    pub(crate) accounts: tokio::sync::Mutex<()>,
    /// Who has just come by a one-time link, and who made it.
    pub(crate) by_link: Lately<LinkMaker>,
    /// Who has just come through the provider, and as which subject.
    by_provider: Lately<String>,
    /// Wrong passwords that are being recorded, and links that are being written.
    records: TaskTracker,
}

/// So many wrong passwords are being recorded, and links written, at a time.
const MANY_ASIDE: usize = 256;

impl Doorkeeper {
    /// Counts somebody's wish for a link by where they are, or fails when there were too many.
    pub(crate) fn count_wish(&self, address: Option<IpAddr>, now_ms: i64) -> Result<(), EngineError> {
        Ok(self.guesses.take(Guesser::asking(address), now_ms)?)
    }

    /// Counts an address that somebody gives their account, or says that there were too many.
    fn counts_address(&self, user: &UserId, now_ms: i64) -> bool {
        self.guesses.take(Guesser::address_of(user), now_ms).is_ok()
    }

    /// Counts a link to an account's mailbox, or says that there were too many.
    pub(crate) fn counts_link(&self, user: &UserId, now_ms: i64) -> bool {
        self.guesses.take(Guesser::mailbox(user), now_ms).is_ok()
    }

    /// Does something that no answer waits for; nothing when there is too much of it.
    pub(crate) fn aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        if self.records.len() < MANY_ASIDE {
            self.records.spawn(work);
        }
    }

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
