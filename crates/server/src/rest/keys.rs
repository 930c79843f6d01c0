//! `/v2/api-keys` and `/v2/sign-in-links`: ours, for those with the scope `admin`.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_types::{ApiKey, Email, NewApiKey, ProgramId, Scopes};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    api_keys: Vec<ApiKey>,
}

#[derive(Serialize)]
struct Deleted {
    id: String,
    success: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignInLink {
    url: String,
    expires_at: i64,
}

/// `GET /v2/api-keys`: those of the caller's program, or all.
pub async fn list(call: Call) -> Response {
    let result = async { Ok(Keys { api_keys: call.engine().api_keys().await? }) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/api-keys` with `name`, `scopes?`, `campaignId?`, `rateLimit?`
pub async fn create(call: Call, body: Body) -> Response {
    let result = async {
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().create_api_key(new_key(&body)?).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

fn new_key(body: &[u8]) -> Result<NewApiKey, Failed> {
    let mut fields = Fields::parse(body)?;
    let name = if fields.has("name") {
        fields.text("name").unwrap_or_default()
    } else {
        fields.problem("name", "is required: what people are to call the key");
        String::new()
    };
    let scopes = if fields.is_null("scopes") { None } else { fields.scopes("scopes") };
    let program = if fields.is_null("campaignId") { None } else { fields.text("campaignId") };
    let program = program.and_then(|text| {
        let program = ProgramId::parse(&text).ok();
        if program.is_none() {
            fields.problem("campaignId", "must be the id of a program");
        }
        program
    });
    let rate_limit = if fields.is_null("rateLimit") { None } else { fields.rate_limit("rateLimit") };
    fields.finish()?;
    Ok(NewApiKey { name, scopes: scopes.unwrap_or(Scopes::USUAL), campaign_id: program, rate_limit })
}

/// `DELETE /v2/api-keys/{id}`
pub async fn remove(call: Call, Path(key): Path<String>) -> Response {
    let result = async {
        call.engine().delete_api_key(&key).await?;
        Ok::<_, Failed>(Deleted { id: key, success: true })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/sign-in-links` with `email?`: a one-time link to the Program Editor, for whoever has that address, else for the
/// team's first owner.
pub async fn create_sign_in_link(call: Call, body: Body) -> Response {
    let result = async {
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let (token, expires_at) = match whose(&body)? {
            Some(email) => call.engine().create_sign_in_link_of(&email).await?,
            None => call.engine().create_sign_in_link(None).await?,
        };
        Ok::<_, Failed>(SignInLink {
            url: format!("{}/sign-in?token={token}", call.state.public_url),
            expires_at,
        })
    };
    call.context.answer(StatusCode::OK, result.await)
}

fn whose(body: &[u8]) -> Result<Option<Email>, Failed> {
    let mut fields = Fields::parse(body)?;
    let email = fields.parsed("email", Email::parse);
    fields.finish()?;
    Ok(email)
}
