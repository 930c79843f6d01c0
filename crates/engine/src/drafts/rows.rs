//! The rows of a draft: stored form, checks, difference to what is live in words.

use std::sync::Arc;

use groundswell_types::editor::DraftRow;
use groundswell_types::{
    EventKind, InvalidName, InvalidTimeout, Problem, Secret, SecretOverlap, WebhookHeaders, WebhookName,
    WebhookTimeout,
};
use serde::{Deserialize, Serialize};

use super::headers::{self, StoredHeader};
use super::{damaged, secret_draft};
use crate::delivery::destinations::Destinations;
use crate::directory::{Endpoint, ProgramEntry};
use crate::error::EngineError;
use crate::store::DraftRecord;
use crate::webhooks::{checked_url, distinct, has_same_origin};

/// Rows of live webhooks are named by their internal id behind this.
pub(super) const LIVE_PREFIX: &str = "live-";

/// Webhooks that are gone come back as new ones, named by their old internal id behind this.
pub(super) const RESTORED_PREFIX: &str = "restored-";

/// A URL longer than this is not even kept as a draft.
const MAX_DRAFT_URL_BYTES: usize = 4096;

/// A name longer than this is not even kept as a draft.
const MAX_DRAFT_NAME_BYTES: usize = 1024;

/// A timeout longer than this is not even kept as a draft.
const MAX_DRAFT_TIMEOUT_BYTES: usize = 40;

static NO_HEADERS: WebhookHeaders = WebhookHeaders::NONE;

/// A row as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredRow {
    pub key: String,
    pub url: String,
    pub is_enabled: bool,
    pub events: Vec<EventKind>,
    pub secret: StoredSecret,
    /// As typed; drafts of versions without names have none.
    #[serde(default)]
    pub name: String,
    /// What is live ends so long after a new one is; drafts of versions without overlaps have none.
    #[serde(default)]
    pub secret_overlap: SecretOverlap,
    /// As typed; drafts of versions without timeouts have none.
    #[serde(default)]
    pub timeout: String,
    /// Drafts of versions without headers have none.
    #[serde(default)]
    pub headers: Vec<StoredHeader>,
}

/// What a draft does to a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredSecret {
    Kept,
    Set(String),
    Removed,
}

/// Reads a draft's rows.
pub(super) fn read(draft: &DraftRecord) -> Result<Vec<StoredRow>, EngineError> {
    serde_json::from_str(&draft.rows_json).map_err(|error| damaged(&error))
}

/// Writes a draft's rows.
pub(super) fn write(rows: &[StoredRow]) -> Result<String, EngineError> {
    serde_json::to_string(rows).map_err(|error| damaged(&error))
}

/// What is live, as rows.
pub(super) fn of_live(entry: &ProgramEntry) -> Vec<StoredRow> {
    entry.endpoints.iter().map(|endpoint| row_of(endpoint)).collect()
}

/// What was typed, with the secrets of the rows as they were stored before, and everything else that was left out.
pub(super) fn merge(
    typed: Vec<DraftRow>,
    before: &[StoredRow],
    entry: &ProgramEntry,
) -> Result<Vec<StoredRow>, EngineError> {
    let mut merged: Vec<StoredRow> = Vec::with_capacity(typed.len());
    for (at, row) in typed.into_iter().enumerate() {
        let key_is_good = (1..=40).contains(&row.key.len())
            && row.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && merged.iter().all(|other| other.key != row.key);
        if !key_is_good {
            return Err(EngineError::invalid(&format!("/rows/{at}/key"), "must be a key of its own"));
        }
        if row.url.len() > MAX_DRAFT_URL_BYTES {
            return Err(EngineError::invalid(&format!("/rows/{at}/url"), "is longer than 2,048 characters"));
        }
        if row.key.starts_with(LIVE_PREFIX) && live(&row.key, entry).is_none() {
            // Deleted by REST while the draft had it: it must not come back under its old name.
            continue;
        }
        if row.timeout.len() > MAX_DRAFT_TIMEOUT_BYTES {
            return Err(EngineError::invalid(&format!("/rows/{at}/timeout"), InvalidTimeout.to_string()));
        }
        let live = live(&row.key, entry).map(|endpoint| row_of(endpoint));
        let old = before.iter().find(|old| old.key == row.key).or(live.as_ref());
        let secret = old.map_or(StoredSecret::Kept, |old| old.secret.clone());
        let kept_overlap = old.map(|old| old.secret_overlap).unwrap_or_default();
        let secret_overlap = row.secret_overlap.unwrap_or(kept_overlap);
        let name = row.name.or_else(|| old.map(|old| old.name.clone())).unwrap_or_default();
        if name.len() > MAX_DRAFT_NAME_BYTES {
            return Err(EngineError::invalid(&format!("/rows/{at}/name"), InvalidName::Length.to_string()));
        }
        let stored = old.map_or(&[][..], |old| &old.headers);
        let headers = match row.headers {
            Some(typed) => headers::merge(typed, stored, &format!("/rows/{at}"))?,
            None => stored.to_vec(),
        };
        merged.push(StoredRow {
            key: row.key,
            url: row.url,
            is_enabled: row.is_enabled,
            events: distinct(row.events),
            secret,
            name,
            secret_overlap,
            timeout: row.timeout,
            headers,
        });
    }
    Ok(merged)
}

