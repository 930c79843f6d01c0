//! What is said to a node by whoever is none, to another one, or twice.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
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
fn read_request(connection: TcpStream) -> Option<Vec<u8>> {
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

/// Stands where a node says it is, and keeps what is sent there.
struct Interceptor {
    url: String,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Interceptor {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let requests = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&requests);
        // It ends with the process of the tests.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || {
                    if let Some(request) = read_request(connection) {
                        kept.lock().expect("no panic").push(request);
                    }
                });
            }
        });
        Self { url, requests }
    }

    /// A request that begins so, once one has come.
    fn request(&self, begins: &str) -> Vec<u8> {
        waiting::until(format!("{begins} is sent"), || {
            let mut requests = self.requests.lock().expect("no panic");
            let place = requests.iter().position(|request| request.starts_with(begins.as_bytes()))?;
            Some(requests.remove(place))
        })
    }
}

/// Two nodes, of which the first leads and is told nothing: what it is sent is kept.
fn intercepted() -> (Nodes, Interceptor) {
    let interceptor = Interceptor::start();
    let mut nodes = Nodes::none();
    nodes.join_with(&[("GROUNDSWELL_NODE_ADDRESS", &interceptor.url)]);
    assert_eq!(nodes.leader(), 0);
    nodes.join();
    (nodes, interceptor)
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
            // One that has sent a byte of it is not waited for either.
            let begun = format!("{head}\r\n{{");
            assert_eq!(answer_to(server, begun.as_bytes()), "HTTP/1.1 404 Not Found", "{signature}");
        }
    }
}

#[test]
fn what_one_node_says_is_heard_once_and_by_that_one_alone() {
    let (nodes, interceptor) = intercepted();
    let said = interceptor.request("POST /node/say ");
    assert_eq!(answer_to(&nodes.servers[1], &said), "HTTP/1.1 404 Not Found", "it was said to the other");
    assert_eq!(answer_to(&nodes.servers[0], &said), "HTTP/1.1 204 No Content");
    assert_eq!(answer_to(&nodes.servers[0], &said), "HTTP/1.1 404 Not Found", "it was heard");
}

#[test]
fn a_word_whose_body_is_not_what_was_signed_is_not_heard() {
    let (nodes, interceptor) = intercepted();
    let mut said = interceptor.request("POST /node/say ");
    let last = said.last_mut().expect("a body");
    *last = if *last == b'"' { b'}' } else { b'"' };
    assert_eq!(answer_to(&nodes.servers[0], &said), "HTTP/1.1 404 Not Found");
}

#[test]
fn a_request_that_was_passed_on_is_answered_once() {
    let (nodes, interceptor) = intercepted();
    let asking = nodes.client(1);
    let asker = thread::spawn(move || asking.get("/v2/campaigns?limit=1"));
    let sent = interceptor.request("GET /v2/campaigns?limit=1 ");
    let other =
        String::from_utf8(sent.clone()).expect("text").replacen("campaigns?limit=1", "campaigns?limit=2", 1);
    assert_eq!(answer_to(&nodes.servers[0], other.as_bytes()), "HTTP/1.1 421 Misdirected Request");
    assert_eq!(answer_to(&nodes.servers[1], &sent), "HTTP/1.1 421 Misdirected Request", "it is the other's");
    assert_eq!(answer_to(&nodes.servers[0], &sent), "HTTP/1.1 200 OK");
    assert_eq!(answer_to(&nodes.servers[0], &sent), "HTTP/1.1 421 Misdirected Request", "it was answered");
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
