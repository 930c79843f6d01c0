//! What a browser does of HTTP: signs in, asks for pages, keeps its cookie.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::Server;

/// Nothing is told for so long by a server that says something every 20 s.
const PATIENCE: Duration = Duration::from_secs(40);

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    /// Names in lower case, in their order.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The value of a header that is there once at most.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values =
            self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice: {self:?}");
        value
    }
}

/// A browser that is signed in.
pub struct Browser {
    pub address: String,
    pub cookie: String,
}

impl Browser {
    /// Somebody who has not signed in.
    pub fn signed_out(server: &Server) -> Self {
        Self { address: server.url()["http://".len()..].to_owned(), cookie: String::new() }
    }

    /// The same person at the server after its restart.
    pub fn at(&self, server: &Server) -> Self {
        Self { cookie: self.cookie.clone(), ..Self::signed_out(server) }
    }

    /// Uses a link that signs in.
    pub fn signed_in(server: &Server) -> Self {
        let link = server.client().post("/v2/sign-in-links", &json!({})).ok();
        let link = link["url"].as_str().expect("a URL");
        let token = link.split_once("token=").expect("a token").1;
        let browser = Self::signed_out(server);
        let answer = browser.post("/sign-in", &format!("token={token}"));
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie: {answer}"));
        Self { cookie: cookie.split(';').next().expect("a cookie").to_owned(), ..browser }
    }

    /// Posts a form; returns head and body of the answer.
    pub fn post(&self, path: &str, form: &str) -> String {
        let mut connection = self.connect();
        let Self { address, cookie } = self;
        write!(
            connection,
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\nconnection: close\r\n\
            content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len(),
        )
        .expect("it listens");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Makes a request, such as `GET /docs`, with more headers and perhaps a body; of the answer only the head is read,
    /// since streams have no end.
    pub fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Head {
        let Self { address, cookie } = self;
        let mut request = format!("{line} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\n").into_bytes();
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").expect("a vector takes everything");
        }
        write!(request, "content-length: {}\r\n\r\n{body}", body.len()).expect("a vector takes everything");
        let mut connection = self.connect();
        connection.write_all(&request).expect("it listens");
        let mut lines = BufReader::new(connection).lines().map(|line| line.expect("it answers"));
        let status = lines.next().expect("it answers");
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let fields = lines.take_while(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.to_owned(), value.to_owned())
        });
        Head { status, fields: fields.collect() }
    }

    /// Calls a server function; returns head and body of the answer.
    pub fn call(&self, path: &str, arguments: &Value) -> String {
        let mut connection = self.connect();
        let (Self { address, cookie }, body) = (self, arguments.to_string());
        write!(
            connection,
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\nconnection: close\r\n\
            accept: application/json\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len(),
        )
        .expect("it listens");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// A connection that waits for long enough.
    pub fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(&self.address).expect("it listens");
        connection.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        connection
    }

    /// A page as it is sent.
    pub fn page(&self, path: &str) -> String {
        let mut connection = self.connect();
        let Self { address, cookie } = self;
        write!(
            connection,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\naccept-language: en\r\nconnection: close\r\n\r\n"
        )
        .expect("it listens");
        let mut page = String::new();
        connection.read_to_string(&mut page).expect("it answers");
        page
    }
}
