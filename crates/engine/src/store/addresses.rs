//! Whose an e-mail address is: what was shown of the addresses of accounts. Part of [`super::Store`].

use async_trait::async_trait;
use groundswell_types::{Email, UserId};

use super::StoreError;

/// What is known of an address that an account has, or had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressState {
    /// Whoever reads it was asked and has not answered.
    Asked,
    /// It is theirs.
    Theirs,
    /// Whoever reads it does not want to be asked again.
    NotTheirs,
}

impl AddressState {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Theirs => "theirs",
            Self::NotTheirs => "not_theirs",
        }
    }

    /// Reads what [`AddressState::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Asked, Self::Theirs, Self::NotTheirs].into_iter().find(|state| state.as_str() == text)
    }
}

/// What is known of whose an address is. An account has one for each address it had, so that a link stays good when the account
/// has another address by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRecord {
    pub user_id: UserId,
    pub email: Email,
    /// In the link of the letter that asks; it is kept as it is, since each such letter has it. `None` when nobody was asked.
    pub token: Option<String>,
    pub state: AddressState,
    /// When they were asked last, or when it was shown.
    pub at_ms: i64,
}

/// See the module. All of it may be called by anybody.
#[async_trait]
pub trait AddressStore: Send + Sync + 'static {
    /// What is known of an address of somebody's account.
    async fn address(&self, user: &UserId, email: &Email) -> Result<Option<AddressRecord>, StoreError>;

    /// What the link with this token is about.
    async fn address_of_link(&self, token: &str) -> Result<Option<AddressRecord>, StoreError>;

    /// Keeps what is known of an address now.
    async fn save_address(&self, record: &AddressRecord) -> Result<(), StoreError>;

    /// Forgets whoever was asked before that time and has not answered: about the address of an account, or about webhooks for
    /// which nobody names them any more. Also all recipients of webhooks that were deleted before that time.
    async fn forget_unanswered(&self, before_ms: i64) -> Result<(), StoreError>;
}
