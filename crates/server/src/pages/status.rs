//! System Status and the pages of its incidents: public, without a script, and asked for most when least goes.
//!
//! So a page is kept for some seconds, ready in each language, and given to everybody who is not signed in without asking
//! anything of anybody. Whoever is signed in sees their name and their own webhooks, on a page that nobody keeps. Who it is only
//! the database knows: few ask it at once, and none for long, or they would be told nothing just when there is something to tell.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use groundswell_app::backend::Backend as _;
use groundswell_app::failure::Failure;
use groundswell_app::plain::{Asked, PlainPage, PlainShown};
use groundswell_app::{Language, plain_shell};
use groundswell_docs::Document;
use groundswell_engine::access::Came;
use groundswell_engine::clock::Stopwatch;
use groundswell_types::{Incident, IncidentId};
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_LENGTH, RETRY_AFTER, VARY};
use http::request::Parts;
use http::{HeaderValue, StatusCode, Uri};
use leptos::prelude::provide_context;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{PageRenderer, backend_for, language_for};
use crate::backend::PageBackend;
use crate::cookies::Cookie;
use crate::docs;
use crate::headers::Scripts;
use crate::http::AppState;

/// So long a page is given out as it is.
const KEPT: Duration = Duration::from_secs(5);

/// What caches may do, for as long.
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=5");

/// What is about somebody, or is not there.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("private, no-store");

/// A page is some 100 kB. One with as much as can be said of as many incidents as it can have has some 5 MB.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// So long it is waited for who somebody is.
const LOOK: Duration = Duration::from_millis(500);

/// So long it is waited for somebody's own page, and for one's turn to have one made that nobody keeps.
const MAKING: Duration = Duration::from_secs(2);

/// So many wait for that at once; whoever else is signed in gets the page that everybody sees.
const LOOKS: usize = 16;

/// Pages that nobody keeps are made so many at once: each reads the database, and anybody can ask for them.
const APART: usize = 4;

/// The pages that are kept.
pub struct StatusPages {
    /// System Status by language.
    status: [Arc<Kept>; Language::ALL.len()],
    incidents: Mutex<IncidentPages>,
    looks: Semaphore,
    apart: Semaphore,
}

/// The pages of those incidents that are in memory; none stays when any of them is different.
#[derive(Default)]
struct IncidentPages {
    /// They are replaced as a whole, and never changed where they are.
    of: Option<Arc<[Incident]>>,
    /// By language.
    pages: HashMap<IncidentId, [Arc<Kept>; Language::ALL.len()]>,
}

impl Default for StatusPages {
    fn default() -> Self {
        Self {
            status: Default::default(),
            incidents: Mutex::default(),
            looks: Semaphore::new(LOOKS),
            apart: Semaphore::new(APART),
        }
    }
}

impl StatusPages {
    /// Where a page is kept, if it is.
    fn of(&self, public: &Public, shown: Arc<[Incident]>) -> Option<Arc<Kept>> {
        if public.page == PlainPage::Status {
            return Some(Arc::clone(&self.status[public.language as usize]));
        }
        let id = public.incident().filter(|id| shown.iter().any(|incident| incident.id == *id))?;
        let mut incidents = self.incidents.lock().unwrap_or_else(PoisonError::into_inner);
        if incidents.of.as_ref().is_none_or(|of| !Arc::ptr_eq(of, &shown)) {
            *incidents = IncidentPages { of: Some(shown), pages: HashMap::new() };
        }
        let pages = incidents.pages.entry(id).or_default();
        Some(Arc::clone(&pages[public.language as usize]))
    }

    /// A page that is not kept: of an incident of long ago, or of none.
    async fn apart(
        &self,
        make: impl Future<Output = Result<Document, Response>>,
    ) -> Result<Arc<Document>, Response> {
        let Ok(Ok(_turn)) = timeout(MAKING, self.apart.acquire()).await else {
            let later = [(RETRY_AFTER, HeaderValue::from_static("2")), (CACHE_CONTROL, NOT_KEPT)];
            return Err((StatusCode::SERVICE_UNAVAILABLE, later).into_response());
        };
        make.await.map(Arc::new)
    }
}

/// A page as everybody sees it.
struct Public {
    page: PlainPage,
    uri: Uri,
    language: Language,
}

impl Public {
    /// Which incident it is about.
    fn incident(&self) -> Option<IncidentId> {
        IncidentId::parse(self.uri.path().rsplit('/').next()?).ok()
    }
}

#[derive(Default)]
struct Kept {
    page: RwLock<Option<(Stopwatch, Arc<Document>)>>,
    /// Only one makes a new page; the others give out the old one meanwhile.
    making: tokio::sync::Mutex<()>,
}

impl Kept {
    /// The page, and whether it is new enough.
    fn get(&self) -> Option<(Arc<Document>, bool)> {
        let page = self.page.read().unwrap_or_else(PoisonError::into_inner);
        page.as_ref().map(|(since, page)| (Arc::clone(page), since.elapsed() < KEPT))
    }

