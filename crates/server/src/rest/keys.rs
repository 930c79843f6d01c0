//! `/v2/api-keys` and `/v2/sign-in-links`: ours, for the admin key only.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_engine::store::ApiKeyRecord;
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiKey {
    id: String,
    name: String,
    created_at: i64,
    /// Only in the answer that created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl ApiKey {
    fn of(record: ApiKeyRecord, key: Option<String>) -> Self {
        Self { id: record.id, name: record.name, created_at: record.created_at_ms, key }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiKeys {
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

/// `GET /v2/api-keys`
pub async fn list(call: Call) -> Response {
    let result = async {
        call.caller.must_be_admin()?;
        let keys = call.state.engine.api_keys().await?;
        Ok::<_, Failed>(ApiKeys { api_keys: keys.into_iter().map(|key| ApiKey::of(key, None)).collect() })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/api-keys`
pub async fn create(call: Call, body: Body) -> Response {
    let result = async {
        call.caller.must_be_admin()?;
        let body = call.state.bodies.read(&call.headers, body, MAX_SETTINGS_BYTES).await?;
        let mut fields = Fields::parse(&body)?;
        let name = fields.text("name").unwrap_or_default();
        fields.finish()?;
        let created = call.state.engine.create_api_key(&name).await?;
        Ok::<_, Failed>(ApiKey::of(created.record, Some(created.key)))
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE /v2/api-keys/{id}`
pub async fn remove(call: Call, Path(key): Path<String>) -> Response {
    let result = async {
        call.caller.must_be_admin()?;
        call.state.engine.delete_api_key(&key).await?;
        Ok::<_, Failed>(Deleted { id: key, success: true })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/sign-in-links`: a one-time link to the Program Editor.
pub async fn create_sign_in_link(call: Call) -> Response {
    let result = async {
        call.caller.must_be_admin()?;
        let (token, expires_at) = call.state.engine.create_sign_in_token().await?;
        Ok::<_, Failed>(SignInLink {
            url: format!("{}/sign-in?token={token}", call.state.public_url),
            expires_at,
        })
    };
    call.context.answer(StatusCode::OK, result.await)
}
