//! Passing requests on to the node that leads.
//!
//! While there is none, as for a moment after it has stopped, a request waits: it is only sent again where it was not begun, or
//! changes nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::response::Response;
use groundswell_engine::Engine;
use groundswell_engine::clock::Stopwatch;
use groundswell_types::ErrorCode;
use http::HeaderMap;

use super::key::NodeKey;
use super::leader::{self, Sent, send};
use super::passed_on::{NotOfANode, take_mark, target};
use super::pool::{Pool, pool};
use super::refusal::{Refusal, refuse};
use super::{SAY, Words, is_alive};
use crate::client_address::Peer;
use crate::http::AppState;
use crate::rest::{BodyRoom, Failed};

/// Bodies are kept until they are answered, so that they can be sent again. No call that is passed on takes a larger one.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// So long a request waits for a node that leads.
const PATIENCE: Duration = Duration::from_secs(20);

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// See the module.
pub struct Forward {
    pub(super) key: NodeKey,
    pub(super) words: Words,
    pool: Pool,
    bodies: BodyRoom,
    /// Since it was last asked for a look at who leads.
    looked: Mutex<Option<Stopwatch>>,
    /// This node is about to leave the lead.
    is_handing_over: AtomicBool,
}

/// What becomes of a request.
pub enum Course {
    /// It is answered here.
    Here(Request),
    Answered(Response),
}

impl Forward {
    /// Fails when the certificates that this machine trusts cannot be read.
    pub fn new(key: NodeKey) -> Result<Self, rustls::Error> {
        Ok(Self {
            key,
            words: Words::default(),
            pool: pool()?,
            bodies: BodyRoom::for_forms(),
            looked: Mutex::new(None),
            is_handing_over: AtomicBool::new(false),
        })
    }

    /// From now on nothing is begun here that only the node that leads does: another one leads soon. Whoever asks waits for
    /// that one. A connection that is closed with a request on it would leave it unknown whether that was done.
    pub fn hand_over(&self) {
        self.is_handing_over.store(true, Ordering::Relaxed);
    }

    /// Whether this node is about to leave.
    pub fn is_handing_over(&self) -> bool {
        self.is_handing_over.load(Ordering::Relaxed)
    }

    /// Whether a request is answered here that the node that leads answers.
    fn leads(&self, engine: &Engine) -> bool {
        engine.is_leading() && !self.is_handing_over()
    }

    /// Answers a request by the node that leads, unless it is to be answered here.
    pub async fn pass_on(&self, state: &AppState, mut request: Request) -> Course {
        let engine = &state.engine;
        if target(request.uri()).is_none() {
            let why = "The target of a request here is a path, as in `GET /v2/campaigns`.";
            let refusal = Failed::new(ErrorCode::BadRequest, why).into();
            return Course::Answered(refuse(state, request.into_parts().0, refusal).await);
        }
        let lives = |node| is_alive(engine, node);
        let passed_on = match take_mark(&self.key, &mut request, lives).await {
            Ok(peer) => peer,
            Err(NotOfANode) => {
                return Course::Answered(refuse(state, request.into_parts().0, Refusal::Misdirected).await);
            }
        };
        if let Some(peer) = passed_on {
            request.extensions_mut().insert(Peer(peer));
        }
        if self.leads(engine) || is_answered_by_each(request.uri().path()) {
            return Course::Here(request);
        }
        if passed_on.is_some() {
            return Course::Answered(refuse(state, request.into_parts().0, Refusal::Misdirected).await);
        }
        let (head, body) = request.into_parts();
        let Some(Peer(peer)) = head.extensions.get().copied() else {
            let failed = Failed::new(ErrorCode::Internal, "Something went wrong on our side.");
            return Course::Answered(refuse(state, head, failed.into()).await);
        };
        let body = match self.read(&head.headers, body).await {
            Ok(body) => body,
            Err(failed) => return Course::Answered(refuse(state, head, failed.into()).await),
        };
        let request = leader::Request { head, body, peer };
        match self.be_answered(engine, &request).await {
            Ok(Some(answer)) => Course::Answered(answer),
            Ok(None) => Course::Here(Request::from_parts(request.head, Body::from(request.body))),
            Err(failed) => Course::Answered(refuse(state, request.head, failed.into()).await),
        }
    }

