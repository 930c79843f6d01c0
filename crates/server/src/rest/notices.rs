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
        let (program, after) = (program_id(&program)?, after(query.as_deref())?);
        Ok(Page { notices: call.engine().notices(&program, after).await? })
    };
    call.context.answer(StatusCode::OK, result.await)
}

fn after(query: Option<&str>) -> Result<Option<NoticeId>, Failed> {
    let mut after = None;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == "after" {
            let problem = || Problem::new("/after", "must be a notice's id");
            after = Some(NoticeId::parse(&value).map_err(|_| Failed::invalid(vec![problem()]))?);
        }
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_a_notice_or_refused(text in any::<String>().boxed().prop_union("ntc_[0-9a-z]{0,14}".boxed())) {
            let read = |query: &str| after(Some(query)).map_err(|failed| failed.errors.len());
            prop_assert!(matches!(read(&text), Ok(_) | Err(1)));
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            match read(&format!("after={encoded}")) {
                Ok(id) => prop_assert_eq!(id.map(|id| id.to_string()), Some(text)),
                Err(problems) => prop_assert_eq!(problems, 1),
            }
        }
    }
}
