//! Which page an address is of, and going from one page to another without loading it.
//!
//! There are six pages, none within another, and their addresses say which program they are about and no more. A router for
//! everything that routes can be was a twentieth of the wasm file.

use groundswell_types::ProgramId;
use leptos::prelude::*;

use crate::boxed::memo;
use crate::log_query::decoded;

/// A page that has a browser half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// All programs.
    Programs,
    /// The Program Editor's step Options.
    Options,
    /// The Webhooks panel.
    Webhooks,
    /// What the webhooks were before.
    History,
    /// The delivery log.
    Deliveries,
    /// The inbox.
    Inbox,
}

/// What stands for the program in [`Page::PATHS`].
const PROGRAM: &str = "{id}";

impl Page {
    /// Where they are, in axum's syntax.
    pub const PATHS: [(&str, Self); 8] = [
        ("/", Self::Programs),
        ("/programs/{id}/options", Self::Options),
        ("/programs/{id}/options/webhooks", Self::Webhooks),
        ("/programs/{id}/options/webhooks/history", Self::History),
        ("/programs/{id}/deliveries", Self::Deliveries),
        ("/programs/{id}/inbox", Self::Inbox),
        ("/embed/programs/{id}/webhooks", Self::Webhooks),
        ("/embed/programs/{id}/webhooks/history", Self::History),
    ];

    /// The page at a path, and what stands there for the program.
    fn at(path: &str) -> Option<(Self, &str)> {
        Self::PATHS.into_iter().find_map(|(pattern, page)| {
            let (before, after) = pattern.split_once(PROGRAM).unwrap_or((pattern, ""));
            let program = path.strip_prefix(before)?.strip_suffix(after)?;
            let is_there = if pattern.contains(PROGRAM) {
                !program.is_empty() && !program.contains('/')
            } else {
                program.is_empty()
            };
            is_there.then_some((page, program))
        })
    }
}

/// The part of a URL that is the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    path: String,
    /// Without its question mark.
    query: String,
}

/// Where the page is. A context of the whole app.
#[derive(Clone, Copy)]
pub struct Location {
    address: RwSignal<Address>,
    /// The path.
    pub path: Memo<String>,
    /// The query, as it stands in the URL, without its question mark.
    pub query: Memo<String>,
}

impl Location {
    /// Of the app that begins now. In the browser it follows links and the history from now on.
    pub fn begin() -> Self {
        let address = RwSignal::new(present());
        let location = Self {
            address,
            path: memo(move |_| address.with(|address| address.path.clone())),
            query: memo(move |_| address.with(|address| address.query.clone())),
        };
        #[cfg(not(feature = "ssr"))]
        browser::follow(location);
        location
    }

    /// Which page is here.
    pub fn page(self) -> Memo<Option<Page>> {
        memo(move |_| self.path.with(|path| Page::at(path).map(|(page, _)| page)))
    }

    /// Goes to a URL of the app, and stays where the page was scrolled to.
    pub fn go(self, url: &str) {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let next = Address { path: path.to_owned(), query: query.to_owned() };
        if self.address.try_with_untracked(|here| *here != next) == Some(true) {
            #[cfg(not(feature = "ssr"))]
            browser::push(url);
            self.address.set(next);
        }
    }
}

/// Where the page is. To be asked while a component is made.
pub fn location() -> Location {
    expect_context()
}

/// The program in the path; `None` when what stands there cannot be an id. Of a page that is being left, the one it is about.
pub fn program_id() -> Memo<Option<ProgramId>> {
    let location = location();
    memo(move |before: Option<&Option<ProgramId>>| {
        location.path.with(|path| match Page::at(path) {
            Some((page, program)) if page != Page::Programs => ProgramId::parse(program).ok(),
            _ => before.cloned().flatten(),
        })
    })
}

/// What the query says under a name.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|member| member.split_once('='))
        .find_map(|(other, value)| (decoded(other) == name).then(|| decoded(value)))
}

#[cfg(feature = "ssr")]
fn present() -> Address {
    let parts = expect_context::<http::request::Parts>();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    Address { path: parts.uri.path().to_owned(), query }
}

