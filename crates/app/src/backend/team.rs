//! Teams, members and invitations, for the pages. Part of [`super::Backend`].

use async_trait::async_trait;
use groundswell_types::{
    CreatedInvitation, Email, Invitation, Member, NewInvitation, Role, Team, TeamId, UserId,
};

use crate::failure::Failure;

/// What an invitation says to whoever has its link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The team's name.
    pub team: String,
    pub email: Email,
    pub role: Role,
    /// A name.
    pub invited_by: String,
    pub way: Way,
}

/// How an invitation can be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By somebody new, with a name and a password.
    NewAccount,
    /// By whoever is signed in.
    OwnAccount {
        /// What they are called.
        name: String,
    },
    /// By the owner of the account with that address, with its password.
    SignIn,
    /// Not by whoever is signed in, who is in the team already.
    IsMember {
        /// What they are called.
        name: String,
    },
}

/// Somebody new, as they typed it.
#[derive(Clone, Copy)]
pub struct NewPerson<'a> {
    pub name: &'a str,
    pub password: &'a str,
}

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

    /// Brings the person into the team they were invited into.
    async fn join(&self, token: &str) -> Result<(), Failure>;

    /// Makes an account for somebody who was invited; returns the value of the `Set-Cookie` header that signs in.
    async fn accept_as_new(&self, token: &str, new: NewPerson<'_>) -> Result<String, Failure>;

    /// Signs the owner of the invited address in and brings them into the team; returns what signs in.
    async fn sign_in_and_join(&self, token: &str, password: &str) -> Result<String, Failure>;
}
