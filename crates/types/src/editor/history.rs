//! What a program's webhooks were before.

use serde::{Deserialize, Serialize};

use crate::program::Program;

/// Who changed a program's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangedBy {
    /// Whoever was signed in to the Program Editor.
    Editor,
    /// Whoever has an API key.
    Rest,
    /// The server, by disabling a webhook that kept failing.
    Server,
}

/// A page of a program's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The program.
    pub program: Program,
    /// Newest first.
    pub versions: Vec<HistoryVersion>,
    /// The next page has the versions before this one; none on the last.
    pub next_before: Option<i64>,
    /// The draft's number, which a restore has to give back; 0 when there is no draft.
    pub draft_version: i64,
    /// Whether whoever asks may change it.
    pub may_edit: bool,
}

/// The webhooks as they were from one change on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryVersion {
    /// Its number. Those of a program count up; some are missing.
    pub version: i64,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// Who; none for what was changed before that was noted.
    pub by: Option<ChangedBy>,
    /// What it changed, each in a sentence. Empty when only something secret changed, of which there is no history.
    pub changes: Vec<String>,
    /// How many webhooks there were.
    pub webhooks: usize,
    /// Whether it is what is live.
    pub is_live: bool,
}
