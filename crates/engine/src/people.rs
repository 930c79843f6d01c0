//! Use cases on people and the teams they are in.

pub mod invitations;
mod team;

use groundswell_types::{Role, TeamId, UserId};

use crate::engine::Engine;
use crate::error::EngineError;

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
