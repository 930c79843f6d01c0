//! Answers: JSON, and errors in the product's shape.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use groundswell_engine::EngineError;
use groundswell_engine::access::{Actor, Who};
use groundswell_engine::acting::Acting;
use groundswell_types::{ApiError, ErrorCode, MAX_PROBLEMS, Problem};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::body::Received;
use super::coding;
use crate::http::AppState;
use crate::request::RequestId;

const PROBLEM_JSON: &str = "application/problem+json";

/// An error before it knows of the request it answers.
#[derive(Debug)]
pub struct Failed {
    pub code: ErrorCode,
    pub message: String,
    pub errors: Vec<Problem>,
    /// Of a request over another limit than the key's of requests.
    pub over: Option<OverLimit>,
}

/// A limit of what is done, whoever does it.
#[derive(Debug, Clone, Copy)]
pub struct OverLimit {
    /// The limit's name.
    pub policy: &'static str,
    /// Until it can be done again, in milliseconds.
    pub wait_ms: i64,
}

impl Failed {
    /// An error without a list of problems.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), errors: Vec::new(), over: None }
    }

    /// The input is wrong. Of many problems the first are named.
    pub fn invalid(mut errors: Vec<Problem>) -> Self {
        let message = match &errors[..] {
            [one] if one.pointer.is_empty() => format!("The input {}.", one.message),
            [one] => format!("{} {}.", one.pointer, one.message),
            several if several.len() > MAX_PROBLEMS => {
                format!("The input has more than {MAX_PROBLEMS} problems; `errors` names the first.")
            }
            several => format!("The input has {} problems; `errors` names each.", several.len()),
        };
        errors.truncate(MAX_PROBLEMS);
        Self { code: ErrorCode::BadRequest, message, errors, over: None }
    }

    /// The body of the answer.
    pub fn body(self, context: &Context) -> ApiError {
        ApiError {
            name: self.code.name().to_owned(),
            code: self.code,
            message: self.message,
            status: self.code.status(),
            timestamp: context.now_ms,
            support_url: context.support_url.as_ref().to_owned(),
            request_id: context.request_id.as_deref().map(str::to_owned),
            errors: self.errors,
        }
    }
}

/// The one place where the engine's errors become HTTP.
impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        let code = match error {
            EngineError::Invalid(problems) => return Self::invalid(problems),
            EngineError::NotFound(_) => ErrorCode::NotFound,
            EngineError::Forbidden(_) => ErrorCode::Forbidden,
            EngineError::TooLarge(_) => ErrorCode::PayloadTooLarge,
            EngineError::NotAccepted(_) => ErrorCode::EventNotAccepted,
            EngineError::WebhookLimit => ErrorCode::WebhookLimit,
            EngineError::TooManyTests { wait_ms } => {
                let over = OverLimit { policy: "TESTS_PER_MINUTE", wait_ms };
                return Self { over: Some(over), ..Self::new(ErrorCode::RateLimit, error.to_string()) };
            }
            EngineError::Conflict(_) | EngineError::Refused(_) => ErrorCode::Conflict,
            EngineError::IdempotencyConflict => ErrorCode::IdempotencyConflict,
            EngineError::WrongPassword => ErrorCode::Unauthorized,
            EngineError::TooManyGuesses { .. } => ErrorCode::RateLimit,
            EngineError::Overloaded | EngineError::Away | EngineError::Stopping | EngineError::Busy => {
                ErrorCode::Overloaded
            }
            EngineError::Unclear => ErrorCode::Internal,
            EngineError::StorageFull => ErrorCode::StorageFull,
            EngineError::Store(cause) => {
                tracing::error!(error = %cause, "the store failed a request");
                return Self::new(ErrorCode::Internal, "Something went wrong on our side.");
            }
        };
        let message = match &error {
            EngineError::NotFound(what) => format!("There is no such {what}."),
            other => other.to_string(),
        };
        Self::new(code, message)
    }
}

/// What every handler gets: the state, who calls, and what answers need. It takes the request's headers with it, so it
/// stands behind other extractors that want them.
pub struct Call {
    pub state: AppState,
    pub context: Context,
    actor: Arc<Actor>,
    pub headers: HeaderMap,
}

impl FromRequestParts<AppState> for Call {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let context = Context::of(state, &parts.headers, parts.extensions.get());
        let Some(actor) = parts.extensions.get::<Arc<Actor>>().cloned() else {
            // Every route is behind the check that finds the caller.
            return Err(context.fail(Failed::new(ErrorCode::Unauthorized, "Send a valid API key.")));
        };
        let headers = std::mem::take(&mut parts.headers);
        Ok(Self { state: state.clone(), context, actor, headers })
    }
}

impl Call {
    /// The use cases, for whoever calls.
    pub fn engine(&self) -> Acting {
        self.state.engine.acting(Arc::clone(&self.actor))
    }

    /// Reads the body, in the room that whoever calls may have: all keys of a team have one share.
    pub async fn read(&self, body: Body, max: usize) -> Result<Received, Failed> {
        let room = &self.state.bodies;
        match &self.actor.who {
            Who::Key(key) => room.share_of(key.team.as_str()).read(&self.headers, body, max).await,
            // The operator's key is nobody else's. Others have no calls.
            Who::Operator | Who::Person(_) | Who::Link(_) => room.read(&self.headers, body, max).await,
        }
    }

