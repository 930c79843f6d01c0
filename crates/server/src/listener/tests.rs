//! Connections with a server behind them that does as it is told, and times of milliseconds.

use std::future::ready;
use std::net::Ipv4Addr;

use axum::body::Body;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{sleep, timeout};

use super::*;

/// Nothing that works takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Short, but long enough for a machine that has other things to do.
const LIMITS: Limits = Limits {
    connections: 100,
    head: Duration::from_millis(400),
    idle: Duration::from_millis(2_400),
    silence: Duration::from_millis(1_200),
    tick: Duration::from_millis(40),
};

/// By path: `/` answers at once, `/read` when it has the body, `/wait` when it is told to, `/endless` for ever, `/slowly` a byte
/// now and then.
struct Told {
    events: UnboundedSender<&'static str>,
    go_on: CancellationToken,
}

impl Answers for Told {
    fn answer(&self, request: Request) -> Answer {
        match request.uri().path() {
            "/wait" => {
                let go_on = self.go_on.clone();
                // A test that has ended listens no more.
                let _ = self.events.send("waits");
                Box::pin(async move {
                    go_on.cancelled().await;
                    "waited".into_response()
                })
            }
            "/read" => {
                let _ = self.events.send("reads");
                Box::pin(async move {
                    match axum::body::to_bytes(request.into_body(), usize::MAX).await {
                        Ok(_) => StatusCode::NO_CONTENT.into_response(),
                        Err(_) => StatusCode::BAD_REQUEST.into_response(),
                    }
                })
            }
            "/endless" => {
                let end = Said { end: "endless ends", events: self.events.clone() };
                let pieces = stream::repeat_with(move || {
                    let _end = &end;
                    Ok::<_, axum::Error>(Bytes::from_static(&[b'x'; 16 * 1024]))
                });
                Box::pin(ready(Body::from_stream(pieces).into_response()))
            }
            "/slowly" => {
                let pieces = stream::unfold(0, |number| async move {
                    sleep(Duration::from_millis(600)).await;
                    (number < 8).then_some((Ok::<_, axum::Error>(Bytes::from_static(b"x")), number + 1))
                });
                Box::pin(ready(Body::from_stream(pieces).into_response()))
            }
            _ => Box::pin(ready(StatusCode::NO_CONTENT.into_response())),
        }
    }
}

/// Says when it is dropped.
struct Said {
    end: &'static str,
    events: UnboundedSender<&'static str>,
}

impl Drop for Said {
    fn drop(&mut self) {
        let _ = self.events.send(self.end);
    }
}

struct Server {
    address: SocketAddr,
    serving: Serving,
    stop: CancellationToken,
    go_on: CancellationToken,
    events: UnboundedReceiver<&'static str>,
}

impl Server {
    fn with(limits: Limits) -> Self {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), limits).expect("a free port");
        let address = listener.address().expect("it listens");
        let (sender, events) = mpsc::unbounded_channel();
        let (stop, go_on) = (CancellationToken::new(), CancellationToken::new());
        let front = {
            let go_on = go_on.clone();
            move |_| Told { events: sender.clone(), go_on: go_on.clone() }
        };
        let serving = listener.serve(front, &stop);
        Self { address, serving, stop, go_on, events }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// Begins a request whose body does not end.
    async fn connect_with_body(&mut self) -> TcpStream {
        let mut stream = self.connect().await;
        let head = "POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\nx";
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        self.said("reads").await;
        stream
    }

    async fn said(&mut self, wanted: &'static str) {
        let said = timeout(PATIENCE, self.events.recv()).await.expect("in time");
        assert_eq!(said, Some(wanted));
    }
}

async fn ask(stream: &mut TcpStream, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("the server reads");
}

/// Reads a head.
async fn answered(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect("an answer");
        head.push(byte);
    }
    String::from_utf8(head).expect("HTTP")
}

/// Waits for the end of what the server sends.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A connection that is closed with bytes unread is reset.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is closed");
    rest
}

