//! Connections from the outside: what is no HTTP, what would be two requests to a proxy, what is too long, too slow, or
//! just there.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::server::{ADMIN_KEY, Server};
use crate::waiting;

fn connect(server: &Server) -> TcpStream {
    let address = server.url().strip_prefix("http://").expect("plain HTTP");
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(waiting::PATIENCE)).expect("a socket");
    stream
}

/// All that comes back until the server closes the connection.
fn said(server: &Server, request: &[u8]) -> String {
    let mut stream = connect(server);
    // It may have closed the connection before it was sent all.
    let _ = stream.write_all(request);
    rest(&mut stream)
}

fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // What it had not read when it closed the connection makes that a reset.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection is not closed: {error}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn statuses(said: &str) -> Vec<&str> {
    // An answer need not end with its line.
    said.match_indices("HTTP/1.1 ").map(|(at, before)| &said[at + before.len()..][..3]).collect()
}

#[test]
fn what_is_no_http_is_refused_and_the_connection_closed() {
    let server = Server::start();
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\n: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: a\r\n folded: b\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"G\0T / HTTP/1.1\r\n\r\n",
    ] {
        let said = said(&server, request);
        assert_eq!(statuses(&said), ["400"], "{}: {said}", request.escape_ascii());
    }
    // HTTP/2 without TLS is not spoken here.
    let said = said(&server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(said.is_empty() || statuses(&said) == ["400"], "{said}");
    assert_eq!(server.client().get("/healthz").status, 200);
}

#[test]
fn a_request_that_others_would_take_for_two_is_one_or_none() {
    let server = Server::start();
    let second = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    let post = |framing: &str, body: &str| {
        let head = format!("POST /v2/campaigns HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {ADMIN_KEY}\r\n");
        said(&server, format!("{head}{framing}\r\n\r\n{body}").as_bytes())
    };
    for framing in [
        "content-length: 4\r\ncontent-length: 5",
        "content-length: 4, 5",
        "content-length: +4",
        "content-length: -1",
        "content-length: 0x4",
        "content-length: 99999999999999999999",
        "content-length : 4",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity",
    ] {
        let said = post(framing, &format!("null{second}"));
        assert_eq!(statuses(&said), ["400"], "{framing}: {said}");
    }
    // Both are framed by their chunks (RFC 9112, section 6.1), and what follows is not read as a request.
    for framing in
        ["content-length: 4\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 4"]
    {
        let said = post(framing, &format!("0\r\n\r\n{second}"));
        assert_eq!(statuses(&said).len(), 1, "{framing}: {said}");
        assert!(!said.contains("\r\nok\n") && !said.ends_with("ok\n"), "{framing}: {said}");
    }
    for chunks in ["zz\r\n", "-1\r\n", "fffffffffffffffff\r\n", "2\r\n{}x", "\r\n", "2;a=\"b\nc\"\r\n{}"] {
        let said = post("transfer-encoding: chunked", &format!("{chunks}\r\n\r\n{second}"));
        assert_eq!(statuses(&said), ["400"], "{chunks:?}: {said}");
    }
    let old = "POST /v2/campaigns HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(said(&server, old.as_bytes()).contains(" 400 "));
}

#[test]
fn requests_that_come_at_once_are_answered_in_turn() {
    let server = Server::start();
    let requests = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /v2/campaigns HTTP/1.1\r\nhost: a\r\n\r\n\
                    POST /v2/campaign/p/events HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}\
                    GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(statuses(&said(&server, requests.as_bytes())), ["200", "401", "401", "200"]);
}

#[test]
fn a_head_has_bounds_and_each_has_its_status() {
    let server = Server::start();
    let get = |target: &str, headers: &str| {
        said(&server, format!("GET {target} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n").as_bytes())
    };
    let target = |bytes: usize| format!("/healthz?{}", "x".repeat(bytes - "/healthz?".len()));
    assert_eq!(statuses(&get(&target(8_000), "")), ["200"]);
    let too_long = get(&target(8_001), "");
    assert_eq!(statuses(&too_long), ["414"]);
    assert!(too_long.contains("content-security-policy") && too_long.contains("nosniff"), "{too_long}");
    assert_eq!(statuses(&get("/healthz", &"x: y\r\n".repeat(99))), ["200"]);
    assert_eq!(statuses(&get("/healthz", &"x: y\r\n".repeat(100))), ["431"]);
    let long = |bytes: usize| format!("cookie: {}\r\n", "x".repeat(bytes));
    assert_eq!(statuses(&get("/healthz", &long(16 << 10))), ["200"]);
    assert_eq!(statuses(&get("/healthz", &long(128 << 10))), ["431"]);
}

