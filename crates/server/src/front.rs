//! What stands before the router: the two calls that are made for every event, without the router's way to them.
//!
//! A request that goes through the router is boxed once at each layer, in pieces of several kilobytes; with events that
//! was a tenth of what accepting one costs. The two calls pass the same checks in the same order here, as functions that
//! the router's layers call, too. Everything else goes to the router.

use std::future::ready;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use groundswell_types::Component;
use groundswell_types::signature::WEBHOOK_ID;
use http::{Method, StatusCode};
use tower_service::Service as _;

use crate::client_address::Peer;
use crate::headers;
use crate::http::AppState;
use crate::listener::{Answer, Answers};
use crate::nodes::Course;
use crate::request::{Asked, named};
use crate::rest::{EventCall, submit_events};
use crate::unread;

/// Path and query of a request are no longer than this: as much as RFC 9110, section 4.1, wants servers to take at least.
const MAX_TARGET_BYTES: usize = 8_000;

const NO_DELIVERIES: &str =
    "A request with `webhook-id` is a webhook's delivery, and this server takes those in inboxes only.\n";

/// The whole server, as one connection has it.
pub struct Front {
    state: AppState,
    router: Router,
    peer: Peer,
}

impl Front {
    /// Stands before `router`, which has all routes, on a connection from `peer`.
    pub const fn new(state: AppState, router: Router, peer: Peer) -> Self {
        Self { state, router, peer }
    }
}

impl Answers for Front {
    fn answer(&self, request: Request) -> Answer {
        let (mut request, body) = unread::lend(request);
        if let Some(refusal) = refusal(&request) {
            let (state, meters) = (self.state.clone(), self.state.http_meters.of(request.method(), None));
            return Box::pin(async move {
                let asked = Asked { route: None, meters: &meters, span: None };
                let mut answer = named(request, asked, |_| ready(refusal)).await.0;
                headers::complete_answer(&state, answer.headers_mut());
                unread::settle(body, answer).await
            });
        }
        request.extensions_mut().insert(self.peer);
        let Some(call) = event_call(&request) else {
            let (state, mut router) = (self.state.clone(), self.router.clone());
            return Box::pin(async move {
                let course = match &state.nodes {
                    Some(nodes) => nodes.pass_on(&state, request).await,
                    None => Course::Here(request),
                };
                let answer = match course {
                    // It is always ready: that of axum has no limits of its own.
                    Course::Here(request) => {
                        router.call(request).await.unwrap_or_else(|never| match never {})
                    }
                    Course::Answered(answer) => answer,
                };
                unread::settle(body, answer).await
            });
        };
        let state = self.state.clone();
        Box::pin(async move {
            let meters = state.http_meters.of_event(call);
            let submit = |request| submit_events(state.clone(), request, call);
            let tracing = state.traces.as_ref();
            let span = tracing
                .and_then(|traces| traces.request(request.method(), Some(call.route()), request.headers()));
            let (mut answer, _) =
                named(request, Asked { route: Some(call.route()), meters, span }, submit).await;
            headers::complete_event(&state, answer.headers_mut());
            state.engine.answered(Component::Events, answer.status().as_u16());
            unread::settle(body, answer).await
        })
    }
}

/// The answer to what is refused whatever it asks for.
fn refusal(request: &Request) -> Option<Response> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET_BYTES {
        return Some(StatusCode::URI_TOO_LONG.into_response());
    }
    // Whoever may set a URL would speak to this server from inside. The guard knows where this process listens, but neither
    // other nodes nor the proxies before them.
    let is_delivery =
        request.headers().contains_key(WEBHOOK_ID) && !request.uri().path().starts_with("/inbox/");
    is_delivery.then(|| (StatusCode::FORBIDDEN, NO_DELIVERIES).into_response())
}

/// Which of the two calls a request is; of paths that need decoding the router finds out.
fn event_call(request: &Request) -> Option<EventCall> {
    if request.method() != Method::POST {
        return None;
    }
    let (program, rest) = request.uri().path().strip_prefix("/v2/campaign/")?.split_once('/')?;
    if program.is_empty() || program.contains('%') {
        return None;
    }
    match rest {
        "events" => Some(EventCall::One),
        "events/batch" => Some(EventCall::Batch),
        _ => None,
    }
}
