//! Who gets e-mail about webhooks.

use async_trait::async_trait;
use groundswell_app::Language;
use groundswell_app::backend::telling::{Operations, Subscription, TellingBackend, Told, Topic, Whose, Wish};
use groundswell_app::failure::Failure;
use groundswell_types::{Email, ProgramId, Recipient, RecipientState, Role, WebhookId};

use super::{Memory, NOW, State};

/// Of whoever has the link.
pub const TOKEN: &str = "the-token-in-the-letter";

/// What is kept of it.
#[derive(Default)]
pub struct Letters {
    pub sends_mail: bool,
    pub recipients: Vec<Recipient>,
    /// Where operational webhooks are, once they are set up.
    pub operations: Option<ProgramId>,
    /// What the link is about.
    pub topic: Option<Topic>,
    /// In the order in which it was done.
    pub done: Vec<String>,
}

/// Somebody who was named.
pub fn recipient(name: &str, state: RecipientState) -> Recipient {
    let email = Email::parse(&format!("{name}@example.com")).expect("an address");
    let (id, added_by) = (format!("rcp_{name}"), "Bo <b>".to_owned());
    Recipient { id, email, state, added_by, added_at: NOW }
}

/// The topic of an e-mail about a webhook.
pub fn about_webhook(state: RecipientState) -> Topic {
    Topic::Webhook {
        program: "Acme <b>".to_owned(),
        webhook: "CRM".to_owned(),
        added_by: Some("Bo <b>".to_owned()),
        state,
    }
}

impl State {
    fn must_edit(&self) -> Result<(), Failure> {
        match self.viewer.as_ref().map(|viewer| viewer.role) {
            None => Err(Failure::SignedOut),
            Some(Some(Role::Viewer) | None) => Err(Failure::Forbidden("Viewers only look.".to_owned())),
            Some(Some(_)) => Ok(()),
        }
    }
}

#[async_trait]
impl TellingBackend for Memory {
    async fn sends_mail(&self) -> Result<bool, Failure> {
        self.with(|state| Ok(state.letters.sends_mail))
    }

    async fn told(&self, _: &ProgramId) -> Result<Vec<Told>, Failure> {
        self.with(|state| {
            state.must_edit()?;
            let told = |row: &groundswell_types::editor::PanelRow, recipients| Told {
                webhook: WebhookId::parse(&row.row.key).expect("an id"),
                label: row.row.url.clone(),
                recipients,
            };
            let mut rows = state.live.iter();
            let first = rows.next().map(|row| told(row, state.letters.recipients.clone()));
            Ok(first.into_iter().chain(rows.map(|row| told(row, Vec::new()))).collect())
        })
    }

    async fn operations(&self) -> Result<Operations, Failure> {
        self.with(|state| {
            let is_owner = state.viewer.as_ref().is_some_and(|viewer| viewer.role == Some(Role::Owner));
            Ok(match &state.letters.operations {
                _ if !is_owner => Operations::Hidden,
                None => Operations::NotThere,
                Some(id) => Operations::There(id.clone()),
            })
        })
    }

    async fn set_up_operations(&self) -> Result<ProgramId, Failure> {
        self.with(|state| {
            state.must_edit()?;
            let id = ProgramId::parse("ops_first").expect("an id");
            state.letters.operations = Some(id.clone());
            Ok(id)
        })
    }

    async fn add_recipient(
        &self,
        id: &ProgramId,
        webhook: &WebhookId,
        (email, language): (Email, Language),
    ) -> Result<(), Failure> {
        self.with(|state| {
            state.program(id)?;
            state.letters.done.push(format!("{} for {webhook} in {}", email.as_str(), language.tag()));
            Ok(())
        })
    }

    async fn remove_recipient(
        &self,
        id: &ProgramId,
        webhook: &WebhookId,
        recipient: &str,
    ) -> Result<(), Failure> {
        self.with(|state| {
            state.program(id)?;
            state.letters.done.push(format!("no {recipient} for {webhook}"));
            Ok(())
        })
    }

    async fn subscription(&self, token: &str) -> Result<Subscription, Failure> {
        let topic = self.state.lock().expect("not poisoned").letters.topic.clone();
        match topic {
            Some(topic) if token == TOKEN => {
                Ok(Subscription { email: Email::parse("eve@example.com").expect("an address"), topic })
            }
            _ => Err(Failure::Refused(
                "This link leads nowhere any more: the webhook was removed, or you are no longer named."
                    .to_owned(),
            )),
        }
    }

    async fn subscribe(&self, token: &str, wish: Wish) -> Result<(), Failure> {
        self.subscription(token).await?;
        let letters = &mut self.state.lock().expect("not poisoned").letters;
        letters.done.push(format!("{wish:?}"));
        match &mut letters.topic {
            Some(Topic::Webhook { state, .. } | Topic::Gone { state }) => {
                *state = match wish {
                    Wish::These => RecipientState::Confirmed,
                    Wish::NotThese | Wish::None => RecipientState::Unsubscribed,
                }
            }
            Some(Topic::Account { whose, .. }) => {
                *whose = if wish == Wish::These { Whose::Theirs } else { Whose::NotTheirs }
            }
            None => {}
        }
        Ok(())
    }
}
