//! `GET /v2/campaign/{id}/notices`

use axum::extract::{Path, RawQuery};
use axum::response::Response;
use groundswell_types::{Notice, NoticeId, Problem};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::programs::program_id;

#[derive(Serialize)]
struct Page {
    notices: Vec<Notice>,
}

/// `GET /v2/campaign/{id}/notices?after=`: what the webhooks' owner is to be told, oldest first, at most 100.
pub async fn list(call: Call, Path(program): Path<String>, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let mut after = None;
        for (name, value) in url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
            if name == "after" {
                let problem = || Problem::new("/after".to_owned(), "must be a notice's id".to_owned());
                after = Some(NoticeId::parse(&value).map_err(|_| Failed::invalid(vec![problem()]))?);
            }
        }
        Ok(Page { notices: call.engine().notices(&program, after).await? })
    };
    call.context.answer(StatusCode::OK, result.await)
}
