//! Saying something to another node.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_engine::nodes::{NotHeard, Peers, Word};
use http::{Method, Request};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::{NodeKey, SAY, SIGNATURE, parts_of_word};
use crate::oidc::connector;

/// For a whole answer. What takes longer is found out by whoever it was for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A node may have to wait for an attempt's end, which takes 30 s at most.
const PATIENCE_FOR_ATTEMPTS: Duration = Duration::from_secs(40);

/// Over HTTP.
pub struct HttpPeers {
    key: NodeKey,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpPeers {
    /// Fails when the certificates that this machine trusts cannot be read.
    pub fn new(key: NodeKey) -> Result<Self, rustls::Error> {
        Ok(Self { key, pool: Pool::builder(TokioExecutor::new()).build(connector()?) })
    }

    async fn post(&self, address: &str, word: &Word) -> anyhow::Result<()> {
        let body = serde_json::to_vec(word)?;
        let signature = self.key.sign(&parts_of_word(&body));
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{address}{SAY}"))
            .header(SIGNATURE, signature)
            .body(Full::new(Bytes::from(body)))?;
        let patience = if matches!(word, Word::Erasing(..)) { PATIENCE_FOR_ATTEMPTS } else { PATIENCE };
        let status = tokio::time::timeout(patience, self.pool.request(request)).await??.status();
        anyhow::ensure!(status.is_success(), "it answered {status}");
        Ok(())
    }
}

#[async_trait]
impl Peers for HttpPeers {
    async fn say(&self, address: &str, word: &Word) -> Result<(), NotHeard> {
        self.post(address, word).await.map_err(|error| NotHeard(format!("{address}: {error}")))
    }
}