    /// Whoever calls.
    pub const fn actor(&self) -> &Arc<Actor> {
        &self.actor
    }
}

/// What an error needs to know of its request.
#[derive(Debug, Clone)]
pub struct Context {
    pub now_ms: i64,
    pub support_url: Arc<str>,
    pub request_id: Option<Arc<str>>,
    pub shape: ErrorShape,
}

/// How the body of an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorShape {
    /// As the hosted product's clients expect it.
    Product,
    /// As RFC 9457 has it, with the product's members beside; for those who ask for it by `Accept`.
    ProblemDetails,
}

impl ErrorShape {
    fn wanted(headers: &HeaderMap) -> Self {
        let is_problem = |range: &str| {
            let mut parts = range.split(';').map(str::trim);
            parts.next().is_some_and(|media| media.eq_ignore_ascii_case(PROBLEM_JSON))
                && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        };
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepted.flat_map(|value| value.split(',')).any(is_problem) {
            Self::ProblemDetails
        } else {
            Self::Product
        }
    }
}

impl Context {
    /// The context of a request.
    pub fn of(state: &AppState, headers: &HeaderMap, request_id: Option<&RequestId>) -> Self {
        Self {
            shape: ErrorShape::wanted(headers),
            now_ms: state.engine.now_ms(),
            support_url: Arc::clone(&state.public_url),
            request_id: request_id.map(|id| Arc::clone(&id.0)),
        }
    }

    /// The answer to a handler's result: JSON with `status`, or the error.
    pub fn answer<T: Serialize>(&self, status: StatusCode, result: Result<T, Failed>) -> Response {
        match result {
            Ok(value) => json(status, &value),
            Err(failed) => self.fail(failed),
        }
    }

    /// An error's body as the client wants it.
    pub fn error<Body: Serialize + AsRef<ApiError>>(&self, status: StatusCode, body: &Body) -> Response {
        match self.shape {
            ErrorShape::Product => json(status, body),
            ErrorShape::ProblemDetails => {
                let error: &ApiError = body.as_ref();
                let details = ProblemDetails {
                    // What kind it is, `code` says; there is no page for each.
                    r#type: "about:blank",
                    title: status.canonical_reason().unwrap_or("Error"),
                    detail: &error.message,
                    instance: error.request_id.as_ref().map(|id| format!("urn:groundswell:request:{id}")),
                    body,
                };
                let mut response = json(status, &details);
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
                response
            }
        }
    }

    /// The answer to an error.
    pub fn fail(&self, failed: Failed) -> Response {
        if let Some(over) = failed.over {
            return super::limit::refuse(over, failed.body(self), self);
        }
        let code = failed.code;
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = self.error(status, &failed.body(self));
        if code == ErrorCode::UnsupportedMediaType {
            response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(coding::ACCEPTED));
        }
        if matches!(code, ErrorCode::Overloaded | ErrorCode::StorageFull) {
            let wait = if code == ErrorCode::Overloaded { "1" } else { "30" };
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(wait));
        }
        response
    }
}

/// The members that RFC 9457 has, and the product's.
#[derive(Serialize)]
struct ProblemDetails<'a, Body> {
    r#type: &'static str,
    title: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(flatten)]
    body: &'a Body,
}

/// A JSON answer.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The answer to a path that does not exist.
pub async fn not_found(State(state): State<AppState>, request: Request) -> Response {
    let message = format!(
        "There is no {} {} here. This server has the hosted product's campaigns and webhooks, and its own events and \
         deliveries.",
        request.method(),
        request.uri().path(),
    );
    Context::of(&state, request.headers(), request.extensions().get())
        .fail(Failed::new(ErrorCode::NotFound, message))
}

/// The answer to a path that exists with another method.
pub async fn method_not_allowed(State(state): State<AppState>, request: Request) -> Response {
    let message = format!("{} is not possible here.", request.method());
    Context::of(&state, request.headers(), request.extensions().get())
        .fail(Failed::new(ErrorCode::MethodNotAllowed, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_as_the_client_asks_for_it() {
        let shape = |accept: &[&'static str]| {
            let accepted = accept.iter().map(|value| (ACCEPT, HeaderValue::from_static(value)));
            ErrorShape::wanted(&accepted.collect())
        };
        for accept in
            [&["application/problem+json"][..], &["application/json, Application/Problem+JSON;q=0.9"]]
        {
            assert_eq!(shape(accept), ErrorShape::ProblemDetails, "{accept:?}");
        }
        assert_eq!(shape(&["text/html", "application/problem+json"]), ErrorShape::ProblemDetails);
        for accept in [&[][..], &["*/*"], &["application/json"], &["application/problem+json;q=0"]] {
            assert_eq!(shape(accept), ErrorShape::Product, "{accept:?}");
        }
    }

    #[test]
    fn overload_is_503_and_a_full_disk_507_and_both_say_when_to_come_back() {
        let context =
            Context { now_ms: 0, support_url: "".into(), request_id: None, shape: ErrorShape::Product };
        for (error, status, wait) in [
            (EngineError::Overloaded, 503, "1"),
            (EngineError::Stopping, 503, "1"),
            (EngineError::StorageFull, 507, "30"),
        ] {
            let response = context.fail(error.into());
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[RETRY_AFTER], wait);
        }
    }
}
