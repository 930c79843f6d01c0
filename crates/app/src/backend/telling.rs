//! What the pages about e-mail need.

use async_trait::async_trait;
use groundswell_types::{Email, ProgramId, Recipient, RecipientState, WebhookId};

use crate::failure::Failure;
use crate::language::Language;

/// A webhook, and who was named to get e-mail about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub webhook: WebhookId,
    /// What people call it.
    pub label: String,
    pub recipients: Vec<Recipient>,
}

/// What somebody sees who follows the link in an e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub email: Email,
    pub topic: Topic,
}

/// What e-mail is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// A webhook.
    Webhook {
        program: String,
        /// What people call it.
        webhook: String,
        added_by: Option<String>,
        state: RecipientState,
    },
    /// A webhook that is no more, or for which nobody names them.
    Gone { state: RecipientState },
    /// The account of somebody with this name, which has the address.
    Account { name: String, whose: Whose },
}

/// Whose the address of an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Whoever reads it has not said yet.
    Unknown,
    /// The account's owner's.
    Theirs,
    /// Somebody's who wants nothing of that account.
    NotTheirs,
}

/// What they want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// E-mail about this webhook, or this account.
    These,
    /// None about it.
    NotThese,
    /// None about any webhook.
    None,
}

/// A team's operational webhooks, for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operations {
    /// Who looks decides nothing about them.
    Hidden,
    /// Nobody has set them up.
    NotThere,
    /// They are the webhooks of this program.
    There(ProgramId),
}

/// See the module.
#[async_trait]
pub trait TellingBackend: Send + Sync {
    /// Whether this server sends e-mail.
    async fn sends_mail(&self) -> Result<bool, Failure>;

    /// A program's webhooks with their recipients, oldest first.
    async fn told(&self, id: &ProgramId) -> Result<Vec<Told>, Failure>;

    /// The operational webhooks of the team that somebody looks at.
    async fn operations(&self) -> Result<Operations, Failure>;

    /// Sets them up, unless they are; says where they are.
    async fn set_up_operations(&self) -> Result<ProgramId, Failure>;

    /// Names somebody to get e-mail about a webhook, in that language.
    async fn add_recipient(
        &self,
        id: &ProgramId,
        webhook: &WebhookId,
        new: (Email, Language),
    ) -> Result<(), Failure>;

    /// Names somebody no longer.
    async fn remove_recipient(
        &self,
        id: &ProgramId,
        webhook: &WebhookId,
        recipient: &str,
    ) -> Result<(), Failure>;

    /// What the link in an e-mail is about; whoever has it may ask.
    async fn subscription(&self, token: &str) -> Result<Subscription, Failure>;

    /// Does what whoever has the link wants.
    async fn subscribe(&self, token: &str, wish: Wish) -> Result<(), Failure>;
}
