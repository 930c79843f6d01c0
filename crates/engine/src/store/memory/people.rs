//! People, teams and sessions as plain maps.

use std::collections::BTreeMap;

use async_trait::async_trait;
use groundswell_types::{Email, Role, TeamId, UserId};

use super::Memory;
use crate::store::{
    Connection, DeviceRecord, InvitationRecord, Joining, JoiningStore, MembershipChange, MembershipChanged,
    MembershipRecord, PeopleStore, SessionRecord, SignInLinkRecord, SignedIn, StoreError, TeamRecord,
    UserRecord,
};

#[derive(Debug)]
pub(super) struct People {
    teams: BTreeMap<TeamId, TeamRecord>,
    users: BTreeMap<UserId, UserRecord>,
    memberships: BTreeMap<(TeamId, UserId), MembershipRecord>,
    /// By the hash of the token, as the three below.
    invitations: BTreeMap<[u8; 32], InvitationRecord>,
    links: BTreeMap<[u8; 32], SignInLinkRecord>,
    sessions: BTreeMap<[u8; 32], SessionRecord>,
    devices: BTreeMap<[u8; 32], DeviceRecord>,
    has_had_sessions: bool,
}

impl Default for People {
    /// As the migration makes it.
    fn default() -> Self {
        let (team, user, membership) = (TeamRecord::first(), UserRecord::first(), MembershipRecord::first());
        Self {
            teams: BTreeMap::from([(team.id.clone(), team)]),
            users: BTreeMap::from([(user.id.clone(), user)]),
            memberships: BTreeMap::from([(
                (membership.team_id.clone(), membership.user_id.clone()),
                membership,
            )]),
            invitations: BTreeMap::new(),
            links: BTreeMap::new(),
            sessions: BTreeMap::new(),
            devices: BTreeMap::new(),
            has_had_sessions: false,
        }
    }
}

impl People {
    /// Those that an API key has made.
    pub(super) fn end_invitations_of_key(&mut self, key: &str) {
        self.invitations.retain(|_, one| one.made_by.as_deref() != Some(key));
    }

    fn of_user(&self, user: &UserId) -> Vec<MembershipRecord> {
        let mut all: Vec<_> = self.memberships.values().filter(|one| one.user_id == *user).cloned().collect();
        all.sort_by(|a, b| (a.since_ms, &a.team_id).cmp(&(b.since_ms, &b.team_id)));
        all
    }

    fn save_user(&mut self, user: &UserRecord) -> Result<(), StoreError> {
        let is_taken = self.users.values().filter(|other| other.id != user.id).any(|other| {
            (user.email.is_some() && other.email == user.email)
                || (user.oidc_subject.is_some() && other.oidc_subject == user.oidc_subject)
        });
        if is_taken {
            return Err(StoreError::Rejected("somebody else has this address or subject".into()));
        }
        let created_at_ms = self.users.get(&user.id).map_or(user.created_at_ms, |known| known.created_at_ms);
        self.users.insert(user.id.clone(), UserRecord { created_at_ms, ..user.clone() });
        Ok(())
    }

    fn add_member(&mut self, membership: &MembershipRecord) -> Result<(), StoreError> {
        let MembershipRecord { team_id, user_id, .. } = membership;
        if !self.teams.contains_key(team_id) || !self.users.contains_key(user_id) {
            return Err(StoreError::Rejected("there is no such team or user".into()));
        }
        let key = (team_id.clone(), user_id.clone());
        self.memberships.entry(key).or_insert_with(|| membership.clone());
        Ok(())
    }
}

#[async_trait]
impl PeopleStore for Memory {
    async fn teams(&self) -> Result<Vec<TeamRecord>, StoreError> {
        let mut teams: Vec<_> = self.state().people.teams.values().cloned().collect();
        teams.sort_by(|a, b| (a.created_at_ms, &a.id).cmp(&(b.created_at_ms, &b.id)));
        Ok(teams)
    }

    async fn save_team(&self, team: &TeamRecord) -> Result<(), StoreError> {
        let teams = &mut self.state().people.teams;
        let created_at_ms = teams.get(&team.id).map_or(team.created_at_ms, |known| known.created_at_ms);
        teams.insert(team.id.clone(), TeamRecord { created_at_ms, ..team.clone() });
        Ok(())
    }

    async fn user(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        Ok(self.state().people.users.get(id).cloned())
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        Ok(self.state().people.users.values().find(|user| user.email.as_ref() == Some(email)).cloned())
    }

