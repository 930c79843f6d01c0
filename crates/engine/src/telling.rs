//! Telling people by e-mail: owners of what became of their webhooks, everybody of a new sign-in to their account. The same goes
//! to their team's operational webhooks (`operations`), whether this server sends e-mail or not. Whoever is not known to have
//! an address is asked, in a few letters at most, and told nothing unless they say that they want it.
//!
//! What is told is written into an outbox in the database, in the transaction that says that it was, and sent from there by a
//! task of its own. So nothing is lost while the mail server is away or this process is not there. That a letter is tried is
//! noted before it is sent; so what a crash may bring, or a database that cannot be written for a while, is that a letter sent
//! at that moment is sent once more, a while later. A letter that was sent is not kept, and one that could not be sent for
//! three days is thrown away: by then it is no news.
//!
//! How a letter travels, and what it says in which language, is the server's business, behind [`Post`].

mod addresses;
mod digest;
mod limits;
mod links;
mod operations;
mod outbox;
mod recipients;
mod sign_in_links;
mod sign_ins;
mod waited;
mod writing;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use groundswell_types::{Email, NoticeId, NoticeKind, ProgramId, UserId, WebhookId};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use addresses::Asking;
pub use links::{Subscription, Topic, Wish};
pub use recipients::NewRecipient;

use crate::engine::Engine;
use crate::store::{DigestRecord, Posting};
use limits::Limits;

/// How letters are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TellingPolicy {
    /// The wait after the first try that failed; each further one is twice as long, up to an hour.
    pub retry_base_ms: i64,
    /// A webhook's undeliverable deliveries are told of once in so long.
    pub digest_ms: i64,
}

impl Default for TellingPolicy {
    fn default() -> Self {
        Self { retry_base_ms: 30_000, digest_ms: 86_400_000 }
    }
}

/// A webhook, for people to recognize.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub program: ProgramId,
    pub program_name: String,
    pub webhook: WebhookId,
    /// Its name, or the host in its URL: what else is in a URL may be secret.
    pub label: String,
}

/// What a letter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A notice about a webhook.
    Notice { notice: NoticeKind, about: About, at_ms: i64, since_ms: i64 },
    /// Deliveries that were given up.
    Digest { about: About, count: i64, since_ms: i64, until_ms: i64 },
    /// The question whether somebody wants letters about a webhook.
    Question { about: About, asked_by: String },
    /// The question whether the reader's address is that of the account of somebody with this name.
    Address { name: String },
    /// A link that signs the reader in, as somebody at this address wished.
    SignInLink { user: UserId, name: String, at_ms: i64, address: Option<String> },
    /// Somebody has signed in to the reader's account, in a browser that the account had not seen.
    SignIn {
        /// Whose account it is; letters that were written by an earlier version do not say.
        #[serde(default)]
        user: Option<UserId>,
        name: String,
        at_ms: i64,
        address: Option<String>,
        user_agent: Option<String>,
    },
}

/// A letter to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The same whenever it is sent.
    pub id: i64,
    pub to: Email,
    /// A language tag.
    pub language: String,
    /// For the link to [`Engine::subscription`]; of [`Content::SignInLink`] for [`Engine::sign_in`].
    pub token: Option<String>,
    pub content: Content,
    /// When it was written, Unix milliseconds.
    pub written_at_ms: i64,
}

/// What came of sending a letter. What is said of it is logged, so there is no address in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// The mail server has taken it.
    Sent,
    /// The mail server will never take it.
    Refused(String),
    /// The mail server does not take this one now.
    NotNow(String),
    /// There is no mail server that takes anything now.
    Away(String),
}

/// Sends letters.
#[async_trait]
pub trait Post: Send + Sync + 'static {
    /// Sends a letter, within a time of its own.
    async fn send(&self, letter: &Letter) -> Posted;
}

/// That something was told.
#[derive(Debug)]
struct Told {
    /// The same whenever it is told.
    key: String,
    /// The notice that was told of.
    notice: Option<NoticeId>,
    /// Or the digest that it was.
    digest: Option<DigestRecord>,
}

impl Told {
    /// Says so, without any letters yet.
    fn posting(&self) -> Posting {
        Posting { notice: self.notice, digest: self.digest, ..Posting::default() }
    }
}

/// What telling keeps in memory.
#[derive(Default)]
pub(crate) struct Telling {
    post: OnceLock<Option<Arc<dyn Post>>>,
    /// Now it is known whether there is one.
    has_begun: CancellationToken,
    /// There is something new in the outbox.
    written: Notify,
    /// Questions, by who has them asked and by address.
    questions: Limits,
    /// Letters that were begun by the link in one, by link.
    answers: Limits,
    /// Letters about sign-ins, by address, and what operational webhooks are told of them, by person.
    sign_ins: Limits,
    /// What operational webhooks could not be told of yet.
    unannounced: operations::Unannounced,
    digests: digest::Looked,
    unanswered: digest::Looked,
    /// Held from reading who is named, who is asked and what they have said until it is written, so that of two changes at once
    /// neither is lost.
    naming: tokio::sync::Mutex<()>,
}

/// Tells people from when it is known how, until stopped.
pub(crate) async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => return,
        () = engine.telling.has_begun.cancelled() => {}
    }
    let post = engine.telling.post.get().cloned().flatten();
    outbox::run(engine, post, stop).await;
}

impl Engine {
    /// Has people told from now on. Without `post` nobody gets letters, and none are written.
    pub fn begin_telling(self: &Arc<Self>, post: Option<Arc<dyn Post>>) {
        if self.telling.post.set(post).is_ok() {
            self.telling.has_begun.cancel();
        }
    }

    /// Whether letters are sent.
    pub fn is_telling(&self) -> bool {
        self.telling.post.get().is_some_and(Option::is_some)
    }
}
