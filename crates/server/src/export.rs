//! The deliveries that match a filter, as a file: CSV for spreadsheets, or a JSON object a line. Written page by page
//! while it is read, so a large one takes no more memory than a small one, and no longer a transaction.

use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use futures::Stream;
use groundswell_app::failure::Failure;
use groundswell_app::{LogQuery, time};
use groundswell_engine::EngineError;
use groundswell_engine::acting::Acting;
use groundswell_types::editor::DeliveryQuery;
use groundswell_types::{DeliveryFilter, DeliveryId, DeliveryView, FailureClass, ProgramId, WebhookId};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use crate::http::AppState;
use crate::pages::page_backend;

/// Deliveries that are read at once.
const PAGE: usize = 100;

/// The columns of a CSV file, named as in JSON.
const COLUMNS: [&str; 15] = [
    "id",
    "eventId",
    "event",
    "webhookId",
    "payloadUrl",
    "state",
    "attempts",
    "acceptedAt",
    "createdAt",
    "lastAttemptAt",
    "lastStatusCode",
    "lastFailure",
    "nextAttemptAt",
    "deadlineAt",
    "resendOf",
];

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a line of names; times in ISO 8601.
    Csv,
    /// As over REST, one object a line.
    NdJson,
}

impl Format {
    /// Reads `csv` or `ndjson`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "csv" => Some(Self::Csv),
            "ndjson" => Some(Self::NdJson),
            _ => None,
        }
    }

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::NdJson => "application/x-ndjson",
        }
    }

    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::NdJson => "ndjson",
        }
    }

    fn head(self) -> String {
        match self {
            Self::Csv => format!("{}\r\n", COLUMNS.join(",")),
            Self::NdJson => String::new(),
        }
    }

    fn write(self, text: &mut String, delivery: &DeliveryView) {
        match self {
            Self::Csv => write_csv(text, delivery),
            Self::NdJson => {
                text.push_str(&serde_json::to_string(delivery).expect("views are plain JSON"));
                text.push('\n');
            }
        }
    }
}

/// `GET /programs/{id}/deliveries/export?format=` and the filters of the page, for whoever is signed in.
pub async fn of_page(
    State(state): State<AppState>,
    Path(program): Path<String>,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let format = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "format");
    let format = format.and_then(|(_, value)| Format::parse(&value));
    let (Some(format), Ok(program)) = (format, ProgramId::parse(&program)) else {
        return (StatusCode::NOT_FOUND, "There is no such export.\n").into_response();
    };
    let filter = LogQuery::parse(query).filter;
    let backend = page_backend(&state, request.headers(), request.extensions());
    let response = match backend.engine().await {
        Ok(engine) => {
            of(engine.clone(), program, filter, format).await.map_err(|error| backend.failure(error))
        }
        Err(failure) => Err(failure),
    };
    match response {
        Ok(response) => response,
        Err(Failure::SignedOut) => Redirect::to("/sign-in").into_response(),
        Err(failure) => {
            let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, format!("{failure}\n")).into_response()
        }
    }
}

/// The answer with the file.
pub async fn of(
    engine: Acting,
    program: ProgramId,
    filter: DeliveryFilter,
    format: Format,
) -> Result<Response, EngineError> {
    let mut export = Export { engine, program, filter, format, next: Next::First };
    let name = format!("deliveries-{}", export.program);
    let first = export.part().await?;
    let rest = futures::stream::try_unfold(export, |mut export| async move {
        if export.next == Next::None {
            return Ok::<_, EngineError>(None);
        }
        let part = export.part().await?;
        Ok(Some((part, export)))
    });
    Ok(file(&name, format, format.head() + &first, rest))
}

/// An answer that is a file. What fails after its beginning breaks the connection off, so that a part is not taken for the
/// whole.
pub fn file(
    name: &str,
    format: Format,
    beginning: String,
    rest: impl Stream<Item = Result<String, EngineError>> + Send + 'static,
) -> Response {
    let beginning = futures::stream::once(async move { Ok(beginning) });
    let mut response = Body::from_stream(futures::StreamExt::chain(beginning, rest)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    First,
    At(DeliveryId),
    None,
}

struct Export {
    engine: Acting,
    program: ProgramId,
    filter: DeliveryFilter,
    format: Format,
    next: Next,
}

impl Export {
    /// The next deliveries, written; there may be none though more follow, when finding them takes long.
    async fn part(&mut self) -> Result<String, EngineError> {
        let next_id = match self.next {
            Next::At(id) => Some(id),
            Next::First | Next::None => None,
        };
        let query =
            DeliveryQuery { filter: self.filter.clone(), next_id, newer_than: None, limit: Some(PAGE) };
        let page = self.engine.deliveries(&self.program, &query).await?;
        self.next = page.next_id.map_or(Next::None, Next::At);
        let mut text = String::new();
        for delivery in &page.deliveries {
            self.format.write(&mut text, delivery);
        }
        Ok(text)
    }
}

fn write_csv(text: &mut String, delivery: &DeliveryView) {
    let at = |at_ms: Option<i64>| at_ms.map(time::machine).unwrap_or_default();
    let cells = [
        delivery.id.to_string(),
        delivery.event_id.to_string(),
        delivery.event.name().to_owned(),
        delivery.webhook_id.as_ref().map(WebhookId::to_string).unwrap_or_default(),
        delivery.payload_url.clone().unwrap_or_default(),
        delivery.state.as_str().to_owned(),
        delivery.attempts.to_string(),
        at(Some(delivery.accepted_at)),
        at(Some(delivery.created_at)),
        at(delivery.last_attempt_at),
        delivery.last_status_code.map(|code| code.to_string()).unwrap_or_default(),
        delivery.last_failure.map(FailureClass::as_str).unwrap_or_default().to_owned(),
        at(delivery.next_attempt_at),
        at(delivery.deadline_at),
        delivery.resend_of.map(|id| id.to_string()).unwrap_or_default(),
    ];
    write_row(text, &cells);
}

/// A line of a CSV file.
pub fn write_row(text: &mut String, cells: &[String]) {
    for (place, cell) in cells.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        write_cell(text, cell);
    }
    text.push_str("\r\n");
}

/// A cell that a spreadsheet would take for a formula gets an apostrophe before it, which makes it text (OWASP, "CSV
/// Injection").
fn write_cell(text: &mut String, cell: &str) {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let apostrophe = if is_formula { "'" } else { "" };
    if cell.contains(['"', ',', '\r', '\n']) {
        let _ = write!(text, "\"{apostrophe}{}\"", cell.replace('"', "\"\""));
    } else {
        text.push_str(apostrophe);
        text.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_every_cell_reads_back() {
        for (cell, wanted) in [
            ("", ""),
            ("primary", "primary"),
            ("https://a.example/?b=-1,2", "\"https://a.example/?b=-1,2\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "'+1"),
            ("-wh", "'-wh"),
            ("@SUM", "'@SUM"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a\"b", "\"a\"\"b\""),
        ] {
            let mut text = String::new();
            write_cell(&mut text, cell);
            assert_eq!(text, wanted);
        }
    }
}
