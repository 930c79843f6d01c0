//! Signing in through an OpenID provider: the way there and the way back.
//!
//! There: a form is posted, and answered with a page that leads on by itself. It is no redirect, for Chromium holds where a
//! form's redirects lead, also those that the provider answers with, against the page's policy. Back: the browser brings
//! the state of its cookie and a code, and gets a session. That is the one GET that begins something; nobody else can
//! make a browser do it, for want of a state that fits its cookie.

mod client;
mod provider;
mod under_way;

use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use groundswell_app::forms;
use groundswell_engine::EngineError;
use groundswell_engine::access::{Actor, Came, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::people::provider::TurnedAway;
use http::header::{CONTENT_TYPE, LOCATION, REFRESH, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use url::Url;

pub use self::client::connector;
use self::provider::{Provider, Trouble};
use self::under_way::{Purpose, Seal, UNDER_WAY_MS, UnderWay};
use crate::config::oidc::OidcSettings;
use crate::cookies::Cookie;
use crate::http::AppState;
use crate::pages::{came, read_form};
use crate::routes::Routes;

const BEGIN: &str = "/sign-in/provider";
const CALLBACK: &str = "/sign-in/provider/callback";

const SIGN_IN: &str = "/sign-in";

/// Where people connect their accounts.
const ACCOUNT: &str = "/settings/account";

/// A browser keeps where it is to be led in a cookie; what is longer leads to the first page.
const MAX_NEXT_BYTES: usize = 1_000;

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

    /// Whether a subject is of this provider, and not of one that this server had before.
    pub fn knows(&self, subject: &str) -> bool {
        self.provider.knows(subject)
    }
}

/// The routes; without a provider there is nothing behind them.
pub fn router() -> Routes {
    Routes::new().post(BEGIN, begin).get(CALLBACK, come_back)
}

/// Why somebody is back on the page where they began, as its address says it. The page has a sentence for each.
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
    /// Whoever wants to connect an account does not know its password.
    WrongPassword,
    /// They have none, and have not signed in lately.
    TooLongAgo,
    TooManyGuesses,
    /// More passwords wait to be compared than can be.
    Busy,
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
            Self::WrongPassword => "wrong-password",
            Self::TooLongAgo => "too-long-ago",
            Self::TooManyGuesses => "too-many-guesses",
            Self::Busy => "busy",
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
            TurnedAway::Engine(EngineError::Invalid(_)) => Self::WrongPassword,
            TurnedAway::Engine(EngineError::Forbidden(_)) => Self::TooLongAgo,
            TurnedAway::Engine(EngineError::TooManyGuesses { .. }) => Self::TooManyGuesses,
            TurnedAway::Engine(EngineError::Busy) => Self::Busy,
            TurnedAway::Engine(error) => {
                tracing::error!(%error, "somebody could not sign in through the OpenID provider");
                Self::Failed
            }
        }
    }
}

