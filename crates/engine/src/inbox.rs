//! The built-in receiver for first steps: a program's inbox, with an address that can be put into a webhook.
//!
//! What is posted to the address over HTTP and what this server itself sends to it end in `Inboxes::receive`. The
//! second goes nowhere near the network (`transport`): only a URL that is, to the letter, the address of an inbox that
//! there is. So it passes the egress guard also where this server's own address would not.

mod address;
mod check;
mod pace;
pub(crate) mod transport;
mod use_cases;

use std::sync::Arc;

use bytes::Bytes;
use groundswell_types::{
    Change, EventId, EventKind, HeaderView, ProgramId, SignatureCheck, TestId, TestView,
};
use serde::Deserialize;
use thiserror::Error;
use url::Url;

use crate::changes::Changes;
use crate::clock::Clock;
use crate::directory::{Directory, ProgramEntry};
use crate::drafts;
use crate::id::IdGenerator;
use crate::nodes::Nodes;
use crate::store::{InboxRequestRecord, Store, StoreError};
use address::Addresses;
use check::Request;
pub(crate) use check::Signer;
use pace::Pace;

/// The longest body an inbox takes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Requests are kept for so long.
pub(crate) const KEPT_MS: i64 = 86_400_000;

/// Of a request's headers so many bytes are kept.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Headers whose values let somebody in somewhere. That they came is shown, what they say is not kept.
const AUTHORIZING: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"];

const MASK: &str = "••••";

/// All inboxes.
pub(crate) struct Inboxes {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    ids: Arc<IdGenerator>,
    clock: Clock,
    changes: Arc<Changes>,
    nodes: Arc<Nodes>,
    addresses: Addresses,
    pace: Pace,
    /// Held while an address is made or read, so that a program gets one, and the newest is known.
    making: tokio::sync::Mutex<()>,
}

/// What [`Inboxes`] work with.
pub(crate) struct InboxParts {
    pub store: Arc<dyn Store>,
    pub directory: Arc<Directory>,
    pub ids: Arc<IdGenerator>,
    pub clock: Clock,
    pub changes: Arc<Changes>,
    pub nodes: Arc<Nodes>,
    /// The URL this server is reached at from outside; without one there are no inboxes.
    pub public_url: Option<Url>,
}

/// A request that came to an inbox.
#[derive(Debug)]
pub struct Arrived {
    pub method: String,
    pub headers: Vec<HeaderView>,
    pub body: Bytes,
    pub from: Origin,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This server sent it, without the network.
    Here,
    /// It came over HTTP.
    Network,
}

/// Why an inbox does not take a request.
#[derive(Debug, Error)]
pub enum NotTaken {
    /// There is no such inbox.
    #[error("Not found.")]
    Unknown,
    /// The body is longer than [`MAX_BODY_BYTES`].
    #[error("An inbox takes bodies of up to 64 KiB.")]
    TooLarge,
    /// More came lately than it takes.
    #[error("An inbox takes 10 requests a second: it is for first steps.")]
    TooMany,
    /// It could not be kept.
    #[error("The request could not be kept. Try again in a few seconds.")]
    NotKept(#[source] StoreError),
}

impl NotTaken {
    /// The HTTP status that says the same.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Unknown => 404,
            Self::TooLarge => 413,
            Self::TooMany => 429,
            Self::NotKept(_) => 503,
        }
    }
}

/// What a sender reads when its request was taken.
pub const TAKEN: &str = "Received. See it in the program's inbox.\n";

impl Inboxes {
    /// Reads the addresses there are.
    pub(crate) async fn load(parts: InboxParts) -> Result<Self, StoreError> {
        let InboxParts { store, directory, ids, clock, changes, nodes, public_url } = parts;
        let addresses = Addresses::new(public_url.as_ref());
        for inbox in store.inboxes().await? {
            addresses.put(inbox.program_id, inbox.token);
        }
        let making = tokio::sync::Mutex::new(());
        let pace = Pace::default();
        Ok(Self { store, directory, ids, clock, changes, nodes, addresses, pace, making })
    }

