//! From names to addresses.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::mem;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

/// So many names are remembered for having led somewhere, and once more as many.
const MANY_KNOWN: usize = 4_096;

/// What a look-up finds, for all who wait for it.
type Found = Result<Vec<IpAddr>, Arc<io::Error>>;

type Looking = Shared<BoxFuture<'static, Found>>;

/// Asks, and waits for the answer without giving way to others.
type Resolve = fn(&str) -> io::Result<Vec<IpAddr>>;

/// As this machine is set up to do it. A name that is being looked up is not looked up a second time: who asks meanwhile
/// gets the same answer.
pub(super) struct SystemNames {
    resolve: Resolve,
    room: Arc<Room>,
    under_way: Arc<UnderWay>,
}

impl SystemNames {
    pub(super) fn new() -> Self {
        Self::resolving(
            |name| Ok((name, 0).to_socket_addrs()?.map(|found| found.ip()).collect()),
            MOST_AT_ONCE,
        )
    }

    fn resolving(resolve: Resolve, most_at_once: usize) -> Self {
        Self { resolve, room: Arc::new(Room::for_so_many(most_at_once)), under_way: Arc::default() }
    }

    /// Looks a name up in a thread of its own, once there is room. The waiting is done by whoever asks: when all of them have
    /// given up there is nobody to be waited for, and others come sooner. The thread cannot be ended; so what is looked up
    /// stays under way until there is an answer.
    fn look_up(&self, name: String) -> Looking {
        let (resolve, room, under_way) = (self.resolve, Arc::clone(&self.room), Arc::clone(&self.under_way));
        let looking = async move {
            let place = room.place_for(&name).await;
            let kept = under_way.get(&name);
            let task = tokio::spawn(async move {
                let asked = name.clone();
                let found = tokio::task::spawn_blocking(move || {
                    let found = resolve(&asked);
                    drop(place);
                    found
                });
                let found = found.await.map_err(io::Error::other).flatten();
                room.known().note(&name, found.is_ok());
                under_way.remove(&name);
                drop(kept);
                found.map_err(Arc::new)
            });
            task.await.unwrap_or_else(|error| Err(Arc::new(io::Error::other(error))))
        };
        looking.boxed().shared()
    }
}

/// The look-ups that somebody waits for, or that have a thread.
#[derive(Default)]
struct UnderWay(Mutex<HashMap<String, Looking>>);

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Looking>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Option<Looking> {
        self.lock().get(name).cloned()
    }

    fn remove(&self, name: &str) {
        self.lock().remove(name);
    }
}

/// Somebody who asks for a name. When they go, and were the last to wait for one that has no room yet, it is forgotten.
struct Asker<'a> {
    under_way: &'a UnderWay,
    name: &'a str,
}

impl Drop for Asker<'_> {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock();
        // Everybody else who waits for it, and its thread, has one of their own.
        let is_left = |looking: &Looking| looking.strong_count() == Some(1);
        let left =
            if under_way.get(self.name).is_some_and(is_left) { under_way.remove(self.name) } else { None };
        drop(under_way);
        drop(left);
    }
}

/// Where look-ups wait for their turn. Names that have not led anywhere lately have half of it at most: somebody's names
/// whose servers hang can take that half, and make new names wait, but not those that others deliver to.
struct Room {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    known: Mutex<Known>,
}

/// What a look-up holds until it has an answer. The semaphores are never closed, so it has all of it.
type Place = (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>);

impl Room {
    fn for_so_many(most_at_once: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most_at_once)),
            strangers: Arc::new(Semaphore::new(most_at_once / 2)),
            known: Mutex::default(),
        }
    }

    async fn place_for(&self, name: &str) -> Place {
        let is_known = self.known().has(name);
        let as_stranger =
            if is_known { None } else { Arc::clone(&self.strangers).acquire_owned().await.ok() };
        (as_stranger, Arc::clone(&self.all).acquire_owned().await.ok())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names that led somewhere when they were looked up last, as far as that was lately: between one and two times
/// [`MANY_KNOWN`] others ago they are forgotten.
#[derive(Default)]
struct Known {
    lately: HashSet<String>,
    before: HashSet<String>,
}

impl Known {
    fn has(&self, name: &str) -> bool {
        self.lately.contains(name) || self.before.contains(name)
    }

    fn note(&mut self, name: &str, leads_somewhere: bool) {
        if !leads_somewhere {
            self.lately.remove(name);
            self.before.remove(name);
            return;
        }
        if self.lately.len() >= MANY_KNOWN && !self.lately.contains(name) {
            self.before = mem::take(&mut self.lately);
        }
        self.lately.insert(name.to_owned());
    }
}

impl fmt::Debug for SystemNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SystemNames").field("room", &self.room.all).finish_non_exhaustive()
    }
}

