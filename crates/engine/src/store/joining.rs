//! That somebody who has an account comes into a further team. Part of [`super::Store`].

use async_trait::async_trait;
use groundswell_types::UserId;

use super::{InvitationRecord, StoreError};

/// Somebody with an account accepts an invitation.
#[derive(Debug, Clone, Copy)]
pub struct Joining<'a> {
    pub invitation: &'a InvitationRecord,
    pub user: &'a UserId,
    /// The hash of the token of the session they do it in.
    pub session: [u8; 32],
    pub connection: Connection,
    pub at_ms: i64,
}

/// What becomes of the connection of somebody's account with the OpenID provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    Stays,
    Ends,
}

/// See the module. All of it may be called by anybody.
#[async_trait]
pub trait JoiningStore: Send + Sync + 'static {
    /// Uses an invitation up: removes it, adds the membership, has the session look at the team, and ends the person's other
    /// sessions, sign-in links, and connection with the provider if it is to end, in one transaction. Else their account stays
    /// as it is. Answers whether the invitation was there.
    ///
    /// Owners of the teams that somebody is in already can make links that sign in as them: what those began must not reach
    /// into the team that they join.
    async fn join_by_invitation(&self, joining: Joining<'_>) -> Result<bool, StoreError>;
}
