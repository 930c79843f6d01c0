//! Teams, members and invitations, for somebody.

use groundswell_types::{AuditAction, Invitation, Member, NewInvitation, Role, Team, TeamId, UserId};

use super::Acting;
use crate::access::{Permission, Who};
use crate::audit::{Deed, Trace, Unsaid};
use crate::error::EngineError;
use crate::store::MembershipChange;

impl Acting {
    /// The teams in the actor's reach, oldest first: a person's, a key's, or all.
    pub async fn teams(&self) -> Result<Vec<Team>, EngineError> {
        match &self.actor.who {
            Who::Operator => self.engine.teams(None).await,
            Who::Key(key) => {
                self.actor.check_team(Permission::SeeTeam, &key.team)?;
                self.engine.teams(Some(&key.team)).await
            }
            Who::Link(_) => self.actor.check_lists().map(|()| Vec::new()),
            Who::Person(person) => {
                let mut teams = self.engine.teams(None).await?;
                teams.retain(|team| person.role_in(&team.id).is_some());
                Ok(teams)
            }
        }
    }

    /// Makes a team; the operator's to do. Its first owner is invited.
    pub async fn create_team(&self, name: &str) -> Result<Team, EngineError> {
        if !matches!(self.actor.who, Who::Operator) {
            return Err(EngineError::Forbidden(OPERATOR_ONLY.to_owned()));
        }
        // Of the operator's log: nobody is in the team yet.
        let deed = deed(AuditAction::TeamCreated, None, Trace::default());
        self.engine.recorded(&self.actor, deed, self.engine.create_team(name)).await
    }

    /// Gives a team another name.
    pub async fn rename_team(&self, team: &TeamId, name: &str) -> Result<Team, EngineError> {
        self.actor.check_team(Permission::Manage, team)?;
        let deed = deed(AuditAction::TeamChanged, Some(team), Trace::of(team));
        self.engine.recorded(&self.actor, deed, self.engine.rename_team(team, name)).await
    }

    /// Who is in a team, by the time they came.
    pub async fn members(&self, team: &TeamId) -> Result<Vec<Member>, EngineError> {
        self.actor.check_team(Permission::SeeTeam, team)?;
        self.engine.members(team).await
    }

    /// Changes what somebody may do in a team, at once. A team keeps an owner.
    pub async fn change_role(&self, team: &TeamId, user: &UserId, role: Role) -> Result<Member, EngineError> {
        self.actor.check_team(Permission::Manage, team)?;
        self.may_give(role, team)?;
        let deed = deed(AuditAction::MemberRoleChanged, Some(team), Trace::of(user).with("role", role));
        let work = self.engine.change_member(team, user, MembershipChange::Role(role));
        self.engine.recorded(&self.actor, deed, work).await?;
        let members = self.engine.members(team).await?;
        let changed = members.into_iter().find(|member| member.id == *user);
        changed.ok_or(EngineError::NotFound("member of the team"))
    }

    /// Takes somebody out of a team, at once: an owner anybody, and everybody themselves. A team keeps an owner.
    pub async fn remove_member(&self, team: &TeamId, user: &UserId) -> Result<(), EngineError> {
        let is_own = matches!(&self.actor.who, Who::Person(person) if person.id == *user);
        let needed = if is_own { Permission::SeeTeam } else { Permission::Manage };
        self.actor.check_team(needed, team)?;
        let deed = deed(AuditAction::MemberRemoved, Some(team), Trace::of(user));
        let work = self.engine.change_member(team, user, MembershipChange::End);
        self.engine.recorded(&self.actor, deed, work).await
    }

    /// Invites somebody; returns the link's token, too, which nobody can see again.
    pub async fn invite(
        &self,
        team: &TeamId,
        new: NewInvitation,
    ) -> Result<(Invitation, String), EngineError> {
        self.actor.check_team(Permission::Manage, team)?;
        self.may_give(new.role, team)?;
        let by = match &self.actor.who {
            Who::Operator | Who::Link(_) => ("Operator", None),
            Who::Key(key) => (key.name.as_str(), Some(key.id.as_str())),
            Who::Person(person) => (person.name.as_str(), Some(person.id.as_str())),
        };
        let trace = Trace::of(&new.email).with("role", new.role);
        let deed = deed(AuditAction::MemberInvited, Some(team), trace);
        let work = async { self.engine.invite(team, new, by).await.map(Unsaid) };
        self.engine.recorded(&self.actor, deed, work).await.map(|Unsaid(invited)| invited)
    }

    /// The invitations that can be accepted, oldest first.
    pub async fn invitations(&self, team: &TeamId) -> Result<Vec<Invitation>, EngineError> {
        self.actor.check_team(Permission::Manage, team)?;
        self.engine.invitations(team).await
    }

    /// Takes an invitation back, at once.
    pub async fn take_invitation_back(&self, team: &TeamId, id: &str) -> Result<(), EngineError> {
        self.actor.check_team(Permission::Manage, team)?;
        let deed = deed(AuditAction::InvitationRevoked, Some(team), Trace::of(id));
        self.engine.recorded(&self.actor, deed, self.engine.take_invitation_back(team, id)).await
    }

    /// Has a person's session look at another of their teams.
    pub async fn choose_team(&self, team: &TeamId) -> Result<(), EngineError> {
        match &self.actor.who {
            Who::Person(person) if person.role_in(team).is_some() => {
                self.engine.store.choose_team(person.session, team).await?;
                // What is open elsewhere was about the other team.
                self.engine.access.tell();
                Ok(())
            }
            _ => Err(EngineError::NotFound("team")),
        }
    }

    /// Whether the actor may make somebody what they would be with this role. A key is for its team, so it makes nobody one of
    /// those who run the server.
    fn may_give(&self, role: Role, team: &TeamId) -> Result<(), EngineError> {
        if matches!(self.actor.who, Who::Key(_)) && role == Role::Owner && *team == TeamId::first() {
            return Err(EngineError::Forbidden(RUN_SERVER.to_owned()));
        }
        Ok(())
    }
}

/// Said over REST alone: no page has a key.
const RUN_SERVER: &str = "Owners of the first team run this server: to make somebody one takes its admin key (GROUNDSWELL_ADMIN_KEY).";

const OPERATOR_ONLY: &str =
    "Only the server's operator can make teams: it takes the admin key of the server's configuration.";

fn deed(action: AuditAction, team: Option<&TeamId>, trace: Trace) -> Deed {
    Deed { action, teams: team.cloned().into_iter().collect(), program: None, trace }
}