    /// Reads the addresses that other nodes have made.
    pub(crate) async fn read_again(&self) -> Result<(), StoreError> {
        let _turn = self.making.lock().await;
        for inbox in self.store.inboxes().await? {
            self.addresses.put(inbox.program_id, inbox.token);
        }
        Ok(())
    }

    /// Whose inbox has exactly this address, if it ends in `token`. Where there are several nodes another one may have made
    /// it, or given the inbox another address, and nobody tells: so the database is asked.
    async fn find(&self, token: &str) -> Result<Option<ProgramId>, StoreError> {
        if self.store.cluster().is_none() {
            return Ok(self.addresses.program_with(token));
        }
        // What was read must not undo what is made meanwhile.
        let _turn = self.making.lock().await;
        let found = self.store.inbox_at(token).await?.map(|inbox| inbox.program_id);
        match &found {
            Some(program) => self.addresses.put(program.clone(), token.to_owned()),
            None => self.addresses.remove(token),
        }
        Ok(found)
    }

    /// Whether a URL is, to the letter, the address of an inbox that there is.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        self.addresses.program_at(url).is_some()
    }

    /// Counts a request to the inbox whose address ends in `token`; one that is too many is refused before anything of it
    /// is read.
    pub(crate) fn admit(&self, token: &str) -> Result<ProgramId, NotTaken> {
        let program = self.addresses.program_with(token).ok_or(NotTaken::Unknown)?;
        if self.pace.admits(&program, self.clock.now_ms()) { Ok(program) } else { Err(NotTaken::TooMany) }
    }

    /// Keeps a request that was admitted.
    pub(crate) async fn receive(&self, program: &ProgramId, arrived: Arrived) -> Result<(), NotTaken> {
        let Arrived { method, headers, body, from } = arrived;
        if body.len() > MAX_BODY_BYTES {
            return Err(NotTaken::TooLarge);
        }
        let received_at_ms = self.clock.now_ms();
        let check = self.check(program, Request { headers: &headers, body: &body, received_at_ms }).await?;
        // What this server hands over itself comes without them.
        let secret = match from {
            Origin::Here => Vec::new(),
            Origin::Network => self.own_header_names(program).await.map_err(NotTaken::NotKept)?,
        };
        let webhook_id = check::header(&headers, groundswell_types::signature::WEBHOOK_ID);
        let request = InboxRequestRecord {
            id: self.ids.inbox_request(),
            program_id: program.clone(),
            received_at_ms,
            method,
            is_own: from == Origin::Here,
            webhook_id: webhook_id.map(|id| id.chars().take(200).collect()),
            event: event_of(&body),
            check,
            headers: kept(headers, &secret),
            body,
        };
        self.store.save_inbox_request(&request).await.map_err(NotTaken::NotKept)?;
        self.tell(program);
        Ok(())
    }

    /// What a program's inbox shows has changed: pages of it are told, which may be open at the node that leads.
    pub(crate) fn tell(&self, program: &ProgramId) {
        self.nodes.news(std::iter::once((program, Change::Inbox)));
        self.changes.tell(self.directory.program(program).map(|entry| (entry.flow, Change::Inbox)));
    }

    /// Checks the signatures by the secrets that are valid now.
    async fn check(&self, program: &ProgramId, request: Request<'_>) -> Result<SignatureCheck, NotTaken> {
        let signers = match self.directory.program(program) {
            Some(entry) => self.signers(&entry, request.received_at_ms).await.map_err(NotTaken::NotKept)?,
            None => Vec::new(),
        };
        let check = check::check(&signers, request, None);
        if !check::is_in_doubt(&check) {
            return Ok(check);
        }
        let sent = self.sent(program, request.headers).await.map_err(NotTaken::NotKept)?;
        Ok(check::check(&signers, request, sent.as_deref()))
    }

    /// The webhooks of the program that have its inbox's address, published or in the draft, with what they sign with at
    /// `now_ms`, Unix milliseconds.
    async fn signers(&self, entry: &ProgramEntry, now_ms: i64) -> Result<Vec<Signer>, StoreError> {
        let is_here = |url: &str| {
            Url::parse(url.trim())
                .is_ok_and(|url| self.addresses.program_at(&url).as_ref() == Some(&entry.record.id))
        };
        let live = entry.endpoints.iter().filter(|endpoint| is_here(&endpoint.record.url));
        let mut signers: Vec<Signer> = live
            .map(|endpoint| Signer {
                webhook_id: Some(endpoint.record.public_id.clone()),
                secrets: endpoint.record.valid_secrets(now_ms).cloned().collect(),
            })
            .collect();
        // What is tested before it is published is signed as the draft says. A draft that cannot be read signs nothing.
        if let Some(draft) = self.store.draft(&entry.record.id).await? {
            signers.extend(drafts::signers(&draft, entry, is_here));
        }
        Ok(signers)
    }

    /// The headers that webhooks of the program add, published or in the draft: their values are secrets.
    async fn own_header_names(&self, program: &ProgramId) -> Result<Vec<String>, StoreError> {
        let Some(entry) = self.directory.program(program) else { return Ok(Vec::new()) };
        let live = entry.endpoints.iter().flat_map(|endpoint| endpoint.record.headers.names());
        let mut names: Vec<String> = live.map(str::to_owned).collect();
        if let Some(draft) = self.store.draft(program).await? {
            names.extend(drafts::header_names(&draft));
        }
        Ok(names)
    }

    /// The body this server has for what a request says it is, if it has one.
    async fn sent(&self, program: &ProgramId, headers: &[HeaderView]) -> Result<Option<Bytes>, StoreError> {
        let id = check::header(headers, groundswell_types::signature::WEBHOOK_ID).unwrap_or_default();
        if let Ok(id) = EventId::parse(id) {
            let event = self.store.event(id).await?;
            if event.is_none_or(|event| event.program_id != *program) {
                return Ok(None);
            }
            return Ok(self.store.bodies(&[id]).await?.pop().map(|(_, body)| body));
        }
        let Ok(id) = TestId::parse(id) else { return Ok(None) };
        let test = self.store.test(program, id).await?;
        let view = test.and_then(|test| serde_json::from_str::<TestView>(&test.view_json).ok());
        Ok(view.map(|view| Bytes::from(view.request.body)))
    }
}

