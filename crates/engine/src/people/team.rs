//! Teams, their members, and their invitations. Who may ask is [`crate::acting`]'s to say.

use groundswell_types::{
    Invitation, MAX_TEAM_NAME_CHARS, Member, NewInvitation, Problem, Team, TeamId, UserId,
};

use crate::access::new_token;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::{
    InvitationRecord, MembershipChange, MembershipChanged, MembershipRecord, TeamRecord, UserRecord,
};

/// How long an invitation can be accepted: 7 days.
pub const INVITATION_MS: i64 = 7 * 86_400_000;

/// Teams are looked through as a whole, and shown on one page.
const MAX_TEAMS: usize = 10_000;

/// Members of a team and invitations into it, together: they are shown on one page.
const MAX_PEOPLE: usize = 500;

/// Shown on pages, so its translations are in the catalogue.
const LAST_OWNER: &str = "A team has at least one owner. Make somebody else an owner first.";

impl Engine {
    /// The teams, oldest first; one of them alone if one is named.
    pub async fn teams(&self, only: Option<&TeamId>) -> Result<Vec<Team>, EngineError> {
        let teams = self.store.teams().await?.into_iter();
        Ok(teams.filter(|team| only.is_none_or(|only| team.id == *only)).map(team_view).collect())
    }

    /// Makes a team, in which nobody is yet.
    pub async fn create_team(&self, name: &str) -> Result<Team, EngineError> {
        let name = checked_team_name(name)?;
        if self.store.teams().await?.len() >= MAX_TEAMS {
            return Err(EngineError::Conflict("There are 10,000 teams, and can be no more.".to_owned()));
        }
        let id = TeamId::parse(&format!("team_{}", id::random_text(10))).expect("letters and digits");
        let record = TeamRecord { id, name, created_at_ms: self.clock.now_ms() };
        self.store.save_team(&record).await?;
        Ok(team_view(record))
    }

    /// Gives a team another name.
    pub async fn rename_team(&self, team: &TeamId, name: &str) -> Result<Team, EngineError> {
        let record = TeamRecord { name: checked_team_name(name)?, ..self.team_record(team).await? };
        self.store.save_team(&record).await?;
        Ok(team_view(record))
    }

    /// Who is in a team, by the time they came.
    pub async fn members(&self, team: &TeamId) -> Result<Vec<Member>, EngineError> {
        self.team_record(team).await?;
        Ok(self.store.members(team).await?.into_iter().map(member_view).collect())
    }

    /// Changes what somebody may do in a team, or ends it, for their next request and for what they have open.
    pub async fn change_member(
        &self,
        team: &TeamId,
        user: &UserId,
        change: MembershipChange,
    ) -> Result<(), EngineError> {
        match self.store.change_member(team, user, change).await? {
            MembershipChanged::Changed => {}
            MembershipChanged::IsLastOwner => return Err(EngineError::Refused(LAST_OWNER.to_owned())),
            MembershipChanged::NotFound => return Err(EngineError::NotFound("member of the team")),
        }
        self.access.tell();
        Ok(())
    }

    /// Invites somebody, in the place of an earlier invitation of the same address; returns the link's token, too, which
    /// nobody can see again. Who invites has a name, and an id, with which the invitation ends; the operator has none.
    pub async fn invite(
        &self,
        team: &TeamId,
        new: NewInvitation,
        (invited_by, made_by): (&str, Option<&str>),
    ) -> Result<(Invitation, String), EngineError> {
        let NewInvitation { email, role } = new;
        let members = self.members(team).await?;
        if members.iter().any(|member| member.email.as_ref() == Some(&email)) {
            return Err(EngineError::Conflict(format!("{email} is in the team already.")));
        }
        let invited = self.invitations(team).await?;
        let others = invited.iter().filter(|one| one.email != email).count();
        if members.len() + others >= MAX_PEOPLE {
            return Err(EngineError::Conflict(
                "A team has room for 500 people, invitations included. Take some back first.".to_owned(),
            ));
        }
        let (token, token_hash) = new_token();
        let now_ms = self.clock.now_ms();
        let record = InvitationRecord {
            id: format!("inv_{}", id::random_text(10)),
            token_hash,
            team_id: team.clone(),
            email,
            role,
            invited_by: invited_by.to_owned(),
            made_by: made_by.map(ToOwned::to_owned),
            created_at_ms: now_ms,
            expires_at_ms: now_ms + INVITATION_MS,
        };
        self.store.save_invitation(&record).await?;
        Ok((invitation_view(record), token))
    }

    /// The invitations that can be accepted, oldest first.
    pub async fn invitations(&self, team: &TeamId) -> Result<Vec<Invitation>, EngineError> {
        self.team_record(team).await?;
        let now_ms = self.clock.now_ms();
        let all = self.store.invitations(team).await?.into_iter();
        Ok(all.filter(|one| one.expires_at_ms > now_ms).map(invitation_view).collect())
    }

    /// Takes an invitation back; its link is good for nothing from then on.
    pub async fn take_invitation_back(&self, team: &TeamId, id: &str) -> Result<(), EngineError> {
        if self.store.delete_invitation(team, id).await? {
            Ok(())
        } else {
            Err(EngineError::NotFound("invitation"))
        }
    }

    pub(crate) async fn team_record(&self, team: &TeamId) -> Result<TeamRecord, EngineError> {
        let all = self.store.teams().await?;
        all.into_iter().find(|one| one.id == *team).ok_or(EngineError::NotFound("team"))
    }
}

fn checked_team_name(name: &str) -> Result<String, EngineError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_TEAM_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(EngineError::Invalid(vec![Problem::new("/name", TEAM_NAME)]));
    }
    Ok(name.to_owned())
}

/// Shown on pages, so its translations are in the catalogue.
const TEAM_NAME: &str = "must have 1 to 100 characters, without line breaks";

fn team_view(record: TeamRecord) -> Team {
    Team { id: record.id, name: record.name, created_at: record.created_at_ms }
}

fn member_view((user, membership): (UserRecord, MembershipRecord)) -> Member {
    let MembershipRecord { role, since_ms, .. } = membership;
    Member { id: user.id, name: user.name, email: user.email, role, since: since_ms }
}

fn invitation_view(record: InvitationRecord) -> Invitation {
    Invitation {
        id: record.id,
        email: record.email,
        role: record.role,
        invited_by: record.invited_by,
        created_at: record.created_at_ms,
        expires_at: record.expires_at_ms,
    }
}
