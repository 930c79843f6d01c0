//! What a page gets when a plain form post could not be done: the page is rendered again as the post's answer,
//! with the reason and with what was typed, so that nothing is lost.

use groundswell_types::editor::DraftRow;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::codec::{read_fields, shared};
use crate::failure::Failure;

/// Why a form came back, and what was in it. The server gives it as context to the page it renders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// Why it could not be done.
    pub failure: Failure,
    /// The row of the Webhooks panel it was about, if it was about one.
    pub row_key: Option<String>,
    /// The rows of the Webhooks panel as they were typed, when they could not be saved.
    pub rows: Option<Vec<DraftRow>>,
    /// The new program's name as it was typed.
    pub program_name: Option<String>,
}

read_fields!(Returned { failure, row_key, rows, program_name });

impl Returned {
    /// A form that came back with nothing worth keeping in it.
    pub const fn because(failure: Failure) -> Self {
        Self { failure, row_key: None, rows: None, program_name: None }
    }
}

/// The form that came back, on the page it is the answer to. The same in the browser's first render.
pub fn returned() -> Option<Returned> {
    shared(use_context::<Returned>)
}
