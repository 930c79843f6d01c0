//! The server functions: each a line over [`crate::backend::Backend`], which checks who is asking.

use groundswell_types::editor::{
    DeliveryPage, DeliveryQuery, DraftRow, DraftSaved, FirstSteps, History, LogNews, Panel, ProgramSummary,
    SecretEdit, Seen, Side,
};
use groundswell_types::{
    DeliveryDetail, DeliveryFilter, DeliveryId, DeliveryView, EventKind, Inbox, InboxRequestDetail,
    InboxRequestId, ProgramId, ResendJob, ResendJobId, ResendSelection, TestId, TestView,
};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::backend::backend;
use crate::codec::Call;
use crate::failure::Failure;
#[cfg(feature = "ssr")]
use crate::language::language;
#[cfg(feature = "ssr")]
use crate::said::Said;
use crate::viewer::Viewer;

/// Gives a failure its HTTP status, of the server function's answer or of the page that is being rendered, and says it
/// in the page's language.
pub fn respond<T>(outcome: Result<T, Failure>) -> Result<T, Failure> {
    #[cfg(feature = "ssr")]
    if let Err(failure) = &outcome
        && let Some(options) = use_context::<leptos_axum::ResponseOptions>()
        && let Ok(status) = http::StatusCode::from_u16(failure.status())
    {
        options.set_status(status);
    }
    #[cfg(feature = "ssr")]
    let outcome = outcome.map_err(|failure| failure.said_in(language()));
    outcome
}

/// The same for what has sentences of the server in it.
#[cfg(feature = "ssr")]
fn respond_said<T: Said>(outcome: Result<T, Failure>) -> Result<T, Failure> {
    respond(outcome.map(|said| said.said_in(language())))
}

/// Who is signed in.
#[server(prefix = "/_fn", endpoint = "get_viewer", protocol = Call)]
pub async fn get_viewer() -> Result<Option<Viewer>, Failure> {
    respond_said(backend()?.viewer().await)
}

/// All programs.
#[server(prefix = "/_fn", endpoint = "get_programs", protocol = Call)]
pub async fn get_programs() -> Result<Vec<ProgramSummary>, Failure> {
    respond(backend()?.programs().await)
}

/// One program.
#[server(prefix = "/_fn", endpoint = "get_program", protocol = Call)]
pub async fn get_program(id: ProgramId) -> Result<ProgramSummary, Failure> {
    respond(backend()?.program(&id).await)
}

/// The Webhooks panel.
#[server(prefix = "/_fn", endpoint = "get_panel", protocol = Call)]
pub async fn get_panel(id: ProgramId) -> Result<Panel, Failure> {
    respond_said(backend()?.panel(&id).await)
}

/// When the samples happened: 1 July 2026.
#[cfg(feature = "ssr")]
const SAMPLES_AT_MS: i64 = 1_782_864_000_000;

/// A sample of each event that a program can have, as it would be sent.
#[server(prefix = "/_fn", endpoint = "get_examples", protocol = Call)]
pub async fn get_examples(id: ProgramId) -> Result<Vec<(EventKind, String)>, Failure> {
    use groundswell_types::sample::{SampleProgram, sample_body};

    let program = respond(backend()?.program(&id).await)?.program;
    let about = SampleProgram {
        id: program.id.as_str(),
        name: &program.name,
        kind: program.kind,
        currency: program.currency.as_str(),
    };
    Ok(EventKind::fitting(program.kind)
        .map(|event| (event, sample_body(event, about, SAMPLES_AT_MS)))
        .collect())
}

/// Saves the rows as the draft.
#[server(prefix = "/_fn", endpoint = "save_draft", protocol = Call)]
pub async fn save_draft(id: ProgramId, seen: Seen, rows: Vec<DraftRow>) -> Result<DraftSaved, Failure> {
    respond_said(backend()?.save_draft(&id, seen, rows).await)
}

/// Changes the secret of a row of the draft.
#[server(prefix = "/_fn", endpoint = "change_secret", protocol = Call)]
pub async fn change_secret(id: ProgramId, edit: SecretEdit) -> Result<DraftSaved, Failure> {
    respond_said(backend()?.change_secret(&id, edit).await)
}