#[async_trait]
impl Names for SystemNames {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // It goes after what it waits for.
        let _asker = Asker { under_way: &self.under_way, name };
        let looking = {
            let mut under_way = self.under_way.lock();
            under_way.entry(name.to_owned()).or_insert_with(|| self.look_up(name.to_owned())).clone()
        };
        looking.await.map_err(|error| io::Error::new(error.kind(), error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
            4,
        );
        for number in 0..6 {
            let name = format!("hangs-{number}.example");
            timeout(Duration::from_millis(10), names.addresses(&name)).await.expect_err("it hangs");
        }
        let others = timeout(PATIENCE, names.addresses("works.example")).await.expect("its turn comes");
        assert_eq!(others.expect_err("is not there").kind(), io::ErrorKind::TimedOut);
        assert_eq!(MOST.load(Ordering::SeqCst), 2);
        let forgotten = async {
            while !names.under_way.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, forgotten).await.expect("what has ended is forgotten");
    }

    /// Names below `hangs.example` hang until the test lets go of them.
    struct Servers {
        asked: Mutex<Vec<String>>,
        have_let_go: AtomicBool,
    }

    impl Servers {
        const fn new() -> Self {
            Self { asked: Mutex::new(Vec::new()), have_let_go: AtomicBool::new(false) }
        }

        fn answer(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            self.asked.lock().expect("whole").push(name.to_owned());
            if !name.ends_with("hangs.example") {
                return Ok(vec![IpAddr::from([192, 0, 2, 1])]);
            }
            for _ in 0..2_000 {
                if self.have_let_go.load(Ordering::SeqCst) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(io::ErrorKind::TimedOut.into())
        }

        fn let_go(&self) {
            self.have_let_go.store(true, Ordering::SeqCst);
        }

        fn asked(&self) -> Vec<String> {
            self.asked.lock().expect("whole").clone()
        }
    }

    async fn give_up(names: &SystemNames, name: &str) {
        timeout(Duration::from_millis(20), names.addresses(name)).await.expect_err("it hangs");
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_the_line() {
        static SERVERS: Servers = Servers::new();
        let names = SystemNames::resolving(|name| SERVERS.answer(name), 2);
        for number in 0..6 {
            give_up(&names, &format!("{number}.hangs.example")).await;
        }
        // One that has a thread is not looked up a second time, although nobody waits for it.
        give_up(&names, "0.hangs.example").await;
        assert_eq!(names.under_way.lock().len(), 1, "the others are forgotten");
        let works = timeout(PATIENCE, names.addresses("works.example"));
        let (found, ()) = tokio::join!(works, async { SERVERS.let_go() });
        found.expect("in time").expect("is found");
        assert_eq!(SERVERS.asked(), ["0.hangs.example", "works.example"]);
    }

    #[tokio::test]
    async fn a_name_keeps_its_place_in_the_line_as_long_as_anybody_waits_for_it() {
        static SERVERS: Servers = Servers::new();
        let names = SystemNames::resolving(|name| SERVERS.answer(name), 2);
        give_up(&names, "0.hangs.example").await;
        let gives_up = async {
            give_up(&names, "works.example").await;
            SERVERS.let_go();
        };
        let (found, ()) = tokio::join!(timeout(PATIENCE, names.addresses("works.example")), gives_up);
        found.expect("in time").expect("is found");
        assert_eq!(SERVERS.asked(), ["0.hangs.example", "works.example"]);
    }

    #[tokio::test]
    async fn names_that_hang_do_not_keep_those_waiting_that_led_somewhere_before() {
        static SERVERS: Servers = Servers::new();
        let names = SystemNames::resolving(|name| SERVERS.answer(name), 4);
        names.addresses("works.example").await.expect("is found");
        for number in 0..6 {
            give_up(&names, &format!("{number}.hangs.example")).await;
        }
        give_up(&names, "new.example").await;
        let known = timeout(PATIENCE, names.addresses("works.example"));
        known.await.expect("it does not wait").expect("is found");
        names.room.known().note("works.example", false);
        give_up(&names, "works.example").await;
        SERVERS.let_go();
    }

    #[test]
    fn so_many_names_are_known_and_one_that_leads_nowhere_any_more_is_not() {
        let mut known = Known::default();
        for number in 0..5 * MANY_KNOWN {
            known.note(&number.to_string(), true);
            known.note("often asked", true);
        }
        assert!(known.lately.len() <= MANY_KNOWN && known.before.len() <= MANY_KNOWN);
        assert!(known.has(&(4 * MANY_KNOWN + 1).to_string()) && known.has("often asked") && !known.has("7"));
        known.note("often asked", false);
        assert!(!known.has("often asked"));
    }

    #[tokio::test]
    async fn this_machine_is_asked() {
        let found = timeout(PATIENCE, SystemNames::new().addresses("localhost")).await.expect("in time");
        assert!(found.expect("is found").iter().all(IpAddr::is_loopback));
    }
}
