//! Who makes a request, and the one place that says what they may do.

use std::net::IpAddr;
use std::sync::Arc;

use groundswell_types::{Email, ProgramId, ProgramType, Role, Scope, TeamId, UserId};

use super::links::LinkHolder;
use crate::api_keys::KnownKey;
use crate::error::EngineError;
use crate::store::ProgramRecord;

/// What a use case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// To see a program and the settings of its webhooks.
    SeeSettings,
    /// To see what was sent, where people's data is: the log, the inbox.
    SeeLog,
    /// To change webhooks, test, publish, decide about what is parked.
    EditWebhooks,
    /// To resend, to change the inbox, to send somebody to the webhooks by a link.
    Edit,
    /// To change the program itself, or make one.
    EditPrograms,
    /// To post events.
    Send,
    /// To see who is in a team. People see those they work with; keys that read programs see nobody's address.
    SeeTeam,
    /// To decide who may do what: members, keys; to see the audit log, erase people's data, and say how long it is kept.
    Manage,
}

impl Permission {
    /// The role that it takes in the program's team.
    const fn role(self) -> Role {
        match self {
            Self::SeeSettings | Self::SeeLog | Self::SeeTeam => Role::Viewer,
            Self::EditWebhooks | Self::Edit | Self::EditPrograms | Self::Send => Role::Editor,
            Self::Manage => Role::Owner,
        }
    }

    /// Whether what needs it changes something that is worth a record in the audit log. Events have a log of their own.
    pub const fn changes(self) -> bool {
        match self {
            Self::SeeSettings | Self::SeeLog | Self::SeeTeam | Self::Send => false,
            Self::EditWebhooks | Self::Edit | Self::EditPrograms | Self::Manage => true,
        }
    }

    /// The scope that it takes of an API key.
    const fn scope(self) -> Scope {
        match self {
            Self::SeeSettings | Self::SeeLog => Scope::Read,
            Self::EditWebhooks | Self::Edit | Self::EditPrograms => Scope::Webhooks,
            Self::Send => Scope::Events,
            Self::SeeTeam | Self::Manage => Scope::Admin,
        }
    }
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: UserId,
    pub name: String,
    /// `None` until it is given.
    pub email: Option<Email>,
    pub has_password: bool,
    /// Who they are at an OpenID provider, if they can sign in through one.
    pub provider_subject: Option<String>,
    /// The teams they are in, the one they came into first first.
    pub memberships: Vec<(TeamId, Role)>,
    /// The team they look at; `None` when they are in none.
    pub team: Option<TeamId>,
    /// The hash of their session's token.
    pub session: [u8; 32],
    /// The key that made the link they came by: their session ends with it.
    pub api_key_id: Option<String>,
    /// When they signed in, Unix milliseconds.
    pub signed_in_at_ms: i64,
}

impl Person {
    /// The teams they are in, the one they came into first first.
    pub fn teams(&self) -> Vec<TeamId> {
        self.memberships.iter().map(|(team, _)| team.clone()).collect()
    }

    /// What they are in a team.
    pub fn role_in(&self, team: &TeamId) -> Option<Role> {
        self.memberships.iter().find(|(id, _)| id == team).map(|(_, role)| *role)
    }

    /// What they are in the team they look at.
    pub fn role(&self) -> Option<Role> {
        self.team.as_ref().and_then(|team| self.role_in(team))
    }
}

/// Who it is.
#[derive(Debug, Clone)]
pub enum Who {
    /// The holder of the admin key from the configuration: may do everything, in every team.
    Operator,
    /// The holder of an API key, in the key's team.
    Key(Arc<KnownKey>),
    /// Somebody with a session.
    Person(Arc<Person>),
    /// Somebody who came by an editor link: sets up the webhooks of its program and does nothing else.
    Link(Arc<LinkHolder>),
}

/// Who makes a request, and from where.
#[derive(Debug, Clone)]
pub struct Actor {
    pub who: Who,
    /// `None` for what the server does by itself.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Fails when the actor may not do this with the program. A program out of reach is as one that is not there.
    pub fn check(&self, permission: Permission, program: &ProgramRecord) -> Result<(), EngineError> {
        const NO_PROGRAM: EngineError = EngineError::NotFound("program");
        // What is told there is about everybody in the team.
        let is_operations = program.kind == ProgramType::Operations;
        let permission = if is_operations { Permission::Manage } else { permission };
        match &self.who {
            Who::Operator => Ok(()),
            Who::Key(key) => {
                if key.team != program.team_id || key.program.as_ref().is_some_and(|own| *own != program.id) {
                    return Err(NO_PROGRAM);
                }
                scope_allows(key, permission)
            }
            Who::Person(person) => {
                let role = person.role_in(&program.team_id).ok_or(NO_PROGRAM)?;
                role_allows(role, permission)
            }
            Who::Link(holder) if holder.program != program.id => Err(NO_PROGRAM),
            Who::Link(_) => link_allows(permission),
        }
    }