/// A new random secret.
#[server(prefix = "/_fn", endpoint = "generate_secret", protocol = Call)]
pub async fn generate_secret() -> Result<String, Failure> {
    respond(backend()?.generate_secret().await)
}

/// Throws the draft away.
#[server(prefix = "/_fn", endpoint = "discard_draft", protocol = Call)]
pub async fn discard_draft(id: ProgramId) -> Result<(), Failure> {
    respond(backend()?.discard_draft(&id).await)
}

/// Decides what both the draft and what is live changed.
#[server(prefix = "/_fn", endpoint = "resolve_conflicts", protocol = Call)]
pub async fn resolve_conflicts(id: ProgramId, seen: Seen, side: Side) -> Result<(), Failure> {
    respond(backend()?.resolve_conflicts(&id, seen, side).await)
}

/// What the webhooks were before.
#[server(prefix = "/_fn", endpoint = "get_history", protocol = Call)]
pub async fn get_history(id: ProgramId, before: Option<i64>) -> Result<History, Failure> {
    respond_said(backend()?.history(&id, before).await)
}

/// Enables a live webhook at once.
#[server(prefix = "/_fn", endpoint = "enable_webhook", protocol = Call)]
pub async fn enable_webhook(id: ProgramId, row_key: String) -> Result<(), Failure> {
    respond(backend()?.enable_webhook(&id, &row_key).await)
}

/// Makes the draft live.
#[server(prefix = "/_fn", endpoint = "publish", protocol = Call)]
pub async fn publish(id: ProgramId, version: i64) -> Result<(), Failure> {
    respond(backend()?.publish(&id, version).await)
}

/// Sends a test and waits for what comes back.
#[server(prefix = "/_fn", endpoint = "test_webhook", protocol = Call)]
pub async fn test_webhook(
    id: ProgramId,
    row_key: String,
    event: Option<EventKind>,
) -> Result<TestView, Failure> {
    respond_said(backend()?.test_webhook(&id, &row_key, event).await)
}

/// A test that was made before; `None` when it is no longer kept, which is no failure of the page around it.
#[server(prefix = "/_fn", endpoint = "test_result", protocol = Call)]
pub async fn test_result(id: ProgramId, test: TestId) -> Result<Option<TestView>, Failure> {
    let backend = backend()?;
    match backend.test_result(&id, test).await {
        // The program may be what is not there, which is a failure as everywhere.
        Err(Failure::NotFound) => respond(backend.program(&id).await).map(|_| None),
        outcome => respond_said(outcome.map(Some)),
    }
}

/// Sends what is parked.
#[server(prefix = "/_fn", endpoint = "release_parked", protocol = Call)]
pub async fn release_parked(id: ProgramId, row_key: String) -> Result<i64, Failure> {
    respond(backend()?.release_parked(&id, &row_key).await)
}

/// Discards what is parked.
#[server(prefix = "/_fn", endpoint = "discard_parked", protocol = Call)]
pub async fn discard_parked(id: ProgramId, row_key: String) -> Result<i64, Failure> {
    respond(backend()?.discard_parked(&id, &row_key).await)
}

/// Ends the secret before the present one.
#[server(prefix = "/_fn", endpoint = "end_old_secret", protocol = Call)]
pub async fn end_old_secret(id: ProgramId, row_key: String) -> Result<(), Failure> {
    respond(backend()?.end_old_secret(&id, &row_key).await)
}

/// A page of the delivery log.
#[server(prefix = "/_fn", endpoint = "get_deliveries", protocol = Call)]
pub async fn get_deliveries(id: ProgramId, query: DeliveryQuery) -> Result<DeliveryPage, Failure> {
    respond(backend()?.deliveries(&id, query).await)
}

/// One delivery in full.
#[server(prefix = "/_fn", endpoint = "get_delivery", protocol = Call)]
pub async fn get_delivery(id: ProgramId, delivery: DeliveryId) -> Result<DeliveryDetail, Failure> {
    respond_said(backend()?.delivery(&id, delivery).await)
}

