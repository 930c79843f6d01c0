//! The documentation under `/docs`: public, the same for everybody, made when it is asked for first and kept.

use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use clap::CommandFactory as _;
use groundswell_docs::{DeliverySettings, Docs, Document, Settings};
use groundswell_engine::config::EngineConfig;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::Cli;
use crate::config::reference;
use crate::headers::{PagePolicy, Scripts};
use crate::http::AppState;
use crate::negotiation;
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
    let gzip = document.gzip.as_ref().filter(|_| negotiation::takes(request, "gzip"));
    // A strong tag names bytes, and these are others.
    let etag = match gzip {
        Some(_) => format!("{}-gzip\"", document.etag.trim_end_matches('"')),
        None => document.etag.clone(),
    };
    let is_known = negotiation::has(request, etag.as_bytes());
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
    use http_body_util::BodyExt as _;
    use proptest::prelude::*;

    use super::*;

    /// The status, and the body as a browser would have it.
    fn shown(document: &Document, headers: &[(http::HeaderName, Vec<u8>)]) -> (StatusCode, Vec<u8>) {
        let sent = headers
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), HeaderValue::from_bytes(value).ok()?)));
        let (head, body) = answer(document, &sent.collect()).into_parts();
        let body = futures::FutureExt::now_or_never(body.collect()).expect("it is all there");
        let bytes = body.expect("it does not fail").to_bytes();
        let mut plain = Vec::new();
        match head.headers.get(CONTENT_ENCODING) {
            None => plain.extend_from_slice(&bytes),
            Some(_) => {
                flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut plain).expect("it is gzip");
            }
        }
        (head.status, plain)
    }

    proptest! {
        #[test]
        fn whoever_asks_has_the_document_or_gets_it(
            (encodings, known) in (any::<Vec<u8>>(), any::<Vec<u8>>()),
            text in "[a-z ]{0,40}",
            times in 1..100_usize,
        ) {
            let document = Document::html(text.repeat(times));
            // That stands for every tag.
            prop_assume!(!known.contains(&b'*'));
            let whole = (StatusCode::OK, document.plain.to_vec());
            for encodings in [encodings, b"br, gzip".to_vec()] {
                let asked = [(ACCEPT_ENCODING, encodings.clone()), (IF_NONE_MATCH, known.clone())];
                prop_assert_eq!(shown(&document, &asked), whole.clone());
                let mut first = HeaderMap::new();
                first.extend(HeaderValue::from_bytes(&encodings).ok().map(|value| (ACCEPT_ENCODING, value)));
                let tag = answer(&document, &first).headers()[ETAG].as_bytes().to_vec();
                let again = [(ACCEPT_ENCODING, encodings), (IF_NONE_MATCH, [b"\"a\", W/", &*tag].concat())];
                prop_assert_eq!(shown(&document, &again), (StatusCode::NOT_MODIFIED, Vec::new()));
            }
        }
    }
}
