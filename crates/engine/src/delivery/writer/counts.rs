//! Writing what was counted, when nobody else wants the writer, and at the end.

use tokio::sync::oneshot;

use super::upkeep::Upkeep;
use super::{Writer, WriterHandle};
use crate::error::EngineError;

impl WriterHandle {
    /// Writes a part of what was counted; says whether there was any, so that there may be more.
    pub async fn write_counts(&self) -> Result<bool, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.upkeep.send(Upkeep::Count(reply)).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }
}

impl Writer {
    pub(super) async fn write_counts(&self) -> Result<bool, EngineError> {
        let mut records = self.tally.take();
        if records.is_empty() {
            return Ok(false);
        }
        // Of deleted webhooks nothing is shown any more.
        records.retain(|record| self.directory.endpoint(record.endpoint_id).is_some());
        let result = self.store.add_hours(&records).await;
        self.tally.written(result.is_ok());
        result.map(|()| true).map_err(|error| self.failed(error))
    }
}
