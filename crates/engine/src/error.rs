//! What a use case can fail with. One `match` in the server maps it to HTTP, one to the editor.

use groundswell_types::Problem;
use thiserror::Error;

use crate::store::StoreError;

/// Why a use case failed.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The input is wrong; every problem is named.
    #[error("the input is not valid")]
    Invalid(Vec<Problem>),
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Whoever asks may not do that; the text says who can.
    #[error("{0}")]
    Forbidden(String),
    /// A part of the input is larger than it may be.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The event does not fit the program's type or status.
    #[error("{0}")]
    NotAccepted(String),
    /// The program has as many webhooks as it can have.
    #[error("A program can have 5 webhooks. Remove one to add another.")]
    WebhookLimit,
    /// The program has sent as many tests within a minute as it may.
    #[error("A program can send 20 tests a minute. Try again in {} s.", .wait_ms.saturating_add(999) / 1000)]
    TooManyTests {
        /// Until the next one may be sent, in milliseconds.
        wait_ms: i64,
    },
    /// Somebody else changed it meanwhile.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be done as things are.
    #[error("{0}")]
    Refused(String),
    /// The idempotency key was used with other content.
    #[error("This Idempotency-Key was used within the last 7 days with other content.")]
    IdempotencyConflict,
    /// E-mail address and password do not belong together, or nobody has the address.
    #[error("E-mail address and password do not match. Check both, and whether Caps Lock is on.")]
    WrongPassword,
    /// There were too many wrong passwords; this one was not looked at.
    #[error("{}", too_many_guesses(*.wait_ms))]
    TooManyGuesses {
        /// Until the next one may be tried.
        wait_ms: i64,
    },
    /// More passwords wait to be compared than can be.
    #[error("Too many people sign in at the moment. Try again in a few seconds.")]
    Busy,
    /// More is queued than can be taken.
    #[error("Too much is waiting to be stored. Try again in a second.")]
    Overloaded,
    /// The database does not answer at the moment. Nothing was written.
    #[error("The server's database does not answer at the moment. Try again in a few seconds.")]
    Away,
    /// Nobody can say whether it was written.
    #[error(
        "It is not known whether this was stored. Repeat it; with the same Idempotency-Key it is stored once."
    )]
    Unclear,
    /// The disk is full.
    #[error("The server's disk is full, so new events cannot be stored. Try again later.")]
    StorageFull,
    /// The engine is stopping.
    #[error("The server is stopping. Try again in a few seconds.")]
    Stopping,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::StorageFull,
            StoreError::Unavailable(_)
            | StoreError::NoRoom(_)
            | StoreError::Outdated
            | StoreError::Fenced => Self::Away,
            StoreError::Fatal(_) => Self::Unclear,
            other => Self::Store(other),
        }
    }
}

fn too_many_guesses(wait_ms: i64) -> String {
    let minutes = (wait_ms + 59_999) / 60_000;
    format!(
        "There were too many wrong passwords. Try again in {minutes} min, or ask an owner of your team or whoever runs this \
         server for a sign-in link, which works meanwhile."
    )
}

impl EngineError {
    /// A single problem with the input.
    pub fn invalid(pointer: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::new(pointer, message)])
    }
}
