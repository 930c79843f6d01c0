//! `…/inbox`: the built-in receiver for first steps.

use axum::extract::Path;
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_types::InboxRequestId;
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::programs::program_id;

#[derive(Serialize)]
struct Address {
    url: String,
}

#[derive(Serialize)]
struct Cleared {
    success: bool,
}

/// `GET /v2/campaign/{id}/inbox`: its address, and what it has got, newest first.
pub async fn show(call: Call, Path(program): Path<String>) -> Response {
    let result = async { Ok(call.engine().inbox(&program_id(&program)?).await?) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/campaign/{id}/inbox/address`: another address in the place of the one it has.
pub async fn replace(call: Call, Path(program): Path<String>) -> Response {
    let result =
        async { Ok(Address { url: call.engine().replace_inbox_address(&program_id(&program)?).await? }) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `DELETE /v2/campaign/{id}/inbox/requests`: removes everything it has got.
pub async fn clear(call: Call, Path(program): Path<String>) -> Response {
    let result = async {
        call.engine().clear_inbox(&program_id(&program)?).await?;
        Ok(Cleared { success: true })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/campaign/{id}/inbox/requests/{requestId}`
pub async fn request(call: Call, Path((program, request)): Path<(String, String)>) -> Response {
    let result = async {
        let request =
            InboxRequestId::parse(&request).map_err(|_| Failed::from(EngineError::NotFound("request")))?;
        Ok(call.engine().inbox_request(&program_id(&program)?, request).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}
