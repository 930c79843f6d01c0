//! People, teams and sessions on an SQL database.

use async_trait::async_trait;
use groundswell_types::{Email, TeamId, UserId};

use super::{Database, Transaction as _};
use crate::store::query::{people, sessions};
use crate::store::{
    DeviceRecord, InvitationRecord, MembershipChange, MembershipChanged, MembershipRecord, PeopleStore,
    SessionRecord, SignInLinkRecord, SignedIn, StoreError, TeamRecord, UserRecord,
};

#[async_trait]
impl<D: Database> PeopleStore for D {
    async fn teams(&self) -> Result<Vec<TeamRecord>, StoreError> {
        people::teams(&mut *Database::reader(self).await?).await
    }

    async fn save_team(&self, team: &TeamRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = people::save_team(&mut *db, team).await;
        db.finish(result).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        people::user(&mut *Database::reader(self).await?, id).await
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        people::user_by_email(&mut *Database::reader(self).await?, email).await
    }

    async fn user_by_subject(&self, subject: &str) -> Result<Option<UserRecord>, StoreError> {
        people::user_by_subject(&mut *Database::reader(self).await?, subject).await
    }

    async fn save_user(&self, user: &UserRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = people::save_user(&mut *db, user).await;
        db.finish(result).await
    }

    async fn members(&self, team: &TeamId) -> Result<Vec<(UserRecord, MembershipRecord)>, StoreError> {
        people::members(&mut *Database::reader(self).await?, team).await
    }

    async fn memberships(&self, user: &UserId) -> Result<Vec<MembershipRecord>, StoreError> {
        people::memberships(&mut *Database::reader(self).await?, user).await
    }

    async fn add_member(&self, membership: &MembershipRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = people::add_member(&mut *db, membership).await;
        db.finish(result).await
    }

    async fn change_member(
        &self,
        team: &TeamId,
        user: &UserId,
        change: MembershipChange,
    ) -> Result<MembershipChanged, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = people::change_member(&mut *db, (team, user), change).await;
        db.finish(result).await
    }

    async fn save_invitation(&self, invitation: &InvitationRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = people::save_invitation(&mut *db, invitation).await;
        db.finish(result).await
    }

    async fn invitations(&self, team: &TeamId) -> Result<Vec<InvitationRecord>, StoreError> {
        people::invitations(&mut *Database::reader(self).await?, team).await
    }

    async fn invitation(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<InvitationRecord>, StoreError> {
        people::invitation(&mut *Database::reader(self).await?, &token_hash, now_ms).await
    }

    async fn accept_invitation(
        &self,
        invitation: &InvitationRecord,
        user: &UserRecord,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = people::accept_invitation(&mut *db, (invitation, user), now_ms).await;
        db.finish(result).await
    }

    async fn delete_invitation(&self, team: &TeamId, id: &str) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = people::delete_invitation(&mut *db, team, id).await;
        db.finish(result).await
    }

    async fn save_sign_in_link(&self, link: &SignInLinkRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::save_link(&mut *db, link).await;
        db.finish(result).await
    }

    async fn use_sign_in_link(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<SignInLinkRecord>, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::use_link(&mut *db, &token_hash, now_ms).await;
        db.finish(result).await
    }

    async fn delete_sign_in_links_of(&self, user: &UserId) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::delete_links_of(&mut *db, user).await;
        db.finish(result).await
    }

    async fn save_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::save_session(&mut *db, session).await;
        db.finish(result).await
    }

    async fn session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<SignedIn>, StoreError> {
        sessions::session(&mut *Database::reader(self).await?, &token_hash, now_ms).await
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionRecord>, StoreError> {
        sessions::sessions_of(&mut *Database::reader(self).await?, user).await
    }

    async fn touch_session(&self, token_hash: [u8; 32], at_ms: i64) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::touch_session(&mut *db, &token_hash, at_ms).await;
        db.finish(result).await
    }

    async fn choose_team(&self, token_hash: [u8; 32], team: &TeamId) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::choose_team(&mut *db, &token_hash, team).await;
        db.finish(result).await
    }

    async fn delete_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::delete_session(&mut *db, &token_hash).await;
        db.finish(result).await
    }

    async fn delete_sessions_of(&self, user: &UserId, but: Option<[u8; 32]>) -> Result<u64, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::delete_sessions_of(&mut *db, user, &but.unwrap_or_default()).await;
        db.finish(result).await
    }

    async fn has_sessions(&self) -> Result<bool, StoreError> {
        sessions::has_sessions(&mut *Database::reader(self).await?).await
    }

    async fn save_device(&self, device: &DeviceRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::save_device(&mut *db, device).await;
        db.finish(result).await
    }

    async fn device(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<UserId>, StoreError> {
        sessions::device(&mut *Database::reader(self).await?, &token_hash, now_ms).await
    }

    async fn delete_devices_of(&self, user: &UserId) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = sessions::delete_devices_of(&mut *db, user).await;
        db.finish(result).await
    }
}
