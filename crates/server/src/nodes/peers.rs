//! Saying something to another node.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_engine::nodes::{NotHeard, Peers, Word};
use groundswell_types::DeliveryId;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::{NodeKey, SAY, SIGNATURE, parts_of_word};
use crate::oidc::connector;

/// A page waits for it.
const PATIENCE_OF_PEOPLE: Duration = Duration::from_millis(300);

/// No answer has more.
const MOST_BYTES: usize = 256 * 1024;

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

    /// The answer's body.
    async fn post(&self, address: &str, word: &Word) -> anyhow::Result<Bytes> {
        let body = serde_json::to_vec(word)?;
        let signature = self.key.sign(&parts_of_word(&body));
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{address}{SAY}"))
            .header(SIGNATURE, signature)
            .body(Full::new(Bytes::from(body)))?;
        let patience = match word {
            Word::Erasing(..) => PATIENCE_FOR_ATTEMPTS,
            Word::UnderWay(_) => PATIENCE_OF_PEOPLE,
            _ => PATIENCE,
        };
        let answer = async {
            let answer = self.pool.request(request).await?;
            let status = answer.status();
            anyhow::ensure!(status.is_success(), "it answered {status}");
            Ok(Limited::new(answer.into_body(), MOST_BYTES).collect().await)
        };
        let body = tokio::time::timeout(patience, answer).await??;
        Ok(body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes())
    }
}

#[async_trait]
impl Peers for HttpPeers {
    async fn say(&self, address: &str, word: &Word) -> Result<(), NotHeard> {
        let heard = self.post(address, word).await.map(drop);
        heard.map_err(|error| NotHeard(format!("{address}: {error}")))
    }

    async fn under_way(
        &self,
        address: &str,
        deliveries: Vec<DeliveryId>,
    ) -> Result<Vec<(DeliveryId, i64)>, NotHeard> {
        let answer = self.post(address, &Word::UnderWay(deliveries)).await;
        let read = answer.and_then(|body| Ok(serde_json::from_slice(&body)?));
        read.map_err(|error| NotHeard(format!("{address}: {error}")))
    }
}
