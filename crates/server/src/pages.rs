//! The pages: files of the site, server functions, plain forms, and the app rendered with its backend as context.

mod status;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use groundswell_app::backend::Backend;
use groundswell_app::failure::Failure;
use groundswell_app::forms::{self, Answer, Post};
use groundswell_app::place::{EMBED, Place};
use groundswell_app::plain::provider::Provider;
use groundswell_app::plain::{Asked, Outcome, PlainPage, PlainShown};
use groundswell_app::{Language, Page, plain_shell, shell};
use groundswell_engine::access::Came;
use groundswell_types::Theme;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION,
    RETRY_AFTER, SET_COOKIE, USER_AGENT, VARY,
};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use leptos::nonce::use_nonce;
use leptos::prelude::{IntoView, LeptosOptions, expect_context, provide_context};
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::ResponseOptions;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

pub use self::status::StatusPages;
use crate::audit_export;
use crate::backend::{Door, PageBackend};
use crate::client_address::ClientAddress;
use crate::cookies::Cookie;
use crate::headers::{PagePolicy, Scripts};
use crate::http::AppState;
use crate::request::RequestId;
use crate::rest::Received;
use crate::routes::Routes;
use crate::site::Site;
use crate::{embed, export};

/// Forms and server functions are small: five webhooks and a name.
const MAX_FORM_BYTES: usize = 256 * 1024;

/// Routes of all pages. Without a built site only what needs none.
pub fn router(state: &AppState) -> Routes {
    let Some(site) = state.site.clone() else {
        let why = "The pages are not built; `cargo xtask build` makes them. The API is at /v2.\n";
        return Routes::new()
            .around(|router| router.fallback(async move || (StatusCode::NOT_FOUND, why).into_response()));
    };
    let options = LeptosOptions::builder().output_name("groundswell").build();
    let mut pages = Routes::new();
    for path in forms::PATHS {
        pages = pages.post(path, submit);
    }
    let assets = site.assets;
    let page_renderer = PageRenderer { options, assets };
    for (path, _) in Page::PATHS {
        let renderer = page_renderer.clone();
        pages = pages.get(path, move |State(state): State<AppState>, request: Request| {
            let renderer = renderer.clone();
            async move { renderer.render(&state, request, None).await }
        });
    }
    for page in PlainPage::ALL {
        let renderer = page_renderer.clone();
        pages = pages.get(page.path(), move |State(state): State<AppState>, request: Request| {
            let renderer = renderer.clone();
            async move {
                match page {
                    PlainPage::Status | PlainPage::Incident => {
                        status::show(&renderer, &state, (page, request)).await
                    }
                    page => renderer.render_plain(&state, request, (page, None)).await,
                }
            }
        });
    }
    for (path, method) in server_fn_paths() {
        let method = if method == Method::GET { "GET" } else { "POST" };
        pages = pages.answers(method, path).answers(method, &format!("{EMBED}{path}"));
    }
    let pages = pages
        .post("/seen", seen)
        .post("/embed/seen", seen)
        .get("/settings/audit-log/export", audit_export::of_page)
        .get("/programs/{id}/deliveries/export", export::of_page)
        .post("/_fn/{*name}", server_function)
        .post("/embed/_fn/{*name}", server_function);
    pages.around(|router| {
        router
            .fallback(fallback)
            .layer(axum::Extension(page_renderer))
            .layer(
                CompressionLayer::new()
                    .quality(CompressionLevel::Fastest)
                    .compress_when(is_worth_compressing),
            )
            .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
    })
}