    async fn user_by_subject(&self, subject: &str) -> Result<Option<UserRecord>, StoreError> {
        let state = self.state();
        let found = state.people.users.values().find(|user| user.oidc_subject.as_deref() == Some(subject));
        Ok(found.cloned())
    }

    async fn save_user(&self, user: &UserRecord) -> Result<(), StoreError> {
        self.state().people.save_user(user)
    }

    async fn members(&self, team: &TeamId) -> Result<Vec<(UserRecord, MembershipRecord)>, StoreError> {
        let state = self.state();
        let mut all: Vec<_> =
            state.people.memberships.values().filter(|one| one.team_id == *team).cloned().collect();
        all.sort_by(|a, b| (a.since_ms, &a.user_id).cmp(&(b.since_ms, &b.user_id)));
        let with_user = |one: MembershipRecord| Some((state.people.users.get(&one.user_id)?.clone(), one));
        Ok(all.into_iter().filter_map(with_user).collect())
    }

    async fn memberships(&self, user: &UserId) -> Result<Vec<MembershipRecord>, StoreError> {
        Ok(self.state().people.of_user(user))
    }

    async fn add_member(&self, membership: &MembershipRecord) -> Result<(), StoreError> {
        self.state().people.add_member(membership)
    }

    async fn change_member(
        &self,
        team: &TeamId,
        user: &UserId,
        change: MembershipChange,
    ) -> Result<MembershipChanged, StoreError> {
        let people = &mut self.state().people;
        let memberships = &mut people.memberships;
        let of_team = memberships.values().filter(|one| one.team_id == *team);
        let owners = of_team.filter(|one| one.role == Role::Owner).count();
        let key = (team.clone(), user.clone());
        let Some(membership) = memberships.get_mut(&key) else { return Ok(MembershipChanged::NotFound) };
        if membership.role == Role::Owner && owners == 1 && change != MembershipChange::Role(Role::Owner) {
            return Ok(MembershipChanged::IsLastOwner);
        }
        match change {
            MembershipChange::Role(role) => membership.role = role,
            MembershipChange::End => drop(memberships.remove(&key)),
        }
        if change != MembershipChange::Role(Role::Owner) {
            let is_theirs = |one: &InvitationRecord| {
                one.team_id == *team && one.made_by.as_deref() == Some(user.as_str())
            };
            people.invitations.retain(|_, one| !is_theirs(one));
        }
        Ok(MembershipChanged::Changed)
    }

    async fn save_invitation(&self, invitation: &InvitationRecord) -> Result<(), StoreError> {
        let invitations = &mut self.state().people.invitations;
        let is_same =
            |one: &InvitationRecord| one.team_id == invitation.team_id && one.email == invitation.email;
        invitations.retain(|_, one| one.expires_at_ms > invitation.created_at_ms && !is_same(one));
        if invitations.values().any(|one| one.id == invitation.id || one.token_hash == invitation.token_hash)
        {
            return Err(StoreError::Rejected("the id or the token is used".into()));
        }
        invitations.insert(invitation.token_hash, invitation.clone());
        Ok(())
    }

    async fn invitations(&self, team: &TeamId) -> Result<Vec<InvitationRecord>, StoreError> {
        let state = self.state();
        let mut all: Vec<_> =
            state.people.invitations.values().filter(|one| one.team_id == *team).cloned().collect();
        all.sort_by(|a, b| (a.created_at_ms, &a.id).cmp(&(b.created_at_ms, &b.id)));
        Ok(all)
    }

