//! What is said to a node by whoever is none, to another one, or twice.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use super::Nodes;
use crate::server::Server;
use crate::waiting;

/// The first line of the answer to what is sent as it stands.
fn answer_to(server: &Server, request: &[u8]) -> String {
    let mut connection = TcpStream::connect(&server.url()["http://".len()..]).expect("it listens");
    connection.set_read_timeout(Some(Duration::from_secs(8))).expect("a timeout");
    connection.write_all(request).expect("it takes it");
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).expect("it answers in time");
    line.trim_end().to_owned()
}

/// A request as it was sent, from its first to its last byte.
fn read_request(connection: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(connection);
    let (mut request, mut length) = (Vec::new(), 0);
    loop {
        let from = request.len();
        if reader.read_until(b'\n', &mut request).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&request[from..]).trim_end().to_ascii_lowercase();
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.extend(body);
    Some(request)
}

/// Stands where a node says it is, and passes on what is sent there, or keeps it.
struct Interceptor {
    url: String,
    /// Where the node really is, once it has been started.
    node: Arc<OnceLock<String>>,
    keeps: Arc<AtomicBool>,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Interceptor {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let (node, keeps, kept) = Default::default();
        let own = Self { url, node, keeps, kept };
        let (node, keeps, kept) = (Arc::clone(&own.node), Arc::clone(&own.keeps), Arc::clone(&own.kept));
        // It ends with the process of the tests.
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let (node, keeps, kept) = (Arc::clone(&node), Arc::clone(&keeps), Arc::clone(&kept));
                thread::spawn(move || {
                    let Some(request) = read_request(&connection) else { return };
                    if keeps.load(Ordering::SeqCst) {
                        kept.lock().expect("no panic").push(request);
                    } else if let Some(mut node) = node.get().and_then(|node| TcpStream::connect(node).ok())
                        && node.write_all(&request).is_ok()
                        && node.shutdown(Shutdown::Write).is_ok()
                    {
                        // Whoever has asked may have gone.
                        let _ = std::io::copy(&mut node, &mut connection);
                    }
                });
            }
        });
        own
    }

    /// From now on nothing comes through.
    fn keep(&self) {
        self.keeps.store(true, Ordering::SeqCst);
    }

    /// A request that begins so, once one has been kept.
    fn request(&self, begins: &str) -> Vec<u8> {
        waiting::until(format!("{begins} is sent"), || {
            let mut requests = self.kept.lock().expect("no panic");
            let place = requests.iter().position(|request| request.starts_with(begins.as_bytes()))?;
            Some(requests.remove(place))
        })
    }
}

/// Two nodes that have their shares, and what stands before each.
fn intercepted() -> (Nodes, [Interceptor; 2]) {
    let interceptors = [Interceptor::start(), Interceptor::start()];
    let mut nodes = Nodes::none();
    for interceptor in &interceptors {
        nodes.join_with(&[("GROUNDSWELL_NODE_ADDRESS", &interceptor.url)]);
        let url = nodes.servers.last().expect("it has joined").url();
        interceptor.node.set(url["http://".len()..].to_owned()).expect("it was not known");
    }
    nodes.wait_for_balance();
    (nodes, interceptors)
}

/// The nodes, by their places that which leads and the other; and what the first has said to the other, which has not heard it.
fn word_to_the_other() -> (Nodes, [usize; 2], Vec<u8>) {
    let (nodes, interceptors) = intercepted();
    let (leader, follower) = (nodes.leader(), nodes.follower());
    interceptors[follower].keep();
    // The others are told that settings have changed.
    nodes.client(leader).program("REFERRAL");
    let said = interceptors[follower].request("POST /node/say ");
    (nodes, [leader, follower], said)
}