/// The event a body says it is about.
fn event_of(body: &[u8]) -> Option<EventKind> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        event: std::borrow::Cow<'a, str>,
    }
    EventKind::parse(&serde_json::from_slice::<Head<'_>>(body).ok()?.event)
}

/// The headers as they are kept: what authorizes and what is `secret` masked, and not more than there is room for.
fn kept(headers: Vec<HeaderView>, secret: &[String]) -> Vec<HeaderView> {
    let mut bytes = 0;
    let mask = |header: HeaderView| {
        let mut names = AUTHORIZING.into_iter().chain(secret.iter().map(String::as_str));
        let authorizes = names.any(|name| header.name.eq_ignore_ascii_case(name.trim()));
        if authorizes { HeaderView { value: MASK.to_owned(), ..header } } else { header }
    };
    let fits = |header: &HeaderView| {
        bytes += header.name.len() + header.value.len();
        bytes <= MAX_HEADER_BYTES
    };
    headers.into_iter().map(mask).take_while(fits).collect()
}

/// See `fuzzing`.
#[cfg(fuzzing)]
pub(crate) fn at_for_fuzzing(
    public_url: &Url,
    (program, token): (&ProgramId, &str),
    url: &Url,
) -> Option<ProgramId> {
    let addresses = Addresses::new(Some(public_url));
    addresses.put(program.clone(), token.to_owned());
    addresses.program_at(url)
}

/// See `fuzzing`.
#[cfg(fuzzing)]
pub(crate) fn check_for_fuzzing(
    secret: &groundswell_types::Secret,
    headers: &[HeaderView],
    (body, sent): (&[u8], Option<&[u8]>),
) -> SignatureCheck {
    let signers = [Signer { webhook_id: None, secrets: vec![secret.clone()] }];
    event_of(body);
    kept(headers.to_vec(), &["x-secret".to_owned()]);
    check::check(&signers, Request { headers, body, received_at_ms: 0 }, sent)
}

#[cfg(test)]
mod tests;
