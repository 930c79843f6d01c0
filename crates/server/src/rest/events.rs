//! `POST /v2/campaign/{id}/events` and `…/events/batch`

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use groundswell_engine::delivery::writer::Receipt;
use groundswell_engine::events::{MAX_BATCH_BYTES, MAX_EVENT_BYTES};
use groundswell_types::{ApiError, ErrorCode, EventId};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::answer::{Call, Failed};
use super::programs::program_id;

#[derive(Serialize)]
struct Accepted {
    id: EventId,
    deliveries: i64,
    duplicate: bool,
}

impl From<Receipt> for Accepted {
    fn from(receipt: Receipt) -> Self {
        Self { id: receipt.id, deliveries: receipt.deliveries, duplicate: receipt.is_duplicate }
    }
}

/// One line of the answer to a batch. `index` counts the batch's non-empty lines from 0.
#[derive(Serialize)]
struct Line {
    index: usize,
    #[serde(flatten)]
    result: LineResult,
}

#[derive(Serialize)]
#[serde(untagged)]
enum LineResult {
    Accepted(Accepted),
    Failed { error: Box<ApiError> },
}

/// `POST /v2/campaign/{id}/events`
pub async fn submit(call: Call, Path(program): Path<String>, body: Body) -> Response {
    submit_to(&program, call, body).await
}

/// As [`submit`], without an extractor for the path.
pub async fn submit_to(program: &str, call: Call, body: Body) -> Response {
    let result = async {
        let program = program_id(program)?;
        let key = match call.headers.get("idempotency-key") {
            None => None,
            Some(value) => Some(value.to_str().map_err(|_| {
                Failed::new(ErrorCode::BadRequest, "The Idempotency-Key must be printable ASCII.")
            })?),
        };
        let body = call.read(body, MAX_EVENT_BYTES).await?;
        let receipt = call.engine().submit(&program, &body, key).await?;
        log(&receipt);
        Ok(Accepted::from(receipt))
    };
    call.context.answer(StatusCode::ACCEPTED, result.await)
}

/// Leads from the request, whose id the line has by itself, to the event's attempts.
fn log(receipt: &Receipt) {
    let Receipt { id, deliveries, is_duplicate } = receipt;
    tracing::debug!(event.id = %id, deliveries, is_duplicate, "an event was accepted");
}

/// `POST /v2/campaign/{id}/events/batch`: 202 when every line was accepted, else 207; a line of JSON each.
pub async fn submit_batch(call: Call, Path(program): Path<String>, body: Body) -> Response {
    submit_batch_to(&program, call, body).await
}

/// As [`submit_batch`], without an extractor for the path.
pub async fn submit_batch_to(program: &str, call: Call, body: Body) -> Response {
    const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
    let context = &call.context;
    let answers = async {
        let program = program_id(program)?;
        let body = call.read(body, MAX_BATCH_BYTES).await?;
        Ok::<_, Failed>(call.engine().submit_batch(&program, &body).await?)
    };
    let answers = match answers.await {
        Ok(answers) => answers,
        Err(failed) => return context.fail(failed),
    };
    let is_complete = answers.iter().all(Result::is_ok);
    let mut body = Vec::with_capacity(answers.len() * 80);
    for (index, answer) in answers.into_iter().enumerate() {
        let result = match answer {
            Ok(receipt) => {
                log(&receipt);
                LineResult::Accepted(receipt.into())
            }
            Err(error) => LineResult::Failed { error: Box::new(Failed::from(error).body(context)) },
        };
        if serde_json::to_writer(&mut body, &Line { index, result }).is_ok() {
            body.push(b'\n');
        }
    }
    let status = if is_complete { StatusCode::ACCEPTED } else { StatusCode::MULTI_STATUS };
    (status, [(CONTENT_TYPE, NDJSON)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::House;

    #[tokio::test]
    async fn a_batch_whose_lines_are_all_wrong_has_an_answer_of_its_own_size() {
        let house = House::new().await;
        let key = "\\u0001".repeat(1_000);
        let line = format!("{{\"{key}\":[{}1e999]}}\n", "1e999,".repeat(49));
        let batch = line.repeat(1_000);
        let answers = house.operator().submit_batch(&house.program, batch.as_bytes()).await.expect("read");
        assert_eq!(answers.len(), 1_000);
        let mut bytes = 0;
        for (at, answer) in answers.into_iter().enumerate() {
            let failed = Failed::from(answer.expect_err("is wrong"));
            assert_eq!(failed.errors.len(), if at < 10 { 50 } else { 1 }, "line {at}");
            bytes += serde_json::to_vec(&failed.errors).expect("is JSON").len();
        }
        assert!(bytes < batch.len() / 2, "{bytes} for {}", batch.len());
    }
}
