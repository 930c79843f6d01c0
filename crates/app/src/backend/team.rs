//! Teams, members and invitations, for the pages. Part of [`super::Backend`].

use async_trait::async_trait;
use groundswell_types::{
    CreatedInvitation, Invitation, Invited, Member, NewInvitation, NewPerson, Role, Team, TeamId, UserId,
};

use crate::failure::Failure;

/// The use cases, on the team that the person looks at.
#[async_trait]
pub trait TeamBackend {
    /// The team itself.
    async fn team(&self) -> Result<Team, Failure>;

    /// Who the person is.
    async fn own_id(&self) -> Result<UserId, Failure>;

    /// Gives it another name.
    async fn rename_team(&self, name: &str) -> Result<(), Failure>;

    /// Who is in it, by the time they came.
    async fn members(&self) -> Result<Vec<Member>, Failure>;

    /// Changes what somebody may do, at once.
    async fn change_role(&self, user: &UserId, role: Role) -> Result<(), Failure>;

    /// Takes somebody out of it, at once.
    async fn remove_member(&self, user: &UserId) -> Result<(), Failure>;

    /// The invitations that can be accepted, oldest first.
    async fn invitations(&self) -> Result<Vec<Invitation>, Failure>;

    /// Invites somebody; the link is in this answer only.
    async fn invite(&self, new: NewInvitation) -> Result<CreatedInvitation, Failure>;

    /// Takes an invitation back, at once.
    async fn take_invitation_back(&self, id: &str) -> Result<(), Failure>;

    /// Looks at another of the person's teams from now on.
    async fn choose_team(&self, team: &TeamId) -> Result<(), Failure>;

    /// What an invitation says to whoever asks, signed in or not.
    async fn invited(&self, token: &str) -> Result<Invited, Failure>;

    /// Brings the person into the team they were invited into. This and the two below return the values of the
    /// `Set-Cookie` headers that mark the browser as one of theirs, and sign in who was not.
    async fn join(&self, token: &str) -> Result<Vec<String>, Failure>;

    /// Makes an account for somebody who was invited.
    async fn accept_as_new(&self, token: &str, new: NewPerson<'_>) -> Result<Vec<String>, Failure>;

    /// Signs the owner of the invited address in and brings them into the team.
    async fn sign_in_and_join(&self, token: &str, password: &str) -> Result<Vec<String>, Failure>;
}
