//! Something between store and server that breaks connections at the moment that matters.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// What happens to the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fault {
    None,
    /// The server never sees it.
    Cut,
    /// The server commits, and nobody hears of it.
    Swallow,
}

#[derive(Debug)]
struct Switches {
    fault: AtomicU8,
    /// Whether nobody can connect.
    is_closed: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Proxy {
    directory: TempDir,
    switches: Arc<Switches>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(super) fn before(server: PathBuf) -> Self {
        let directory = TempDir::new().expect("there is a temporary directory");
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).expect("listens");
        let switches =
            Arc::new(Switches { fault: AtomicU8::new(Fault::None as u8), is_closed: AtomicBool::new(false) });
        let shared = Arc::clone(&switches);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !shared.is_closed.load(Ordering::SeqCst) {
                    let server = UnixStream::connect(&server).await.expect("the server is there");
                    tokio::spawn(relay(client, server, Arc::clone(&shared)));
                }
            }
        });
        Self { directory, switches, task }
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.directory.path().display())
    }

    /// At the next COMMIT, once.
    pub(super) fn plan(&self, fault: Fault) {
        self.switches.fault.store(fault as u8, Ordering::SeqCst);
    }

    pub(super) fn has_struck(&self) -> bool {
        self.switches.fault.load(Ordering::SeqCst) == Fault::None as u8
    }

    pub(super) fn let_in(&self, may_connect: bool) {
        self.switches.is_closed.store(!may_connect, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(client: UnixStream, server: UnixStream, switches: Arc<Switches>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    let mut is_mute = false;
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(bytes @ 1..) = read else { return };
                let is_commit = asked[..bytes].windows(7).any(|window| window == b"COMMIT\0");
                if is_commit {
                    let fault = switches.fault.swap(Fault::None as u8, Ordering::SeqCst);
                    if fault == Fault::Cut as u8 {
                        return;
                    }
                    is_mute = fault == Fault::Swallow as u8;
                }
                if to_server.write_all(&asked[..bytes]).await.is_err() {
                    return;
                }
            }
            read = from_server.read(&mut answered) => {
                let Ok(bytes @ 1..) = read else { return };
                if is_mute || to_client.write_all(&answered[..bytes]).await.is_err() {
                    return;
                }
            }
        }
    }
}
