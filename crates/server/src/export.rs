//! The deliveries that match a filter, as a file: CSV for spreadsheets, or a JSON object a line. Written page by page
//! while it is read, so a large one takes no more memory than a small one, and no longer a transaction.

use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use groundswell_app::failure::Failure;
use groundswell_app::{LogQuery, time};
use groundswell_engine::EngineError;
use groundswell_engine::acting::Acting;
use groundswell_types::editor::DeliveryQuery;
use groundswell_types::{DeliveryFilter, DeliveryId, DeliveryView, FailureClass, ProgramId, WebhookId};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

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

    fn head(self, columns: &[&str]) -> String {
        match self {
            Self::Csv => format!("{}\r\n", columns.join(",")),
            Self::NdJson => String::new(),
        }
    }

    /// Writes a line; `cells` are those of CSV.
    pub fn write<Item: Serialize>(self, text: &mut String, item: &Item, cells: fn(&Item) -> Vec<String>) {
        match self {
            Self::Csv => write_row(text, &cells(item)),
            Self::NdJson => {
                text.push_str(&serde_json::to_string(item).expect("views are plain JSON"));
                text.push('\n');
            }
        }
    }
}

/// A file that is written while it is read.
pub struct File<Lines> {
    /// Without what its format puts behind a dot.
    pub name: String,
    pub columns: &'static [&'static str],
    pub format: Format,
    pub lines: Lines,
}

/// What is in a file.
pub trait Lines: Send + 'static {
    /// The next ones, written; there may be none though more follow, when finding them takes long. Nothing at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<String>, EngineError>> + Send;
}

impl<Of: Lines> File<Of> {
    /// The answer with it. What fails before its first lines is an error; what fails after breaks the connection off, so that
    /// a part is not taken for the whole.
    pub async fn answer(self) -> Result<Response, EngineError> {
        let Self { name, columns, format, mut lines } = self;
        let beginning = format.head(columns) + &lines.next().await?.unwrap_or_default();
        let beginning = futures::stream::once(async move { Ok::<_, EngineError>(beginning) });
        let rest = futures::stream::try_unfold(lines, |mut lines| async move {
            Ok::<_, EngineError>(lines.next().await?.map(|more| (more, lines)))
        });
        let mut response = Body::from_stream(futures::StreamExt::chain(beginning, rest)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
        if let Ok(disposition) = HeaderValue::try_from(disposition) {
            headers.insert(CONTENT_DISPOSITION, disposition);
        }
        Ok(response)
    }
}

/// The format that the query of a page's link asks for.
pub fn format_of(query: &str) -> Option<Format> {
    let mut fields = url::form_urlencoded::parse(query.as_bytes());
    fields.find(|(name, _)| name == "format").and_then(|(_, value)| Format::parse(&value))
}

pub fn no_such_export() -> Response {
    (StatusCode::NOT_FOUND, "There is no such export.\n").into_response()
}

/// The answer to whoever asks for a file by a page's link.
pub fn to_page(file: Result<Response, Failure>) -> Response {
    match file {
        Ok(response) => response,
        Err(Failure::SignedOut) => Redirect::to("/sign-in").into_response(),
        Err(failure) => {
            let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, format!("{failure}\n")).into_response()
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
    let (Some(format), Ok(program)) = (format_of(query), ProgramId::parse(&program)) else {
        return no_such_export();
    };
    let filter = LogQuery::parse(query).filter;
    let backend = page_backend(&state, request.headers(), request.extensions());
    to_page(match backend.engine().await {
        Ok(engine) => {
            of(engine.clone(), program, filter, format).await.map_err(|error| backend.failure(error))
        }
        Err(failure) => Err(failure),
    })
}

/// The answer with the file.
pub async fn of(
    engine: Acting,
    program: ProgramId,
    filter: DeliveryFilter,
    format: Format,
) -> Result<Response, EngineError> {
    let name = format!("deliveries-{program}");
    let lines = Deliveries { engine, program, filter, format, next: Next::First };
    File { name, columns: &COLUMNS, format, lines }.answer().await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    First,
    At(DeliveryId),
    None,
}

struct Deliveries {
    engine: Acting,
    program: ProgramId,
    filter: DeliveryFilter,
    format: Format,
    next: Next,
}

impl Lines for Deliveries {
    async fn next(&mut self) -> Result<Option<String>, EngineError> {
        let next_id = match self.next {
            Next::First => None,
            Next::At(id) => Some(id),
            Next::None => return Ok(None),
        };
        let query =
            DeliveryQuery { filter: self.filter.clone(), next_id, newer_than: None, limit: Some(PAGE) };
        let page = self.engine.deliveries(&self.program, &query).await?;
        self.next = page.next_id.map_or(Next::None, Next::At);
        let mut text = String::new();
        for delivery in &page.deliveries {
            self.format.write(&mut text, delivery, cells);
        }
        Ok(Some(text))
    }
}

fn cells(delivery: &DeliveryView) -> Vec<String> {
    let at = |at_ms: Option<i64>| at_ms.map(time::machine).unwrap_or_default();
    vec![
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
    ]
}

/// A line of a CSV file.
fn write_row(text: &mut String, cells: &[String]) {
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
