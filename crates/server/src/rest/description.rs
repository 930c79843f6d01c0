//! `GET /v2/openapi.json` and `GET /v2/schemas/{file}`: the API and the events, described for programs. They need no key,
//! and pages of other sites may read them, so that any viewer can show them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use groundswell_types::{ErrorCode, EventKind};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use super::answer::{Context, Failed};
use crate::http::AppState;

/// Everything, written once: it stays the same as long as the server runs.
pub struct Description {
    document: File,
    /// By the last part of their paths.
    schemas: Vec<(String, File)>,
}

struct File {
    content_type: HeaderValue,
    bytes: Bytes,
    tag: HeaderValue,
}

impl Description {
    /// Of a server that is reached at `public_url`.
    pub fn new(public_url: &str) -> Self {
        let schema = |kind: EventKind| {
            let file = File::new("application/schema+json", &groundswell_openapi::event_schema(kind));
            (format!("{}.json", kind.name()), file)
        };
        Self {
            document: File::new("application/json", &groundswell_openapi::document(public_url)),
            schemas: EventKind::ALL.map(schema).into(),
        }
    }
}

impl File {
    fn new(content_type: &'static str, content: &Value) -> Self {
        let bytes = Bytes::from(content.to_string());
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        Self {
            content_type: HeaderValue::from_static(content_type),
            bytes,
            tag: HeaderValue::try_from(tag)
                .expect("hexadecimal digits and quotation marks are a header's value"),
        }
    }

    /// The file, or that the asker has it.
    fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = if self.is_known_to(request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.content_type.clone())], self.bytes.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("etag"));
        response
    }

    /// RFC 9110, section 13.1.2: a list of tags, weak ones as good as strong ones, or a star.
    fn is_known_to(&self, request: &HeaderMap) -> bool {
        let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = known.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.tag.as_bytes())
    }
}

/// `GET /v2/openapi.json`
pub async fn document(State(state): State<AppState>, headers: HeaderMap) -> Response {
    state.description.document.answer(&headers)
}

/// `GET /v2/schemas/{EVENT_NAME}.json`
pub async fn event_schema(State(state): State<AppState>, request: Request) -> Response {
    // As it stands there: no name has a character that would have to be decoded.
    let wanted = request.uri().path().rsplit('/').next();
    let known = state.description.schemas.iter().find(|(name, _)| Some(name.as_str()) == wanted);
    if let Some((_, file)) = known {
        return file.answer(request.headers());
    }
    let message =
        "There is no such schema. They are called like the events, for example CAMPAIGN_ENDED.json.";
    Context::of(&state, request.headers(), request.extensions().get())
        .fail(Failed::new(ErrorCode::NotFound, message))
}
