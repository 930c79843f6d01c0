//! The whole router: health, REST, inboxes, pages, files.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use groundswell_engine::Engine;
use groundswell_engine::access::hash_token;
use groundswell_engine::clock::Clock;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use crate::client_address::TrustedProxies;
use crate::config::Config;
use crate::cookies::Cookies;
use crate::docs::LazyDocs;
use crate::http_meters::HttpMeters;
use crate::live::{self, LiveStreams};
use crate::log::Levels;
use crate::metrics::Started;
use crate::nodes::Forward;
use crate::oidc::ProviderSignIn;
use crate::origin::OwnOrigin;
use crate::pages::StatusPages;
use crate::rest::{BodyRoom, Description, EventStreams, RateLimiter};
use crate::routes::Routes;
use crate::site::Site;
use crate::statuspage::StatusFiles;
use crate::traces::Traces;
use crate::{docs, headers, inbox, nodes, oidc, origin, pages, request, rest, statuspage};

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// See [`AppState`].
pub struct Shared {
    pub engine: Arc<Engine>,
    pub site: Option<Site>,
    /// Without a slash at its end.
    pub public_url: Arc<str>,
    pub cookies: Cookies,
    pub own_origin: OwnOrigin,
    /// Who may frame what editor links open.
    pub embed_origins: Vec<String>,
    /// None without a provider.
    pub provider_sign_in: Option<ProviderSignIn>,
    pub admin_key_hash: Option<[u8; 32]>,
    pub trusted_proxies: TrustedProxies,
    pub rate_limiter: RateLimiter,
    pub bodies: BodyRoom,
    pub forms: BodyRoom,
    pub description: Description,
    pub event_streams: EventStreams,
    pub live: LiveStreams,
    pub docs: LazyDocs,
    pub status_pages: StatusPages,
    pub http_meters: HttpMeters,
    /// None when traces go nowhere.
    pub traces: Option<Traces>,
    pub started: Started,
    /// What kind it is.
    pub database: &'static str,
    pub log_levels: Levels,
    pub status_files: StatusFiles,
    /// None where this server is the only one its database can have.
    pub nodes: Option<Forward>,
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// How the server is looked into while it runs, and what it has to do with others.
pub struct Watching {
    pub log_levels: Levels,
    pub traces: Option<Traces>,
    /// None where there can be no other server.
    pub nodes: Option<Forward>,
}

impl AppState {
    /// The state of a server that is about to listen; `stop` ends what would never end by itself.
    pub fn new(
        engine: Arc<Engine>,
        site: Option<Site>,
        public_url: String,
        (config, Watching { log_levels, traces, nodes }, stop): (&Config, Watching, CancellationToken),
    ) -> anyhow::Result<Self> {
        let oidc = config.oidc.as_ref();
        let provider_sign_in = oidc.map(|oidc| ProviderSignIn::new(oidc, &public_url, Clock::system()));
        let style_sheet = site.as_ref().map(|site| site.assets.css.clone());
        let docs = LazyDocs::new(docs::settings(public_url.clone(), style_sheet, &config.engine)?);
        Ok(Self(Arc::new(Shared {
            engine,
            site,
            docs,
            description: Description::new(&public_url),
            cookies: Cookies::of(&public_url),
            own_origin: OwnOrigin::of(&public_url),
            embed_origins: config.embed_origins.clone(),
            provider_sign_in: provider_sign_in.transpose()?,
            public_url: public_url.into(),
            admin_key_hash: config.admin_key.as_ref().map(|key| hash_token(key.expose())),
            trusted_proxies: config.trusted_proxies.clone(),
            rate_limiter: RateLimiter::new(config.rate_limit),
            bodies: BodyRoom::default(),
            forms: BodyRoom::for_forms(),
            status_pages: StatusPages::default(),
            event_streams: EventStreams::new(stop.clone()),
            live: LiveStreams::new(stop),
            http_meters: HttpMeters::default(),
            traces,
            started: Started::now(),
            database: config.database.kind(),
            log_levels,
            status_files: StatusFiles::default(),
            nodes,
        })))
    }
}

/// All routes.
pub fn router(state: AppState) -> Router {
    let health = Routes::new().get("/healthz", || async { "ok\n" }).get("/readyz", ready);
    let pages =
        pages::router(&state).merge(live::router()).merge(docs::router()).merge(oidc::router()).around(
            |router| {
                router
                    .layer(middleware::from_fn_with_state(state.clone(), origin::refuse_other_sites))
                    .layer(middleware::from_fn(headers::complete_for_browsers))
            },
        );
    health
        .merge(rest::router(state.clone()))
        .merge(inbox::router())
        .merge(nodes::router())
        .merge(statuspage::router())
        .merge(pages)
        .around(|router| {
            router
                .layer(middleware::from_fn_with_state(state.clone(), headers::complete))
                .layer(middleware::from_fn_with_state(state.clone(), request::through_router))
        })
        .finish(state)
}

async fn ready(State(state): State<AppState>) -> Response {
    let is_leaving = state.nodes.as_ref().is_some_and(Forward::is_handing_over);
    if state.engine.is_ready() && !is_leaving {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}