fn row_of(endpoint: &Endpoint) -> StoredRow {
    StoredRow {
        key: format!("{LIVE_PREFIX}{}", endpoint.record.id.0),
        url: endpoint.record.url.clone(),
        is_enabled: endpoint.record.is_enabled,
        events: endpoint.record.events.clone(),
        secret: StoredSecret::Kept,
        name: endpoint.record.name.as_ref().map_or_else(String::new, ToString::to_string),
        secret_overlap: SecretOverlap::None,
        timeout: endpoint.record.timeout.map_or_else(String::new, |timeout| timeout.seconds().to_string()),
        headers: headers::of_live(&endpoint.record.headers),
    }
}

pub(super) fn live<'a>(key: &str, entry: &'a ProgramEntry) -> Option<&'a Arc<Endpoint>> {
    let id: i64 = key.strip_prefix(LIVE_PREFIX)?.parse().ok()?;
    entry.endpoints.iter().find(|endpoint| endpoint.record.id.0 == id)
}

impl StoredRow {
    /// The live webhook the row is about.
    pub fn live<'a>(&self, entry: &'a ProgramEntry) -> Option<&'a Arc<Endpoint>> {
        live(&self.key, entry)
    }

    /// The row as it is shown.
    pub fn view(&self, entry: &ProgramEntry) -> DraftRow {
        DraftRow {
            key: self.key.clone(),
            url: self.url.clone(),
            is_enabled: self.is_enabled,
            events: self.events.clone(),
            secret: secret_draft(self, self.live(entry).map(AsRef::as_ref)),
            name: Some(self.name.clone()),
            secret_overlap: Some(self.secret_overlap),
            timeout: self.timeout.clone(),
            headers: Some(headers::view(&self.headers, self.live_headers(entry))),
        }
    }

    /// Everything that keeps the row from being published.
    pub fn problems(&self, destinations: &Destinations, entry: &ProgramEntry) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(why) = checked_url(destinations, &self.url) {
            problems.push(Problem::new("/url", why));
        }
        if let StoredSecret::Set(text) = &self.secret
            && let Err(why) = Secret::parse(text)
        {
            problems.push(Problem::new("/secret", why.to_string()));
        }
        if let Err(why) = self.parsed_timeout() {
            problems.push(Problem::new("/timeout", why.to_string()));
        }
        if let Err(why) = self.parsed_name() {
            problems.push(Problem::new("/name", why.to_string()));
        }
        problems.extend(self.effective_headers(entry).err().unwrap_or_default());
        problems
    }

    /// The name the row would have.
    pub fn parsed_name(&self) -> Result<Option<WebhookName>, InvalidName> {
        if self.name.trim().is_empty() { Ok(None) } else { WebhookName::parse(&self.name).map(Some) }
    }

    /// The timeout the row would be sent with.
    pub fn parsed_timeout(&self) -> Result<Option<WebhookTimeout>, InvalidTimeout> {
        if self.timeout.trim().is_empty() { Ok(None) } else { WebhookTimeout::parse(&self.timeout).map(Some) }
    }

    /// The secret the row would be sent with.
    pub fn effective_secret(&self, entry: &ProgramEntry) -> Option<Secret> {
        match &self.secret {
            StoredSecret::Kept => self.live(entry).and_then(|endpoint| endpoint.record.secret.clone()),
            StoredSecret::Set(text) => Secret::parse(text).ok(),
            StoredSecret::Removed => None,
        }
    }

    /// The headers the row would be sent with, or everything that is wrong with them.
    pub fn effective_headers(&self, entry: &ProgramEntry) -> Result<WebhookHeaders, Vec<Problem>> {
        headers::effective(&self.headers, self.live_headers(entry)).map_err(|problems| {
            match self.live(entry) {
                Some(live) => headers::given_for_another_host(problems, &self.headers, &live.record.headers),
                None => problems,
            }
        })
    }

    /// Those whose values the row may go on with: not when it goes to another host by now.
    fn live_headers<'a>(&self, entry: &'a ProgramEntry) -> &'a WebhookHeaders {
        let live = self.live(entry).filter(|live| has_same_origin(&live.record.url, &self.url));
        live.map_or(&NO_HEADERS, |endpoint| &endpoint.record.headers)
    }

    /// What this row changes about the live webhook, in words; nothing when it is as it is live.
    fn changes_to(&self, endpoint: &Endpoint) -> Vec<String> {
        let record = &endpoint.record;
        let name = &record.url;
        let mut words = Vec::new();
        if self.url.trim() != record.url {
            words.push(format!("Change the URL {name} to {}.", self.url.trim()));
        }
        match (self.name.trim(), record.name.as_ref()) {
            ("", None) => {}
            ("", Some(before)) => words.push(format!("No longer call {name} “{before}”.")),
            (label, before) => {
                if before.is_none_or(|before| before.as_str() != label) {
                    words.push(format!("Call {name} “{label}”."));
                }
            }
        }
        match (record.is_enabled, self.is_enabled) {
            (true, false) => words.push(format!("Turn off {name}; its deliveries are parked.")),
            (false, true) => words.push(format!("Turn on {name}.")),
            _ => {}
        }
        let titles = |events: &[EventKind], without: &[EventKind]| -> Vec<&'static str> {
            events.iter().filter(|event| !without.contains(event)).map(|event| event.title()).collect()
        };
        let (added, removed) = (titles(&self.events, &record.events), titles(&record.events, &self.events));
        if !added.is_empty() {
            words.push(format!("Send {name} also: {}.", added.join(", ")));
        }
        if !removed.is_empty() {
            words.push(format!("No longer send {name}: {}.", removed.join(", ")));
        }
        match self.parsed_timeout() {
            Ok(timeout) if timeout == record.timeout => {}
            Ok(Some(timeout)) => words.push(format!("Give {name} {} s to answer.", timeout.seconds())),
            Ok(None) => words.push(format!("Give {name} the usual time to answer.")),
            Err(_) => words.push(format!("Change how long {name} has to answer.")),
        }
        words.extend(headers::changes(&self.headers, &record.headers, name));
        match (&self.secret, record.secret.is_some()) {
            (StoredSecret::Set(_), true) => {
                words.push(match self.secret_overlap {
                    SecretOverlap::None => format!("Replace the secret of {name}; the old one ends at once."),
                    SecretOverlap::Hour => {
                        format!("Replace the secret of {name}; the old one stays valid for an hour.")
                    }
                    SecretOverlap::Day => {
                        format!("Replace the secret of {name}; the old one stays valid for 24 hours.")
                    }
                    SecretOverlap::Week => {
                        format!("Replace the secret of {name}; the old one stays valid for 7 days.")
                    }
                });
            }
            (StoredSecret::Set(_), false) => {
                words.push(format!("Sign what is sent to {name} with a secret."));
            }
            (StoredSecret::Removed, true) => {
                words.push(format!("Remove the secret of {name}; requests are no longer signed."));
            }
            _ => {}
        }
        words
    }
}

/// What publishing would change, each in a sentence.
pub(super) fn changes(stored: &[StoredRow], entry: &ProgramEntry) -> Vec<String> {
    let mut words = Vec::new();
    for row in stored {
        if let Some(endpoint) = row.live(entry) {
            words.extend(row.changes_to(endpoint));
            continue;
        }
        let name = if row.url.trim().is_empty() { "a webhook without a URL" } else { row.url.trim() };
        let events = match row.events.len() {
            0 => "no events".to_owned(),
            1 => "1 event".to_owned(),
            count => format!("{count} events"),
        };
        words.push(format!("Add {name} with {events}."));
    }
    for endpoint in &entry.endpoints {
        if !stored.iter().any(|row| row.live(entry).is_some_and(|live| live.record.id == endpoint.record.id))
        {
            words.push(format!("Remove {}; what waits for it is cancelled.", endpoint.record.url));
        }
    }
    words
}