#[cfg(not(feature = "ssr"))]
use browser::present;

#[cfg(not(feature = "ssr"))]
mod browser {
    use leptos::ev;
    use leptos::prelude::*;
    use wasm_bindgen::{JsCast, JsValue};
    use web_sys::{Element, HtmlAnchorElement, MouseEvent};

    use super::{Address, Location, Page};
    use crate::place::Place;

    pub(super) fn present() -> Address {
        let location = window().location();
        let query = location.search().unwrap_or_default();
        Address {
            path: location.pathname().unwrap_or_default(),
            query: query.strip_prefix('?').unwrap_or_default().to_owned(),
        }
    }

    /// Writes a URL into the browser's history.
    pub(super) fn push(url: &str) {
        // A page may always say where in its own origin it is.
        if let Ok(history) = window().history() {
            let _ = history.push_state_with_url(&JsValue::NULL, "", Some(url));
        }
    }

    /// Follows links and the history for as long as the app lives, which is as long as its document.
    pub(super) fn follow(location: Location) {
        let _ = window_event_listener(ev::click, move |event| {
            if let Some(url) = to_follow(&event) {
                event.prevent_default();
                location.go(&url);
                window().scroll_to_with_x_and_y(0.0, 0.0);
            }
        });
        let _ = window_event_listener(ev::popstate, move |_| location.address.set(present()));
    }

    /// Where a click leads to, if that is a page of the app in this window. Everything else is the browser's.
    fn to_follow(event: &MouseEvent) -> Option<String> {
        let has_key = event.meta_key() || event.alt_key() || event.ctrl_key() || event.shift_key();
        if event.default_prevented() || event.button() != 0 || has_key {
            return None;
        }
        let element = event.target()?.dyn_into::<Element>().ok()?;
        let link = element.closest("a[href]").ok()??.dyn_into::<HtmlAnchorElement>().ok()?;
        let is_external = link.rel() == "external" || link.has_attribute("download");
        let here = window().location();
        let path = link.pathname();
        let is_ours = link.origin() == here.origin().ok()?
            && Page::at(&path).is_some()
            && Place::of(&path) == Place::of(&here.pathname().ok()?);
        let is_followed = is_ours && !is_external && link.target().is_empty() && link.hash().is_empty();
        is_followed.then(|| path + &link.search())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_one_page_and_one_program() {
        assert_eq!(Page::at("/"), Some((Page::Programs, "")));
        assert_eq!(Page::at("/programs/p1/options"), Some((Page::Options, "p1")));
        assert_eq!(Page::at("/programs/p1/options/webhooks"), Some((Page::Webhooks, "p1")));
        assert_eq!(Page::at("/programs/options/options/webhooks/history"), Some((Page::History, "options")));
        assert_eq!(Page::at("/programs/p1/deliveries"), Some((Page::Deliveries, "p1")));
        assert_eq!(Page::at("/programs/p1/inbox"), Some((Page::Inbox, "p1")));
        assert_eq!(Page::at("/embed/programs/p1/webhooks"), Some((Page::Webhooks, "p1")));
        assert_eq!(Page::at("/embed/programs/p1/webhooks/history"), Some((Page::History, "p1")));
        for path in [
            "",
            "//",
            "/programs",
            "/programs//options",
            "/programs/options",
            "/programs/p1/options/",
            "/programs/p1/x/options",
            "/programs/p1/deliveries/export",
            "/embed/programs/p1/inbox",
            "/settings/members",
        ] {
            assert_eq!(Page::at(path), None, "{path}");
        }
    }

    #[test]
    fn a_parameter_is_read_as_browsers_write_it() {
        let query = "a=1&open=row+1%26&open=2&=x&empty=&b";
        assert_eq!(parameter(query, "open").as_deref(), Some("row 1&"));
        assert_eq!(parameter(query, "empty").as_deref(), Some(""));
        assert_eq!(parameter(query, "b"), None);
        assert_eq!(parameter("", "open"), None);
    }
}
