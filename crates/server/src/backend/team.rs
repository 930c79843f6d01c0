//! Teams, members and invitations, for the pages.

use async_trait::async_trait;
use groundswell_app::backend::team::TeamBackend;
use groundswell_app::failure::Failure;
use groundswell_engine::access::{Person, Who};
use groundswell_engine::acting::Acting;
use groundswell_types::{
    CreatedInvitation, Invitation, Invited, Member, NewInvitation, NewPerson, Role, Team, TeamId, UserId,
};

use super::PageBackend;

impl PageBackend {
    /// The use cases, and the team that the person looks at.
    async fn in_team(&self) -> Result<(&Acting, TeamId), Failure> {
        let acting = self.engine().await?;
        let team = acting.actor().team().map_err(|error| self.failure(error))?;
        Ok((acting, team))
    }

    async fn person(&self) -> Result<&Person, Failure> {
        match &self.engine().await?.actor().who {
            Who::Person(person) => Ok(person),
            Who::Operator | Who::Key(_) | Who::Link(_) => Err(Failure::SignedOut),
        }
    }
}

#[async_trait]
impl TeamBackend for PageBackend {
    async fn team(&self) -> Result<Team, Failure> {
        let (acting, team) = self.in_team().await?;
        let teams = acting.teams().await.map_err(|error| self.failure(error))?;
        teams.into_iter().find(|one| one.id == team).ok_or(Failure::NotFound)
    }

    async fn own_id(&self) -> Result<UserId, Failure> {
        Ok(self.person().await?.id.clone())
    }

    async fn rename_team(&self, name: &str) -> Result<(), Failure> {
        let (acting, team) = self.in_team().await?;
        acting.rename_team(&team, name).await.map(drop).map_err(|error| self.failure(error))
    }

    async fn members(&self) -> Result<Vec<Member>, Failure> {
        let (acting, team) = self.in_team().await?;
        acting.members(&team).await.map_err(|error| self.failure(error))
    }

    async fn change_role(&self, user: &UserId, role: Role) -> Result<(), Failure> {
        let (acting, team) = self.in_team().await?;
        acting.change_role(&team, user, role).await.map(drop).map_err(|error| self.failure(error))
    }

    async fn remove_member(&self, user: &UserId) -> Result<(), Failure> {
        let (acting, team) = self.in_team().await?;
        acting.remove_member(&team, user).await.map_err(|error| self.failure(error))
    }

    async fn invitations(&self) -> Result<Vec<Invitation>, Failure> {
        let (acting, team) = self.in_team().await?;
        acting.invitations(&team).await.map_err(|error| self.failure(error))
    }

    async fn invite(&self, new: NewInvitation) -> Result<CreatedInvitation, Failure> {
        let (acting, team) = self.in_team().await?;
        let (view, token) = acting.invite(&team, new).await.map_err(|error| self.failure(error))?;
        let url = format!("{}/invitation?token={token}", self.state.public_url);
        Ok(CreatedInvitation { view, url })
    }

    async fn take_invitation_back(&self, id: &str) -> Result<(), Failure> {
        let (acting, team) = self.in_team().await?;
        acting.take_invitation_back(&team, id).await.map_err(|error| self.failure(error))
    }

    async fn choose_team(&self, team: &TeamId) -> Result<(), Failure> {
        self.engine().await?.choose_team(team).await.map_err(|error| self.failure(error))
    }

    async fn invited(&self, token: &str) -> Result<Invited, Failure> {
        let person = match self.person().await {
            Ok(person) => Some(person),
            Err(Failure::SignedOut) => None,
            Err(failure) => return Err(failure),
        };
        self.state.engine.invited(token, person).await.map_err(|error| self.failure(error))
    }

    async fn join(&self, token: &str) -> Result<Vec<String>, Failure> {
        let person = self.person().await?;
        let joined = self.state.engine.join(token, person, self.came.address).await;
        let device = joined.map_err(|error| self.failure(error))?;
        Ok(vec![self.state.cookies.known_device(&device)])
    }

    async fn accept_as_new(&self, token: &str, new: NewPerson<'_>) -> Result<Vec<String>, Failure> {
        let begun = self.state.engine.accept_as_new(token, new, self.came.clone()).await;
        Ok(self.state.cookies.signed_in(&begun.map_err(|error| self.failure(error))?))
    }

    async fn sign_in_and_join(&self, token: &str, password: &str) -> Result<Vec<String>, Failure> {
        let password = (password, self.device.as_deref());
        let begun = self.state.engine.sign_in_and_join(token, password, self.came.clone()).await;
        Ok(self.state.cookies.signed_in(&begun.map_err(|error| self.failure(error))?))
    }
}
