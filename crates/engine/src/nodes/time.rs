//! All nodes go by one clock: the database's.
//!
//! What one node has put off another one may have to do, and what one accepts another delivers: a time that is written down
//! must mean the same everywhere. Machines whose clocks are right notice nothing of this.

use crate::clock::{Clock, Stopwatch};
use crate::store::{ClusterStore, StoreError};

/// Moves this node's clock to the database's if it is off.
pub(crate) async fn keep(clock: &Clock, cluster: &dyn ClusterStore) -> Result<(), StoreError> {
    let asked = Stopwatch::start();
    let database_ms = cluster.now_ms().await?;
    // It was said somewhere between the question and the answer.
    let doubt_ms = asked.elapsed_ms() / 2;
    if let Some(off_ms) = clock.correct(database_ms.saturating_add(doubt_ms), doubt_ms) {
        tracing::warn!(
            off_ms,
            "this machine's clock differs from the database's, by which all servers go; this one does so from now on"
        );
    }
    Ok(())
}
