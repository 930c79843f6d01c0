//! Connections to other nodes.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::oidc::connector;

/// Keeps connections between requests.
pub(super) type Pool = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Less than the 75 s after which a node closes a connection itself: it must not do so at the moment in which a request is sent.
const IDLE: Duration = Duration::from_secs(30);

/// A machine that is gone says nothing, and is found out after half a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_EACH: Duration = Duration::from_secs(5);
const KEEPALIVES: u32 = 3;

/// Fails when the certificates that this machine trusts cannot be read.
pub(super) fn pool() -> Result<Pool, rustls::Error> {
    let connector = connector(|tcp| {
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_EACH));
        tcp.set_keepalive_retries(Some(KEEPALIVES));
    })?;
    let mut pool = Client::builder(TokioExecutor::new());
    pool.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
    Ok(pool.build(connector))
}
