//! What the Program Editor and the engine say to each other: drafts of a program's webhooks and what is shown
//! beside them. Not part of the REST API.

mod history;
mod merge;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::activity::Activity;
use crate::event::EventKind;
use crate::id::WebhookId;
use crate::overlap::SecretOverlap;
use crate::problem::Problem;
use crate::program::Program;

pub use history::{ChangedBy, History, HistoryVersion};
pub use merge::{Conflict, FieldValue, Merged, merge, merge_for_theirs};

/// One row of the Webhooks panel as it is being edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DraftRow {
    /// Names the row while it is edited: stable for a live webhook, chosen by the engine or the browser (`new-…`,
    /// letters, digits and `-`, at most 40) for one that is not live yet.
    pub key: String,
    /// What was typed, valid or not.
    pub url: String,
    /// Whether it is to be sent to.
    pub is_enabled: bool,
    /// Which events it gets.
    pub events: Vec<EventKind>,
    /// What is to become of its secret. The secret itself never comes back.
    pub secret: SecretDraft,
    /// What people call it, as typed, valid or not; empty for nothing. Always there in what is shown; saving a row without
    /// it leaves it as it is.
    #[serde(default)]
    pub name: Option<String>,
    /// How long the live secret stays valid beside a new one, once that is live. Always there in what is shown; saving a
    /// row without it leaves it as it is.
    #[serde(default)]
    pub secret_overlap: Option<SecretOverlap>,
    /// How many seconds its receiver has, as typed, valid or not; empty for what the server usually gives.
    #[serde(default)]
    pub timeout: String,
    /// The headers that are added to each request. Always there in what is shown; saving a row without them leaves
    /// them as they are.
    #[serde(default)]
    pub headers: Option<Vec<HeaderDraft>>,
}

/// A header of a row as it is being edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderDraft {
    /// Names the header within its row while it is edited, whatever becomes of its name: `live-` and its name for a
    /// live one; for a new one chosen by who adds it (`new-…`; letters, digits and `-`, at most 40).
    pub key: String,
    /// What was typed, valid or not.
    pub name: String,
    /// Saved: the value that was typed; none, or an empty one, keeps the value that is stored for the key. Shown:
    /// always none.
    #[serde(default)]
    pub value: Option<TypedValue>,
    /// Shown: which value is stored. Saved: says nothing.
    pub state: HeaderState,
}

/// What a draft has as a header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HeaderState {
    /// There is none yet.
    Missing,
    /// That of the live header stays.
    Kept,
    /// A new one is saved in the draft and becomes live with it.
    New,
}

/// A secret on its way from a field to the server. It goes one way only, and is not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypedValue(pub String);

impl fmt::Debug for TypedValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TypedValue(…)")
    }
}

/// What a draft says about a webhook's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretDraft {
    /// There is none.
    None,
    /// The live one stays.
    Kept,
    /// A new one is saved in the draft and becomes live with it.
    New,
    /// The live one goes with the next publication.
    Removed,
}

/// What becomes of a row's secret, saved into the draft at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretEdit {
    /// The row.
    pub row_key: String,
    /// What is done.
    pub change: SecretChange,
    /// The number of the draft that the row was seen in; 0 when there was none, and then one is begun.
    pub draft_version: i64,
}

/// A change of a row's secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretChange {
    /// Take this one.
    Set(String),
    /// Have none.
    Remove,
    /// Leave the live one as it is.
    Keep,
}

impl fmt::Debug for SecretChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Set(_) => "Set(…)",
            Self::Remove => "Remove",
            Self::Keep => "Keep",
        })
    }
}

/// What rows were made from when they are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The draft's number; 0 when there was none.
    pub draft_version: i64,
    /// The number of what was live; none stands for what is live now.
    pub live_version: Option<i64>,
}

impl From<i64> for Seen {
    fn from(draft_version: i64) -> Self {
        Self { draft_version, live_version: None }
    }
}

/// Whose is taken where two changed the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The draft's.
    Mine,
    /// What is live.
    Theirs,
}

/// The Webhooks panel: the draft if there is one, else what is live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Panel {
    /// The program.
    pub program: Program,
    /// At most five.
    pub rows: Vec<PanelRow>,
    /// The draft's number, to be given back when saving; 0 when there is no draft.
    pub draft_version: i64,
    /// When the draft was saved, in Unix milliseconds; none when there is no draft.
    pub draft_saved_at: Option<i64>,
    /// What publishing would change, each in a sentence; empty when there is nothing to publish.
    pub changes: Vec<String>,
    /// The number of what is live, to be given back when saving.
    pub live_version: i64,
    /// What the draft changes and somebody else published, or REST changed, after it was begun. `rows` are as in the
    /// draft there, and have everything else that was changed.
    pub conflicts: Vec<Conflict>,
    /// Whether whoever asks may change it.
    pub may_edit: bool,
}

