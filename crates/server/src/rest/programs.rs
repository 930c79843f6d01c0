//! `/v2/campaigns` and `/v2/campaign/{id}`.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_engine::EngineError;
use groundswell_engine::programs::{NewProgram, ProgramPatch};
use groundswell_types::{Currency, Program, ProgramId, ProgramStatus, ProgramType, RetentionDays, TeamId};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;

#[derive(Serialize)]
struct Programs {
    campaigns: Vec<Program>,
}

/// Reads a program's id from the path; one that cannot be is as unknown as one that is not.
pub fn program_id(text: &str) -> Result<ProgramId, Failed> {
    ProgramId::parse(text).map_err(|_| EngineError::NotFound("program").into())
}

/// `GET /v2/campaigns`
pub async fn list(call: Call) -> Response {
    let programs = Programs { campaigns: call.engine().programs() };
    call.context.answer(StatusCode::OK, Ok(programs))
}

/// `POST /v2/campaigns`
pub async fn create(call: Call, body: Body) -> Response {
    let result = async {
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let (new, team) = new_program(&body)?;
        Ok(call.engine().create_program(new, team).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `POST /v2/operations`
pub async fn operations(call: Call, body: Body) -> Response {
    let result = async {
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let mut fields = Fields::parse(&body)?;
        let team = team_id(&mut fields);
        fields.finish()?;
        Ok(call.engine().operations(team).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

fn team_id(fields: &mut Fields<'_>) -> Option<TeamId> {
    fields.parsed("teamId", |text| TeamId::parse(text).map_err(|_| "must be the id of a team"))
}

/// What is to be made, and the team it is to be in, if one is named.
fn new_program(body: &[u8]) -> Result<(NewProgram, Option<TeamId>), Failed> {
    let mut fields = Fields::parse(body)?;
    let kind = if fields.has("type") {
        let text = fields.text("type");
        let kind =
            text.as_deref().and_then(ProgramType::parse).filter(|kind| ProgramType::ALL.contains(kind));
        if text.is_some() && kind.is_none() {
            fields.problem("type", "must be REFERRAL or AFFILIATE");
        }
        kind
    } else {
        fields.problem("type", "is required: REFERRAL or AFFILIATE");
        None
    };
    let name = if fields.is_null("name") { None } else { fields.text("name") };
    let currency = match fields.text("currencyISO") {
        None => Currency::default(),
        Some(text) => Currency::parse(&text).unwrap_or_else(|| {
            fields.problem("currencyISO", "must be an ISO 4217 currency code such as USD");
            Currency::default()
        }),
    };
    let team = team_id(&mut fields);
    let kind_found = kind.unwrap_or(ProgramType::Referral);
    fields.finish()?;
    Ok((NewProgram { kind: kind_found, name, currency }, team))
}

/// `GET /v2/campaign/{id}`
pub async fn show(call: Call, Path(program): Path<String>) -> Response {
    let result = program_id(&program).and_then(|program| Ok(call.engine().program(&program)?));
    call.context.answer(StatusCode::OK, result)
}

/// `PATCH /v2/campaign/{id}`
pub async fn change(call: Call, Path(program): Path<String>, body: Body) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        Ok(call.engine().patch_program(&program, patch(&body)?).await?)
    };
    call.context.answer(StatusCode::OK, result.await)
}

fn patch(body: &[u8]) -> Result<ProgramPatch, Failed> {
    let mut fields = Fields::parse(body)?;
    let name = fields.text("name");
    let text = fields.text("status");
    let status = text.as_deref().and_then(ProgramStatus::parse);
    if text.is_some() && status.is_none() {
        fields.problem("status", "can only be set to IN_PROGRESS or COMPLETE");
    }
    for fixed in ["type", "currencyISO"] {
        if fields.has(fixed) {
            fields.problem(fixed, "never changes once the program is created");
        }
    }
    let retention = if fields.is_null("retentionDays") {
        Some(None)
    } else {
        fields.integer("retentionDays").map(|days| {
            let retention = RetentionDays::try_from(days);
            if let Err(invalid) = retention {
                fields.problem("retentionDays", invalid.to_string());
            }
            retention.ok()
        })
    };
    fields.finish()?;
    Ok(ProgramPatch { name, status, retention })
}