async fn is_open(stream: &mut TcpStream) -> bool {
    ask(stream, "/").await;
    answered(stream).await.starts_with("HTTP/1.1 204")
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_ends_the_connection_however_it_trickles() {
    let server = Server::with(LIMITS);
    let mut silent = server.connect().await;
    let (read, mut write) = server.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        let mut head = b"GET / HTTP/1.1\r\nx: ".to_vec();
        loop {
            if write.write_all(&head).await.is_err() {
                return;
            }
            head = b"x".to_vec();
            sleep(LIMITS.tick / 2).await;
        }
    });
    assert_eq!(closed(&mut silent).await, b"");
    timeout(PATIENCE, trickle).await.expect("it is cut off").expect("no panic");
    drop(read);
    // A connection that was used has no more time for a head that has begun.
    let mut used = server.connect().await;
    assert!(is_open(&mut used).await);
    sleep(2 * LIMITS.head).await;
    assert!(is_open(&mut used).await, "between requests it has more time");
    used.write_all(b"GET / HT").await.expect("it is open");
    assert!(timeout(LIMITS.idle, closed(&mut used)).await.is_ok(), "that is long before an idle one goes");
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_and_a_stream_that_says_little_is_not() {
    let server = Server::with(LIMITS);
    let (mut idle, mut streaming) = (server.connect().await, server.connect().await);
    assert!(is_open(&mut idle).await);
    ask(&mut streaming, "/slowly").await;
    assert!(answered(&mut streaming).await.contains("chunked"));
    assert_eq!(closed(&mut idle).await, b"");
    // It takes twice as long as any limit, and then the connection is good for another request.
    let mut chunks = String::new();
    while !chunks.ends_with("0\r\n\r\n") {
        let byte = timeout(PATIENCE, streaming.read_u8()).await.expect("in time").expect("it goes on");
        chunks.push(char::from(byte));
    }
    assert_eq!(chunks.matches("1\r\nx\r\n").count(), 8);
    assert!(is_open(&mut streaming).await);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off_and_one_that_takes_a_little_is_not() {
    let mut server = Server::with(LIMITS);
    let mut deaf = server.connect().await;
    ask(&mut deaf, "/endless").await;
    server.said("endless ends").await;
    let mut slow = server.connect().await;
    ask(&mut slow, "/endless").await;
    let mut piece = vec![0; 512 * 1024];
    for _ in 0..12 {
        // All of them together are four times as long as the longest silence.
        sleep(LIMITS.silence / 3).await;
        slow.read_exact(&mut piece).await.expect("it goes on");
    }
    assert!(server.events.try_recv().is_err(), "it was not cut off");
    drop(slow);
    server.said("endless ends").await;
}

#[tokio::test]
async fn when_there_is_no_room_who_has_waited_longest_goes_and_nobody_who_is_busy() {
    let patient = Duration::from_hours(1);
    let limits = Limits { connections: 3, head: patient, idle: patient, silence: patient, ..LIMITS };
    let mut server = Server::with(limits);
    let (mut busy, mut first) = (server.connect().await, server.connect().await);
    ask(&mut busy, "/wait").await;
    server.said("waits").await;
    assert!(is_open(&mut first).await);
    // Time is counted in ticks; the second has waited less only when one has passed.
    sleep(3 * LIMITS.tick).await;
    let mut second = server.connect().await;
    assert!(is_open(&mut second).await);
    let mut third = server.connect().await;
    assert!(is_open(&mut third).await);
    assert_eq!(closed(&mut first).await, b"");
    assert!(is_open(&mut second).await);
    // Those that send heads for ever go as well, when nobody is idle.
    third.write_all(b"GET").await.expect("it is open");
    second.write_all(b"GET").await.expect("it is open");
    let mut fourth = server.connect().await;
    assert!(is_open(&mut fourth).await);
    server.go_on.cancel();
    assert!(answered(&mut busy).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn when_there_is_no_room_slow_bodies_go_before_who_was_answered_or_has_just_come() {
    let patient = Duration::from_hours(1);
    let limits = Limits { connections: 4, head: patient, idle: patient, silence: patient, ..LIMITS };
    let mut server = Server::with(limits);
    let mut idle = server.connect().await;
    assert!(is_open(&mut idle).await);
    let (mut slow, mut quick) = (server.connect_with_body().await, server.connect_with_body().await);
    let piece = vec![b'x'; 256 * 1024];
    let sending = tokio::spawn(async move {
        while quick.write_all(&piece).await.is_ok() {
            sleep(LIMITS.tick / 2).await;
        }
    });
    sleep(5 * LIMITS.tick).await;
    // It says nothing yet, and nobody has to wait for it.
    let mut come = server.connect().await;
    let mut next = server.connect().await;
    assert!(is_open(&mut next).await);
    assert_eq!(closed(&mut slow).await, b"");
    assert!(is_open(&mut come).await, "it has just come");
    assert!(is_open(&mut idle).await, "it holds nobody up");
    assert!(!sending.is_finished(), "it came at a good pace");
    sending.abort();
}

#[tokio::test]
async fn a_flood_of_bodies_that_have_only_just_begun_makes_room_too_and_a_single_one_does_not() {
    // Nothing gets old within this test.
    let patient = Duration::from_hours(1);
    let limits = Limits { connections: 8, head: patient, idle: patient, silence: patient, tick: patient };
    let mut server = Server::with(limits);
    let mut busy: Vec<TcpStream> = Vec::new();
    for _ in 0..7 {
        busy.push(server.connect().await);
        ask(busy.last_mut().expect("one at least"), "/wait").await;
        server.said("waits").await;
    }
    let mut single = server.connect_with_body().await;
    let mut next = server.connect().await;
    ask(&mut next, "/").await;
    assert!(timeout(10 * LIMITS.tick, single.read_u8()).await.is_err(), "it is read on");
    drop((busy, single));
    assert!(answered(&mut next).await.starts_with("HTTP/1.1 204"));
    let mut bodies = Vec::new();
    for _ in 0..16 {
        bodies.push(server.connect_with_body().await);
    }
    assert!(is_open(&mut server.connect().await).await);
    assert!(is_open(&mut next).await, "it was answered before all of them");
}

#[tokio::test]
async fn when_all_are_busy_others_wait_for_their_turn() {
    let mut server = Server::with(Limits { connections: 1, ..LIMITS });
    let mut busy = server.connect().await;
    ask(&mut busy, "/wait").await;
    server.said("waits").await;
    let mut next = server.connect().await;
    ask(&mut next, "/").await;
    assert!(timeout(LIMITS.head * 3, next.read_u8()).await.is_err(), "it is not even accepted");
    server.go_on.cancel();
    assert!(answered(&mut busy).await.starts_with("HTTP/1.1 200"));
    drop(busy);
    assert!(answered(&mut next).await.starts_with("HTTP/1.1 204"));
}

#[tokio::test]
async fn a_stop_lets_answers_be_finished_and_closes_everything_else() {
    let mut server = Server::with(LIMITS);
    let (mut busy, mut idle, mut endless) =
        (server.connect().await, server.connect().await, server.connect().await);
    assert!(is_open(&mut idle).await);
    ask(&mut busy, "/wait").await;
    server.said("waits").await;
    ask(&mut endless, "/endless").await;
    answered(&mut endless).await;
    let reading = tokio::spawn(async move { closed(&mut endless).await.len() });
    let Server { serving, stop, go_on, address, mut events } = server;
    stop.cancel();
    let finishing = tokio::spawn(serving.finish(Duration::from_millis(500)));
    assert_eq!(closed(&mut idle).await, b"");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    go_on.cancel();
    assert!(answered(&mut busy).await.contains("connection: close"));
    // What has no end is broken off when patience has.
    assert_eq!(timeout(PATIENCE, events.recv()).await.expect("in time"), Some("endless ends"));
    assert!(reading.await.expect("no panic") > 0);
    timeout(PATIENCE, finishing).await.expect("it ends").expect("no panic");
}
