//! The task that keeps the lease, gets back to a server that was away, and makes the partitions of the next day.

use std::sync::Arc;

use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use super::open::Connector;
use super::writer::{CONNECT_AGAIN, Writer};
use crate::store::StoreError;

/// Works until stopped, or until the lease is lost or the database unusable. Renewals have a connection of their own:
/// a transaction may take longer than a lease lasts.
pub(super) async fn run(writer: Arc<Writer>, connector: Connector, stop: CancellationToken) {
    let mut connection = None;
    let mut wait = writer.lease.renewal_wait();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = writer.needs_care.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        let result = tokio::select! {
            () = stop.cancelled() => return,
            result = step(&writer, &connector, &mut connection) => result,
        };
        wait = match result {
            Ok(()) => writer.lease.renewal_wait(),
            Err(StoreError::Unavailable(cause)) => {
                tracing::debug!(%cause, "the lease on the database was not renewed; trying again");
                connection = None;
                CONNECT_AGAIN
            }
            Err(error) => {
                writer.lease.give_up(error.to_string());
                return;
            }
        };
    }
}

async fn step(
    writer: &Writer,
    connector: &Connector,
    connection: &mut Option<PgConnection>,
) -> Result<(), StoreError> {
    writer.tidy().await;
    if writer.is_away() {
        writer.recover().await?;
    }
    let own = match connection {
        Some(own) => own,
        None => connection.insert(connector.connect().await?),
    };
    writer.lease.renew(own).await?;
    if let Err(error) = writer.make_room_ahead().await {
        tracing::warn!(%error, "the partitions of the next day were not made yet; they will be when they are needed");
    }
    Ok(())
}
