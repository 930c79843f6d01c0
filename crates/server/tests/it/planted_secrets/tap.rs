//! A way to the server that records everything it answers.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes connections on; what comes back on each is kept.
pub struct Tap {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: Mutex<String>,
    answers: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
}

impl Tap {
    pub fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared { server: Mutex::new(host(url)), answers: Mutex::default() });
        let passing = Arc::clone(&shared);
        // Ends with the test's process.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                passing.pass_on(connection);
            }
        });
        Self { address, shared }
    }

    /// From now on connections lead to another server.
    pub fn lead_to(&self, url: &str) {
        *self.shared.server.lock().expect("nobody panics") = host(url);
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came back on each connection; bodies that came in chunks are put together.
    pub fn answers(&self) -> Vec<Vec<u8>> {
        let answers = self.shared.answers.lock().expect("nobody panics");
        answers.iter().map(|answer| without_chunks(&answer.lock().expect("nobody panics"))).collect()
    }
}

impl Shared {
    fn pass_on(&self, client: TcpStream) {
        let server = self.server.lock().expect("nobody panics").clone();
        // A server that was killed is not there; the client sees it at once.
        let Ok(server) = TcpStream::connect(server) else { return };
        let kept = Arc::new(Mutex::new(Vec::new()));
        self.answers.lock().expect("nobody panics").push(Arc::clone(&kept));
        let (to, from) = (server.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
        thread::spawn(move || copy(from, to, |_| {}));
        thread::spawn(move || {
            copy(server, client, |bytes| kept.lock().expect("nobody panics").extend_from_slice(bytes));
        });
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        keep(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn host(url: &str) -> String {
    url["http://".len()..].to_owned()
}

/// Takes out lines that are nothing but a chunk's length, with the line ends around them.
fn without_chunks(bytes: &[u8]) -> Vec<u8> {
    let mut kept: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let length = line.strip_suffix(b"\r").filter(|text| (1..=8).contains(&text.len()));
        if length.is_some_and(|text| text.iter().all(u8::is_ascii_hexdigit)) {
            if kept.ends_with(b"\r\n") {
                kept.truncate(kept.len() - 2);
            }
            continue;
        }
        kept.extend_from_slice(line);
        if lines.peek().is_some() {
            kept.push(b'\n');
        }
    }
    kept
}

#[test]
fn what_came_in_chunks_is_put_together() {
    let sent = b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n5\r\nplant\r\n6\r\ned & \n\r\n1\r\nz\r\n0\r\n\r\n";
    let together = String::from_utf8(without_chunks(sent)).expect("text");
    assert!(together.contains("planted & \nz"), "{together:?}");
}
