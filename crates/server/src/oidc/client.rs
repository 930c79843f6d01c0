//! HTTP to the provider. It is the operator who names it, so unlike a receiver it may be anywhere in their network. What it
//! answers is bounded in size and time, redirects are not followed, and no proxy of the environment is asked.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::USER_AGENT;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{HttpRequest, HttpResponse};
use rustls::ClientConfig;
use thiserror::Error;
use url::Url;

use crate::config::oidc::is_safe;

/// For a whole answer.
const PATIENCE: Duration = Duration::from_secs(10);

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Key sets and tokens are of some kilobytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Why there was no answer.
#[derive(Debug, Error)]
pub enum NoAnswer {
    #[error("the provider names an address that is not https: {0}")]
    Unsafe(String),
    #[error("no answer within 10 s")]
    Timeout,
    #[error("the request failed")]
    Exchange(#[source] hyper_util::client::legacy::Error),
    #[error("the answer is too large or was cut off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Connects to what the operator has named, with TLS or without, with TCP as `prepare` has it. Fails when the certificates that this machine trusts cannot be
/// read.
pub fn connector(
    prepare: impl FnOnce(&mut HttpConnector),
) -> Result<HttpsConnector<HttpConnector>, rustls::Error> {
    // A second call finds the provider there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = ClientConfig::builder().try_with_platform_verifier()?.with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_PATIENCE));
    prepare(&mut tcp);
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Ok(connector.wrap_connector(tcp))
}

/// Sends requests, each on a connection of its own: a provider may close one that idles at the very moment in which it is used
/// again, and a code cannot be brought twice to find out.
#[derive(Debug, Clone)]
pub struct Client(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Client {
    /// Fails when the certificates that this machine trusts cannot be read.
    pub fn new() -> Result<Self, rustls::Error> {
        let mut pool = Pool::builder(TokioExecutor::new());
        Ok(Self(pool.pool_max_idle_per_host(0).build(connector(|_| {})?)))
    }

    /// Sends a request to wherever nobody on the way can read it.
    pub async fn send(self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let url = request.uri().to_string();
        if !Url::parse(&url).is_ok_and(|url| is_safe(&url)) {
            return Err(NoAnswer::Unsafe(without_query(&url)));
        }
        let (mut head, body) = request.into_parts();
        head.headers.insert(USER_AGENT, http::HeaderValue::from_static("Groundswell"));
        let request = http::Request::from_parts(head, Full::from(body));
        let exchange = async {
            let (head, body) = self.0.request(request).await.map_err(NoAnswer::Exchange)?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(NoAnswer::Body)?;
            Ok(Response::from_parts(head, body.to_bytes().to_vec()))
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| NoAnswer::Timeout)?
    }
}

fn without_query(url: &str) -> String {
    url.split('?').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn no_request_goes_over_a_connection_that_may_be_closing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/token", listener.local_addr().expect("it listens"));
        // Answers the first request of each connection, and keeps the connection.
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.read(&mut [0; 4_096]).await;
                let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                kept.push(connection);
            }
        });
        let client = Client::new().expect("there are certificates");
        for _ in 0..3 {
            let request = http::Request::post(&url).body(Vec::new()).expect("a request");
            let answer = client.clone().send(request).await.expect("an answer");
            assert_eq!(answer.body(), b"{}");
        }
    }
}
