//! Other servers on the same database: what they say to each other, and passing on what only the one that leads does.
//!
//! They know each other by a key that is made of the secrets key, which all of them have. Each message is signed with it; it is
//! not kept secret, so between machines it goes through a network of one's own, as the database's own traffic does.

mod forward;
mod key;
mod leader;
mod passed_on;
mod peers;
mod pool;
mod refusal;

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use groundswell_engine::Engine;
use groundswell_engine::cluster::NodeId;
use groundswell_engine::nodes::Word;
use http::{HeaderMap, HeaderName, StatusCode};

pub use self::forward::{Course, Forward};
use self::key::Claim;
pub use self::key::NodeKey;
pub use self::peers::HttpPeers;
use crate::http::AppState;
use crate::rest::BodyRoom;
use crate::routes::Routes;

/// What stands for the body in what is signed of a word.
const BODY: HeaderName = HeaderName::from_static("groundswell-node-body");

/// Where nodes are spoken to.
const SAY: &str = "/node/say";

/// The longest is of some thousand names.
const MAX_WORD_BYTES: usize = 1024 * 1024;

/// Room for what is said, beside all other bodies.
pub struct Words(BodyRoom);

impl Default for Words {
    fn default() -> Self {
        Self(BodyRoom::for_words())
    }
}

/// What is signed of a word.
const fn parts_of_word(mac_of_body: &str) -> [&[u8]; 2] {
    [b"say\n", mac_of_body.as_bytes()]
}

/// Where other nodes speak to a server that listens there, unless the settings say something else.
pub fn own_address(listens: SocketAddr) -> String {
    if !listens.ip().is_unspecified() {
        return format!("http://{listens}");
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("http://{name}:{}", listens.port())
}

/// What nodes ask of each other. Whoever is not one of them learns nothing, and nothing of theirs is read.
pub fn router() -> Routes {
    Routes::new().post(SAY, hear)
}

async fn hear(State(state): State<AppState>, headers: HeaderMap, body: Body) -> Response {
    let Some(nodes) = &state.nodes else { return StatusCode::NOT_FOUND.into_response() };
    let mac = headers.get(BODY).and_then(|mac| mac.to_str().ok());
    let (Some(claim), Some(mac)) = (Claim::of(&headers), mac) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if !nodes.key.hears(&claim, &parts_of_word(mac), |node| is_alive(&state.engine, node)).await {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(body) = nodes.words.0.read_as_sent(&headers, body, MAX_WORD_BYTES).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if nodes.key.mac_of_body(&body) != mac {
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

/// Whether a node lives; while the database does not say so, it does not.
async fn is_alive(engine: &Engine, node: NodeId) -> bool {
    let is_alive = engine.is_alive(node).await;
    is_alive.unwrap_or_else(|error| {
        tracing::debug!(%error, "whether a node lives is not known");
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_of_its_own_a_server_is_where_it_listens() {
        assert_eq!(own_address(([10, 0, 0, 7], 3000).into()), "http://10.0.0.7:3000");
        let everywhere = own_address(([0, 0, 0, 0], 3000).into());
        assert!(everywhere.ends_with(":3000") && !everywhere.contains("0.0.0.0"), "{everywhere}");
    }
}