/// A program's inbox.
#[server(prefix = "/_fn", endpoint = "get_inbox", protocol = Call)]
pub async fn get_inbox(id: ProgramId) -> Result<Inbox, Failure> {
    respond(backend()?.inbox(&id).await)
}

/// A request that an inbox has got, in full.
#[server(prefix = "/_fn", endpoint = "get_inbox_request", protocol = Call)]
pub async fn get_inbox_request(
    id: ProgramId,
    request: InboxRequestId,
) -> Result<InboxRequestDetail, Failure> {
    respond(backend()?.inbox_request(&id, request).await)
}

/// How far a program is with its first steps.
#[server(prefix = "/_fn", endpoint = "get_first_steps", protocol = Call)]
pub async fn get_first_steps(id: ProgramId) -> Result<Option<FirstSteps>, Failure> {
    respond(backend()?.first_steps(&id).await)
}

/// Sends the checklist of first steps away.
#[server(prefix = "/_fn", endpoint = "end_first_steps", protocol = Call)]
pub async fn end_first_steps(id: ProgramId) -> Result<(), Failure> {
    respond(backend()?.end_first_steps(&id).await)
}

/// What has become of the shown deliveries, and how many newer ones match, if that is asked for.
#[server(prefix = "/_fn", endpoint = "get_log_news", protocol = Call)]
pub async fn get_log_news(
    id: ProgramId,
    shown: Vec<DeliveryId>,
    filter: Option<DeliveryFilter>,
) -> Result<LogNews, Failure> {
    let backend = backend()?;
    let deliveries = respond(backend.deliveries_by_id(&id, shown.clone()).await)?;
    let Some(filter) = filter else { return Ok(LogNews { deliveries, newer: 0 }) };
    // What is in a state, or was answered with a status, came to it at any time after it was accepted.
    let comes_late = filter.state.is_some() || filter.status.is_some();
    let newer_than = shown.iter().max().copied().filter(|_| !comes_late);
    // What is older than a full page is on the next one.
    let oldest = shown.iter().min().copied().filter(|_| shown.len() >= crate::log_query::PAGE);
    let query = DeliveryQuery { filter, newer_than, limit: Some(100), next_id: None };
    let found = respond(backend.deliveries(&id, query).await)?.deliveries;
    let is_new = |id: DeliveryId| !shown.contains(&id) && oldest.is_none_or(|oldest| id > oldest);
    Ok(LogNews { deliveries, newer: found.iter().filter(|delivery| is_new(delivery.id)).count() })
}

/// Queues a delivery again.
#[server(prefix = "/_fn", endpoint = "resend", protocol = Call)]
pub async fn resend(id: ProgramId, delivery: DeliveryId) -> Result<DeliveryView, Failure> {
    respond(backend()?.resend(&id, delivery).await)
}

/// How many deliveries a selection would send again.
#[server(prefix = "/_fn", endpoint = "count_resends", protocol = Call)]
pub async fn count_resends(id: ProgramId, selection: ResendSelection) -> Result<i64, Failure> {
    respond(backend()?.count_resends(&id, selection).await)
}

/// Begins to send a selection again.
#[server(prefix = "/_fn", endpoint = "begin_resends", protocol = Call)]
pub async fn begin_resends(id: ProgramId, selection: ResendSelection) -> Result<ResendJob, Failure> {
    respond(backend()?.begin_resends(&id, selection).await)
}

/// The resend jobs, newest first.
#[server(prefix = "/_fn", endpoint = "get_resend_jobs", protocol = Call)]
pub async fn get_resend_jobs(id: ProgramId) -> Result<Vec<ResendJob>, Failure> {
    respond(backend()?.resend_jobs(&id).await)
}

/// Stops a resend job.
#[server(prefix = "/_fn", endpoint = "cancel_resends", protocol = Call)]
pub async fn cancel_resends(id: ProgramId, job: ResendJobId) -> Result<ResendJob, Failure> {
    respond(backend()?.cancel_resends(&id, job).await)
}
