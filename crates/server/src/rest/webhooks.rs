//! `/v2/campaign/{id}/webhooks`

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_engine::webhooks::{NameInput, SecretInput, TimeoutInput, WebhookInput};
use groundswell_types::{
    Secret, SecretOverlap, Webhook, WebhookId, WebhookName, WebhookTestResponse, WebhookTestResult,
    WebhookTimeout,
};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;
use super::programs::program_id;

#[derive(Serialize)]
struct Webhooks {
    webhooks: Vec<Webhook>,
}

#[derive(Serialize)]
struct Deleted {
    id: WebhookId,
    success: bool,
}

/// Reads a webhook's id from a path or query.
pub fn webhook_id(text: &str) -> Result<WebhookId, Failed> {
    WebhookId::parse(text).map_err(|_| EngineError::NotFound("webhook").into())
}

/// `GET /v2/campaign/{id}/webhooks`
pub async fn list(call: Call, Path(program): Path<String>) -> Response {
    let result =
        program_id(&program).and_then(|program| Ok(Webhooks { webhooks: call.engine().webhooks(&program)? }));
    call.context.answer(StatusCode::OK, result)
}

/// `POST /v2/campaign/{id}/webhooks`
pub async fn create(call: Call, Path(program): Path<String>, body: Body) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().create_webhook(&program, input(&body)?).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `PATCH /v2/campaign/{id}/webhooks/{webhookId}`
pub async fn change(call: Call, Path((program, webhook)): Path<(String, String)>, body: Body) -> Response {
    let result = async {
        let (program, webhook) = (program_id(&program)?, webhook_id(&webhook)?);
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().patch_webhook(&program, &webhook, input(&body)?).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE /v2/campaign/{id}/webhooks/{webhookId}`
pub async fn remove(call: Call, Path((program, webhook)): Path<(String, String)>) -> Response {
    let result = async {
        let (program, webhook) = (program_id(&program)?, webhook_id(&webhook)?);
        call.engine().delete_webhook(&program, &webhook).await?;
        Ok(Deleted { id: webhook, success: true })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/campaign/{id}/webhooks/{webhookId}/test`
pub async fn test(call: Call, Path((program, webhook)): Path<(String, String)>, body: Body) -> Response {
    let result = async {
        let (program, webhook) = (program_id(&program)?, webhook_id(&webhook)?);
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let mut fields = Fields::parse(&body)?;
        let event = if fields.is_null("event") { None } else { fields.event("event") };
        fields.finish()?;
        let test = call.engine().test_webhook(&program, &webhook, event).await?;
        Ok(WebhookTestResponse {
            success: test.success,
            payload: serde_json::from_str(&test.request.body).unwrap_or_default(),
            response: WebhookTestResult {
                status_code: test.response.map(|response| response.status_code),
                msg: test.message,
            },
        })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE /v2/campaign/{id}/webhooks/{webhookId}/old-secret`
pub async fn end_old_secret(call: Call, Path((program, webhook)): Path<(String, String)>) -> Response {
    let result = async {
        let (program, webhook) = (program_id(&program)?, webhook_id(&webhook)?);
        Ok(call.engine().end_old_secret(&program, &webhook).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// What people are to call a webhook; null and an empty text are nothing.
fn name(fields: &mut Fields<'_>) -> Option<NameInput> {
    if fields.is_null("name") {
        return Some(NameInput::Remove);
    }
    let text = fields.text("name")?;
    if text.trim().is_empty() {
        return Some(NameInput::Remove);
    }
    match WebhookName::parse(&text) {
        Ok(name) => Some(NameInput::Set(name)),
        Err(why) => {
            fields.problem("name", why.to_string());
            None
        }
    }
}

/// How long the secret that is replaced stays valid. It goes with a new one only.
fn overlap(fields: &mut Fields<'_>) -> SecretOverlap {
    const NAME: &str = "secretOverlapSeconds";
    let Some(seconds) = fields.integer(NAME) else { return SecretOverlap::None };
    match SecretOverlap::try_from(seconds) {
        Ok(overlap) => {
            let is_new = fields.has("secret") && !fields.is_null("secret") && !fields.is_empty_text("secret");
            if !is_new {
                fields.problem(NAME, "goes with a new `secret`; one that is removed ends at once");
            }
            overlap
        }
        Err(why) => {
            fields.problem(NAME, why.to_string());
            SecretOverlap::None
        }
    }
}

/// What a create or change sets.
fn input(body: &[u8]) -> Result<WebhookInput, Failed> {
    let mut fields = Fields::parse(body)?;
    let payload_url = fields.text("payloadUrl");
    let events = fields.events("events");
    let is_enabled = fields.boolean("isEnabled");
    let overlap = overlap(&mut fields);
    let secret = if fields.is_null("secret") {
        Some(SecretInput::Remove)
    } else {
        match fields.text("secret") {
            None => None,
            Some(text) if text.is_empty() => Some(SecretInput::Remove),
            Some(text) => match Secret::parse(&text) {
                Ok(secret) => Some(SecretInput::Set(secret, overlap)),
                Err(why) => {
                    fields.problem("secret", why.to_string());
                    None
                }
            },
        }
    };
    let timeout = if fields.is_null("timeoutSeconds") {
        Some(TimeoutInput::Usual)
    } else {
        fields.integer("timeoutSeconds").and_then(|seconds| match WebhookTimeout::try_from(seconds) {
            Ok(timeout) => Some(TimeoutInput::Set(timeout)),
            Err(why) => {
                fields.problem("timeoutSeconds", why.to_string());
                None
            }
        })
    };
    let headers = fields.headers("headers");
    let name = name(&mut fields);
    fields.finish()?;
    Ok(WebhookInput { payload_url, events, is_enabled, secret, timeout, headers, name })
}
