//! What a node adds to a request that it passes on: where it came from, signed.

use std::net::IpAddr;

use axum::extract::Request;
use groundswell_engine::Engine;
use groundswell_engine::cluster::NodeId;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::is_alive;
use super::key::{Claim, NodeKey, SIGNATURE};

/// Where a request that is passed on came from.
const PEER: HeaderName = HeaderName::from_static("groundswell-node-peer");

/// A request that says that a node has passed it on, and none has, or none to this node.
pub(super) struct NotOfANode;

/// What is signed of a request that is passed on.
fn parts<'a>(method: &'a Method, target: &'a str, peer: &'a str) -> [&'a [u8]; 6] {
    // Neither of the first two can have a line's end in it.
    [b"forward\n", method.as_str().as_bytes(), b"\n", target.as_bytes(), b"\n", peer.as_bytes()]
}

/// Path and query; none where there is no path, as in `OPTIONS *`, or where one would have to be added, as in
/// `http://example.com?a=b`. There is one way to write them then, whatever is made of a request on its way.
pub(super) fn target(uri: &Uri) -> Option<&str> {
    uri.path_and_query().map(http::uri::PathAndQuery::as_str).filter(|target| target.starts_with('/'))
}

/// Says where a request came from, for the node that it is passed on to.
pub(super) fn mark(
    headers: &mut HeaderMap,
    (key, to): (&NodeKey, NodeId),
    (method, target, peer): (&Method, &str, IpAddr),
) {
    let peer = peer.to_string();
    headers.insert(SIGNATURE, key.sign(to, &parts(method, target, &peer)));
    headers.insert(PEER, HeaderValue::try_from(peer).expect("an address is of visible characters"));
}

/// Where a request came from that another node has passed on; none if it comes from a client. Its headers say nothing of that
/// afterwards.
pub(super) async fn take_mark(
    engine: &Engine,
    key: &NodeKey,
    request: &mut Request,
) -> Result<Option<IpAddr>, NotOfANode> {
    let headers = request.headers();
    if !headers.contains_key(PEER) {
        return Ok(None);
    }
    let peer = headers.get(PEER).and_then(|peer| peer.to_str().ok());
    let (Some(peer), Some(claim), Some(target)) = (peer, Claim::of(headers), target(request.uri())) else {
        return Err(NotOfANode);
    };
    let parts = parts(request.method(), target, peer);
    if !key.hears(&claim, &parts, |node| is_alive(engine, node)).await {
        return Err(NotOfANode);
    }
    let peer = peer.parse().map_err(|_| NotOfANode)?;
    request.headers_mut().remove(PEER);
    request.headers_mut().remove(SIGNATURE);
    Ok(Some(peer))
}
