//! Saying something to another node.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_engine::nodes::{NotHeard, Peers, Word};
use groundswell_engine::store::NodeAddress;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;

use super::key::{NodeKey, SIGNATURE};
use super::pool::{Pool, pool};
use super::{BODY, SAY, parts_of_word};

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

    async fn post(&self, to: &NodeAddress, word: &Word) -> anyhow::Result<()> {
        let body = serde_json::to_vec(word)?;
        let mac = self.key.mac_of_body(&body);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{SAY}", to.address))
            .header(SIGNATURE, self.key.sign(to.id, &parts_of_word(&mac)))
            .header(BODY, HeaderValue::try_from(mac)?)
            .body(Full::new(Bytes::from(body)))?;
        let patience = if matches!(word, Word::Erasing(..)) { PATIENCE_FOR_ATTEMPTS } else { PATIENCE };
        let status = tokio::time::timeout(patience, self.pool.request(request)).await??.status();
        anyhow::ensure!(status.is_success(), "it answered {status}");
        Ok(())
    }
}

#[async_trait]
impl Peers for HttpPeers {
    async fn say(&self, to: &NodeAddress, word: &Word) -> Result<(), NotHeard> {
        self.post(to, word).await.map_err(|error| NotHeard(format!("{}: {error}", to.address)))
    }
}