    /// The answer of whichever node leads; none if it is this one.
    async fn be_answered(
        &self,
        engine: &Engine,
        request: &leader::Request,
    ) -> Result<Option<Response>, Failed> {
        let leader = engine.leader();
        let mut waited = Stopwatch::start();
        loop {
            if self.leads(engine) {
                return Ok(None);
            }
            let now = leader.borrow().clone();
            if let Some(node) = now {
                match send((&self.pool, &self.key), &node, request, leader.clone()).await? {
                    Sent::Answered(answer) => return Ok(Some(answer)),
                    // It had its time to answer, and it is another's turn.
                    Sent::Again if *leader.borrow() != Some(node) => waited = Stopwatch::start(),
                    Sent::Again => {}
                }
            }
            if waited.elapsed() > PATIENCE {
                let why = "No server leads at the moment. Try again in a few seconds.";
                return Err(Failed::new(ErrorCode::Overloaded, why));
            }
            self.look_again(engine);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Reads a body as it was sent. Its room is free again when nobody has any part of it.
    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Failed> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        Ok(Bytes::from_owner(self.bodies.read_as_sent(headers, body, MAX_BODY_BYTES).await?))
    }

    /// Has it looked who leads, now and then however many wait for it.
    fn look_again(&self, engine: &Engine) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN) {
            *looked = Some(Stopwatch::start());
            engine.look_again();
        }
    }
}

/// Events are taken by every node, and what is the same everywhere is answered by each.
fn is_answered_by_each(path: &str) -> bool {
    const EACH: [&str; 6] = ["/healthz", "/readyz", "/metrics", "/favicon.svg", "/robots.txt", "/llms.txt"];
    EACH.contains(&path)
        || path == SAY
        || ["/pkg/", "/docs/"].iter().any(|start| path.starts_with(start))
        || path == "/docs"
        || is_events(path)
}

/// `/v2/campaign/{id}/events` and `…/events/batch`.
fn is_events(path: &str) -> bool {
    let rest = path.strip_prefix("/v2/campaign/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(_, rest)| rest == "events" || rest == "events/batch")
}

#[cfg(test)]
mod tests {
    use groundswell_engine::cluster::NodeId;
    use groundswell_engine::store::vault::{SecretsKey, Vault};

    use super::*;

    #[tokio::test]
    async fn a_body_has_its_room_until_nobody_has_any_part_of_it() {
        let vault = Vault::new(&SecretsKey::from_bytes([1; 32]));
        let forward = Forward::new(NodeKey::new(&vault, NodeId::new(1))).expect("there are certificates");
        let read = async || {
            let body = Body::from(vec![b'x'; MAX_BODY_BYTES]);
            forward.read(&HeaderMap::new(), body).await.map_err(|failed| failed.code)
        };
        // As much as a machine has for it, and not as many as there are connections.
        let mut bodies = Vec::new();
        let refusal = loop {
            match read().await {
                Ok(body) => bodies.push(body),
                Err(code) => break code,
            }
        };
        assert_eq!((bodies.len(), refusal), (32, ErrorCode::Overloaded));
        let sent_again = bodies[0].clone();
        drop(bodies.swap_remove(0));
        assert_eq!(read().await.err(), Some(ErrorCode::Overloaded), "it is being sent");
        drop(sent_again);
        assert_eq!(read().await.map(|body| body.len()), Ok(MAX_BODY_BYTES));
    }

    #[test]
    fn events_and_files_are_answered_by_each() {
        for path in [
            "/v2/campaign/p1/events",
            "/v2/campaign/p1/events/batch",
            "/readyz",
            "/pkg/app.wasm",
            "/docs/api",
        ] {
            assert!(is_answered_by_each(path), "{path}");
        }
        for path in
            ["/", "/programs", "/v2/campaign/p1/deliveries", "/v2/campaign/p1/eventsx", "/docsx", "/sign-in"]
        {
            assert!(!is_answered_by_each(path), "{path}");
        }
    }
}
