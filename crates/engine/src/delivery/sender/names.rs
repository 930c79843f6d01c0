//! From names to addresses.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;

/// Looks names up. What it finds is not trusted: the guard is asked about each address.
#[async_trait]
pub(super) trait Names: fmt::Debug + Send + Sync + 'static {
    /// All addresses of a name, in the order in which they are to be tried.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// So many names are looked up at once. Each has a thread of its own until the system's resolver has an answer, which can
/// be long after nobody waits for it any more. Those threads are shared with passwords and decompression, so that names
/// whose servers hang must not take all 512.
const MOST_AT_ONCE: usize = 256;

/// What a look-up finds, for all who wait for it.
type Found = Result<Vec<IpAddr>, Arc<io::Error>>;

type Looking = Shared<BoxFuture<'static, Found>>;

/// Asks, and waits for the answer without giving way to others.
type Resolve = fn(&str) -> io::Result<Vec<IpAddr>>;

/// As this machine is set up to do it. A name that is being looked up is not looked up a second time: who asks meanwhile
/// gets the same answer.
pub(super) struct SystemNames {
    resolve: Resolve,
    room: Arc<Semaphore>,
    under_way: Arc<Mutex<HashMap<String, Looking>>>,
}

impl SystemNames {
    pub(super) fn new() -> Self {
        Self::resolving(
            |name| Ok((name, 0).to_socket_addrs()?.map(|found| found.ip()).collect()),
            MOST_AT_ONCE,
        )
    }

    fn resolving(resolve: Resolve, most_at_once: usize) -> Self {
        Self { resolve, room: Arc::new(Semaphore::new(most_at_once)), under_way: Arc::default() }
    }

    /// Looks a name up in a thread of its own, once there is room; whoever asked may give up meanwhile.
    fn look_up(&self, name: String) -> Looking {
        let (resolve, room, under_way) = (self.resolve, Arc::clone(&self.room), Arc::clone(&self.under_way));
        let task = tokio::spawn(async move {
            // It is never closed.
            let room = room.acquire_owned().await.ok();
            let asked = name.clone();
            let found = tokio::task::spawn_blocking(move || {
                let found = resolve(&asked);
                drop(room);
                found
            });
            let found = found.await.map_err(io::Error::other).flatten();
            under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            found.map_err(Arc::new)
        });
        task.map(|ended| ended.unwrap_or_else(|error| Err(Arc::new(io::Error::other(error)))))
            .boxed()
            .shared()
    }
}

impl fmt::Debug for SystemNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SystemNames").field("room", &self.room).finish_non_exhaustive()
    }
}

#[async_trait]
impl Names for SystemNames {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let looking = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.entry(name.to_owned()).or_insert_with(|| self.look_up(name.to_owned())).clone()
        };
        looking.await.map_err(|error| io::Error::new(error.kind(), error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_name_that_many_ask_for_is_looked_up_once_and_then_anew() {
        static LOOKED_UP: AtomicUsize = AtomicUsize::new(0);
        let names = SystemNames::resolving(
            |_| {
                LOOKED_UP.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(200));
                Ok(vec![IpAddr::from([192, 0, 2, 1])])
            },
            4,
        );
        let all = futures::future::join_all((0..100).map(|_| names.addresses("shop.example"))).await;
        assert!(all.iter().all(|found| found.as_ref().is_ok_and(|found| found.len() == 1)));
        assert_eq!(LOOKED_UP.load(Ordering::SeqCst), 1);
        names.addresses("shop.example").await.expect("is found");
        assert_eq!(LOOKED_UP.load(Ordering::SeqCst), 2, "an answer is not kept");
    }

    #[tokio::test]
    async fn names_that_hang_take_no_more_threads_than_there_is_room_although_nobody_waits() {
        static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let names = SystemNames::resolving(
            |name| {
                MOST.fetch_max(AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let hangs = name.starts_with("hangs");
                std::thread::sleep(Duration::from_millis(if hangs { 300 } else { 1 }));
                AT_ONCE.fetch_sub(1, Ordering::SeqCst);
                Err(io::ErrorKind::TimedOut.into())
            },
            2,
        );
        for number in 0..6 {
            let name = format!("hangs-{number}.example");
            timeout(Duration::from_millis(10), names.addresses(&name)).await.expect_err("it hangs");
        }
        let others = timeout(PATIENCE, names.addresses("works.example")).await.expect("its turn comes");
        assert_eq!(others.expect_err("is not there").kind(), io::ErrorKind::TimedOut);
        assert_eq!(MOST.load(Ordering::SeqCst), 2);
        let forgotten = async {
            while !names.under_way.lock().expect("whole").is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, forgotten).await.expect("what has ended is forgotten");
    }

    #[tokio::test]
    async fn this_machine_is_asked() {
        let found = timeout(PATIENCE, SystemNames::new().addresses("localhost")).await.expect("in time");
        assert!(found.expect("is found").iter().all(IpAddr::is_loopback));
    }
}