    /// Fails when the actor may not do this in the whole of a team. A team out of reach is as one that is not there.
    pub fn check_team(&self, permission: Permission, team: &TeamId) -> Result<(), EngineError> {
        const NO_TEAM: EngineError = EngineError::NotFound("team");
        match &self.who {
            Who::Operator => Ok(()),
            Who::Key(key) => {
                if key.team != *team {
                    return Err(NO_TEAM);
                }
                if let Some(program) = &key.program {
                    return Err(only_for(program));
                }
                scope_allows(key, permission)
            }
            Who::Person(person) => role_allows(person.role_in(team).ok_or(NO_TEAM)?, permission),
            Who::Link(_) => Err(NO_TEAM),
        }
    }

    /// Fails when the actor does not run the server. Those who do are the holder of the admin key and, in the editor, the
    /// owners of the first team: the first of them came in by the link in the server's log.
    pub fn check_operator(&self) -> Result<(), EngineError> {
        match &self.who {
            Who::Operator => Ok(()),
            Who::Person(person) if person.role_in(&TeamId::first()) == Some(Role::Owner) => Ok(()),
            Who::Person(_) => Err(EngineError::Forbidden(OPERATORS_ONLY.to_owned())),
            Who::Key(_) => Err(EngineError::Forbidden(ADMIN_KEY_ONLY.to_owned())),
            Who::Link(_) => Err(only_webhooks()),
        }
    }

    /// The team in which the actor makes and lists things; the operator's is the first.
    pub fn team(&self) -> Result<TeamId, EngineError> {
        match &self.who {
            Who::Operator => Ok(TeamId::first()),
            Who::Key(key) => Ok(key.team.clone()),
            Who::Person(person) => person.team.clone().ok_or(EngineError::Forbidden(IN_NO_TEAM.to_owned())),
            Who::Link(_) => Err(only_webhooks()),
        }
    }

    /// The one program that is in the actor's reach, if it is not all of the team's.
    pub fn program(&self) -> Option<&ProgramId> {
        match &self.who {
            Who::Key(key) => key.program.as_ref(),
            Who::Link(holder) => Some(&holder.program),
            Who::Operator | Who::Person(_) => None,
        }
    }

    /// Fails when the actor has come for one thing and has no lists.
    pub fn check_lists(&self) -> Result<(), EngineError> {
        if matches!(self.who, Who::Link(_)) { Err(only_webhooks()) } else { Ok(()) }
    }

    /// Whether a program is in the actor's lists: of the team a person looks at, of a key's reach; the operator's are all. Where a
    /// team's operational webhooks are is nobody's program.
    pub fn lists(&self, program: &ProgramRecord) -> bool {
        if program.kind == ProgramType::Operations {
            return false;
        }
        match &self.who {
            Who::Operator => true,
            Who::Key(key) => {
                key.team == program.team_id && key.program.as_ref().is_none_or(|own| *own == program.id)
            }
            Who::Person(person) => person.team.as_ref() == Some(&program.team_id),
            Who::Link(_) => false,
        }
    }

    /// Whether the actor decides about others in the program's team.
    pub fn manages(&self, program: &ProgramRecord) -> bool {
        self.check(Permission::Manage, program).is_ok()
    }
}

const IN_NO_TEAM: &str = "You are in no team any more. Ask an owner to invite you.";

/// Shown on pages, so its translations are in the catalogue.
const EDITORS_ONLY: &str =
    "Only editors and owners of the team can do that: your role is viewer. An owner can give you another.";

const OPERATORS_ONLY: &str = "Only those who run this server can do that: owners of its first team.";

/// Said over REST alone: no page has a key.
const ADMIN_KEY_ONLY: &str =
    "This takes the server's admin key (GROUNDSWELL_ADMIN_KEY): a key with the scope admin is for its team.";

const OWNERS_ONLY: &str = "Only owners of the team can do that.";

fn role_allows(role: Role, permission: Permission) -> Result<(), EngineError> {
    let needed = permission.role();
    if role >= needed {
        return Ok(());
    }
    let why = if needed == Role::Owner { OWNERS_ONLY } else { EDITORS_ONLY };
    Err(EngineError::Forbidden(why.to_owned()))
}

/// Shown on pages, so its translations are in the catalogue.
const ONLY_WEBHOOKS: &str = "This link is for the webhooks of its program only.";

fn only_webhooks() -> EngineError {
    EngineError::Forbidden(ONLY_WEBHOOKS.to_owned())
}

fn link_allows(permission: Permission) -> Result<(), EngineError> {
    match permission {
        Permission::SeeSettings | Permission::EditWebhooks => Ok(()),
        Permission::SeeLog
        | Permission::SeeTeam
        | Permission::Edit
        | Permission::EditPrograms
        | Permission::Send
        | Permission::Manage => Err(only_webhooks()),
    }
}

fn scope_allows(key: &KnownKey, permission: Permission) -> Result<(), EngineError> {
    let needed = permission.scope();
    if key.may(needed) {
        return Ok(());
    }
    Err(EngineError::Forbidden(format!(
        "This API key may not do that: it has the scopes {}, and this call needs {needed}.",
        key.scopes
    )))
}

/// For keys of one program.
pub(crate) fn only_for(program: &ProgramId) -> EngineError {
    EngineError::Forbidden(format!("This API key is for the program {program} only."))
}
