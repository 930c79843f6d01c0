//! Letters to people: who gets them, and those that wait to be sent. Part of [`super::Store`].

use async_trait::async_trait;
use groundswell_types::{Email, NoticeId, ProgramId, Recipient, RecipientState, TeamId, UserId};

use super::{AddressRecord, EndpointId, NoticeRecord, StoreError};

/// Somebody who gets letters about a webhook, or does not want them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientRecord {
    pub id: String,
    /// In the links of their letters. It is kept as it is, since each letter has it; all it does is to begin or to end
    /// letters about one webhook to one address.
    pub token: String,
    pub program_id: ProgramId,
    pub endpoint_id: EndpointId,
    pub email: Email,
    /// What letters to them are in: a language tag.
    pub language: String,
    /// Who named them; `None` when nobody does, and they get letters as an owner of the team or not at all.
    pub added_by: Option<String>,
    pub state: RecipientState,
    pub created_at_ms: i64,
}

impl RecipientRecord {
    /// As people and programs see it; none when nobody named them.
    pub fn view(self) -> Option<Recipient> {
        let Self { id, email, state, added_by, created_at_ms, .. } = self;
        added_by.map(|added_by| Recipient { id, email, state, added_by, added_at: created_at_ms })
    }
}

/// A letter that is not sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterRecord {
    pub id: i64,
    pub email: Email,
    pub language: String,
    /// The recipient's, for the link that ends such letters.
    pub token: Option<String>,
    /// What it says; only [`crate::telling`] reads it.
    pub content_json: String,
    /// How often its sending was begun.
    pub attempts: i64,
    pub due_at_ms: i64,
    pub created_at_ms: i64,
}

/// Up to where a webhook's undeliverable deliveries have been told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestRecord {
    pub endpoint_id: EndpointId,
    /// Of the hours before this one everything, counted from the beginning of 1970.
    pub hour: i64,
    /// Of this hour so many.
    pub counted: i64,
    pub at_ms: i64,
}

/// Letters that go into the outbox, with all that says that they have: one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Posting {
    /// The notice that they are about.
    pub notice: Option<NoticeId>,
    /// The digest that they are.
    pub digest: Option<DigestRecord>,
    /// Recipients that are new, or changed.
    pub recipients: Vec<RecipientRecord>,
    /// Addresses of accounts whose readers are asked. Who has answered meanwhile, has.
    pub addresses: Vec<AddressRecord>,
    pub letters: Vec<LetterRecord>,
}

/// See the module. All of it may be called by anybody.
#[async_trait]
pub trait TellingStore: Send + Sync + 'static {
    /// All recipients of a webhook, those whom nobody names included, by id. They outlive the webhook for a while, so that their
    /// links are good for saying no.
    async fn recipients(&self, endpoint: EndpointId) -> Result<Vec<RecipientRecord>, StoreError>;

    /// The recipient with this token.
    async fn recipient(&self, token: &str) -> Result<Option<RecipientRecord>, StoreError>;

    /// Sends an address no letters about webhooks any more, whoever names it.
    async fn refuse_letters(&self, email: &Email, at_ms: i64) -> Result<(), StoreError>;

    /// Takes that back.
    async fn allow_letters(&self, email: &Email) -> Result<(), StoreError>;

    /// Whether an address gets no letters about webhooks.
    async fn refuses_letters(&self, email: &Email) -> Result<bool, StoreError>;

    /// Keeps the language of somebody.
    async fn save_language_of(&self, user: &UserId, language: &str) -> Result<(), StoreError>;

    /// The language of somebody, if they have signed in since it is kept.
    async fn language_of(&self, user: &UserId) -> Result<Option<String>, StoreError>;

    /// Notices about which no letters were written yet, oldest first.
    async fn untold_notices(&self, limit: usize) -> Result<Vec<NoticeRecord>, StoreError>;

    /// Notices about a team's webhooks since a time of which somebody was told, or nobody had to be, newest first.
    async fn told_notices(
        &self,
        team: &TeamId,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError>;

    /// Makes a posting. One about a notice that was told already is rejected.
    async fn post(&self, posting: &Posting) -> Result<(), StoreError>;

    /// The letters that are due, the one that is due for longest first.
    async fn due_letters(&self, now_ms: i64, limit: usize) -> Result<Vec<LetterRecord>, StoreError>;

    /// How many letters wait that their reader can end, counting to `cap`.
    async fn waiting_letters(&self, cap: i64) -> Result<i64, StoreError>;

    /// Removes a letter: it was sent, or never will be.
    async fn remove_letter(&self, id: i64) -> Result<(), StoreError>;

    /// Notes that a letter's sending begins, and when it is due again unless it is removed.
    async fn put_letter_off(&self, id: i64, due_at_ms: i64) -> Result<(), StoreError>;

    /// Up to where each webhook's digests have come.
    async fn digests(&self) -> Result<Vec<DigestRecord>, StoreError>;
}
