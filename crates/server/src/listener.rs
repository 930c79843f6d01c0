//! The listener: accepts connections, speaks HTTP on them, and ends those that hold one without using it.
//!
//! HTTP is hyper's. What is here is around it: how many connections there may be, and how long each may wait for what. A
//! request costs no timer for that: a connection notes in what state it is and since when, and one task looks at all of
//! them every second (`connections.rs`, `watch.rs`).

mod connections;
mod descriptors;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connections::{Connections, Pending, Seat};
use self::watch::{Order, Watched};
use crate::client_address::Peer;

/// Connections that the system may have ready before they are accepted; it takes less if it is set to.
const BACKLOG: u32 = 4_096;

/// More than this a connection reads ahead or keeps to be written only in pieces of this size: it bounds what each can
/// hold in memory. So long may a request's head be as well; a longer one is answered with 431.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// What the system may keep of an answer that a client does not take. It also decides how soon it is seen that a client
/// takes something: the system says so when a third of it is free.
const SEND_BUFFER_BYTES: u32 = 256 * 1024;

/// A pause after an error that would come again at once, such as too few file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection may do.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open at a time.
    pub connections: usize,
    /// A new connection's first request has its head here within this time, any other within it from its first byte.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// A client that takes nothing of an answer for so long has gone. As long as it takes some, it may take its time.
    pub silence: Duration,
    /// How often all are looked at; times are counted in these.
    pub tick: Duration,
}

impl Limits {
    /// The usual ones, with as many connections as the process may have file descriptors for. Raises that first.
    pub fn raised() -> Self {
        Self {
            connections: descriptors::raise(),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            silence: Duration::from_mins(1),
            tick: Duration::from_secs(1),
        }
    }

    /// For a listener beside that one, which few connect to.
    pub const fn of_few() -> Self {
        Self {
            connections: 64,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            silence: Duration::from_mins(1),
            tick: Duration::from_secs(1),
        }
    }

    fn ticks(self, time: Duration) -> u64 {
        // The tick in which something is noted may be over at once.
        u64::try_from(time.as_millis().div_ceil(self.tick.as_millis())).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// An answer that is being made.
pub type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What a connection's requests are answered by.
pub trait Answers: Send + 'static {
    /// Answers a request.
    fn answer(&self, request: Request) -> Answer;
}

/// A socket that listens.
pub struct Listener {
    socket: TcpListener,
    limits: Limits,
}

/// A listener that serves.
pub struct Serving {
    tasks: TaskTracker,
    connections: Arc<Connections>,
    /// Cancelled when nothing more is to be accepted.
    stop: CancellationToken,
}

impl Listener {
    /// Listens; port 0 takes a free one.
    pub fn bind(address: SocketAddr, limits: Limits) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Else a restart would have to wait for what is left of the connections before.
        socket.set_reuseaddr(true)?;
        // Connections take it over.
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.bind(address)?;
        Ok(Self { socket: socket.listen(BACKLOG)?, limits })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves in tasks of its own, until `stop` is cancelled; `front` makes what answers on a connection.
    pub fn serve<Front: Answers>(
        self,
        front: impl Fn(Peer) -> Front + Send + Sync + 'static,
        stop: &CancellationToken,
    ) -> Serving {
        let connections = Arc::new(Connections::new(self.limits));
        let tasks = TaskTracker::new();
        let all_accepted = CancellationToken::new();
        tasks.spawn(watch_over(Arc::clone(&connections), all_accepted.clone()));
        let accepting = Accepting {
            socket: self.socket,
            connections: Arc::clone(&connections),
            front,
            tasks: tasks.clone(),
        };
        tasks.spawn({
            let stop = stop.clone();
            async move {
                tokio::select! {
                    () = accepting.run() => {}
                    () = stop.cancelled() => {}
                }
                all_accepted.cancel();
            }
        });
        Serving { tasks, connections, stop: stop.clone() }
    }
}

impl Serving {
    /// Waits, after the stop, until every request has its answer. What has not after `patience` is broken off.
    pub async fn finish(self, patience: Duration) {
        self.stop.cancelled().await;
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            self.connections.tell_all(Order::End);
            self.tasks.wait().await;
        }
    }
}

/// Counts the ticks, and looks at every connection. When no more are accepted, connections finish what they are at; those
/// that do not are watched all the same.
async fn watch_over(connections: Arc<Connections>, all_accepted: CancellationToken) {
    let mut ticks = tokio::time::interval(connections.limits().tick);
    let mut is_stopping = false;
    while !(is_stopping && connections.are_none()) {
        tokio::select! {
            _ = ticks.tick() => connections.look(),
            () = all_accepted.cancelled(), if !is_stopping => is_stopping = true,
            () = connections.one_has_ended(), if is_stopping => {}
        }
        if is_stopping {
            connections.tell_all(Order::Finish);
        }
    }
}

struct Accepting<MakeFront> {
    socket: TcpListener,
    connections: Arc<Connections>,
    front: MakeFront,
    tasks: TaskTracker,
}

impl<Front: Answers, MakeFront: Fn(Peer) -> Front> Accepting<MakeFront> {
    async fn run(self) {
        let mut is_failing = false;
        loop {
            match self.socket.accept().await {
                Ok((stream, address)) => {
                    is_failing = false;
                    // One has come before it is known whether there is room, so nobody has to go for nobody.
                    let place = self.connections.place().await;
                    self.begin(stream, address, place);
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    // It comes again until something is closed, so it is said once.
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::error!(%error, "connections cannot be accepted; those that wait longest are closed");
                    }
                    self.connections.make_room();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn begin(&self, stream: TcpStream, address: SocketAddr, place: Pending) {
        // Answers are small and written at once; waiting for more only adds latency.
        let _ = stream.set_nodelay(true);
        let front = (self.front)(Peer(address.ip()));
        self.tasks.spawn(converse(stream, front, place.take()));
    }
}

/// The client was gone before its connection was accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Answers a connection's requests until either side has enough.
async fn converse(stream: TcpStream, front: impl Answers, seat: Seat) {
    let watch = seat.watch();
    let mut http = http1::Builder::new();
    // How long a head may take, `watch` knows, without a timer for each.
    http.header_read_timeout(None).max_buf_size(MAX_BUFFER_BYTES);
    let conversation = http.serve_connection(
        Watched::new(stream, Arc::clone(watch)),
        watch::Watching::new(front, Arc::clone(watch)),
    );
    let mut conversation = pin!(conversation);
    loop {
        tokio::select! {
            // What went wrong was the client's doing, and was answered if it could be.
            _ = conversation.as_mut() => return,
            order = watch.order() => match order {
                Order::Finish => conversation.as_mut().graceful_shutdown(),
                Order::End => return,
            },
        }
    }
}
