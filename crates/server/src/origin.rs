//! Requests to pages that a browser makes for another site. Pages know people by a cookie, and a browser may send it
//! along whoever makes it ask; so what changes something must come from our own pages, and other sites may lead somebody
//! to a page, but not load one.
//!
//! Where browsers send `Sec-Fetch-Site` (over https and on loopback), it decides: no page can set it. Elsewhere `Origin` is
//! held against the public URL and against `Host`. A client that sends neither is no browser, or one so old that only
//! `SameSite` protects it. No answer allows another origin anything (CORS) but what is
//! public and the same for everybody: the description of the API, and how the service is.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use groundswell_app::place::Place;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use url::Url;

use crate::http::AppState;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Where our pages come from, as browsers write it: scheme, host and a port that is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOrigin(String);

impl OwnOrigin {
    /// That of the server with this public URL.
    pub fn of(public_url: &str) -> Self {
        Self(Url::parse(public_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default())
    }

    fn may_ask(&self, method: &Method, headers: &HeaderMap) -> bool {
        if self.is_asking(headers) {
            return true;
        }
        let is = |name, wanted: &[&str]| only(headers, &name).is_some_and(|value| wanted.contains(&value));
        // A link from elsewhere leads to a page. What else loads something, such as an image, gets nothing of ours.
        matches!(*method, Method::GET | Method::HEAD)
            && is(SEC_FETCH_MODE, &["navigate"])
            && !is(SEC_FETCH_DEST, &["object", "embed"])
    }

    /// Whether one of our own pages asks, or somebody who typed the address.
    fn is_asking(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(SEC_FETCH_SITE) {
            return matches!(only(headers, &SEC_FETCH_SITE), Some("same-origin" | "none"));
        }
        if !headers.contains_key(ORIGIN) {
            return true;
        }
        let Some(origin) = only(headers, &ORIGIN) else { return false };
        if origin == self.0 {
            return true;
        }
        // By another name than that of the public URL. Whoever sits on the way can pass for the host over plain http, and
        // must not get at what is served over https.
        let host = if self.0.starts_with("https://") {
            origin.strip_prefix("https://")
        } else {
            origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))
        };
        host.is_some() && host == only(headers, &HOST)
    }
}

/// Refuses what a browser says comes from another site.
pub async fn refuse_other_sites(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (method, headers) = (request.method(), request.headers());
    // Nothing but this keeps another site from having an editor link's holder post: their cookie goes along with whatever
    // comes from a frame.
    let must_say = Place::of(request.uri().path()).is_embedded() && !method.is_safe();
    let says = headers.contains_key(SEC_FETCH_SITE) || headers.contains_key(ORIGIN);
    if state.own_origin.may_ask(method, headers) && (says || !must_say) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "This request comes from another site.\n").into_response()
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn may(public_url: &str, method: &Method, pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        OwnOrigin::of(public_url).may_ask(method, &headers)
    }

    fn may_post(public_url: &str, pairs: &[(&'static str, &'static str)]) -> bool {
        may(public_url, &Method::POST, pairs)
    }

    #[test]
    fn what_the_browser_says_of_the_site_decides() {
        let own = "https://a.example";
        assert!(may_post(own, &[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        // Behind a proxy that names another host.
        let renamed =
            [("sec-fetch-site", "same-origin"), ("origin", "https://b.example"), ("host", "10.0.0.1")];
        assert!(may_post(own, &renamed));
        assert!(may_post(own, &[("sec-fetch-site", "none")]));
        for site in ["cross-site", "same-site", "", "Same-Origin", "same-origin, same-origin"] {
            let pairs = [("sec-fetch-site", site), ("origin", "https://a.example"), ("host", "a.example")];
            assert!(!may_post(own, &pairs), "{site}");
        }
        assert!(!may_post(own, &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn else_the_origin_must_be_ours_in_scheme_host_and_port() {
        let host = ("host", "a.example");
        for (own, origin, wanted) in [
            ("https://a.example/under/this", "https://a.example", true),
            ("https://a.example:443", "https://a.example", true),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example:8443", false),
            ("https://a.example", "https://b.a.example", false),
            ("https://a.example", "https://a.example.evil.example", false),
            ("https://a.example", "null", false),
            ("https://a.example", "", false),
            ("http://a.example", "http://a.example", true),
            // TLS ends at a proxy, and nobody has set the public URL.
            ("http://127.0.0.1:8080", "https://a.example", true),
            ("http://127.0.0.1:8080", "http://a.example", true),
            ("http://127.0.0.1:8080", "http://a.example:1", false),
            ("http://127.0.0.1:8080", "ftp://a.example", false),
        ] {
            assert_eq!(may_post(own, &[("origin", origin), host]), wanted, "{origin} to {own}");
        }
        assert!(may_post("https://a.example", &[("origin", "https://a.example"), ("host", "10.0.0.1")]));
        assert!(!may_post("https://a.example", &[("origin", "https://b.example")]));
        assert!(!may_post(
            "https://a.example",
            &[("origin", "https://a.example"), ("origin", "https://b.example")]
        ));
        assert!(may_post("https://a.example", &[host]), "it is no browser");
    }

    #[test]
    fn other_sites_lead_to_pages_and_load_none() {
        let from_elsewhere = |method: &Method, mode, dest| {
            let pairs =
                [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            may("https://a.example", method, &pairs)
        };
        assert!(from_elsewhere(&Method::GET, "navigate", "document"));
        assert!(from_elsewhere(&Method::GET, "navigate", "iframe"), "`frame-ancestors` decides that");
        assert!(!from_elsewhere(&Method::GET, "navigate", "object"));
        assert!(!from_elsewhere(&Method::GET, "navigate", "embed"));
        for mode in ["no-cors", "cors", "websocket", ""] {
            assert!(!from_elsewhere(&Method::GET, mode, "empty"), "{mode}");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            assert!(!from_elsewhere(&method, "navigate", "document"), "{method}");
        }
        assert!(!may(
            "https://a.example",
            &Method::GET,
            &[("origin", "https://b.example"), ("host", "a.example")]
        ));
    }
}