/// Pages, and what server functions answer: up to 100 kB, of which a tenth is left. Files of the site are compressed
/// already, and exports are sent as they are read.
fn is_worth_compressing(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    // What has a tag is kept, with a compressed form that has another one.
    if headers.contains_key(ETAG) {
        return false;
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/html") || kind.starts_with("application/json")
}

/// Which scripts a page may run, with its answer's nonce.
type ScriptsOf = fn(&str) -> Scripts<'_>;

/// Renders the app.
#[derive(Clone)]
struct PageRenderer {
    options: LeptosOptions,
    assets: groundswell_app::SiteAssets,
}

impl PageRenderer {
    async fn render(
        &self,
        state: &AppState,
        request: Request,
        returned: Option<groundswell_app::Returned>,
    ) -> Response {
        let backend = backend_for(state, request.uri(), (request.headers(), request.extensions()));
        let is_for_people = matches!(Place::of(request.uri().path()), Place::Editor);
        if is_for_people && matches!(backend.viewer().await, Ok(None)) {
            return self.render_sign_in(state, request, backend).await;
        }
        self.render_app(state, request, (backend, returned)).await
    }

    /// The app, whoever asks.
    async fn render_app(
        &self,
        state: &AppState,
        request: Request,
        (backend, returned): (Arc<PageBackend>, Option<groundswell_app::Returned>),
    ) -> Response {
        let context = move || {
            if let Some(returned) = &returned {
                provide_context(returned.clone());
            }
        };
        self.render_as((state, backend), request, (context, shell, |nonce| Scripts::BrowserHalf(nonce))).await
    }

    /// The page for signing in, in the place of one that is for people who have; it leads back to that one.
    async fn render_sign_in(
        &self,
        state: &AppState,
        request: Request,
        backend: Arc<PageBackend>,
    ) -> Response {
        let next = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let shown = Ok::<_, Failure>(PlainShown::sign_in(backend.as_ref(), next));
        let context = move || provide_context(shown.clone());
        let mut response = self
            .render_as((state, backend), request, (context, plain_shell, |nonce| Scripts::Inline(nonce)))
            .await;
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
    }

    async fn render_plain(
        &self,
        state: &AppState,
        request: Request,
        (page, outcome): (PlainPage, Option<Outcome>),
    ) -> Response {
        let backend = backend_for(state, request.uri(), (request.headers(), request.extensions()));
        let query = request.uri().query().unwrap_or_default();
        let shown =
            PlainShown::read(backend.as_ref(), Asked { page, path: request.uri().path(), query, outcome })
                .await;
        if matches!(shown, Err(Failure::SignedOut)) {
            return self.render_sign_in(state, request, backend).await;
        }
        let status = shown.as_ref().err().map(Failure::status);
        let context = move || provide_context(shown.clone());
        let mut response = self
            .render_as((state, backend), request, (context, plain_shell, |nonce| Scripts::Inline(nonce)))
            .await;
        if let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) {
            *response.status_mut() = status;
        }
        // A new key or secret may be in it.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        response
    }

    /// Renders one of the app's documents over what the request brings and `provide` gives.
    async fn render_as<Document: IntoView + 'static>(
        &self,
        (state, backend): (&AppState, Arc<PageBackend>),
        request: Request,
        (provide, document, scripts): (
            impl Fn() + Clone + Send + Sync + 'static,
            fn(groundswell_app::SiteAssets) -> Document,
            ScriptsOf,
        ),
    ) -> Response {
        let (embed, has_token) =
            (Embed::of(state, request.uri(), &backend).await, embed::has_token(request.uri()));
        let backend: Arc<dyn Backend> = backend;
        let language = language_for(state, request.headers());
        let assets = self.assets.clone();
        let provider =
            state.provider_sign_in.as_ref().map(|sign_in| Provider { name: sign_in.name().to_owned() });
        let context = move || {
            provide_context(Arc::clone(&backend));
            provide_context(language);
            provide_context(embed.theme);
            if let Some(provider) = provider.clone() {
                provide_context(provider);
            }
            let nonce = use_nonce().expect("Leptos makes one for every answer");
            expect_context::<ResponseOptions>()
                .insert_header(CONTENT_SECURITY_POLICY, embed.policy(scripts(&nonce)).value());
            provide();
        };
        let options = self.options.clone();
        let render = leptos_axum::render_app_async_with_context(context, move || {
            provide_context(options.clone());
            document(assets.clone())
        });
        let mut response = render(request).await;
        let headers = response.headers_mut();
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        // Pages differ by person and by language, and are asked for anew.
        headers.insert(VARY, HeaderValue::from_static("cookie, accept-language"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if has_token {
            embed::keep_address(headers);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        }
        response
    }
}

/// The backend of a request to that address, of whoever is known there.
fn backend_for(
    state: &AppState,
    uri: &Uri,
    (headers, extensions): (&HeaderMap, &Extensions),
) -> Arc<PageBackend> {
    let door = Door::of(state, uri.path(), headers);
    Arc::new(page_backend(state, headers, extensions).through(door))
}

/// What is particular to a page inside of another product.
#[derive(Clone)]
struct Embed {
    theme: Theme,
    framed_by: Arc<[String]>,
}

impl Embed {
    async fn of(state: &AppState, uri: &Uri, backend: &PageBackend) -> Self {
        let theme = match Place::of(uri.path()) {
            Place::Editor => Theme::Auto,
            Place::Embedded if uri.path() == EMBED => embed::theme_of_link(uri),
            Place::Embedded => backend.theme().await,
        };
        Self { theme, framed_by: embed::framed_by(state, uri.path()).into() }
    }

    fn policy<'a>(&'a self, scripts: Scripts<'a>) -> PagePolicy<'a> {
        PagePolicy { framed_by: &self.framed_by, ..PagePolicy::new(scripts) }
    }
}

/// The backend of a request of whoever's session it carries.
pub fn page_backend(state: &AppState, headers: &HeaderMap, extensions: &Extensions) -> PageBackend {
    let id = extensions.get().map(|id: &RequestId| id.0.as_ref().to_owned());
    let device = state.cookies.read(Cookie::Device, headers).map(str::to_owned);
    PageBackend::new(state.clone(), came(state, headers, extensions), id).with_device(device)
}

/// Whose browser a request comes from, and where it is.
pub fn came(state: &AppState, headers: &HeaderMap, extensions: &Extensions) -> Came {
    let ClientAddress(address) = ClientAddress::of(state, headers, extensions);
    let agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let session = state.cookies.read(Cookie::Session, headers).map(str::to_owned);
    let device = state.cookies.read(Cookie::Device, headers).map(str::to_owned);
    let language = Some(language_for(state, headers).tag().to_owned());
    Came { address: Some(address), user_agent: agent, session, device, language }
}

/// The language the request's page is to be in.
fn language_for(state: &AppState, headers: &HeaderMap) -> Language {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::choose(state.cookies.read(Cookie::Language, headers), accepted)
}

/// Somebody does something on a page that has a browser half, which is what keeps their session: what its server functions are
/// called for nobody can tell.
async fn seen(State(state): State<AppState>, request: Request) -> StatusCode {
    let backend = backend_for(&state, request.uri(), (request.headers(), request.extensions()));
    match backend.engine().await {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(failure) => StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn server_function(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match read_form(&state, &parts.headers, body).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let mut request = Request::from_parts(parts, Body::from(body.to_vec()));
    let door = Door::of(&state, request.uri().path(), request.headers());
    let backend = page_backend(&state, request.headers(), request.extensions());
    let backend: Arc<dyn Backend> = Arc::new(backend.through(door).of_open_page());
    // Functions are found by their paths.
    if let Some(Ok(own)) = request.uri().path().strip_prefix(EMBED).map(Uri::try_from) {
        *request.uri_mut() = own;
    }
    let language = language_for(&state, request.headers());
    let context = move || {
        provide_context(Arc::clone(&backend));
        provide_context(language);
    };
    leptos_axum::handle_server_fns_with_context(context, request).await.into_response()
}

/// The body of a form or of a call of a server function, in the time and the room that every body has.
pub async fn read_form(state: &AppState, headers: &HeaderMap, body: Body) -> Result<Received, Response> {
    state.forms.read(headers, body, MAX_FORM_BYTES).await.map_err(|failed| {
        let status = StatusCode::from_u16(failed.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, format!("{}\n", failed.message)).into_response()
    })
}

/// A form post; what it cannot do is answered with the page itself.
async fn submit(
    State(state): State<AppState>,
    axum::Extension(pages): axum::Extension<PageRenderer>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Parts { uri, headers, extensions, .. } = parts;
    let body = match read_form(&state, &headers, body).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let backend = backend_for(&state, &uri, (&headers, &extensions));
    let query = uri.query().unwrap_or_default();
    let post = Post { path: uri.path(), query, body: &body, language: language_for(&state, &headers) };
    match forms::submit(backend.as_ref(), post).await {
        Answer::Redirect { location, set_cookie } => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(LOCATION, location);
            }
            if let Some(Ok(cookie)) = set_cookie.map(HeaderValue::try_from) {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Answer::SignedIn { location, set_cookies } => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(LOCATION, location);
            }
            for cookie in set_cookies.into_iter().flat_map(HeaderValue::try_from) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Answer::Page { status, returned } => {
            let page = get_of((uri, headers, extensions));
            with_status(status, pages.render(&state, page, Some(*returned)).await)
        }
        Answer::Plain { status, outcome } => {
            let page = get_of((uri, headers, extensions));
            let wait_s = outcome.retry_after_s();
            let page = pages.render_plain(&state, page, (outcome.page(), Some(*outcome))).await;
            let mut response = with_status(status, page);
            if let Some(wait_s) = wait_s {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
            }
            response
        }
    }
}

/// The request for the page that a form was on.
fn get_of((uri, headers, extensions): (Uri, HeaderMap, Extensions)) -> Request {
    let mut page = Request::new(Body::empty());
    *page.uri_mut() = uri;
    *page.headers_mut() = headers;
    *page.extensions_mut() = extensions;
    page
}

/// A page that could not be made keeps the status that says so.
fn with_status(status: u16, mut page: Response) -> Response {
    if page.status() == StatusCode::OK {
        *page.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    }
    page
}

/// A file of the site, else the app, which says that there is no such page.
async fn fallback(
    State(state): State<AppState>,
    axum::Extension(pages): axum::Extension<PageRenderer>,
    request: Request,
) -> Response {
    let file = state.site.as_ref().and_then(|site: &Site| site.file(request.uri().path(), request.headers()));
    if let Some(response) = file {
        return response;
    }
    let backend = backend_for(&state, request.uri(), (request.headers(), request.extensions()));
    let mut response = pages.render_app(&state, request, (backend, None)).await;
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

#[cfg(test)]
mod tests {
    use http::Method;
    use leptos::server_fn::axum::server_fn_paths;

    /// Another site can lead a browser to a GET, with its cookies.
    #[test]
    fn server_functions_are_called_with_post_alone() {
        let functions: Vec<(&str, Method)> = server_fn_paths().collect();
        assert!(functions.len() > 10, "{functions:?}");
        for (path, method) in functions {
            assert_eq!(method, Method::POST, "{path}");
            assert!(path.starts_with("/_fn/"), "{path} is not behind the router's check");
        }
    }
}
