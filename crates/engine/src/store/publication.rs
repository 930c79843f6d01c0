//! History: what a program's live webhooks were at each version, and who made it so. Nothing in it is secret.

use groundswell_types::editor::ChangedBy;
use groundswell_types::{EventKind, ProgramId, WebhookId, WebhookName, WebhookTimeout};
use serde::{Deserialize, Serialize};

use super::{EndpointId, EndpointRecord, StoreError};

/// A program's webhooks from one change on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationRecord {
    pub program_id: ProgramId,
    /// What `webhooks_version` became.
    pub version: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    pub published: Published,
}

/// What is kept of a publication, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Published {
    /// None for what was changed before that was noted.
    pub by: Option<ChangedBy>,
    /// Oldest first.
    pub webhooks: Vec<PublishedWebhook>,
}

/// A live webhook as history keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedWebhook {
    pub endpoint_id: EndpointId,
    pub id: WebhookId,
    pub payload_url: String,
    pub events: Vec<EventKind>,
    pub is_enabled: bool,
    pub auto_disabled: bool,
    pub has_secret: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<WebhookTimeout>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<WebhookName>,
}

/// Versions that did not note who changed something stored the webhooks alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Webhooks(Vec<PublishedWebhook>),
    Whole { by: Option<ChangedBy>, webhooks: Vec<PublishedWebhook> },
}

impl From<Stored> for Published {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Webhooks(webhooks) => Self { by: None, webhooks },
            Stored::Whole { by, webhooks } => Self { by, webhooks },
        }
    }
}

impl Published {
    /// What is live after a change by `by`; `live` is all of the program's webhooks, oldest first.
    pub(super) fn new<'a>(by: ChangedBy, live: impl IntoIterator<Item = &'a EndpointRecord>) -> Self {
        let webhook = |endpoint: &EndpointRecord| PublishedWebhook {
            endpoint_id: endpoint.id,
            id: endpoint.public_id.clone(),
            payload_url: endpoint.url.clone(),
            events: endpoint.events.clone(),
            is_enabled: endpoint.is_enabled,
            auto_disabled: endpoint.auto_disabled,
            has_secret: endpoint.secret.is_some(),
            timeout_seconds: endpoint.timeout,
            header_names: endpoint.headers.names().map(str::to_owned).collect(),
            name: endpoint.name.clone(),
        };
        Self { by: Some(by), webhooks: live.into_iter().map(webhook).collect() }
    }

    pub(super) fn read(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text)
            .map_err(|error| StoreError::Damaged(format!("a publication cannot be read: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_versions_stored_is_read() {
        let webhook = r#"{"endpointId":10,"id":"primary","payloadUrl":"https://example.com","events":[],"isEnabled":true,"autoDisabled":false,"hasSecret":true}"#;
        let old = Published::read(&format!("[{webhook}]")).expect("reads");
        assert_eq!((old.by, old.webhooks.len(), old.webhooks[0].endpoint_id), (None, 1, EndpointId(10)));
        let new = Published { by: Some(ChangedBy::Server), ..old };
        let text = serde_json::to_string(&new).expect("JSON");
        assert_eq!(text, format!(r#"{{"by":"server","webhooks":[{webhook}]}}"#));
        assert_eq!(Published::read(&text).expect("reads"), new);
        assert!(Published::read("{}").is_err());
    }
}