    async fn invitation(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<InvitationRecord>, StoreError> {
        let found = self.state().people.invitations.get(&token_hash).cloned();
        Ok(found.filter(|one| one.expires_at_ms > now_ms))
    }

    async fn accept_invitation(
        &self,
        invitation: &InvitationRecord,
        user: &UserRecord,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let people = &mut self.state().people;
        let found = people.invitations.get(&invitation.token_hash);
        if found.is_none_or(|one| one.expires_at_ms <= now_ms) {
            return Ok(false);
        }
        people.save_user(user)?;
        let (team_id, user_id) = (invitation.team_id.clone(), user.id.clone());
        people.add_member(&MembershipRecord { team_id, user_id, role: invitation.role, since_ms: now_ms })?;
        people.invitations.remove(&invitation.token_hash);
        Ok(true)
    }

    async fn delete_invitation(&self, team: &TeamId, id: &str) -> Result<bool, StoreError> {
        let invitations = &mut self.state().people.invitations;
        let before = invitations.len();
        invitations.retain(|_, one| one.team_id != *team || one.id != id);
        Ok(invitations.len() < before)
    }

    async fn save_sign_in_link(&self, link: &SignInLinkRecord) -> Result<(), StoreError> {
        self.state().people.links.insert(link.token_hash, link.clone());
        Ok(())
    }

    async fn use_sign_in_link(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<SignInLinkRecord>, StoreError> {
        let links = &mut self.state().people.links;
        links.retain(|_, link| link.expires_at_ms > now_ms);
        Ok(links.remove(&token_hash))
    }

    async fn delete_sign_in_links_of(&self, user: &UserId) -> Result<(), StoreError> {
        self.state().people.links.retain(|_, link| link.user_id != *user);
        Ok(())
    }

    async fn save_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let people = &mut self.state().people;
        people.has_had_sessions = true;
        people.sessions.retain(|_, other| other.expires_at_ms > session.created_at_ms);
        people.sessions.insert(session.token_hash, session.clone());
        Ok(())
    }

    async fn session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<SignedIn>, StoreError> {
        let people = &self.state().people;
        let session = people.sessions.get(&token_hash).filter(|session| session.expires_at_ms > now_ms);
        Ok(session.and_then(|session| {
            let user = people.users.get(&session.user_id)?.clone();
            let memberships = people.of_user(&user.id);
            Some(SignedIn { session: session.clone(), user, memberships })
        }))
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionRecord>, StoreError> {
        let state = self.state();
        let mut all: Vec<_> =
            state.people.sessions.values().filter(|one| one.user_id == *user).cloned().collect();
        all.sort_by_key(|one| (std::cmp::Reverse(one.created_at_ms), one.token_hash));
        Ok(all)
    }

    async fn touch_session(&self, token_hash: [u8; 32], at_ms: i64) -> Result<(), StoreError> {
        if let Some(session) = self.state().people.sessions.get_mut(&token_hash) {
            session.last_seen_at_ms = at_ms;
        }
        Ok(())
    }

    async fn choose_team(&self, token_hash: [u8; 32], team: &TeamId) -> Result<(), StoreError> {
        if let Some(session) = self.state().people.sessions.get_mut(&token_hash) {
            session.team_id = Some(team.clone());
        }
        Ok(())
    }

    async fn delete_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        self.state().people.sessions.remove(&token_hash);
        Ok(())
    }

    async fn delete_sessions_of(&self, user: &UserId, but: Option<[u8; 32]>) -> Result<u64, StoreError> {
        let sessions = &mut self.state().people.sessions;
        let before = sessions.len();
        sessions.retain(|hash, one| one.user_id != *user || Some(*hash) == but);
        Ok((before - sessions.len()) as u64)
    }

    async fn has_sessions(&self) -> Result<bool, StoreError> {
        Ok(self.state().people.has_had_sessions)
    }

    async fn save_device(&self, device: &DeviceRecord) -> Result<(), StoreError> {
        let devices = &mut self.state().people.devices;
        devices.retain(|_, other| other.expires_at_ms > device.created_at_ms);
        devices.insert(device.token_hash, device.clone());
        Ok(())
    }

    async fn device(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<UserId>, StoreError> {
        let found = self.state().people.devices.get(&token_hash).cloned();
        Ok(found.filter(|one| one.expires_at_ms > now_ms).map(|one| one.user_id))
    }

    async fn delete_devices_of(&self, user: &UserId) -> Result<(), StoreError> {
        self.state().people.devices.retain(|_, one| one.user_id != *user);
        Ok(())
    }
}

#[async_trait]
impl JoiningStore for Memory {
    async fn join_by_invitation(&self, joining: Joining<'_>) -> Result<bool, StoreError> {
        let Joining { invitation, user, session, connection, at_ms } = joining;
        let people = &mut self.state().people;
        let found = people.invitations.get(&invitation.token_hash);
        if found.is_none_or(|one| one.expires_at_ms <= at_ms) {
            return Ok(false);
        }
        let (team_id, user_id) = (invitation.team_id.clone(), user.clone());
        people.add_member(&MembershipRecord { team_id, user_id, role: invitation.role, since_ms: at_ms })?;
        people.invitations.remove(&invitation.token_hash);
        people.sessions.retain(|token_hash, one| *token_hash == session || one.user_id != *user);
        if let Some(own) = people.sessions.get_mut(&session) {
            own.team_id = Some(invitation.team_id.clone());
        }
        people.links.retain(|_, link| link.user_id != *user);
        if let (Connection::Ends, Some(account)) = (connection, people.users.get_mut(user)) {
            account.oidc_subject = None;
        }
        Ok(true)
    }
}