#[test]
fn slow_heads_and_slow_bodies_are_cut_off() {
    let server = Server::start();
    let began = Instant::now();
    let mut head = connect(&server);
    let trickle = {
        let mut head = head.try_clone().expect("a second handle");
        head.write_all(b"GET /healthz HTTP/1.1\r\nx: ").expect("it is open");
        move || {
            while head.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    };
    let body = |path: &str, more: &str| {
        let mut stream = connect(&server);
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\n{more}content-length: 100\r\n\r\n{{");
        stream.write_all(head.as_bytes()).expect("it is open");
        stream
    };
    let key = format!("authorization: Bearer {ADMIN_KEY}\r\n");
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let program = server.client().program("REFERRAL");
    let address =
        server.client().post(&format!("/v2/campaign/{program}/inbox/address"), &serde_json::json!({})).ok();
    let inbox =
        address["url"].as_str().and_then(|url| url.strip_prefix(server.url())).expect("an address here");
    let events = format!("/v2/campaign/{program}/events");
    let bodies = [
        body("/v2/campaigns", &key),
        body(&events, &key),
        body(&format!("{events}/batch"), &key),
        body("/sign-in", form),
        body("/_fn/programs", form),
        body(inbox, ""),
    ];
    std::thread::scope(|scope| {
        scope.spawn(trickle);
        assert_eq!(rest(&mut head), "");
        let after = began.elapsed();
        assert!((9..25).contains(&after.as_secs()), "{after:?}");
        for (number, mut stream) in bodies.into_iter().enumerate() {
            let said = rest(&mut stream);
            assert_eq!(statuses(&said), ["408"], "{number}: {said}");
        }
    });
}

/// Clients that are known to nobody and hold as many seats as they get: each sends a byte of its body now and then, and comes
/// again when it is cut off.
fn hold_seats(server: &Server, count: usize, (is_in_place, is_over): (&AtomicBool, &AtomicBool)) {
    let begin = || {
        let mut stream = connect(server);
        let form = "content-type: application/x-www-form-urlencoded";
        let head = format!("POST /sign-in HTTP/1.1\r\nhost: a\r\n{form}\r\ncontent-length: 1000\r\n\r\ne");
        stream.write_all(head.as_bytes()).map(|()| stream)
    };
    let mut open: Vec<_> = (0..count).map(|_| begin()).collect();
    is_in_place.store(true, Ordering::SeqCst);
    while !is_over.load(Ordering::SeqCst) {
        for stream in &mut open {
            if !stream.as_mut().is_ok_and(|stream| stream.write_all(b"x").is_ok()) {
                *stream = begin();
            }
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn slow_bodies_of_people_unknown_at_all_seats_do_not_stop_events() {
    const SEATS: usize = 128;
    /// Slow bodies are waited for twice as long.
    const QUICK: Duration = Duration::from_secs(10);
    let server = Server::with_few_files(256);
    let client = server.client();
    let program = client.program("REFERRAL");
    let (is_in_place, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let took = std::thread::scope(|scope| {
        scope.spawn(|| hold_seats(&server, SEATS * 3 / 2, (&is_in_place, &is_over)));
        waiting::until("the seats are taken", || is_in_place.load(Ordering::SeqCst).then_some(()));
        let began = Instant::now();
        let (joined, all) = std::sync::mpsc::channel();
        scope.spawn({
            let (client, program) = (&client, &program);
            move || {
                for number in 0..50 {
                    client.join(program, &format!("p{number}"));
                }
                joined.send(()).expect("somebody waits");
            }
        });
        let outcome = all.recv_timeout(waiting::PATIENCE);
        is_over.store(true, Ordering::SeqCst);
        outcome.map(|()| began.elapsed())
    });
    let took = took.expect("all fifty were accepted");
    assert!(took < QUICK, "{took:?}");
}

/// So many are idle.
const IDLE: u64 = 10_000;

/// Of everything else that a process has open, the tests that run beside among it.
const OTHER_FILES: u64 = 4_500;

#[test]
fn ten_thousand_idle_connections_do_not_stop_events() {
    const MOST_KIB_EACH: u64 = 40;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Both processes have this limit.
    let wanted = IDLE + OTHER_FILES;
    assert!(
        maximum.is_none_or(|most| most >= wanted),
        "this test needs a hard limit of {wanted} open files (`ulimit -Hn`), and here it is {}",
        maximum.unwrap_or(u64::MAX)
    );
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).expect("the hard limit allows it");
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let before = memory_kib(server.pid());
    let mut idle: Vec<TcpStream> = (0..IDLE).map(|_| connect(&server)).collect();
    for stream in &mut idle {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").expect("it is open");
    }
    for stream in &mut idle {
        let mut piece = [0; 512];
        let read = stream.read(&mut piece).expect("an answer");
        assert!(piece[..read].starts_with(b"HTTP/1.1 200"));
    }
    for number in 0..200 {
        client.join(&program, &format!("p{number}"));
    }
    let each = memory_kib(server.pid()).saturating_sub(before) / IDLE;
    assert!(each < MOST_KIB_EACH, "{each} KiB for each of {IDLE} connections");
    for stream in idle.iter_mut().step_by(97) {
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n").expect("it is open");
        assert!(stream.read(&mut [0; 512]).expect("it is open still") > 0);
    }
}

/// Resident memory of a process.
fn memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has a size");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}
