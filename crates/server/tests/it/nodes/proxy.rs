//! A way between a node and PostgreSQL that may be cut: nothing is answered then and nothing is reset, bytes vanish or come
//! late.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::waiting;

/// What becomes of bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    Open,
    /// They vanish. A connection that has lost some carries nothing any more, and stays as it is at both ends: its state is
    /// gone on the way.
    Cut,
    /// What the database answers vanishes, as above; what it is asked arrives.
    Deaf,
    /// They arrive when the way is open again.
    Held,
}

const WAYS: [Way; 4] = [Way::Open, Way::Cut, Way::Deaf, Way::Held];

/// How often it is looked whether what is held may go on.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

struct Shared {
    way: AtomicU8,
    /// The socket of the database.
    target: Mutex<PathBuf>,
    /// Ends of connections of which the other end is not told that they are gone.
    kept: Mutex<Vec<End>>,
}

/// See the module. It lives as long as the process.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A way to the database that listens on a socket.
    pub fn to(target: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            way: AtomicU8::new(Way::Open as u8),
            target: Mutex::new(target.to_owned()),
            kept: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().filter_map(Result::ok) {
                let target = accepting.target.lock().expect("no panic under the lock").clone();
                // Whoever is not there any more resets.
                if let Ok(server) = UnixStream::connect(target) {
                    carry(&accepting, End::Client(client), End::Server(server));
                }
            }
        });
        Self { address, shared }
    }

    /// The URL of a database behind it.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@{}/{database}?sslmode=disable", self.address)
    }

    pub fn set(&self, way: Way) {
        self.shared.way.store(way as u8, Ordering::SeqCst);
    }

    /// New connections lead to this socket.
    pub fn lead_to(&self, target: &Path) {
        target.clone_into(&mut self.shared.target.lock().expect("no panic under the lock"));
    }
}

impl Shared {
    fn way(&self) -> Way {
        WAYS[usize::from(self.way.load(Ordering::SeqCst))]
    }
}

/// One end of a connection.
enum End {
    Client(TcpStream),
    Server(UnixStream),
}

impl End {
    fn again(&self) -> Self {
        match self {
            Self::Client(stream) => Self::Client(stream.try_clone().expect("a handle")),
            Self::Server(stream) => Self::Server(stream.try_clone().expect("a handle")),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<usize> {
        let read = match self {
            Self::Client(stream) => stream.read(bytes),
            Self::Server(stream) => stream.read(bytes),
        };
        read.ok().filter(|count| *count > 0)
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Client(stream) => stream.write_all(bytes).is_ok(),
            Self::Server(stream) => stream.write_all(bytes).is_ok(),
        }
    }

    fn close(&self) {
        // It may be closed already.
        let _ = match self {
            Self::Client(stream) => stream.shutdown(Shutdown::Both),
            Self::Server(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

/// Which directions of a connection have lost something.
#[derive(Default)]
struct Lost {
    to_server: AtomicBool,
    to_client: AtomicBool,
}

fn carry(shared: &Arc<Shared>, client: End, server: End) {
    let lost = Arc::new(Lost::default());
    for (from, to) in [(client.again(), server.again()), (server, client)] {
        let (shared, lost) = (Arc::clone(shared), Arc::clone(&lost));
        thread::spawn(move || pump(&shared, &lost, from, to));
    }
}

/// Carries bytes in one direction until an end is closed.
fn pump(shared: &Shared, lost: &Lost, mut from: End, mut to: End) {
    let is_answer = matches!(from, End::Server(_));
    let is_lost = if is_answer { &lost.to_client } else { &lost.to_server };
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut bytes);
        while shared.way() == Way::Held {
            thread::sleep(LOOK_AGAIN);
        }
        match shared.way() {
            Way::Cut => {
                lost.to_server.store(true, Ordering::SeqCst);
                lost.to_client.store(true, Ordering::SeqCst);
            }
            Way::Deaf if is_answer => is_lost.store(true, Ordering::SeqCst),
            _ => {}
        }
        let is_lost = is_lost.load(Ordering::SeqCst);
        match read {
            Some(count) if is_lost || to.write(&bytes[..count]) => {}
            // Nor does it arrive that an end is closed.
            _ if is_lost => {
                shared.kept.lock().expect("no panic under the lock").extend([from, to]);
                return;
            }
            _ => {
                from.close();
                to.close();
                return;
            }
        }
    }
}

#[test]
fn what_is_held_arrives_later_and_what_is_cut_never() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let target = directory.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&target).expect("it is free");
    thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            thread::spawn(move || {
                let mut echo = stream.try_clone().expect("a handle");
                let _ = std::io::copy(&mut stream, &mut echo);
            });
        }
    });
    let proxy = Proxy::to(&target);
    let connect = || {
        let stream = TcpStream::connect(proxy.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        stream
    };
    let echo = |stream: &mut TcpStream, byte: u8| {
        stream.write_all(&[byte]).expect("it is open");
        let mut answer = [0];
        stream.read_exact(&mut answer).ok().map(|()| answer[0])
    };
    let (mut used, mut idle) = (connect(), connect());
    assert_eq!((echo(&mut used, 1), echo(&mut idle, 2)), (Some(1), Some(2)));
    proxy.set(Way::Held);
    assert_eq!(echo(&mut used, 3), None);
    proxy.set(Way::Open);
    waiting::until("what was held arrives", || {
        let mut answer = [0];
        used.read_exact(&mut answer).ok().filter(|()| answer == [3])
    });
    for way in [Way::Cut, Way::Deaf] {
        let mut used = connect();
        assert_eq!(echo(&mut used, 4), Some(4));
        proxy.set(way);
        assert_eq!(echo(&mut used, 5), None);
        proxy.set(Way::Open);
        assert_eq!(echo(&mut used, 6), None, "it carries nothing any more");
        assert_eq!(echo(&mut idle, 7), Some(7), "what has lost nothing does");
    }
}
