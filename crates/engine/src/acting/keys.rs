//! API keys and sign-in links, for those who manage a team.

use groundswell_types::{ApiKey, AuditAction, CreatedApiKey, NewApiKey, TeamId, UserId};

use super::Acting;
use crate::access::{Permission, Who};
use crate::api_keys::Reach;
use crate::audit::{Deed, Trace, Unsaid};
use crate::error::EngineError;
use crate::store::{LinkMaker, MembershipRecord};

const IN_OTHER_TEAMS: &str =
    "They are in other teams, too, so only whoever runs this server can make them a sign-in link.";

/// Said over REST alone: no page has a key.
const RUNS_SERVER: &str = "Owners of the first team run this server: a sign-in link for one takes its admin key (GROUNDSWELL_ADMIN_KEY).";

impl Acting {
    /// The API keys that are in the actor's reach, oldest first.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, EngineError> {
        self.engine.api_keys(&self.reach()?).await
    }

    /// Makes an API key in the actor's team. Whoever reaches one program makes keys that reach no further, and may not be used
    /// more often.
    pub async fn create_api_key(&self, new: NewApiKey) -> Result<CreatedApiKey, EngineError> {
        self.reach()?;
        let (team, new) = match &self.actor.who {
            Who::Key(own) => match &own.program {
                Some(program) => {
                    if new.campaign_id.as_ref().is_some_and(|wanted| wanted != program) {
                        return Err(crate::access::only_for(program));
                    }
                    let is_higher = |wanted| !own.rate_limit.is_some_and(|limit| limit.allows(wanted));
                    if new.rate_limit.is_some_and(is_higher) {
                        let why =
                            "An API key for one program can only make keys with lower limits than its own.";
                        return Err(EngineError::Forbidden(why.to_owned()));
                    }
                    let rate_limit = new.rate_limit.or(own.rate_limit);
                    (own.team.clone(), NewApiKey { campaign_id: Some(program.clone()), rate_limit, ..new })
                }
                None => (own.team.clone(), new),
            },
            Who::Operator => (self.team_of_key(&new), new),
            Who::Person(_) | Who::Link(_) => (self.actor.team()?, new),
        };
        let trace = Trace::default().with("scopes", new.scopes);
        let deed = Deed {
            action: AuditAction::KeyCreated,
            teams: vec![team.clone()],
            program: new.campaign_id.clone(),
            trace: match new.rate_limit {
                Some(limit) => trace.with("rateLimit", limit),
                None => trace,
            },
        };
        self.engine.recorded(&self.actor, deed, self.engine.create_api_key(team, new)).await
    }

    /// Revokes an API key in the actor's reach; it stops working at once.
    pub async fn delete_api_key(&self, id: &str) -> Result<(), EngineError> {
        let reach = self.reach()?;
        let key = self.engine.api_key_in(id, &reach).await?;
        // It stops working even if that cannot be recorded.
        self.engine.api_keys.forget(id);
        let deed = Deed {
            action: AuditAction::KeyRevoked,
            teams: vec![key.team_id],
            program: key.program_id,
            trace: Trace::of(id),
        };
        self.engine.recorded(&self.actor, deed, self.engine.delete_api_key(id, &reach)).await
    }

    /// Makes a one-time link that signs somebody of the actor's team in; the team's first owner when nobody is named.
    pub async fn create_sign_in_link(&self, user: Option<&UserId>) -> Result<(String, i64), EngineError> {
        let team = self.actor.team()?;
        self.actor.check_team(Permission::Manage, &team)?;
        let user = self.engine.member_or_owner(&team, user).await?;
        self.may_sign_in(&user, &team).await?;
        let deed = Deed {
            action: AuditAction::LinkCreated,
            teams: self.engine.teams_of(&user).await?,
            program: None,
            trace: Trace::of(&user).with("for", "sign-in"),
        };
        let work = async {
            // They may have joined another team since, which ended the links that there were.
            let _held = self.engine.access.doorkeeper.accounts.lock().await;
            self.may_sign_in(&user, &team).await?;
            let made_by = match &self.actor.who {
                Who::Key(key) => LinkMaker::Key(key.id.clone()),
                Who::Operator | Who::Person(_) | Who::Link(_) => LinkMaker::Person,
            };
            self.engine.create_sign_in_token_by(&user, made_by).await.map(Unsaid)
        };
        self.engine.recorded(&self.actor, deed, work).await.map(|Unsaid(link)| link)
    }

    /// Whether whoever manages a team may have somebody signed in: a session is of the whole person, so of nobody who is in
    /// another team as well. And a key, which is for its team, makes links for nobody who runs the server.
    async fn may_sign_in(&self, user: &UserId, team: &TeamId) -> Result<(), EngineError> {
        let memberships = self.engine.store.memberships(user).await?;
        if !memberships.iter().any(|membership| membership.team_id == *team) {
            return Err(EngineError::NotFound("member of the team"));
        }
        let is_operator = matches!(self.actor.who, Who::Operator);
        if !is_operator && memberships.iter().any(|membership| membership.team_id != *team) {
            return Err(EngineError::Forbidden(IN_OTHER_TEAMS.to_owned()));
        }
        let is_key = matches!(self.actor.who, Who::Key(_));
        if is_key && memberships.iter().any(MembershipRecord::runs_server) {
            return Err(EngineError::Forbidden(RUNS_SERVER.to_owned()));
        }
        Ok(())
    }

    /// Which keys the actor manages.
    fn reach(&self) -> Result<Reach, EngineError> {
        match &self.actor.who {
            Who::Operator => Ok(Reach::default()),
            Who::Key(key) => match &key.program {
                // A key of one program that is its admin.
                Some(program) => {
                    self.must(program, Permission::Manage)?;
                    Ok(Reach { team: Some(key.team.clone()), program: Some(program.clone()) })
                }
                None => self.reach_of_team(key.team.clone()),
            },
            Who::Person(_) | Who::Link(_) => self.reach_of_team(self.actor.team()?),
        }
    }

    fn reach_of_team(&self, team: TeamId) -> Result<Reach, EngineError> {
        self.actor.check_team(Permission::Manage, &team)?;
        Ok(Reach { team: Some(team), program: None })
    }

    /// The operator's keys are in the team of their program.
    fn team_of_key(&self, new: &NewApiKey) -> TeamId {
        let entry = new.campaign_id.as_ref().and_then(|id| self.engine.program_entry(id).ok());
        entry.map_or_else(TeamId::first, |entry| entry.record.team_id.clone())
    }
}
