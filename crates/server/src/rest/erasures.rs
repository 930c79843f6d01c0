//! `/v2/campaign/{id}/erasures`: ours, for those with the scope `admin`.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_types::{Erasure, ErasureId, Subject, SubjectKind};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;
use super::programs::program_id;

#[derive(Serialize)]
struct Erasures {
    erasures: Vec<Erasure>,
}

/// `POST /v2/campaign/{id}/erasures` with `participantId` or `email`
pub async fn begin(call: Call, Path(program): Path<String>, body: Body) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().begin_erasure(&program, subject(&body)?).await?)
    };
    call.context.answer(StatusCode::ACCEPTED, result.await)
}

/// `GET /v2/campaign/{id}/erasures`
pub async fn list(call: Call, Path(program): Path<String>) -> Response {
    let result = async { Ok(Erasures { erasures: call.engine().erasures(&program_id(&program)?).await? }) };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/campaign/{id}/erasures/{erasureId}`
pub async fn show(call: Call, Path((program, erasure)): Path<(String, String)>) -> Response {
    let result = async {
        let id = ErasureId::parse(&erasure).map_err(|_| EngineError::NotFound("erasure"))?;
        Ok(call.engine().erasure(&program_id(&program)?, id).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// Here unknown members are refused: whoever misspelt one means somebody else, or nobody.
fn subject(body: &[u8]) -> Result<Subject, Failed> {
    let mut fields = Fields::parse(body)?;
    fields.only(&["participantId", "email"]);
    let id = fields.parsed("participantId", |text| {
        Subject::parse(SubjectKind::ParticipantId, text).ok_or("must be a participant's id")
    });
    let email = fields
        .parsed("email", |text| Subject::parse(SubjectKind::Email, text).ok_or("must be an e-mail address"));
    if fields.has("participantId") == fields.has("email") {
        fields.problem("", "must have a participantId or an email, and not both");
    }
    fields.finish()?;
    id.or(email).ok_or_else(|| EngineError::invalid("", "must have a participantId or an email").into())
}
