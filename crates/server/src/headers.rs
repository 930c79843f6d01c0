//! The headers that tell browsers what they may do with an answer: one place for all answers.
//!
//! A handler says what is particular to its answer, above all a page's [`PagePolicy`]. What it did not say is added on the
//! answer's way out, always the strictest: an answer that nobody thought of may load nothing, be framed by nobody and be
//! kept by no cache.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::http::AppState;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Answers that are no pages.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// A picture of the site, which has its colours in itself. Nobody has a part in what it says.
pub const PICTURE: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

/// What pages of browsers can do but ours do not. They copy to the clipboard, which is therefore not in it. Only names
/// that Chromium knows: it complains of others on the console of every page.
const DENIED: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(self), \
     display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), \
     identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), \
     payment=(), picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), \
     screen-wake-lock=(), serial=(), storage-access=(), sync-xhr=(), usb=(), window-management=(), \
     xr-spatial-tracking=()",
);

/// Two years, as the lists that browsers come with ask for. Not `includeSubDomains`: those are not ours.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Which scripts a page may run; never one without its answer's nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts<'a> {
    /// None at all.
    None,
    /// Those with this nonce.
    Inline(&'a str),
    /// Those with this nonce, what they import, and the browser half, which is WebAssembly.
    BrowserHalf(&'a str),
}

/// What a page may load, who may frame it, and where its forms may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagePolicy<'a> {
    /// Which scripts it may run.
    pub scripts: Scripts<'a>,
    /// The origins that may show it in a frame; none may when there are none.
    pub framed_by: &'a [String],
    /// Other origins that one of its forms leads to, be it by redirect: Chromium follows the policy there as well.
    pub forms_lead_to: &'a [String],
}

impl<'a> PagePolicy<'a> {
    /// Of a page with these scripts that nobody frames and whose forms stay here.
    pub const fn new(scripts: Scripts<'a>) -> Self {
        Self { scripts, framed_by: &[], forms_lead_to: &[] }
    }

    /// The value of `Content-Security-Policy` (Level 3). Nothing is inherited: what is not named may not be loaded. Trusted
    /// types are not asked for: Leptos makes what never changes of a view by `innerHTML`, so a policy would have to let all
    /// HTML through, and script in it is not run as it is.
    pub fn value(&self) -> HeaderValue {
        let scripts = match self.scripts {
            Scripts::None => String::new(),
            Scripts::Inline(nonce) => format!("script-src 'nonce-{nonce}'; "),
            Scripts::BrowserHalf(nonce) => {
                format!("script-src 'nonce-{nonce}' 'wasm-unsafe-eval'; connect-src 'self'; ")
            }
        };
        let mut forms_lead_to = "'self'".to_owned();
        for origin in self.forms_lead_to {
            forms_lead_to.push(' ');
            forms_lead_to.push_str(origin);
        }
        let framed_by =
            if self.framed_by.is_empty() { "'none'".to_owned() } else { self.framed_by.join(" ") };
        let policy = format!(
            "default-src 'none'; {scripts}style-src 'self'; img-src 'self'; form-action {forms_lead_to}; \
             base-uri 'none'; frame-ancestors {framed_by}"
        );
        HeaderValue::try_from(policy).expect("a nonce and origins are of visible characters")
    }
}

/// Adds what a page or a file of the site lacks.
pub async fn complete_for_browsers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    complete_page(response.headers_mut());
    response
}

/// Adds what an answer to a browser lacks.
pub fn complete_page(headers: &mut HeaderMap) {
    add(headers, CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    add(headers, PERMISSIONS_POLICY, DENIED);
    // What is on a page is somebody's.
    add(headers, CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
}

/// Adds what any answer lacks, be it for a browser or a program.
pub async fn complete(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    complete_answer(&state, response.headers_mut());
    response
}

/// Adds what the headers of any answer lack.
pub fn complete_answer(state: &AppState, headers: &mut HeaderMap) {
    add(headers, CONTENT_SECURITY_POLICY, NO_PAGE);
    // Browsers that know no `frame-ancestors` know no list of origins either.
    if headers[CONTENT_SECURITY_POLICY].as_bytes().ends_with(b"frame-ancestors 'none'") {
        add(headers, X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    add(headers, CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    add(headers, REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    add(headers, CACHE_CONTROL, HeaderValue::from_static("no-store"));
    complete_event(state, headers);
}

/// Adds what the answer to an event lacks. It is for programs alone, so it has the least: four headers fit into the room
/// that a map of headers has from its beginning, more would be an allocation for each event.
pub fn complete_event(state: &AppState, headers: &mut HeaderMap) {
    add(headers, X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if state.public_url.starts_with("https://") {
        add(headers, STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
}

/// What a handler has said stands.
fn add(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(policy: &PagePolicy<'_>) -> String {
        policy.value().to_str().expect("visible characters").to_owned()
    }

    #[test]
    fn a_page_runs_only_the_scripts_of_its_answer() {
        assert_eq!(
            text(&PagePolicy::new(Scripts::None)),
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        let inline = text(&PagePolicy::new(Scripts::Inline("n1")));
        assert!(inline.contains("; script-src 'nonce-n1'; ") && !inline.contains("connect-src"), "{inline}");
        let app = text(&PagePolicy::new(Scripts::BrowserHalf("n1")));
        assert!(app.contains("; script-src 'nonce-n1' 'wasm-unsafe-eval'; connect-src 'self'; "), "{app}");
        for policy in [inline, app] {
            assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        }
    }

    #[test]
    fn only_those_that_are_named_frame_a_page_or_get_its_forms() {
        let hosts = ["https://app.example".to_owned(), "https://b.example:8443".to_owned()];
        let policy = PagePolicy { framed_by: &hosts, ..PagePolicy::new(Scripts::None) };
        assert!(text(&policy).ends_with("; frame-ancestors https://app.example https://b.example:8443"));
        let provider = ["https://id.example".to_owned()];
        let policy = PagePolicy { forms_lead_to: &provider, ..PagePolicy::new(Scripts::None) };
        assert!(text(&policy).contains("; form-action 'self' https://id.example; "));
    }
}
