//! `/v2/audit-log`: ours, for those with the scope `admin`.

use axum::extract::RawQuery;
use axum::response::Response;
use groundswell_app::AuditQuery;
use groundswell_engine::EngineError;
use groundswell_types::{AuditEntry, AuditId, Problem};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use crate::audit_export;
use crate::export::Format;

/// Entries of a page, if nothing else is asked for, and at most.
const USUAL_LIMIT: usize = 50;
const MAX_LIMIT: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    entries: Vec<AuditEntry>,
    next_id: Option<AuditId>,
}

/// `GET /v2/audit-log?limit=&nextId=&action=&actor=&campaign=&from=&to=`
pub async fn list(call: Call, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let query = query.unwrap_or_default();
        let AuditQuery { filter, next_id } = parse(&query)?;
        let limit = limit(&query)?;
        let mut entries = call.engine().audit_log(filter, next_id, limit + 1).await?;
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let next_id = entries.last().filter(|_| has_more).map(|entry| entry.id);
        Ok(Page { entries, next_id })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/audit-log/export?format=csv|ndjson` and the filters of the list
pub async fn export(call: Call, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let query = query.unwrap_or_default();
        let format = value_of(&query, "format").and_then(|value| Format::parse(&value));
        let format = format.ok_or_else(|| EngineError::invalid("/format", "must be csv or ndjson"))?;
        let filter = parse(&query)?.filter;
        Ok::<_, Failed>(audit_export::of(call.engine(), filter, format).await?)
    };
    match result.await {
        Ok(response) => response,
        Err(failed) => call.context.fail(failed),
    }
}

fn parse(query: &str) -> Result<AuditQuery, Failed> {
    AuditQuery::parse(query).map_err(|problems| {
        let problems = problems.into_iter().map(|(name, message)| Problem::new(format!("/{name}"), message));
        Failed::invalid(problems.collect())
    })
}

fn limit(query: &str) -> Result<usize, Failed> {
    let Some(text) = value_of(query, "limit") else { return Ok(USUAL_LIMIT) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    Ok(limit.ok_or_else(|| EngineError::invalid("/limit", "must be from 1 to 100"))?)
}

fn value_of(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