#[test]
fn nobody_is_asked_for_the_body_of_what_no_node_has_signed() {
    let (nodes, alone) = (Nodes::start(1), Server::start());
    let forged = format!(
        "groundswell-node: 0000000000000001 1 {zeros}\r\ngroundswell-node-body: {zeros}\r\n",
        zeros = "0".repeat(64)
    );
    for server in [&nodes.servers[0], &alone] {
        for signature in ["", "groundswell-node: nonsense\r\n", forged.as_str()] {
            let head = format!("POST /node/say HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n{signature}");
            let waits = format!("{head}expect: 100-continue\r\n\r\n");
            assert_eq!(answer_to(server, waits.as_bytes()), "HTTP/1.1 404 Not Found", "{signature}");
        }
        // One that has sent a byte of it is not waited for either, but for what is thrown away.
        let begun = format!("POST /node/say HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n{forged}\r\n{{");
        assert_eq!(answer_to(server, begun.as_bytes()), "HTTP/1.1 404 Not Found");
    }
}

#[test]
fn what_one_node_says_is_heard_once_and_by_that_one_alone() {
    let (nodes, [leader, follower], said) = word_to_the_other();
    assert_eq!(
        answer_to(&nodes.servers[leader], &said),
        "HTTP/1.1 404 Not Found",
        "it was said to the other"
    );
    assert_eq!(answer_to(&nodes.servers[follower], &said), "HTTP/1.1 204 No Content");
    assert_eq!(answer_to(&nodes.servers[follower], &said), "HTTP/1.1 404 Not Found", "it was heard");
}

#[test]
fn a_word_whose_body_is_not_what_was_signed_is_not_heard() {
    let (nodes, [_, follower], mut said) = word_to_the_other();
    let last = said.last_mut().expect("a body");
    *last = if *last == b'"' { b'}' } else { b'"' };
    assert_eq!(answer_to(&nodes.servers[follower], &said), "HTTP/1.1 404 Not Found");
}

#[test]
fn a_request_that_was_passed_on_is_answered_once() {
    let (nodes, interceptors) = intercepted();
    let (leader, follower) = (&nodes.servers[nodes.leader()], &nodes.servers[nodes.follower()]);
    interceptors[nodes.leader()].keep();
    let asking = follower.client();
    let asker = thread::spawn(move || asking.get("/v2/campaigns?limit=1"));
    let sent = interceptors[nodes.leader()].request("GET /v2/campaigns?limit=1 ");
    let other = String::from_utf8(sent.clone()).expect("text").replacen("?limit=1", "?limit=2", 1);
    assert_eq!(answer_to(leader, other.as_bytes()), "HTTP/1.1 421 Misdirected Request");
    assert_eq!(answer_to(follower, &sent), "HTTP/1.1 421 Misdirected Request", "it is the other's");
    assert_eq!(answer_to(leader, &sent), "HTTP/1.1 200 OK");
    assert_eq!(answer_to(leader, &sent), "HTTP/1.1 421 Misdirected Request", "it was answered");
    // Nobody answers who asks there: whoever waits is told so in the end.
    asker.join().expect("no panic").refused(503, "OVERLOADED");
}

#[test]
fn what_only_says_that_a_node_has_passed_it_on_is_not_answered() {
    let nodes = Nodes::start(2);
    for server in &nodes.servers {
        let forged = "GET /v2/campaigns HTTP/1.1\r\nhost: a\r\ngroundswell-node-peer: 203.0.113.9\r\n\r\n";
        assert_eq!(answer_to(server, forged.as_bytes()), "HTTP/1.1 421 Misdirected Request");
    }
}

#[test]
fn a_target_without_a_path_is_refused_by_every_node() {
    let nodes = Nodes::start(2);
    for server in &nodes.servers {
        for line in ["OPTIONS * HTTP/1.1", "GET http://localhost?a=b HTTP/1.1"] {
            let request = format!("{line}\r\nhost: localhost\r\n\r\n");
            assert_eq!(answer_to(server, request.as_bytes()), "HTTP/1.1 400 Bad Request", "{line}");
        }
        let whole = "GET http://localhost/healthz?a=b HTTP/1.1\r\nhost: localhost\r\n\r\n";
        assert_eq!(answer_to(server, whole.as_bytes()), "HTTP/1.1 200 OK");
        let whole = "GET http://localhost/sign-in?a=b HTTP/1.1\r\nhost: localhost\r\n\r\n";
        assert_eq!(answer_to(server, whole.as_bytes()), "HTTP/1.1 200 OK");
    }
}
