//! HTTP to the collector. It is the operator who names it, so it may be anywhere in their network; no proxy of the
//! environment is asked, and redirects are not followed.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

use crate::oidc::connector;

/// For a whole answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers say how many spans were refused, if any.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Sends in the runtime's tasks. The exporter's thread, which waits for it, has no runtime of its own.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

impl Client {
    /// Fails when the certificates that this machine trusts cannot be read. Inside of a runtime.
    pub fn new() -> Result<Self, rustls::Error> {
        let pool = Pool::builder(TokioExecutor::new()).build(connector(|_| {})?);
        Ok(Self { pool, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let pool = self.pool.clone();
        let exchange = async move {
            let (head, body) = pool.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?;
            Ok::<_, HttpError>(Response::from_parts(head, body.to_bytes()))
        };
        self.runtime.spawn(async move { tokio::time::timeout(PATIENCE, exchange).await }).await??
    }
}
