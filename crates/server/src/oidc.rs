//! Signing in through an OpenID provider: the way there and the way back.
//!
//! There: a form is posted, and answered with a page that leads on by itself. It is no redirect, for Chromium holds where a
//! form's redirects lead, also those that the provider answers with, against the page's policy. Back: the browser brings
//! the state of its cookie and a code, and gets a session. That is the one GET that begins something; nobody else can
//! make a browser do it, for want of a state that fits its cookie.

mod client;
mod provider;
mod under_way;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use groundswell_engine::EngineError;
use groundswell_engine::access::{Actor, Came, Who};
use groundswell_engine::clock::Clock;
use groundswell_engine::people::provider::{Provided, TurnedAway};
use http::header::{CONTENT_TYPE, LOCATION, REFRESH, SET_COOKIE};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use url::Url;

use self::provider::{Provider, Trouble};
use self::under_way::{Purpose, Seal, UNDER_WAY_MS, UnderWay};
use crate::config::oidc::OidcSettings;
use crate::cookies::Cookie;
use crate::http::AppState;
use crate::pages::came;
use crate::routes::Routes;

const BEGIN: &str = "/sign-in/provider";
const CALLBACK: &str = "/sign-in/provider/callback";

/// The provider with what is needed on the way there and back.
#[derive(Debug)]
pub struct ProviderSignIn {
    provider: Provider,
    seal: Seal,
    clock: Clock,
}

impl ProviderSignIn {
    /// With the provider of these settings.
    pub fn new(settings: &OidcSettings, public_url: &str, clock: Clock) -> anyhow::Result<Self> {
        let provider = Provider::new(settings, public_url, clock.clone())?;
        Ok(Self { provider, seal: Seal::new(), clock })
    }

    /// What people know the provider by.
    pub fn name(&self) -> &str {
        &self.provider.name
    }
}

/// The routes; without a provider there is nothing behind them.
pub fn router() -> Routes {
    Routes::new().post(BEGIN, begin).get(CALLBACK, come_back)
}

/// Why somebody is back on the page for signing in, as its address says it. The page has a sentence for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// They said no at the provider, or the provider did.
    Declined,
    /// It took them too long, or they came back in another browser.
    NotUnderWay,
    /// The provider does not answer.
    Unreachable,
    /// What the provider says does not hold.
    Failed,
    NoVerifiedEmail,
    NotInvited,
    HasAccount,
    /// The provider's account is connected with somebody else's.
    IsAnothers,
}

impl Refusal {
    const fn name(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::NotUnderWay => "not-under-way",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::NoVerifiedEmail => "no-verified-email",
            Self::NotInvited => "not-invited",
            Self::HasAccount => "has-account",
            Self::IsAnothers => "is-anothers",
        }
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        tracing::warn!(error = %trouble, "somebody could not sign in through the OpenID provider");
        if matches!(trouble, Trouble::Unreachable(_)) { Self::Unreachable } else { Self::Failed }
    }
}

impl From<TurnedAway> for Refusal {
    fn from(turned: TurnedAway) -> Self {
        match turned {
            TurnedAway::NoVerifiedEmail => Self::NoVerifiedEmail,
            TurnedAway::NotInvited => Self::NotInvited,
            TurnedAway::HasAccount => Self::HasAccount,
            TurnedAway::Engine(EngineError::Refused(_)) => Self::IsAnothers,
            TurnedAway::Engine(error) => {
                tracing::error!(%error, "somebody could not sign in through the OpenID provider");
                Self::Failed
            }
        }
    }
}

/// What the button's form says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Begin {
    intent: String,
}

async fn begin(
    State(state): State<AppState>,
    headers: HeaderMap,
    form: Result<Form<Begin>, FormRejection>,
) -> Response {
    let Some(sign_in) = &state.provider_sign_in else { return StatusCode::NOT_FOUND.into_response() };
    let session = state.cookies.read(Cookie::Session, &headers);
    let purpose = match session {
        Some(session) if form.is_ok_and(|Form(form)| form.intent == "connect") => Purpose::connect(session),
        _ => Purpose::SignIn,
    };
    let under_way = UnderWay::begin(purpose, sign_in.clock.now_ms());
    match sign_in.provider.address(&under_way).await {
        Ok(address) => {
            let sealed = sign_in.seal.close(&under_way);
            let cookie = state.cookies.set(Cookie::ProviderSignIn, &sealed, UNDER_WAY_MS / 1000);
            with_cookies(lead_to(&address), [cookie])
        }
        Err(trouble) => back(Refusal::from(trouble)),
    }
}

