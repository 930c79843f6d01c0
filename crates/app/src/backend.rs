//! What the pages need from the server, as a trait: the server implements it over the engine, and gives it as
//! context to every page and server function.

pub mod account;
pub mod audit;
mod embed;
pub mod incidents;
pub mod status;
pub mod team;
pub mod telling;

use std::sync::Arc;

use async_trait::async_trait;
use groundswell_types::editor::{
    DeliveryPage, DeliveryQuery, DraftRow, DraftSaved, FirstSteps, History, Panel, ProgramSummary,
    SecretEdit, Seen, Side,
};
use groundswell_types::{
    ApiKey, CreatedApiKey, DeliveryDetail, DeliveryId, DeliveryView, EventKind, Inbox, InboxRequestDetail,
    InboxRequestId, NewApiKey, ProgramId, ProgramType, ResendJob, ResendJobId, ResendSelection, TestId,
    TestView,
};
use leptos::prelude::use_context;

use self::audit::AuditBackend;
use self::incidents::IncidentBackend;
use crate::failure::Failure;
use crate::language::Language;
use crate::viewer::Viewer;
pub use embed::{EmbedBackend, Opened};

/// The use cases behind the pages, for the person who made the request. Every method but [`Backend::viewer`] and
/// those that sign in fails with [`Failure::SignedOut`] for nobody.
#[async_trait]
pub trait Backend:
    account::AccountBackend
    + team::TeamBackend
    + AuditBackend
    + EmbedBackend
    + status::StatusBackend
    + IncidentBackend
    + telling::TellingBackend
    + Send
    + Sync
    + 'static
{
    /// Who made the request; `None` when nobody is signed in.
    async fn viewer(&self) -> Result<Option<Viewer>, Failure>;

    /// Ends the session; returns the value of the `Set-Cookie` header that forgets it.
    async fn sign_out(&self) -> Result<String, Failure>;

    /// All programs, newest first.
    async fn programs(&self) -> Result<Vec<ProgramSummary>, Failure>;

    /// Creates a program; its type never changes.
    async fn create_program(&self, name: &str, kind: ProgramType) -> Result<ProgramId, Failure>;

    /// All API keys, oldest first.
    async fn api_keys(&self) -> Result<Vec<ApiKey>, Failure>;

    /// Makes an API key; its text is in this answer only.
    async fn create_api_key(&self, new: NewApiKey) -> Result<CreatedApiKey, Failure>;

    /// Revokes an API key, at once.
    async fn delete_api_key(&self, id: &str) -> Result<(), Failure>;

    /// One program.
    async fn program(&self, id: &ProgramId) -> Result<ProgramSummary, Failure>;

    /// The Webhooks panel.
    async fn panel(&self, id: &ProgramId) -> Result<Panel, Failure>;

    /// Saves the rows as the draft. `seen` is what the browser started from; [`Failure::Conflict`] when the draft is no
    /// longer that. `SecretDraft`s in rows are ignored: secrets change by
    /// [`Backend::change_secret`] only.
    async fn save_draft(
        &self,
        id: &ProgramId,
        seen: Seen,
        rows: Vec<DraftRow>,
    ) -> Result<DraftSaved, Failure>;

    /// Changes the secret of a row of the saved draft (a draft is begun when there is none); [`Failure::Conflict`] when the draft
    /// is not the one that was seen.
    async fn change_secret(&self, id: &ProgramId, edit: SecretEdit) -> Result<DraftSaved, Failure>;

    /// A new random secret in the `whsec_…` form; nothing is saved.
    async fn generate_secret(&self) -> Result<String, Failure>;

    /// Throws the draft away.
    async fn discard_draft(&self, id: &ProgramId) -> Result<(), Failure>;

    /// Decides everything that both the draft and what is live changed for one side; [`Failure::Conflict`] when either is no
    /// longer what was `seen`.
    async fn resolve_conflicts(&self, id: &ProgramId, seen: Seen, side: Side) -> Result<(), Failure>;

    /// What the webhooks were before, newest first; those before a version.
    async fn history(&self, id: &ProgramId, before: Option<i64>) -> Result<History, Failure>;

    /// Makes the draft what was live at `version`, in the place of draft number `draft_version`, 0 for none. Secrets and
    /// values of headers become what is live now.
    async fn restore(&self, id: &ProgramId, version: i64, draft_version: i64) -> Result<(), Failure>;

    /// Enables a live webhook at once.
    async fn enable_webhook(&self, id: &ProgramId, row_key: &str) -> Result<(), Failure>;

    /// Makes draft number `version` live, all of it or nothing. [`Failure::Invalid`] with pointers like
    /// `/rows/0/url`; [`Failure::Conflict`] when the draft or what is live changed meanwhile.
    async fn publish(&self, id: &ProgramId, version: i64) -> Result<(), Failure>;

    /// Sends a test of a row as it is in the saved draft (or live) and waits for the answer. Without `event` the
    /// row's first.
    async fn test_webhook(
        &self,
        id: &ProgramId,
        row_key: &str,
        event: Option<EventKind>,
    ) -> Result<TestView, Failure>;

    /// A test that was made before.
    async fn test_result(&self, id: &ProgramId, test: TestId) -> Result<TestView, Failure>;

    /// Sends what is parked at a live, enabled webhook; returns how many there were.
    async fn release_parked(&self, id: &ProgramId, row_key: &str) -> Result<i64, Failure>;

    /// Discards what is parked at a live webhook; returns how many there were.
    async fn discard_parked(&self, id: &ProgramId, row_key: &str) -> Result<i64, Failure>;

    /// Ends, at once, the secret before the present one of a live webhook. No failure when there is none any more.
    async fn end_old_secret(&self, id: &ProgramId, row_key: &str) -> Result<(), Failure>;

    /// A page of the delivery log.
    async fn deliveries(&self, id: &ProgramId, query: DeliveryQuery) -> Result<DeliveryPage, Failure>;

    /// One delivery in full.
    async fn delivery(&self, id: &ProgramId, delivery: DeliveryId) -> Result<DeliveryDetail, Failure>;

    /// A program's inbox; its address is made when it is first asked for.
    async fn inbox(&self, id: &ProgramId) -> Result<Inbox, Failure>;

    /// A request that a program's inbox has got, in full.
    async fn inbox_request(
        &self,
        id: &ProgramId,
        request: InboxRequestId,
    ) -> Result<InboxRequestDetail, Failure>;

    /// Gives a program's inbox another address in the place of the one it has.
    async fn replace_inbox_address(&self, id: &ProgramId) -> Result<(), Failure>;

    /// Removes everything a program's inbox has got.
    async fn clear_inbox(&self, id: &ProgramId) -> Result<(), Failure>;

    /// Sees to it that a row of the draft has the inbox's address; returns the row's key.
    async fn add_inbox_webhook(&self, id: &ProgramId) -> Result<String, Failure>;

    /// How far a program is with its first steps; none once its checklist has ended.
    async fn first_steps(&self, id: &ProgramId) -> Result<Option<FirstSteps>, Failure>;

    /// Sends a program's checklist away, for good.
    async fn end_first_steps(&self, id: &ProgramId) -> Result<(), Failure>;

    /// Those of the deliveries that are there, in no order; at most 100.
    async fn deliveries_by_id(
        &self,
        id: &ProgramId,
        deliveries: Vec<DeliveryId>,
    ) -> Result<Vec<DeliveryView>, Failure>;

    /// Queues a delivery that has ended again; returns the new one.
    async fn resend(&self, id: &ProgramId, delivery: DeliveryId) -> Result<DeliveryView, Failure>;

    /// How many deliveries a selection would send again.
    async fn count_resends(&self, id: &ProgramId, selection: ResendSelection) -> Result<i64, Failure>;

    /// Begins to send a selection again, in the background.
    async fn begin_resends(&self, id: &ProgramId, selection: ResendSelection) -> Result<ResendJob, Failure>;

    /// The resend jobs, newest first.
    async fn resend_jobs(&self, id: &ProgramId) -> Result<Vec<ResendJob>, Failure>;

    /// Stops a resend job; what it has queued is sent all the same.
    async fn cancel_resends(&self, id: &ProgramId, job: ResendJobId) -> Result<ResendJob, Failure>;

    /// The value of the `Set-Cookie` header that remembers the language somebody chose.
    fn remember_language(&self, language: Language) -> String;

    /// The public URL of this server, for examples.
    fn public_url(&self) -> String;
}

/// The backend of this request.
pub fn backend() -> Result<Arc<dyn Backend>, Failure> {
    use_context::<Arc<dyn Backend>>().ok_or(Failure::Internal { request_id: None })
}
