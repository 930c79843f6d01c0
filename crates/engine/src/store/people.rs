//! People, teams, sessions: what the store keeps of them. Part of [`super::Store`]. Of tokens only SHA-256 hashes are kept.

use async_trait::async_trait;
use groundswell_types::{Email, Role, TeamId, UserId};

use super::StoreError;

/// People who work on the same programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamRecord {
    pub id: TeamId,
    pub name: String,
    pub created_at_ms: i64,
}

impl TeamRecord {
    /// The team that every server has, as it is at first.
    pub fn first() -> Self {
        Self { id: TeamId::first(), name: "My team".to_owned(), created_at_ms: 0 }
    }
}

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    pub id: UserId,
    pub name: String,
    /// No two users have the same. `None` until it is given.
    pub email: Option<Email>,
    /// In PHC form; `None` without a password.
    pub password_hash: Option<String>,
    /// Issuer, a space, subject. No two users have the same.
    pub oidc_subject: Option<String>,
    pub created_at_ms: i64,
}

impl UserRecord {
    /// The first owner, as they are at first.
    pub fn first() -> Self {
        Self {
            id: UserId::first(),
            name: "Owner".to_owned(),
            email: None,
            password_hash: None,
            oidc_subject: None,
            created_at_ms: 0,
        }
    }
}

/// That somebody is in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRecord {
    pub team_id: TeamId,
    pub user_id: UserId,
    pub role: Role,
    pub since_ms: i64,
}

impl MembershipRecord {
    /// The first owner's.
    pub fn first() -> Self {
        Self { team_id: TeamId::first(), user_id: UserId::first(), role: Role::Owner, since_ms: 0 }
    }

    /// Whether it is that of somebody who runs the server: an owner of the first team.
    pub fn runs_server(&self) -> bool {
        self.team_id == TeamId::first() && self.role == Role::Owner
    }
}

/// What is to become of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipChange {
    /// Another role.
    Role(Role),
    /// The end of it.
    End,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipChanged {
    /// It is as it was wanted.
    Changed,
    /// Nothing was changed: a team has an owner.
    IsLastOwner,
    /// There is no such membership.
    NotFound,
}

/// Somebody was invited into a team, and has not come yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRecord {
    /// `inv_…`
    pub id: String,
    pub token_hash: [u8; 32],
    pub team_id: TeamId,
    pub email: Email,
    pub role: Role,
    /// A name, for people.
    pub invited_by: String,
    /// The id of the person or API key; `None` is the operator.
    pub made_by: Option<String>,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
}

/// A one-time link that signs somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInLinkRecord {
    pub token_hash: [u8; 32],
    pub user_id: UserId,
    pub expires_at_ms: i64,
    pub made_by: LinkMaker,
}

/// Who made a sign-in link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkMaker {
    /// An owner of the account's team, or the operator.
    Person,
    /// The server, which sent it to the account's own address, as whoever reads that wished.
    Mail,
    /// Whoever holds the API key with this id.
    Key(String),
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the token in the cookie.
    pub token_hash: [u8; 32],
    pub user_id: UserId,
    /// The team that is looked at; `None` is the person's first.
    pub team_id: Option<TeamId>,
    pub created_at_ms: i64,
    /// Kept to some minutes.
    pub last_seen_at_ms: i64,
    /// However much it is used.
    pub expires_at_ms: i64,
    /// Where it began.
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// The key that made the link it came of, with which it ends.
    pub api_key_id: Option<String>,
}

/// A session with whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub session: SessionRecord,
    pub user: UserRecord,
    /// By team.
    pub memberships: Vec<MembershipRecord>,
}

/// A browser that somebody has signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    pub token_hash: [u8; 32],
    pub user_id: UserId,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
}

