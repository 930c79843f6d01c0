//! `/v2/campaign/{id}/rejected-events` and `/v2/rejected-events`: events that were emitted in SQL and cannot be accepted.

use axum::extract::{Path, RawQuery};
use axum::response::Response;
use groundswell_engine::store::EmittedId;
use groundswell_types::{Problem, RejectedEvent};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Call, Failed};
use super::programs::program_id;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    rejected_events: Vec<RejectedEvent>,
}

/// `GET /v2/campaign/{id}/rejected-events?before=`: those of a program, newest first, at most 100.
pub async fn list(call: Call, Path(program): Path<String>, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let (program, before) = (program_id(&program)?, before(query.as_deref())?);
        Ok(Page { rejected_events: call.engine().rejected_events(&program, before).await? })
    };
    call.context.answer(StatusCode::OK, result.await)
}

/// `GET /v2/rejected-events?before=`: those of all programs, and those for programs that there are not.
pub async fn list_all(call: Call, RawQuery(query): RawQuery) -> Response {
    let result = async {
        let before = before(query.as_deref())?;
        Ok(Page { rejected_events: call.engine().all_rejected_events(before).await? })
    };
    call.context.answer(StatusCode::OK, result.await)
}

fn before(query: Option<&str>) -> Result<Option<EmittedId>, Failed> {
    let mut before = None;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == "before" {
            let problem = || Problem::new("/before", "must be a rejected event's id");
            before = Some(EmittedId(value.parse().map_err(|_| Failed::invalid(vec![problem()]))?));
        }
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_a_number_or_refused(text: String, id: i64) {
            let read = |query: &str| before(Some(query)).map_err(|failed| failed.errors.len());
            prop_assert!(matches!(read(&text), Ok(_) | Err(1)));
            prop_assert_eq!(read(&format!("before={id}")), Ok(Some(EmittedId(id))));
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let wanted = text.parse().map(|id| Some(EmittedId(id))).map_err(|_| 1);
            prop_assert_eq!(read(&format!("before={encoded}")), wanted);
        }
    }
}