    async fn get_or_make(
        &self,
        make: impl Future<Output = Result<Document, Response>>,
    ) -> Result<Arc<Document>, Response> {
        let kept = self.get();
        let turn = match (kept, self.making.try_lock()) {
            (Some((page, true)), _) | (Some((page, false)), Err(_)) => return Ok(page),
            (_, Ok(turn)) => turn,
            (None, Err(_)) => self.making.lock().await,
        };
        // It may have been made while its turn was waited for.
        if let Some((page, true)) = self.get() {
            return Ok(page);
        }
        let page = match (make.await, self.get()) {
            (Ok(page), _) => Arc::new(page),
            // An old page is better than none.
            (Err(_), Some((page, _))) => return Ok(page),
            (Err(response), None) => return Err(response),
        };
        let fresh = (Stopwatch::start(), Arc::clone(&page));
        *self.page.write().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        drop(turn);
        Ok(page)
    }
}

/// One of these pages for whoever asks.
pub(super) async fn show(
    renderer: &PageRenderer,
    state: &AppState,
    (page, request): (PlainPage, Request),
) -> Response {
    let (asked, _) = request.into_parts();
    if let Some(response) = personal(renderer, state, (page, &asked)).await {
        return response;
    }
    let language = language_for(state, &asked.headers);
    // Without what stands behind a question mark, which says nothing here.
    let public = Public { page, uri: asked.uri.path().parse().unwrap_or_default(), language };
    let kept = state.status_pages.of(&public, state.engine.shown_incidents());
    let make = make(renderer, state, &public);
    let page = match kept {
        Some(kept) => kept.get_or_make(make).await,
        None => state.status_pages.apart(make).await,
    };
    let page = match page {
        Ok(page) => page,
        Err(response) => return response,
    };
    let mut response = docs::answer(&page, &asked.headers);
    let is_known = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if !is_known {
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    }
    headers.insert(VARY, HeaderValue::from_static("cookie, accept-language, accept-encoding"));
    headers.insert(CACHE_CONTROL, CACHING);
    response
}

/// For somebody who is signed in. When nobody can tell who it is, the page that everybody sees is better than none.
async fn personal(
    renderer: &PageRenderer,
    state: &AppState,
    (page, asked): (PlainPage, &Parts),
) -> Option<Response> {
    state.cookies.read(Cookie::Session, &asked.headers)?;
    if !state.engine.is_ready() {
        return None;
    }
    let _look = state.status_pages.looks.try_acquire().ok()?;
    let backend = backend_for(state, &asked.uri, (&asked.headers, &asked.extensions));
    let viewer = timeout(LOOK, backend.viewer()).await.ok()?;
    viewer.ok()??;
    let request = Request::from_parts(asked.clone(), Body::empty());
    let mut response = timeout(MAKING, render((renderer, page), state, (request, backend))).await.ok()?;
    response.headers_mut().insert(CACHE_CONTROL, NOT_KEPT);
    Some(response)
}

/// For everybody else: as if asked by nobody in particular.
async fn make(renderer: &PageRenderer, state: &AppState, public: &Public) -> Result<Document, Response> {
    let mut request = Request::new(Body::empty());
    request.uri_mut().clone_from(&public.uri);
    request.headers_mut().insert(ACCEPT_LANGUAGE, HeaderValue::from_static(public.language.tag()));
    let nobody = Came { address: None, user_agent: None, session: None, device: None, language: None };
    let backend = Arc::new(PageBackend::new(state.clone(), nobody, None));
    let mut response = render((renderer, public.page), state, (request, backend)).await;
    if response.status() != StatusCode::OK {
        response.headers_mut().insert(CACHE_CONTROL, NOT_KEPT);
        return Err(response);
    }
    let bytes = to_bytes(response.into_body(), MAX_PAGE_BYTES).await.map_err(|error| not_made(&error))?;
    Ok(Document::html(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The page without what Leptos leaves for a browser half to find: there is none, and the page may run no script.
async fn render(
    (renderer, page): (&PageRenderer, PlainPage),
    state: &AppState,
    (request, backend): (Request, Arc<PageBackend>),
) -> Response {
    const END: &str = "</html>";
    let asked = Asked { page, path: request.uri().path(), query: "", outcome: None };
    let shown = PlainShown::read(backend.as_ref(), asked).await;
    let status = shown.as_ref().err().map(Failure::status);
    let context = move || provide_context(shown.clone());
    let response =
        renderer.render_as((state, backend), request, (context, plain_shell, |_| Scripts::None)).await;
    let (mut head, body) = response.into_parts();
    let bytes = match to_bytes(body, MAX_PAGE_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => return not_made(&error),
    };
    let mut page = String::from_utf8_lossy(&bytes).into_owned();
    if let Some(end) = page.find(END) {
        page.truncate(end + END.len());
    }
    if let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) {
        head.status = status;
    }
    head.headers.remove(CONTENT_LENGTH);
    (head, page).into_response()
}

fn not_made(error: &axum::Error) -> Response {
    tracing::error!(%error, "a page of System Status is too large, or was not made");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn however_many_ask_for_pages_that_are_not_kept_few_are_made_at_once() {
        let (pages, making, most) = (StatusPages::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let asked = (0..40).map(|_| {
            pages.apart(async {
                most.fetch_max(making.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                making.fetch_sub(1, Ordering::Relaxed);
                Ok(Document::html(String::new()))
            })
        });
        let made = futures::future::join_all(asked).await;
        assert!(made.iter().all(Result::is_ok));
        assert_eq!(most.into_inner(), APART);
    }
}
