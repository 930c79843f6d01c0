//! What stands before the router: the two calls that are made for every event, without the router's way to them.
//!
//! A request that goes through the router is boxed once at each layer, in pieces of several kilobytes; with events that
//! was a tenth of what accepting one costs. The two calls pass the same checks in the same order here, as functions that
//! the router's layers call, too. Everything else goes to the router.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use http::Method;
use tower_service::Service;

use crate::client_address::Peer;
use crate::headers;
use crate::http::{AppState, named};
use crate::rest::{EventCall, submit_events};
use crate::unread;

/// The whole server as a service.
#[derive(Clone)]
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

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (mut request, body) = unread::lend(request);
        request.extensions_mut().insert(self.peer);
        let Some(call) = event_call(&request) else {
            let answer = self.router.call(request);
            return Box::pin(async move { Ok(unread::settle(body, answer.await?).await) });
        };
        let state = self.state.clone();
        Box::pin(async move {
            let mut answer = named(request, |request| submit_events(state.clone(), request, call)).await;
            headers::complete_event(&state, answer.headers_mut());
            Ok(unread::settle(body, answer).await)
        })
    }
}

/// Makes a [`Front`] for each connection.
#[derive(Clone)]
pub struct Fronts {
    pub state: AppState,
    pub router: Router,
}

impl<L: Listener<Addr = SocketAddr>> Service<IncomingStream<'_, L>> for Fronts {
    type Response = Front;
    type Error = Infallible;
    type Future = Ready<Result<Front, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, connection: IncomingStream<'_, L>) -> Self::Future {
        let peer = Peer(connection.remote_addr().ip());
        ready(Ok(Front::new(self.state.clone(), self.router.clone(), peer)))
    }
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
