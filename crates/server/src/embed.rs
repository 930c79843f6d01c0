//! Pages inside of another product: which requests are for them, whose they are, and who may frame them.
//!
//! Architecture invariant: what is below `/embed` knows people by the editor cookie alone, and what is not, never. Which of
//! the two counts is decided by the path of the request here, so no session gets into a frame of somebody else's, and an
//! editor link's leads nowhere else.

use groundswell_app::place::Place;
use groundswell_types::Theme;
use http::header::REFERRER_POLICY;
use http::{HeaderMap, HeaderValue, Uri};

use crate::cookies::Cookie;
use crate::http::AppState;

/// By which of their cookies somebody is known.
#[derive(Clone, PartialEq, Eq)]
pub enum Door {
    /// That of who is signed in.
    Session,
    /// That of who came by an editor link, if they have it.
    EditorLink(Option<String>),
}

impl Door {
    /// The one for a request to that path.
    pub fn of(state: &AppState, path: &str, headers: &HeaderMap) -> Self {
        match Place::of(path) {
            Place::Editor => Self::Session,
            Place::Embedded => {
                Self::EditorLink(state.cookies.read(Cookie::Editor, headers).map(str::to_owned))
            }
        }
    }
}

/// The origins that may frame the page with that path.
pub fn framed_by<'a>(state: &'a AppState, path: &str) -> &'a [String] {
    if Place::of(path).is_embedded() { &state.embed_origins } else { &[] }
}

/// The theme that a link's address asks for, before it has a session.
pub fn theme_of_link(uri: &Uri) -> Theme {
    let query = uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let theme = pairs.find(|(name, _)| name == "theme").and_then(|(_, value)| Theme::parse(&value).ok());
    theme.unwrap_or_default()
}

/// Of a page whose address is a single-use link: the address goes nowhere, not even to files of our own. Not `no-referrer`:
/// with it browsers send the page's form with `Origin: null`, and where they send no `Sec-Fetch-Site` either, over http to
/// another machine, the form would be taken for another site's.
pub fn keep_address(headers: &mut HeaderMap) {
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
}

/// Whether the query of an address has a token.
pub fn has_token(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "token")
}
