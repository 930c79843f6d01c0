//! The tasks that keep what is ours: the lease as long as it is needed, and this process's row, with which goes the care for
//! the connection that writes, for the partitions of the next day, and for tables that have grown too large.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::compact::Compaction;
use super::connector::{self, Connector};
use super::lease::Lease;
use super::writer::{BEGIN_BRIEFLY, CONNECT_AGAIN, Writer};
use crate::clock::Stopwatch;
use crate::store::StoreError;

/// How often it is looked whether the partitions of the next day are there.
const LOOK_AHEAD: Duration = Duration::from_secs(30);

/// What is looked at now and then.
#[derive(Debug, Default)]
struct Rounds {
    /// The partitions of the next day.
    partitions: Option<Stopwatch>,
    compaction: Compaction,
}

/// Gives signs of life until stopped, or until this process is given up or the database unusable. They have a connection of
/// their own: a transaction may take longer than a sign of life lasts.
pub(super) async fn run(writer: Arc<Writer>, connector: Connector, stop: CancellationToken) {
    let mut connection = None;
    let mut wait = writer.node.wait();
    let mut rounds = Rounds::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = writer.needs_care.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        let result = tokio::select! {
            () = stop.cancelled() => return,
            result = step(&writer, &connector, (&mut connection, &mut rounds)) => result,
        };
        wait = match result {
            Ok(()) => writer.node.wait(),
            Err(StoreError::Unavailable(cause)) => {
                tracing::debug!(%cause, "no sign of life was given; trying again");
                writer.node.note_silence();
                connection = None;
                CONNECT_AGAIN
            }
            Err(error) => {
                writer.node.give_up(error.to_string());
                return;
            }
        };
    }
}

async fn step(
    writer: &Writer,
    connector: &Connector,
    (connection, rounds): (&mut Option<PgConnection>, &mut Rounds),
) -> Result<(), StoreError> {
    writer.tidy().await;
    if writer.is_away() {
        writer.recover().await?;
    }
    let own = match connection {
        Some(own) => own,
        None => connection.insert(connector.connect().await?),
    };
    connector::transact_after(BEGIN_BRIEFLY, own, async |db| writer.node.stay_open(db).await).await?;
    if let Err(error) = keep_room(writer, own, &mut rounds.partitions).await {
        tracing::warn!(%error, "the partitions of the next day were not made yet; they will be when they are needed");
    }
    rounds.compaction.look(own).await
}

/// Makes the partitions of the next day. Now and then it is looked whether they are there.
async fn keep_room(
    writer: &Writer,
    own: &mut PgConnection,
    looked: &mut Option<Stopwatch>,
) -> Result<(), StoreError> {
    let made = writer.make_room_ahead().await;
    if looked.as_ref().is_some_and(|looked| looked.elapsed() < LOOK_AHEAD && writer.days_ahead() >= 1) {
        return made;
    }
    *looked = Some(Stopwatch::start());
    if connector::transact(own, async |db| writer.look_ahead(db).await).await? {
        return made;
    }
    let made = writer.make_room_ahead().await;
    if connector::transact(own, async |db| writer.look_ahead(db).await).await? {
        tracing::warn!("partitions of today or the next day were missing, and were made");
    }
    made
}

/// The lease while it is renewed, however long a migration takes. Dropped, it is left to run out.
#[derive(Debug)]
pub(super) struct KeptLease {
    release: CancellationToken,
    lost: CancellationToken,
    task: JoinHandle<()>,
    _abandon: DropGuard,
}

impl KeptLease {
    /// Keeps a lease in the session that has taken it: when that ends, another process may have it.
    pub(super) fn new(lease: Lease, session: PgConnection, connector: Connector) -> Self {
        let [release, lost, abandon] = [(); 3].map(|()| CancellationToken::new());
        let kept = keep(lease, (session, connector), release.clone());
        let (told, given_up) = (lost.clone(), abandon.clone());
        let task = tokio::spawn(async move {
            tokio::select! {
                () = given_up.cancelled() => {}
                () = kept => told.cancel(),
            }
        });
        Self { release, lost, task, _abandon: abandon.drop_guard() }
    }

    /// Lets nothing be written any more once the lease is lost.
    pub(super) fn guard(&self, writer: &Arc<Writer>) {
        let (lost, release, writer) = (self.lost.clone(), self.release.clone(), Arc::clone(writer));
        tokio::spawn(async move {
            tokio::select! {
                () = release.cancelled() => {}
                () = lost.cancelled() => writer.node.give_up(
                    "another process may have taken the database over, which this one must have alone".to_owned(),
                ),
            }
        });
    }

    /// Gives it back.
    pub(super) async fn release(self) {
        self.release.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task that keeps the lease ended early");
        }
    }
}

/// Renews a lease until it is to be released, or lost.
async fn keep(lease: Lease, (session, connector): (PgConnection, Connector), release: CancellationToken) {
    let mut session = Some(session);
    let mut wait = lease.renewal_wait();
    loop {
        tokio::select! {
            () = release.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
        wait = match renew(&lease, &connector, &mut session).await {
            Ok(()) => lease.renewal_wait(),
            Err(StoreError::Unavailable(cause)) if !lease.may_be_over() => {
                tracing::debug!(%cause, "the lease on the database was not renewed; trying again");
                session = None;
                CONNECT_AGAIN
            }
            Err(error) => {
                tracing::error!(%error, "the lease on the database is lost");
                return;
            }
        };
    }
    let released = async {
        let mut session = match session {
            Some(session) => session,
            None => connector.connect().await?,
        };
        connector::transact(&mut session, async |db| lease.release(db).await).await?;
        connector::close(session).await;
        Ok::<_, StoreError>(())
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "the lease on the database was not given back; it runs out by itself");
    }
}

async fn renew(
    lease: &Lease,
    connector: &Connector,
    session: &mut Option<PgConnection>,
) -> Result<(), StoreError> {
    let session = match session {
        Some(session) => session,
        None => session.insert(connector.connect().await?),
    };
    connector::transact(session, async |db| lease.renew(db).await).await
}
