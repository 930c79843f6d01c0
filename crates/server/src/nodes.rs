//! Other servers on the same database: what they say to each other, and passing on what only the one that leads does.
//!
//! They know each other by a key that is made of the secrets key, which all of them have. Each message is signed with it; it is
//! not kept secret, so between machines it goes through a network of one's own, as the database's own traffic does.

mod forward;
mod peers;

use std::net::{IpAddr, SocketAddr};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use groundswell_engine::nodes::Word;
use groundswell_engine::store::vault::Vault;
use groundswell_types::signature::{hex, hmac_sha256};
use http::{HeaderMap, HeaderName, StatusCode};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

pub use self::forward::{Course, Forward};
pub use self::peers::HttpPeers;
use crate::http::AppState;
use crate::routes::Routes;

/// The signature of what one node sends another.
const SIGNATURE: HeaderName = HeaderName::from_static("groundswell-node");

/// Where a request that is passed on came from.
const PEER: HeaderName = HeaderName::from_static("groundswell-node-peer");

/// Where nodes are spoken to.
const SAY: &str = "/node/say";

/// What nodes know each other by.
#[derive(Clone)]
pub struct NodeKey(Zeroizing<[u8; 32]>);

impl NodeKey {
    /// Of all nodes whose secrets are sealed with the same key.
    pub fn of(vault: &Vault) -> Self {
        Self(Zeroizing::new(*vault.between_nodes()))
    }

    fn sign(&self, parts: &[&[u8]]) -> String {
        hex(&hmac_sha256(&self.0[..], parts))
    }

    fn has_signed(&self, headers: &HeaderMap, parts: &[&[u8]]) -> bool {
        let Some(given) = headers.get(SIGNATURE) else { return false };
        given.as_bytes().ct_eq(self.sign(parts).as_bytes()).into()
    }
}

/// What is signed of a word.
const fn parts_of_word(body: &[u8]) -> [&[u8]; 2] {
    [b"say\n", body]
}

/// Where other nodes speak to a server that listens there, unless the settings say something else.
pub fn own_address(listens: SocketAddr) -> String {
    if !listens.ip().is_unspecified() {
        return format!("http://{listens}");
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("http://{name}:{}", listens.port())
}

/// What nodes ask of each other. Whoever is not one of them learns nothing.
pub fn router() -> Routes {
    Routes::new().post(SAY, hear)
}

async fn hear(State(state): State<AppState>, headers: HeaderMap, body: Bytes) -> Response {
    let is_of_a_node = |forward: &Forward| forward.key.has_signed(&headers, &parts_of_word(&body));
    if !state.nodes.as_ref().is_some_and(is_of_a_node) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(word) = serde_json::from_slice::<Word>(&body) else {
        // Of a later version; it finds out by itself.
        return StatusCode::BAD_REQUEST.into_response();
    };
    if let Word::Used(node, used) = word {
        state.rate_limiter.hear(node, used, state.engine.now_ms());
        return StatusCode::NO_CONTENT.into_response();
    }
    if let Word::UnderWay(deliveries) = word {
        return axum::Json(state.engine.under_way_here(&deliveries)).into_response();
    }
    match state.engine.hear(word).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            tracing::debug!(%error, "what another node said could not be done");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Where a request that another node has passed on came from; its headers say nothing of that afterwards, whoever wrote them.
fn take_peer(key: &NodeKey, request: &mut axum::extract::Request) -> Option<IpAddr> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let headers = request.headers();
    let text = headers.get(PEER).and_then(|value| value.to_str().ok())?;
    let parts = parts_of_request(request.method().as_str(), target, text);
    let peer = key.has_signed(headers, &parts).then(|| text.parse().ok()).flatten();
    request.headers_mut().remove(PEER);
    request.headers_mut().remove(SIGNATURE);
    peer
}

/// What is signed of a request that is passed on.
const fn parts_of_request<'a>(method: &'a str, target: &'a str, peer: &'a str) -> [&'a [u8]; 6] {
    [b"forward\n", method.as_bytes(), b"\n", target.as_bytes(), b"\n", peer.as_bytes()]
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use groundswell_engine::store::vault::SecretsKey;
    use http::HeaderValue;

    use super::*;

    fn key(byte: u8) -> NodeKey {
        NodeKey::of(&Vault::new(&SecretsKey::from_bytes([byte; 32])))
    }

    fn passed_on(signed_by: &NodeKey, target: &str) -> Request {
        let signature = signed_by.sign(&parts_of_request("GET", "/programs?a=b", "203.0.113.9"));
        let request = Request::get(target)
            .header(PEER, HeaderValue::from_static("203.0.113.9"))
            .header(SIGNATURE, signature);
        request.body(Body::empty()).expect("a request")
    }

    #[test]
    fn a_request_that_was_passed_on_comes_from_where_a_node_says() {
        let mut request = passed_on(&key(1), "/programs?a=b");
        assert_eq!(take_peer(&key(1), &mut request), "203.0.113.9".parse().ok());
        assert!(request.headers().is_empty());
    }

    #[test]
    fn whoever_is_no_node_cannot_say_where_a_request_comes_from() {
        for mut request in [passed_on(&key(2), "/programs?a=b"), passed_on(&key(1), "/programs?a=c")] {
            assert_eq!(take_peer(&key(1), &mut request), None);
            assert!(request.headers().is_empty());
        }
    }

    #[test]
    fn without_a_name_of_its_own_a_server_is_where_it_listens() {
        assert_eq!(own_address(([10, 0, 0, 7], 3000).into()), "http://10.0.0.7:3000");
        let everywhere = own_address(([0, 0, 0, 0], 3000).into());
        assert!(everywhere.ends_with(":3000") && !everywhere.contains("0.0.0.0"), "{everywhere}");
    }
}
