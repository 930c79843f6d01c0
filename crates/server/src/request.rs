//! What every request has: an id, which its answer, every line of the log about it and its trace have as well; and that it
//! is counted.
//!
//! The id is with the task that answers, not in a span: a span would be made for every event, and this is a pointer that is
//! put in place whenever the task runs. Futures that Leptos spawns while it makes a page take it with them ([`Spawning`]),
//! and so does what is left to be sent of an answer ([`Named`]).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use any_spawner::{CustomExecutor, Executor, PinnedFuture, PinnedLocalFuture};
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use groundswell_engine::clock::Stopwatch;
use groundswell_engine::traces;
use groundswell_types::Component;
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::body::{Frame, SizeHint};

use crate::http::AppState;
use crate::http_meters::{RouteMeters, method_name};
use crate::traces::RequestSpan;

/// Names a request in answers and in the log.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// Goes with an answer that says nothing about how well the server is, although its status is one of a server's failure.
#[derive(Debug, Clone, Copy)]
pub struct NoFailure;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The id of the request that this task answers, if it answers one.
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(RequestId::clone).ok()
}

/// Where a request is counted, and its span, if it is traced.
pub struct Asked<'a> {
    /// Its template.
    pub route: Option<&'a str>,
    pub meters: &'a RouteMeters,
    pub span: Option<RequestSpan>,
}

/// Names and counts what goes through the router, for System Status as well. What is left to be sent of an answer has the name,
/// too.
pub async fn through_router(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map(MatchedPath::as_str);
    let component = route.and_then(component_of);
    let meters = state.http_meters.of(request.method(), route);
    let traces = state.traces.as_ref();
    let span = traces.and_then(|traces| traces.request(request.method(), route, request.headers()));
    let asked = Asked { route, meters: &meters, span };
    let (response, id) = named(request, asked, |request| next.run(request)).await;
    let says_nothing = response.extensions().get::<NoFailure>().is_some();
    if let Some(component) = component.filter(|_| !says_nothing) {
        state.engine.answered(component, response.status().as_u16());
    }
    response.map(|body| Body::new(Named { id, body }))
}

/// Whose answers those are of a route; none of what says nothing about anybody, however often it is asked for: files,
/// documentation, probes, and how the service is.
pub fn component_of(route: &str) -> Option<Component> {
    let first = route.trim_start_matches('/').split('/').next().unwrap_or_default();
    match first {
        "v2" => Some(Component::Api),
        "docs" | "llms.txt" | "pkg" | "healthz" | "readyz" | "metrics" | "status" | "api" | "inbox"
        | "favicon.svg" | "robots.txt" => None,
        _ => Some(Component::Editor),
    }
}

/// Gives a request its id, and its answer the same one; counts it, and traces it if it is to be.
pub async fn named<Answer: Future<Output = Response>>(
    mut request: Request,
    Asked { route, meters, span }: Asked<'_>,
    next: impl FnOnce(Request) -> Answer,
) -> (Response, RequestId) {
    let watch = Stopwatch::start();
    let id = RequestId(groundswell_engine::id::request_id().into());
    request.extensions_mut().insert(id.clone());
    let method = method_name(request.method());
    let trace = span.as_ref().map(RequestSpan::context);
    let mut response = CURRENT.scope(id.clone(), traces::within(trace, next(request))).await;
    CURRENT.sync_scope(id.clone(), || {
        let status = response.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("a request failed");
        }
        tracing::debug!(method, route, status = status.as_u16(), duration = ?watch.elapsed(), "a request was answered");
    });
    if let Some(span) = span {
        span.answered(&id, response.status());
    }
    meters.answered(response.status(), watch.elapsed());
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    (response, id)
}

/// What is left to be sent of an answer.
struct Named {
    id: RequestId,
    body: Body,
}

impl HttpBody for Named {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { id, body } = &mut *self;
        CURRENT.sync_scope(id.clone(), || Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Spawns what pages want done beside, with the id of the request that wants it.
struct Spawning;

impl CustomExecutor for Spawning {
    fn spawn(&self, future: PinnedFuture<()>) {
        match current() {
            Some(id) => tokio::spawn(CURRENT.scope(id, future)),
            None => tokio::spawn(future),
        };
    }

    fn spawn_local(&self, future: PinnedLocalFuture<()>) {
        match current() {
            Some(id) => tokio::task::spawn_local(CURRENT.scope(id, future)),
            None => tokio::task::spawn_local(future),
        };
    }

    fn poll_local(&self) {}
}

/// Lets pages take the id of their request with them. Before the first of them is made: Leptos takes an executor of its own
/// when there is none.
pub fn spawn_by_request() {
    // A second server in a process finds it there already.
    let _ = Executor::init_custom_executor(Spawning);
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
    }

    fn name() -> Option<String> {
        current().map(|id| id.0.as_ref().to_owned())
    }

    #[test]
    fn what_says_nothing_about_a_component_does_not_hide_its_failures() {
        for route in ["/api/v2/summary.json", "/status", "/status/incidents/{id}", "/healthz", "/docs/{page}"]
        {
            assert_eq!(component_of(route), None, "{route}");
        }
        assert_eq!(component_of("/v2/campaign/{id}/webhooks"), Some(Component::Api));
        for route in ["/", "/programs/{id}/deliveries", "/_fn/{*name}", "/settings/status"] {
            assert_eq!(component_of(route), Some(Component::Editor), "{route}");
        }
    }

    #[test]
    fn what_a_page_spawns_is_about_its_request() {
        let (told, heard) = std::sync::mpsc::channel();
        let id = RequestId("req_1".into());
        tokio::task::LocalSet::new().block_on(&runtime(), async {
            for request in [Some(id), None] {
                let (one, other) = (told.clone(), told.clone());
                let spawn = async {
                    Spawning.spawn(Box::pin(async move { one.send(name()).expect("somebody listens") }));
                    Spawning
                        .spawn_local(Box::pin(async move { other.send(name()).expect("somebody listens") }));
                };
                match request {
                    Some(id) => CURRENT.scope(id, spawn).await,
                    None => spawn.await,
                }
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            }
        });
        let heard: Vec<_> = heard.try_iter().collect();
        let req = || Some("req_1".to_owned());
        assert_eq!(heard, [req(), req(), None, None]);
    }

    #[test]
    fn what_is_still_to_be_sent_of_an_answer_is_about_its_request() {
        let stream = futures::stream::once(async { Ok::<_, std::io::Error>(name().unwrap_or_default()) });
        let body = Body::new(Named { id: RequestId("req_2".into()), body: Body::from_stream(stream) });
        let sent = runtime().block_on(async { body.collect().await.expect("it is sent").to_bytes() });
        assert_eq!(&sent[..], b"req_2");
        assert_eq!(name(), None);
    }
}
