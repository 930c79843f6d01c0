//! What every process writes of what it has counted, whether it leads or not.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::rest;
use crate::clock::Stopwatch;
use crate::engine::Engine;
use crate::error::EngineError;

/// What a process that does not lead has to write: what it has counted itself. Until stopped.
pub(crate) async fn run_beside(engine: &Engine, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause(engine)) => {}
        }
        engine.write_own(stop).await;
    }
}

pub(super) fn pause(engine: &Engine) -> Duration {
    let pause_ms = (engine.config.retention_ms / 20).clamp(50, 60_000);
    Duration::from_millis(pause_ms.unsigned_abs())
}

impl Engine {
    /// Writes what this process has counted.
    pub(super) async fn write_own(&self, stop: &CancellationToken) {
        if let Err(error) = self.write_counts(stop).await {
            tracing::warn!(%error, "what was counted was not written; the next try follows");
        }
        if let Err(error) = self.write_used_keys().await {
            tracing::warn!(%error, "when API keys were used was not written; the next try follows");
        }
    }

    pub(super) async fn write_counts(&self, stop: &CancellationToken) -> Result<(), EngineError> {
        // Under load there is always something counted anew; each webhook's is written once in a round.
        for _ in 0..self.tally.steps() {
            let watch = Stopwatch::start();
            if stop.is_cancelled() || !self.writer.write_counts().await? {
                break;
            }
            rest(watch, stop).await;
        }
        Ok(())
    }
}
