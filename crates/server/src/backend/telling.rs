//! Who gets e-mail about webhooks, for the pages.

use async_trait::async_trait;
use groundswell_app::Language;
use groundswell_app::backend::telling::{Operations, Subscription, TellingBackend, Told, Topic, Whose, Wish};
use groundswell_app::failure::Failure;
use groundswell_engine::store::AddressState;
use groundswell_engine::telling;
use groundswell_types::{Email, ProgramId, Webhook, WebhookId};

use super::PageBackend;

#[async_trait]
impl TellingBackend for PageBackend {
    async fn sends_mail(&self) -> Result<bool, Failure> {
        Ok(self.engine().await?.is_telling())
    }

    async fn told(&self, id: &ProgramId) -> Result<Vec<Told>, Failure> {
        let acting = self.engine().await?;
        let webhooks = acting.webhooks(id).map_err(|error| self.failure(error))?;
        let mut told = Vec::with_capacity(webhooks.len());
        for Webhook { id: webhook, name, payload_url, .. } in webhooks {
            let recipients = acting.recipients(id, &webhook).await.map_err(|error| self.failure(error))?;
            let name = name.map(|name| name.as_str().to_owned());
            let label = name.or(payload_url).unwrap_or_else(|| webhook.to_string());
            told.push(Told { webhook, label, recipients });
        }
        Ok(told)
    }

    async fn operations(&self) -> Result<Operations, Failure> {
        Ok(match self.engine().await?.operations_if_any() {
            Ok(Some(program)) => Operations::There(program.id),
            Ok(None) => Operations::NotThere,
            Err(_) => Operations::Hidden,
        })
    }

    async fn set_up_operations(&self) -> Result<ProgramId, Failure> {
        let program = self.engine().await?.operations(None).await;
        program.map(|program| program.id).map_err(|error| self.failure(error))
    }

    async fn add_recipient(
        &self,
        id: &ProgramId,
        webhook: &WebhookId,
        (email, language): (Email, Language),
    ) -> Result<(), Failure> {
        let added = self.engine().await?.add_recipient(id, webhook, (email, language.tag())).await;
        added.map(drop).map_err(|error| self.failure(error))
    }

    async fn remove_recipient(
        &self,
        id: &ProgramId,
        webhook: &WebhookId,
        recipient: &str,
    ) -> Result<(), Failure> {
        let removed = self.engine().await?.remove_recipient(id, webhook, recipient).await;
        removed.map_err(|error| self.failure(error))
    }

    async fn subscription(&self, token: &str) -> Result<Subscription, Failure> {
        let found = self.state.engine.subscription(token).await.map_err(|error| self.failure(error))?;
        let topic = match found.topic {
            telling::Topic::Webhook { about, added_by, state } => {
                Topic::Webhook { program: about.program_name, webhook: about.label, added_by, state }
            }
            telling::Topic::Gone { state } => Topic::Gone { state },
            telling::Topic::Account { name, state } => Topic::Account { name, whose: whose(state) },
        };
        Ok(Subscription { email: found.email, topic })
    }

    async fn subscribe(&self, token: &str, wish: Wish) -> Result<(), Failure> {
        let wish = match wish {
            Wish::These => telling::Wish::These,
            Wish::NotThese => telling::Wish::NotThese,
            Wish::None => telling::Wish::None,
        };
        let subscribed = self.state.engine.subscribe(token, wish, self.came.address).await;
        subscribed.map_err(|error| self.failure(error))
    }
}

/// Whose an address is, for the pages.
pub(super) fn whose(state: AddressState) -> Whose {
    match state {
        AddressState::Asked => Whose::Unknown,
        AddressState::Theirs => Whose::Theirs,
        AddressState::NotTheirs => Whose::NotTheirs,
    }
}