/// A row with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PanelRow {
    /// As it is being edited.
    pub row: DraftRow,
    /// Everything that keeps it from being published; pointers are `/url`, `/events`, `/secret`, `/timeout`,
    /// `/name`, `/headers` and, counted from 0, `/headers/0/name`, `/headers/0/value`.
    pub problems: Vec<Problem>,
    /// How it is doing, when it is live.
    pub live: Option<LiveStatus>,
}

/// How a live webhook is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveStatus {
    /// Its public id.
    pub webhook_id: WebhookId,
    /// Whether it is sent to now.
    pub is_enabled: bool,
    /// Whether it was disabled because deliveries kept failing.
    pub is_auto_disabled: bool,
    /// Failed attempts in a row.
    pub failure_count: i64,
    /// When the last attempt failed, in Unix milliseconds.
    pub last_failure_at: Option<i64>,
    /// When an attempt last succeeded after a failure or a start, in Unix milliseconds.
    pub last_success_at: Option<i64>,
    /// When it is tried next while it is failing and something waits for it, in Unix milliseconds; none while that is
    /// under way.
    #[serde(default)]
    pub next_attempt_at: Option<i64>,
    /// Deliveries that wait for an attempt; counted to 10,000.
    pub waiting: i64,
    /// Deliveries that are parked because it is disabled; counted to 10,000.
    pub parked: i64,
    /// When and why it was disabled, when that was because deliveries kept failing.
    #[serde(default)]
    pub disabled: Option<DisabledStatus>,
    /// Whether it has a secret.
    #[serde(default)]
    pub has_secret: bool,
    /// The secret before the present one, while it is still valid.
    #[serde(default)]
    pub old_secret: Option<OldSecretStatus>,
    /// What came of its attempts lately.
    pub activity: Activity,
}

/// A webhook that was disabled because its deliveries kept failing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisabledStatus {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What came of the last attempt, in a sentence; none when that is no longer known.
    pub last_error: Option<String>,
}

/// A secret that was replaced and is still valid. Which of the two a receiver checks nobody can see: that it does without
/// the old one is known from a test, which is signed with the new one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OldSecretStatus {
    /// From then on requests are signed with the new one alone, in Unix milliseconds.
    pub ends_at: i64,
    /// When a test was last answered 2xx since there are two, in Unix milliseconds.
    pub new_accepted_at: Option<i64>,
}

/// A program in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramSummary {
    /// The program.
    pub program: Program,
    /// Its live webhooks.
    pub webhooks: usize,
    /// Those of them that failed last or were disabled automatically.
    pub needing_attention: usize,
    /// Whether there is an unpublished draft.
    pub has_draft: bool,
    /// What came of the attempts at its live webhooks lately.
    pub activity: Activity,
    /// Whether whoever asks may change it.
    pub may_edit: bool,
}

/// What saving a draft came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DraftSaved {
    /// The draft's new number.
    pub version: i64,
    /// When, in Unix milliseconds.
    pub saved_at: i64,
    /// For each row in order: everything that keeps it from being published.
    pub problems: Vec<Vec<Problem>>,
    /// What publishing would change, each in a sentence.
    pub changes: Vec<String>,
}

/// A page of the delivery log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryPage {
    /// Newest first.
    pub deliveries: Vec<crate::delivery::DeliveryView>,
    /// Where the next page begins; none on the last.
    pub next_id: Option<crate::id::DeliveryId>,
    /// The page may have fewer deliveries than wanted because the search stopped here, so that it does not take long: what
    /// was accepted since then was looked at, in Unix milliseconds. The next page goes on from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched_until: Option<i64>,
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeliveryQuery {
    /// Only those that match.
    pub filter: crate::filter::DeliveryFilter,
    /// Only this one and older ones: the `next_id` of the page before.
    pub next_id: Option<crate::id::DeliveryId>,
    /// Only those that are newer than this one.
    pub newer_than: Option<crate::id::DeliveryId>,
    /// How many; 1 to 100.
    pub limit: Option<usize>,
}

/// A step on the way to a program's first delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FirstStep {
    /// A webhook has a URL that can be sent to.
    AddUrl,
    /// One with a URL is subscribed to an event.
    ChooseEvents,
    /// A test was answered with a success.
    Test,
    /// A webhook is live.
    Publish,
    /// The inbox has verified a signature, or a delivery has succeeded.
    Verify,
}

impl FirstStep {
    /// All steps in their order.
    pub const ALL: [Self; 5] = [Self::AddUrl, Self::ChooseEvents, Self::Test, Self::Publish, Self::Verify];
}

/// How far a program is on the way to its first delivery. Each step is told from what is there, not from what was
/// pressed, so they can be made in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstSteps {
    /// The steps that are done, in their order.
    pub done: Vec<FirstStep>,
}

/// What has become of a page of the log since it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogNews {
    /// The shown deliveries as they are now; those that are gone are not among them.
    pub deliveries: Vec<crate::delivery::DeliveryView>,
    /// How many that match are newer than the newest shown; counted to 100.
    pub newer: usize,
}
