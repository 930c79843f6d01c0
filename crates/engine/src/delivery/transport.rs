//! What carries requests to receivers: over HTTP in production, through a network of its own making in a simulation.
//! Everything before and behind it (signing, judging, retries, breakers, caps) is the same code in both.

use async_trait::async_trait;

use super::sender::{Exchanged, Outgoing, Sender};

/// Sends requests.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and returns what came of it, within a time of its own. Never fails: what goes wrong is the
    /// result.
    async fn send(&self, outgoing: Outgoing<'_>) -> Exchanged;
}

#[async_trait]
impl Transport for Sender {
    async fn send(&self, outgoing: Outgoing<'_>) -> Exchanged {
        Self::send(self, outgoing).await
    }
}
