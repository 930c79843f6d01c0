//! `GET /v2/openapi.json` and `GET /v2/schemas/{file}`: the API and the events, described for programs. They need no key,
//! and pages of other sites may read them, so that any viewer can show them.

use axum::extract::{Request, State};
use axum::response::Response;
use groundswell_types::{ErrorCode, EventKind};
use http::HeaderMap;
use serde_json::Value;

use super::answer::{Context, Failed};
use crate::http::AppState;
use crate::public_file::PublicFile;

/// It changes with the server's version alone.
const KEPT: &str = "public, max-age=300";

/// Everything, written once: it stays the same as long as the server runs.
pub struct Description {
    document: PublicFile,
    /// By the last part of their paths.
    schemas: Vec<(String, PublicFile)>,
}

impl Description {
    /// Of a server that is reached at `public_url`.
    pub fn new(public_url: &str) -> Self {
        let schema = |kind: EventKind| {
            let file = file("application/schema+json", &groundswell_openapi::event_schema(kind));
            (format!("{}.json", kind.name()), file)
        };
        Self {
            document: file("application/json", &groundswell_openapi::document(public_url)),
            schemas: EventKind::every().map(schema).collect(),
        }
    }
}

fn file(content_type: &'static str, content: &Value) -> PublicFile {
    PublicFile::new(content_type, content.to_string())
}

/// `GET /v2/openapi.json`
pub async fn document(State(state): State<AppState>, headers: HeaderMap) -> Response {
    state.description.document.answer(&headers, KEPT)
}

/// `GET /v2/schemas/{EVENT_NAME}.json`
pub async fn event_schema(State(state): State<AppState>, request: Request) -> Response {
    // As it stands there: no name has a character that would have to be decoded.
    let wanted = request.uri().path().rsplit('/').next();
    let known = state.description.schemas.iter().find(|(name, _)| Some(name.as_str()) == wanted);
    if let Some((_, file)) = known {
        return file.answer(request.headers(), KEPT);
    }
    let message =
        "There is no such schema. They are called like the events, for example CAMPAIGN_ENDED.json.";
    Context::of(&state, request.headers(), request.extensions().get())
        .fail(Failed::new(ErrorCode::NotFound, message))
}
