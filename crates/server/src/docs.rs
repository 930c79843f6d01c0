//! The documentation under `/docs`: public, the same for everybody, made when it is asked for first and kept.

use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use clap::CommandFactory as _;
use groundswell_docs::{DeliverySettings, Docs, Document, Settings};
use groundswell_engine::config::EngineConfig;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::Cli;
use crate::config::reference;
use crate::headers::{PagePolicy, Scripts};
use crate::http::AppState;
use crate::routes::Routes;

/// The pages, once somebody asked for one: a start is not to wait for them.
pub struct LazyDocs {
    settings: Settings,
    docs: OnceLock<Docs>,
}

impl LazyDocs {
    /// Nothing is made yet.
    pub const fn new(settings: Settings) -> Self {
        Self { settings, docs: OnceLock::new() }
    }

    fn get(&self) -> &Docs {
        self.docs.get_or_init(|| Docs::new(&self.settings))
    }
}

/// What the pages say of this server.
pub fn settings(
    public_url: String,
    style_sheet: Option<String>,
    engine: &EngineConfig,
) -> anyhow::Result<Settings> {
    let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let delivery = DeliverySettings {
        retry_base_ms: engine.retry.base_ms,
        retry_factor: engine.retry.factor,
        retry_cap_ms: engine.retry.cap_ms,
        retry_deadline_ms: engine.retry.deadline_ms,
        connect_timeout_ms: ms(engine.sending.connect_timeout_ms),
        total_timeout_ms: ms(engine.sending.total_timeout_ms),
        breaker_failures: engine.breaker.failures,
        probe_base_ms: engine.breaker.probe_base_ms,
        probe_cap_ms: engine.breaker.probe_cap_ms,
        autodisable_ms: engine.breaker.autodisable_ms,
        retention_ms: engine.retention_ms,
        slots: count(engine.slots),
        endpoint_slots: count(engine.endpoint_slots),
    };
    let command = Cli::command();
    let configuration = reference::all(&command)?;
    Ok(Settings { public_url, style_sheet, delivery, command, configuration })
}

/// The routes.
pub fn router() -> Routes {
    Routes::new()
        .get("/docs", document)
        .get("/docs/search", search)
        .get("/docs/{*page}", document)
        .get("/docs/", || async { Redirect::permanent("/docs") })
        .get("/llms.txt", document)
}

async fn document(State(state): State<AppState>, request: Request) -> Response {
    let docs = state.docs.get();
    if let Some(document) = docs.document(request.uri().path()) {
        return answer(document, request.headers());
    }
    let mut response = answer(&Document::html(docs.not_found()), &HeaderMap::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

async fn search(State(state): State<AppState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    // Whatever stands in an address is a search for something, if only for nothing.
    let wanted = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "q");
    let wanted = wanted.map(|(_, wanted)| wanted).unwrap_or_default();
    answer(&Document::html(state.docs.get().search(&wanted)), &headers)
}

/// The document in the encoding the client takes, or nothing when it has it already.
pub fn answer(document: &Document, request: &HeaderMap) -> Response {
    let text = |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or("");
    let gzip = document.gzip.as_ref().filter(|_| text(ACCEPT_ENCODING).contains("gzip"));
    // A strong tag names bytes, and these are others.
    let etag = match gzip {
        Some(_) => format!("{}-gzip\"", document.etag.trim_end_matches('"')),
        None => document.etag.clone(),
    };
    let is_known = text(IF_NONE_MATCH).split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(gzip.unwrap_or(&document.plain).clone()).into_response()
    };
    let headers = response.headers_mut();
    if !is_known {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(document.content_type));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // An update of the server changes the pages and the name of their style sheet, so browsers ask each time.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    // The pages are HTML and a style sheet; nothing else is ever loaded.
    headers.insert(CONTENT_SECURITY_POLICY, PagePolicy::new(Scripts::None).value());
    response
}
