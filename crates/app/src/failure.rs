//! What can go wrong for the person at the browser. Made for showing: nothing of the server's inside is in it.

use groundswell_types::Problem;
use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codec::{JsonCodec, read_variants};

/// Why a page or an action failed. What people read of it is `words::failure`.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Failure {
    /// Nobody is signed in, or no longer.
    #[error("nobody is signed in")]
    SignedOut,
    /// There is no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// The person may not do that; the text says who can.
    #[error("{0}")]
    Forbidden(String),
    /// The input is wrong.
    #[error("the input is wrong")]
    Invalid(Vec<Problem>),
    /// Somebody or something else changed it meanwhile; the text says what to do.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be done as things are; the text says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The server cannot be reached from the browser.
    #[error("the server cannot be reached")]
    Offline,
    /// Our fault; the id finds it in the server's log.
    #[error("the server failed")]
    Internal {
        /// Names the request in the server's log.
        request_id: Option<String>,
    },
}

read_variants!(Failure {
    SignedOut,
    NotFound,
    Forbidden(String),
    Invalid(Vec<Problem>),
    Conflict(String),
    Refused(String),
    Offline,
    Internal { request_id },
});

impl Failure {
    /// The HTTP status that says the same.
    pub const fn status(&self) -> u16 {
        match self {
            Self::SignedOut => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound => 404,
            Self::Invalid(_) => 422,
            Self::Conflict(_) | Self::Refused(_) => 409,
            Self::Offline => 503,
            Self::Internal { .. } => 500,
        }
    }
}

impl FromServerFnError for Failure {
    type Encoder = JsonCodec;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => Self::Offline,
            // Not what our own pages send, so no failure of ours.
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => {
                #[cfg(feature = "ssr")]
                if let Some(options) = leptos::prelude::use_context::<leptos_axum::ResponseOptions>() {
                    options.set_status(http::StatusCode::UNPROCESSABLE_ENTITY);
                }
                Self::Invalid(Vec::new())
            }
            _ => Self::Internal { request_id: None },
        }
    }
}
