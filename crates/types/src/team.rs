//! Teams, who is in them, and who was invited.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Email, Role, TeamId, UserId};

/// A team's name has so many characters at most.
pub const MAX_TEAM_NAME_CHARS: usize = 100;

/// People who work on the same programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Team {
    /// `team_…`
    pub id: TeamId,
    /// What people call it.
    pub name: String,
    /// When it was made, in Unix milliseconds; 0 for the first one.
    pub created_at: i64,
}

/// Somebody in a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// `usr_…`
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// Their address; null until they have given it.
    pub email: Option<Email>,
    /// What they may do.
    pub role: Role,
    /// Since when they are in the team, in Unix milliseconds; 0 for the first owner.
    pub since: i64,
}

/// Somebody who was invited into a team, and has not come yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// `inv_…`
    pub id: String,
    /// Whom it is for.
    pub email: Email,
    /// What they may do once they have come.
    pub role: Role,
    /// A person's or a key's name.
    pub invited_by: String,
    /// When it was made, in Unix milliseconds.
    pub created_at: i64,
    /// Until when it can be accepted, in Unix milliseconds.
    pub expires_at: i64,
}

/// Who is to be invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvitation {
    /// Whom it is for.
    pub email: Email,
    /// What they may do once they have come.
    pub role: Role,
}

/// An invitation that was made. Its link is in this answer only; being a secret, it is not in the `Debug` output.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedInvitation {
    /// The invitation as it is shown from now on.
    #[serde(flatten)]
    pub view: Invitation,
    /// The link that accepts it.
    pub url: String,
}

impl fmt::Debug for CreatedInvitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CreatedInvitation").field("view", &self.view).finish_non_exhaustive()
    }
}

/// What an invitation says to whoever has its link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The team's name.
    pub team: String,
    /// Whom it is for.
    pub email: Email,
    /// What they may do once they have come.
    pub role: Role,
    /// A person's or a key's name.
    pub invited_by: String,
    /// How it can be accepted.
    pub way: WayIn,
}

/// How an invitation can be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayIn {
    /// By somebody new, with a name and a password.
    NewAccount,
    /// By whoever is signed in, with the account they have.
    OwnAccount {
        /// What they are called.
        name: String,
    },
    /// By the owner of the account with that address, who signs in first.
    SignIn,
    /// Not by whoever is signed in, who is in the team already.
    IsMember {
        /// What they are called.
        name: String,
    },
}

/// Somebody new, as they typed it. The password is not in the `Debug` output.
#[derive(Clone, Copy)]
pub struct NewPerson<'a> {
    /// What they are to be called.
    pub name: &'a str,
    /// What they are to sign in with.
    pub password: &'a str,
}

impl fmt::Debug for NewPerson<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewPerson").field("name", &self.name).finish_non_exhaustive()
    }
}