async fn begin(State(state): State<AppState>, request: Request) -> Response {
    let Some(sign_in) = &state.provider_sign_in else { return StatusCode::NOT_FOUND.into_response() };
    let (parts, body) = request.into_parts();
    let body = match read_form(&state, &parts.headers, body).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let field = |name: &str| {
        let mut fields = url::form_urlencoded::parse(&body);
        fields.find(|(field, _)| field == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let purpose = if field("intent") == "connect" {
        let came = came(&state, &parts.headers, &parts.extensions);
        match begin_to_connect(&state, came, &field("present-password")).await {
            Ok(Some(purpose)) => purpose,
            // That page asks them to sign in.
            Ok(None) => return see_other(ACCOUNT),
            Err(refusal) => return back_to(ACCOUNT, refusal),
        }
    } else {
        Purpose::SignIn { next: next_of(&field("next")) }
    };
    let under_way = UnderWay::begin(purpose, sign_in.clock.now_ms());
    match sign_in.provider.address(&under_way).await {
        Ok(address) => {
            let sealed = sign_in.seal.close(&under_way);
            let cookie = state.cookies.set(Cookie::ProviderSignIn, &sealed, UNDER_WAY_MS / 1000);
            with_cookies(lead_to(&address), [cookie])
        }
        Err(trouble) => back(trouble.into(), &under_way.purpose),
    }
}

/// Where somebody is led in the end who wanted to go there: only to a page of ours.
fn next_of(wanted: &str) -> String {
    let next = forms::after_sign_in(wanted);
    if next.len() > MAX_NEXT_BYTES { "/".to_owned() } else { next }
}

/// To connect the account of whoever is signed in and can show that it is theirs; nothing when nobody is.
async fn begin_to_connect(state: &AppState, came: Came, password: &str) -> Result<Option<Purpose>, Refusal> {
    let Some(acting) = acting(state, &came).await? else { return Ok(None) };
    acting.begin_to_connect_provider(password).await.map_err(TurnedAway::from)?;
    Ok(came.session.as_deref().map(Purpose::connect))
}

/// The use cases for whoever is signed in.
async fn acting(state: &AppState, came: &Came) -> Result<Option<Acting>, Refusal> {
    let Some(session) = &came.session else { return Ok(None) };
    let person = state.engine.person(session).await.map_err(TurnedAway::from)?;
    let actor = person.map(|person| Actor { who: Who::Person(person.into()), address: came.address });
    Ok(actor.map(|actor| state.engine.acting(actor.into())))
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
    let Query(brought) = query;
    let forget = state.cookies.forget(Cookie::ProviderSignIn);
    let came = came(&state, request.headers(), request.extensions());
    let response = match under_way(&state, sign_in, (&brought, &came, request.headers())) {
        Some(under_way) => {
            let finished = finish(&state, sign_in, (brought, came, &under_way)).await;
            finished.unwrap_or_else(|refusal| back(refusal, &under_way.purpose))
        }
        None => back_to(SIGN_IN, Refusal::NotUnderWay),
    };
    with_cookies(response, [forget])
}

/// What the browser that comes back had begun.
fn under_way(
    state: &AppState,
    sign_in: &ProviderSignIn,
    (brought, came, headers): (&Brought, &Came, &HeaderMap),
) -> Option<UnderWay> {
    let sealed = state.cookies.read(Cookie::ProviderSignIn, headers)?;
    let under_way = sign_in.seal.open(sealed, sign_in.clock.now_ms())?;
    let is_own = under_way.has_state(brought.state.as_deref().unwrap_or_default())
        && under_way.purpose.is_of(came.session.as_deref());
    is_own.then_some(under_way)
}

/// Signs in, or connects; leads to where somebody wanted to go.
async fn finish(
    state: &AppState,
    sign_in: &ProviderSignIn,
    (brought, came, under_way): (Brought, Came, &UnderWay),
) -> Result<Response, Refusal> {
    if let Some(error) = brought.error {
        tracing::info!(error = ?error, "the OpenID provider turned somebody away");
        return Err(Refusal::Declined);
    }
    let code = brought.code.filter(|code| !code.is_empty()).ok_or(Refusal::Failed)?;
    let provided = sign_in.provider.identify(code, brought.iss.as_deref(), under_way).await?;
    match &under_way.purpose {
        Purpose::SignIn { next } => {
            let begun = state.engine.sign_in_with_subject(provided, came).await?;
            Ok(with_cookies(see_other(next), state.cookies.signed_in(&begun)))
        }
        Purpose::Connect { .. } => {
            // Their session may have ended meanwhile.
            let acting = acting(state, &came).await?.ok_or(Refusal::NotUnderWay)?;
            acting.connect_provider(provided).await.map_err(TurnedAway::from)?;
            Ok(see_other(&format!("{ACCOUNT}?done=provider")))
        }
    }
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

/// The page where somebody began, with the reason why they are there again.
fn back(refusal: Refusal, purpose: &Purpose) -> Response {
    match purpose {
        Purpose::Connect { .. } => back_to(ACCOUNT, refusal),
        Purpose::SignIn { next } if next == "/" => back_to(SIGN_IN, refusal),
        Purpose::SignIn { next } => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let query = query.append_pair("provider", refusal.name()).append_pair("next", next).finish();
            see_other(&format!("{SIGN_IN}?{query}"))
        }
    }
}

fn back_to(page: &str, refusal: Refusal) -> Response {
    see_other(&format!("{page}?provider={}", refusal.name()))
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
