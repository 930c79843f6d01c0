//! What a node adds to a request that it passes on: where it came from, signed.

use std::net::IpAddr;

use axum::extract::Request;
use groundswell_engine::cluster::NodeId;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::key::{Claim, NodeKey, SIGNATURE};

/// Where a request that is passed on came from.
const PEER: HeaderName = HeaderName::from_static("groundswell-node-peer");

/// A request that says that a node has passed it on, and none has, or none to this node.
#[derive(Debug, PartialEq, Eq)]
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
/// afterwards. `lives` is asked of a node that has said nothing yet.
pub(super) async fn take_mark<F: Future<Output = bool> + Send>(
    key: &NodeKey,
    request: &mut Request,
    lives: impl Fn(NodeId) -> F + Send + Sync,
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
    if !key.hears(&claim, &parts, lives).await {
        return Err(NotOfANode);
    }
    let peer = peer.parse().map_err(|_| NotOfANode)?;
    request.headers_mut().remove(PEER);
    request.headers_mut().remove(SIGNATURE);
    Ok(Some(peer))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::FutureExt as _;
    use groundswell_engine::store::vault::{SecretsKey, Vault};
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const ONE: NodeId = NodeId::new(1);
    const OTHER: NodeId = NodeId::new(2);

    fn key(me: NodeId) -> NodeKey {
        NodeKey::new(&Vault::new(&SecretsKey::from_bytes([1; 32])), me)
    }

    /// What the other node makes of a request.
    fn taken(request: &mut Request) -> Result<Option<IpAddr>, NotOfANode> {
        let taken = take_mark(&key(OTHER), request, |_| std::future::ready(true)).now_or_never();
        taken.expect("it waits for nobody")
    }

    fn marked(target: &str, peer: IpAddr) -> Option<Request> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = target.parse().ok()?;
        let method = request.method().clone();
        mark(request.headers_mut(), (&key(ONE), OTHER), (&method, target, peer));
        Some(request)
    }

    proptest! {
        #[test]
        fn no_bytes_say_where_a_request_came_from(
            peer in prop_oneof![any::<Vec<u8>>(), any::<IpAddr>().prop_map(|peer| peer.to_string().into_bytes())],
            signature in prop_oneof![
                any::<Vec<u8>>(),
                "1 [0-9]{1,3} [0-9a-f]{64}".prop_map(String::into_bytes),
            ],
        ) {
            let mut request = Request::new(Body::empty());
            if let Ok(signature) = HeaderValue::from_bytes(&signature) {
                request.headers_mut().insert(SIGNATURE, signature);
            }
            prop_assert_eq!(taken(&mut request), Ok(None), "nothing says that it was passed on");
            if let Ok(peer) = HeaderValue::from_bytes(&peer) {
                request.headers_mut().insert(PEER, peer);
                prop_assert_eq!(taken(&mut request), Err(NotOfANode));
            }
        }

        #[test]
        fn what_a_node_marks_is_what_the_other_takes(path in "/[!-~]{0,40}", peer: IpAddr, at: Index, byte in b'!'..=b'~') {
            let Some(mut request) = marked(&path, peer) else { return Ok(()) };
            prop_assume!(target(request.uri()) == Some(&*path));
            prop_assert_eq!(taken(&mut request), Ok(Some(peer)));
            prop_assert!(request.headers().is_empty());
            // From somewhere else, by another byte.
            let mut request = marked(&path, peer).expect("it was one before");
            let mut other = peer.to_string().into_bytes();
            let at = at.index(other.len());
            prop_assume!(other[at] != byte);
            other[at] = byte;
            request.headers_mut().insert(PEER, HeaderValue::from_bytes(&other).expect("of visible characters"));
            prop_assert_eq!(taken(&mut request), Err(NotOfANode));
        }
    }
}