/// See the module. All of it may be called by anybody.
#[async_trait]
pub trait PeopleStore: Send + Sync + 'static {
    /// All teams, oldest first.
    async fn teams(&self) -> Result<Vec<TeamRecord>, StoreError>;

    /// Adds a team, or gives it another name.
    async fn save_team(&self, team: &TeamRecord) -> Result<(), StoreError>;

    /// Somebody.
    async fn user(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError>;

    /// Whose address this is.
    async fn user_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError>;

    /// Who an OpenID provider says it is.
    async fn user_by_subject(&self, subject: &str) -> Result<Option<UserRecord>, StoreError>;

    /// Adds or changes somebody. Rejected when the address or the subject is somebody else's.
    async fn save_user(&self, user: &UserRecord) -> Result<(), StoreError>;

    /// The members of a team, by the time they came.
    async fn members(&self, team: &TeamId) -> Result<Vec<(UserRecord, MembershipRecord)>, StoreError>;

    /// The teams somebody is in, by the time they came.
    async fn memberships(&self, user: &UserId) -> Result<Vec<MembershipRecord>, StoreError>;

    /// Adds somebody to a team; who is in it already keeps their role.
    async fn add_member(&self, membership: &MembershipRecord) -> Result<(), StoreError>;

    /// Changes or ends a membership, in one transaction with the check that an owner is left. Who is no owner any more has no
    /// open invitations either.
    async fn change_member(
        &self,
        team: &TeamId,
        user: &UserId,
        change: MembershipChange,
    ) -> Result<MembershipChanged, StoreError>;

    /// Keeps an invitation; one of the same address into the same team, and those that had expired when this one was made,
    /// are forgotten.
    async fn save_invitation(&self, invitation: &InvitationRecord) -> Result<(), StoreError>;

    /// The invitations into a team, oldest first, expired ones too.
    async fn invitations(&self, team: &TeamId) -> Result<Vec<InvitationRecord>, StoreError>;

    /// The invitation with this token that has not expired.
    async fn invitation(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<InvitationRecord>, StoreError>;

    /// Uses an invitation up: removes it, adds or changes the user, adds the membership, in one transaction. Answers whether
    /// it was there. Rejected when the user's address or subject is somebody else's.
    async fn accept_invitation(
        &self,
        invitation: &InvitationRecord,
        user: &UserRecord,
        now_ms: i64,
    ) -> Result<bool, StoreError>;

    /// Takes an invitation back; says whether it was there.
    async fn delete_invitation(&self, team: &TeamId, id: &str) -> Result<bool, StoreError>;

    /// Keeps a sign-in link.
    async fn save_sign_in_link(&self, link: &SignInLinkRecord) -> Result<(), StoreError>;

    /// Uses a sign-in link up; answers which it was if it had neither expired nor been used.
    async fn use_sign_in_link(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<SignInLinkRecord>, StoreError>;

    /// Ends the sign-in links of somebody that were not used.
    async fn delete_sign_in_links_of(&self, user: &UserId) -> Result<(), StoreError>;

    /// Keeps a session, replacing one with the same token; forgets those that expired before it was created.
    async fn save_session(&self, session: &SessionRecord) -> Result<(), StoreError>;

    /// A session that has not expired, and whose it is.
    async fn session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<SignedIn>, StoreError>;

    /// Somebody's sessions, newest first, expired ones too.
    async fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionRecord>, StoreError>;

    /// Keeps when a session was last used.
    async fn touch_session(&self, token_hash: [u8; 32], at_ms: i64) -> Result<(), StoreError>;

    /// Keeps which team a session looks at.
    async fn choose_team(&self, token_hash: [u8; 32], team: &TeamId) -> Result<(), StoreError>;

    /// Ends a session.
    async fn delete_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError>;

    /// Ends all sessions of somebody but one; answers how many.
    async fn delete_sessions_of(&self, user: &UserId, but: Option<[u8; 32]>) -> Result<u64, StoreError>;

    /// Whether anybody has ever signed in, also when the session has ended since.
    async fn has_sessions(&self) -> Result<bool, StoreError>;

    /// Remembers a browser; forgets those that expired before it was.
    async fn save_device(&self, device: &DeviceRecord) -> Result<(), StoreError>;

    /// Whose browser this is, if that is still remembered.
    async fn device(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<UserId>, StoreError>;

    /// Forgets the browsers of somebody.
    async fn delete_devices_of(&self, user: &UserId) -> Result<(), StoreError>;
}
