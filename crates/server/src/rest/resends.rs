//! `POST …/deliveries/{deliveryId}/resend`, and `…/resends` for many at once.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_types::{
    DeliveryId, DeliveryState, EventKind, ResendJob, ResendJobId, ResendSelection, StatusRange, WebhookId,
};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::input::{Fields, event_names};
use super::programs::program_id;

/// A thousand ids and their quotes.
const MAX_BODY: usize = 64 * 1024;

#[derive(Serialize)]
struct Count {
    total: i64,
}

#[derive(Serialize)]
struct Jobs {
    resends: Vec<ResendJob>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Begun {
    Counted(Count),
    Job(ResendJob),
}

/// `POST /v2/campaign/{id}/deliveries/{deliveryId}/resend`: 202 with the new delivery.
pub async fn one(call: Call, Path((program, delivery)): Path<(String, String)>) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let delivery = DeliveryId::parse(&delivery).map_err(|_| EngineError::NotFound("delivery"))?;
        Ok(call.engine().resend(&program, delivery).await?)
    };
    call.context.answer(StatusCode::ACCEPTED, result.await)
}

/// `POST /v2/campaign/{id}/resends` with `{"deliveries": […]}` or a filter: `state`, `event`, `webhookId`, `since`,
/// `until`. With `"dryRun": true` it only counts.
pub async fn begin(call: Call, Path(program): Path<String>, body: Body) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let body = call.read(body, MAX_BODY).await?;
        let (is_dry_run, selection) = read(&body)?;
        let engine = call.engine();
        Ok(if is_dry_run {
            Begun::Counted(Count { total: engine.count_resends(&program, &selection).await? })
        } else {
            Begun::Job(engine.begin_resends(&program, &selection).await?)
        })
    };
    let result = result.await;
    let status = if matches!(result, Ok(Begun::Counted(_))) { StatusCode::OK } else { StatusCode::ACCEPTED };
    call.context.answer(status, result)
}

/// `GET /v2/campaign/{id}/resends`
pub async fn list(call: Call, Path(program): Path<String>) -> Response {
    let result = async { Ok(Jobs { resends: call.engine().resend_jobs(&program_id(&program)?).await? }) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/campaign/{id}/resends/{jobId}`
pub async fn show(call: Call, Path((program, job)): Path<(String, String)>) -> Response {
    let result = async { Ok(call.engine().resend_job(&program_id(&program)?, job_id(&job)?).await?) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE /v2/campaign/{id}/resends/{jobId}`: stops it; what was queued is sent all the same.
pub async fn cancel(call: Call, Path((program, job)): Path<(String, String)>) -> Response {
    let result = async { Ok(call.engine().cancel_resends(&program_id(&program)?, job_id(&job)?).await?) };
    call.context.answer(StatusCode::OK, result.await)
}

fn job_id(text: &str) -> Result<ResendJobId, Failed> {
    ResendJobId::parse(text).map_err(|_| EngineError::NotFound("resend job").into())
}

/// What is to be sent again, and whether it is only to be counted. Here unknown members are refused: a filter that was
/// misspelt would mean more deliveries than were meant.
fn read(body: &[u8]) -> Result<(bool, ResendSelection), Failed> {
    const MEMBERS: [&str; 9] =
        ["deliveries", "state", "event", "webhookId", "status", "since", "until", "text", "dryRun"];
    if body.trim_ascii().is_empty() {
        let message = "is empty: send a list of `deliveries`, or a filter; `{}` is everything that has ended";
        return Err(EngineError::invalid("", message).into());
    }
    let mut fields = Fields::parse(body)?;
    fields.only(&MEMBERS);
    let selection = ResendSelection {
        // Whoever has no list, where one was meant, must not have everything sent again: null is none.
        deliveries: fields.texts("deliveries", DeliveryId::parse),
        state: fields.parsed("state", |text| {
            DeliveryState::parse(text).ok_or("must be delivered, undeliverable or cancelled")
        }),
        event: fields.parsed("event", |text| EventKind::parse(text).ok_or_else(event_names)),
        webhook_id: fields.parsed("webhookId", WebhookId::parse),
        status: fields.parsed("status", StatusRange::parse),
        since: if fields.is_null("since") { None } else { fields.integer("since") },
        until: if fields.is_null("until") { None } else { fields.integer("until") },
        text: fields.parsed("text", |text| Ok::<_, String>(text.to_owned())),
    };
    let is_dry_run = fields.boolean("dryRun").unwrap_or(false);
    fields.finish()?;
    Ok((is_dry_run, selection))
}
