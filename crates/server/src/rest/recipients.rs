//! `/v2/campaign/{id}/webhooks/{webhook}/recipients`: ours. Who gets e-mail about a webhook.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_app::Language;
use groundswell_engine::EngineError;
use groundswell_types::{Email, ProgramId, Recipient, WebhookId};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;
use super::programs::program_id;

#[derive(Serialize)]
struct Recipients {
    recipients: Vec<Recipient>,
}

#[derive(Serialize)]
struct Gone {
    id: String,
    success: bool,
}

/// `GET …/recipients`
pub async fn list(call: Call, Path((program, webhook)): Path<(String, String)>) -> Response {
    let result = async {
        let (program, webhook) = named(&program, &webhook)?;
        Ok(Recipients { recipients: call.engine().recipients(&program, &webhook).await? })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST …/recipients` with `email`, `language?`
pub async fn add(call: Call, Path((program, webhook)): Path<(String, String)>, body: Body) -> Response {
    let result = async {
        let (program, webhook) = named(&program, &webhook)?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let (email, language) = new_recipient(&body)?;
        Ok(call.engine().add_recipient(&program, &webhook, (email, language.tag())).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE …/recipients/{recipient}`
pub async fn remove(
    call: Call,
    Path((program, webhook, recipient)): Path<(String, String, String)>,
) -> Response {
    let result = async {
        let (program, webhook) = named(&program, &webhook)?;
        call.engine().remove_recipient(&program, &webhook, &recipient).await?;
        Ok::<_, Failed>(Gone { id: recipient, success: true })
    };
    call.context.answer(StatusCode::OK, result.await)
}

fn named(program: &str, webhook: &str) -> Result<(ProgramId, WebhookId), Failed> {
    let program = program_id(program)?;
    let webhook = WebhookId::parse(webhook).map_err(|_| EngineError::NotFound("webhook"))?;
    Ok((program, webhook))
}

fn new_recipient(body: &[u8]) -> Result<(Email, Language), Failed> {
    let mut fields = Fields::parse(body)?;
    if !fields.has("email") || fields.is_null("email") {
        fields.problem("email", "is required");
    }
    let email = fields.parsed("email", Email::parse);
    let parse = |text: &str| Language::parse(text).ok_or("must be en, de or es");
    let language = fields.parsed("language", parse).unwrap_or_default();
    match (fields.finish(), email) {
        (Err(failed), _) => Err(failed),
        (Ok(()), Some(email)) => Ok((email, language)),
        (Ok(()), None) => Err(Failed::invalid(Vec::new())),
    }
}
