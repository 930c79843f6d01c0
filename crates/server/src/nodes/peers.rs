//! Saying something to another node.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_engine::nodes::{NotHeard, Peers, Word};
use groundswell_engine::store::NodeAddress;
use groundswell_types::DeliveryId;
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};

use super::key::{NodeKey, SIGNATURE};
use super::pool::{Pool, pool};
use super::{BODY, SAY, parts_of_word};

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
    pool: Pool,
}

impl HttpPeers {
    /// Fails when the certificates that this machine trusts cannot be read.
    pub fn new(key: NodeKey) -> Result<Self, rustls::Error> {
        Ok(Self { key, pool: pool()? })
    }

    /// The answer's body.
    async fn post(&self, to: &NodeAddress, word: &Word) -> anyhow::Result<Bytes> {
        let body = serde_json::to_vec(word)?;
        let mac = self.key.mac_of_body(&body);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{SAY}", to.address))
            .header(SIGNATURE, self.key.sign(to.id, &parts_of_word(&mac)))
            .header(BODY, HeaderValue::try_from(mac)?)
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
    async fn say(&self, to: &NodeAddress, word: &Word) -> Result<(), NotHeard> {
        let heard = self.post(to, word).await.map(drop);
        heard.map_err(|error| NotHeard(format!("{}: {error}", to.address)))
    }

    async fn under_way(
        &self,
        of: &NodeAddress,
        deliveries: Vec<DeliveryId>,
    ) -> Result<Vec<(DeliveryId, i64)>, NotHeard> {
        let answer = self.post(of, &Word::UnderWay(deliveries)).await;
        let read = answer.and_then(|body| Ok(serde_json::from_slice(&body)?));
        read.map_err(|error| NotHeard(format!("{}: {error}", of.address)))
    }
}