/// What the provider has the browser bring.
#[derive(Deserialize)]
struct Brought {
    state: Option<String>,
    code: Option<String>,
    /// RFC 9207.
    iss: Option<String>,
    error: Option<String>,
}

async fn come_back(State(state): State<AppState>, query: Query<Brought>, request: Request) -> Response {
    let Some(sign_in) = &state.provider_sign_in else { return StatusCode::NOT_FOUND.into_response() };
    let (headers, extensions) = (request.headers(), request.extensions());
    let forget = state.cookies.forget(Cookie::ProviderSignIn);
    let response = match finish(&state, sign_in, (query.0, headers, extensions)).await {
        Ok((location, session)) => with_cookies(see_other(location), session),
        Err(refusal) => back(refusal),
    };
    with_cookies(response, [forget])
}

/// Where somebody is led who has signed in, and the cookies of their session if one has begun.
async fn finish(
    state: &AppState,
    sign_in: &ProviderSignIn,
    (brought, headers, extensions): (Brought, &HeaderMap, &Extensions),
) -> Result<(&'static str, Vec<String>), Refusal> {
    let sealed = state.cookies.read(Cookie::ProviderSignIn, headers).ok_or(Refusal::NotUnderWay)?;
    let under_way = sign_in.seal.open(sealed, sign_in.clock.now_ms()).ok_or(Refusal::NotUnderWay)?;
    if !under_way.has_state(brought.state.as_deref().unwrap_or_default()) {
        return Err(Refusal::NotUnderWay);
    }
    if let Some(error) = brought.error {
        tracing::info!(error = ?error, "the OpenID provider turned somebody away");
        return Err(Refusal::Declined);
    }
    let code = brought.code.filter(|code| !code.is_empty()).ok_or(Refusal::Failed)?;
    let provided = sign_in.provider.identify(code, brought.iss.as_deref(), &under_way).await?;
    let came = came(state, headers, extensions);
    if !under_way.purpose.is_of(came.session.as_deref()) {
        return Err(Refusal::NotUnderWay);
    }
    if under_way.purpose == Purpose::SignIn {
        let begun = state.engine.sign_in_with_subject(provided, came).await?;
        return Ok(("/", state.cookies.signed_in(&begun)));
    }
    connect(state, provided, came).await?;
    Ok(("/settings/account?done=provider", Vec::new()))
}

/// Connects the account of whoever is signed in.
async fn connect(state: &AppState, provided: Provided, came: Came) -> Result<(), Refusal> {
    let session = came.session.unwrap_or_default();
    let person = state.engine.person(&session).await.map_err(TurnedAway::from)?;
    let who = Who::Person(person.ok_or(Refusal::NotUnderWay)?.into());
    let acting = state.engine.acting(Actor { who, address: came.address }.into());
    Ok(acting.connect_provider(provided).await.map_err(TurnedAway::from)?)
}

/// A page that leads to the provider by itself. It has a link with the provider's host, and no words.
fn lead_to(address: &Url) -> Response {
    let escaped = address.as_str().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let host = address.host_str().unwrap_or_default();
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{host}</title>\
         <p><a href=\"{escaped}\">{host}</a></p></html>"
    );
    let mut response = page.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(refresh) = HeaderValue::try_from(format!("0; url={address}")) {
        headers.insert(REFRESH, refresh);
    }
    response
}

fn back(refusal: Refusal) -> Response {
    see_other(&format!("/sign-in?provider={}", refusal.name()))
}

fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(location).expect("a path of ours"));
    response
}

fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = String>) -> Response {
    for cookie in cookies.into_iter().flat_map(HeaderValue::try_from) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
