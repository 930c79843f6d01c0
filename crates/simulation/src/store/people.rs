//! People, teams and sessions: nothing of the contract is about them, so they go to the memory as they are.

use async_trait::async_trait;
use groundswell_engine::store::{
    DeviceRecord, InvitationRecord, MembershipChange, MembershipChanged, MembershipRecord, PeopleStore,
    SessionRecord, SignInLinkRecord, SignedIn, StoreError, TeamRecord, UserRecord,
};
use groundswell_types::{Email, TeamId, UserId};

use super::Disk;

#[async_trait]
impl PeopleStore for Disk {
    async fn teams(&self) -> Result<Vec<TeamRecord>, StoreError> {
        self.memory.teams().await
    }

    async fn save_team(&self, team: &TeamRecord) -> Result<(), StoreError> {
        self.memory.save_team(team).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        self.memory.user(id).await
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        self.memory.user_by_email(email).await
    }

    async fn user_by_subject(&self, subject: &str) -> Result<Option<UserRecord>, StoreError> {
        self.memory.user_by_subject(subject).await
    }

    async fn save_user(&self, user: &UserRecord) -> Result<(), StoreError> {
        self.memory.save_user(user).await
    }

    async fn members(&self, team: &TeamId) -> Result<Vec<(UserRecord, MembershipRecord)>, StoreError> {
        self.memory.members(team).await
    }

    async fn memberships(&self, user: &UserId) -> Result<Vec<MembershipRecord>, StoreError> {
        self.memory.memberships(user).await
    }

    async fn add_member(&self, membership: &MembershipRecord) -> Result<(), StoreError> {
        self.memory.add_member(membership).await
    }

    async fn change_member(
        &self,
        team: &TeamId,
        user: &UserId,
        change: MembershipChange,
    ) -> Result<MembershipChanged, StoreError> {
        self.memory.change_member(team, user, change).await
    }

    async fn save_invitation(&self, invitation: &InvitationRecord) -> Result<(), StoreError> {
        self.memory.save_invitation(invitation).await
    }

    async fn invitations(&self, team: &TeamId) -> Result<Vec<InvitationRecord>, StoreError> {
        self.memory.invitations(team).await
    }

    async fn invitation(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<InvitationRecord>, StoreError> {
        self.memory.invitation(token_hash, now_ms).await
    }

    async fn accept_invitation(
        &self,
        invitation: &InvitationRecord,
        user: &UserRecord,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        self.memory.accept_invitation(invitation, user, now_ms).await
    }

    async fn delete_invitation(&self, team: &TeamId, id: &str) -> Result<bool, StoreError> {
        self.memory.delete_invitation(team, id).await
    }

    async fn save_sign_in_link(&self, link: &SignInLinkRecord) -> Result<(), StoreError> {
        self.memory.save_sign_in_link(link).await
    }

    async fn use_sign_in_link(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<SignInLinkRecord>, StoreError> {
        self.memory.use_sign_in_link(token_hash, now_ms).await
    }

    async fn delete_sign_in_links_of(&self, user: &UserId) -> Result<(), StoreError> {
        self.memory.delete_sign_in_links_of(user).await
    }

    async fn save_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        self.memory.save_session(session).await
    }

    async fn session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<SignedIn>, StoreError> {
        self.memory.session(token_hash, now_ms).await
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionRecord>, StoreError> {
        self.memory.sessions_of(user).await
    }

    async fn touch_session(&self, token_hash: [u8; 32], at_ms: i64) -> Result<(), StoreError> {
        self.memory.touch_session(token_hash, at_ms).await
    }

    async fn choose_team(&self, token_hash: [u8; 32], team: &TeamId) -> Result<(), StoreError> {
        self.memory.choose_team(token_hash, team).await
    }

    async fn delete_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        self.memory.delete_session(token_hash).await
    }

    async fn delete_sessions_of(&self, user: &UserId, but: Option<[u8; 32]>) -> Result<u64, StoreError> {
        self.memory.delete_sessions_of(user, but).await
    }

    async fn has_sessions(&self) -> Result<bool, StoreError> {
        self.memory.has_sessions().await
    }

    async fn save_device(&self, device: &DeviceRecord) -> Result<(), StoreError> {
        self.memory.save_device(device).await
    }

    async fn device(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<UserId>, StoreError> {
        self.memory.device(token_hash, now_ms).await
    }

    async fn delete_devices_of(&self, user: &UserId) -> Result<(), StoreError> {
        self.memory.delete_devices_of(user).await
    }
}
