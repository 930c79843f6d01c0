//! Ways around egress guards that were found in the wild, each tried with the real client: names lead where a script
//! says, and connections go to real listeners of this machine, which know whether they were reached.

mod generated;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use groundswell_types::PayloadUrl;
use groundswell_types::signature::sign;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers every request, and counts connections.
struct Listener {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// The first bytes of each request.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    async fn at(ip: Ipv4Addr, port: u16, answer: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((ip, port)).await?;
        let address = listener.local_addr()?;
        let (connections, requests) = <(Arc<AtomicUsize>, Arc<Mutex<Vec<String>>>)>::default();
        let (count, heads, answer) = (Arc::clone(&connections), Arc::clone(&requests), answer.to_owned());
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (heads, answer) = (Arc::clone(&heads), answer.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 16 * 1024];
                    let read = connection.read(&mut request).await.unwrap_or_default();
                    let head = String::from_utf8_lossy(&request[..read]).into_owned();
                    heads.lock().expect("nobody panicked").push(head);
                    let _ = connection.write_all(answer.as_bytes()).await;
                });
            }
        });
        Ok(Self { address, connections, requests })
    }

    async fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST, 0, OK).await.expect("a free port")
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret";

/// Names that lead where it is written. Each question takes the next of a name's answers; the last one stays.
#[derive(Debug, Default)]
struct Zone {
    answers: Mutex<HashMap<String, VecDeque<Record>>>,
    asked: AtomicUsize,
}

#[derive(Debug, Clone)]
enum Record {
    Addresses(Vec<IpAddr>),
    /// Another name of it.
    Alias(&'static str),
    /// As a server says that does not know the name.
    Missing,
}

fn to(addresses: &[&str]) -> Record {
    Record::Addresses(addresses.iter().map(|address| address.parse().expect("an address")).collect())
}

impl Zone {
    fn with(self, name: &str, answers: &[Record]) -> Self {
        self.answers
            .lock()
            .expect("nobody panicked")
            .insert(name.to_owned(), answers.iter().cloned().collect());
        self
    }
}

#[async_trait]
impl Names for Zone {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut zone = self.answers.lock().expect("nobody panicked");
        loop {
            let answers = zone.get_mut(&name);
            let answer = answers.and_then(|answers| {
                if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
            });
            match answer {
                Some(Record::Addresses(addresses)) => return Ok(addresses),
                Some(Record::Alias(other)) => other.clone_into(&mut name),
                Some(Record::Missing) | None => return Err(io::Error::other("no such name")),
            }
        }
    }
}

fn sender(allow: &[&str], zone: Zone) -> (Sender, Arc<Zone>) {
    sender_beside(allow, zone, None)
}

fn sender_beside(allow: &[&str], zone: Zone, own: Option<SocketAddr>) -> (Sender, Arc<Zone>) {
    let guard = Guard::new(allow.iter().map(|rule| rule.parse().expect("a rule")).collect());
    let guard = guard.clone().apart_from(own);
    let config = SendingConfig { connect_timeout_ms: 2_000, total_timeout_ms: 5_000 };
    let zone = Arc::new(zone);
    let names: Arc<dyn Names> = Arc::<Zone>::clone(&zone);
    (Sender::with_names(guard, config, names).expect("a client"), zone)
}

async fn send(sender: &Sender, url: &Url) -> Exchanged {
    let headers = sign(&[], "evt_1", 0, b"{}");
    let body = Bytes::from_static(b"{}");
    let own = OwnHeaders::NONE;
    sender.send(Outgoing { url, id: "evt_1", headers: &headers, own, body, timeout: None }).await
}

async fn send_to(sender: &Sender, url: &str) -> Exchanged {
    send(sender, &Url::parse(url).expect("a URL")).await
}

fn class(exchanged: &Exchanged) -> Option<FailureClass> {
    match &exchanged.exchange {
        Exchange::Failure { class, .. } => Some(*class),
        Exchange::Answer { .. } => None,
    }
}

/// What is to come of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It cannot be saved, and nothing is made of it.
    NoUrl,
    /// It is refused before anything is looked up or connected to.
    Blocked,
    /// As a name that does not exist.
    Unresolvable,
}

/// Name of the way, the URL with `PORT` for the listener's, where its name leads, and what is to come of it.
type Bypass = (&'static str, &'static str, Record, Expected);

/// Addresses in other spellings.
fn spellings() -> Vec<Bypass> {
    use Expected::{Blocked, NoUrl};
    let none = || Record::Missing;
    vec![
        // Spellings of 127.0.0.1.
        ("plain", "http://127.0.0.1:PORT/", none(), Blocked),
        ("short form", "http://127.1:PORT/", none(), Blocked),
        ("shorter form", "http://127.0.1:PORT/", none(), Blocked),
        ("decimal", "http://2130706433:PORT/", none(), Blocked),
        ("hexadecimal", "http://0x7f000001:PORT/", none(), Blocked),
        ("hexadecimal by parts", "http://0x7f.0x0.0x0.0x1:PORT/", none(), Blocked),
        ("octal", "http://017700000001:PORT/", none(), Blocked),
        ("octal by parts", "http://0177.0.0.01:PORT/", none(), Blocked),
        ("padded octal", "http://0000177.0.0.1:PORT/", none(), Blocked),
        ("mixed bases", "http://0x7f.0.1:PORT/", none(), Blocked),
        ("another loopback address", "http://127.127.127.127:PORT/", none(), Blocked),
        ("no address", "http://0.0.0.0:PORT/", none(), Blocked),
        ("zero", "http://0:PORT/", none(), Blocked),
        ("dot at the end", "http://127.0.0.1.:PORT/", none(), Blocked),
        ("percent-encoded", "http://%31%32%37.0.0.1:PORT/", none(), Blocked),
        ("percent-encoded dots", "http://127%2e0%2e0%2e1:PORT/", none(), Blocked),
        ("circled digits", "http://①②⑦.⓪.⓪.①:PORT/", none(), Blocked),
        ("full-width digits", "http://１２７.０.０.１:PORT/", none(), Blocked),
        ("full-width dots", "http://127。0．0｡1:PORT/", none(), Blocked),
        ("soft hyphen", "http://127.0.0.\u{ad}1:PORT/", none(), Blocked),
        ("tab and line feed", "http://127.0\t.0\n.1:PORT/", none(), Blocked),
        ("more slashes", "http:////127.0.0.1:PORT/", none(), Blocked),
        ("no slashes", "http:127.0.0.1:PORT/", none(), Blocked),
        ("backslashes", "http:\\\\127.0.0.1:PORT/", none(), Blocked),
        ("upper-case scheme", "HTTP://127.0.0.1:PORT/", none(), Blocked),
        ("overflow", "http://4294967297:PORT/", none(), NoUrl),
        ("overflow of a part", "http://383.0.0.1:PORT/", none(), NoUrl),
        ("five parts", "http://127.0.0.0.1:PORT/", none(), NoUrl),
        // IPv6.
        ("loopback", "http://[::1]:PORT/", none(), Blocked),
        ("loopback in full", "http://[0:0:0:0:0:0:0:1]:PORT/", none(), Blocked),
        ("no address in IPv6", "http://[::]:PORT/", none(), Blocked),
        ("mapped", "http://[::ffff:127.0.0.1]:PORT/", none(), Blocked),
        ("mapped in hexadecimal", "http://[::ffff:7f00:1]:PORT/", none(), Blocked),
        ("mapped in full", "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/", none(), Blocked),
        ("compatible", "http://[::127.0.0.1]:PORT/", none(), Blocked),
        ("translated", "http://[::ffff:0:127.0.0.1]:PORT/", none(), Blocked),
        ("NAT64", "http://[64:ff9b::127.0.0.1]:PORT/", none(), Blocked),
        ("NAT64 for local use", "http://[64:ff9b:1::127.0.0.1]:PORT/", none(), Blocked),
        ("6to4", "http://[2002:7f00:1::]:PORT/", none(), Blocked),
        ("Teredo", "http://[2001:0:7f00:1::]:PORT/", none(), Blocked),
        ("ISATAP", "http://[2a00:1450::5efe:127.0.0.1]:PORT/", none(), Blocked),
        ("unique local", "http://[fd00::1]:PORT/", none(), Blocked),
        ("link-local", "http://[fe80::1]:PORT/", none(), Blocked),
        ("segment routing", "http://[5f00::1]:PORT/", none(), Blocked),
        ("zone", "http://[fe80::1%25lo]:PORT/", none(), NoUrl),
    ]
}

/// What looks like another host, names, ports.
fn disguises() -> Vec<Bypass> {
    use Expected::{Blocked, NoUrl, Unresolvable};
    let none = || Record::Missing;
    let home = || to(&["127.0.0.1"]);
    vec![
        // User names that look like hosts, and hosts that look like user names.
        ("user name", "http://example.com@127.0.0.1:PORT/", none(), NoUrl),
        ("user name and password", "http://example.com:80@127.0.0.1:PORT/", none(), NoUrl),
        ("two at signs", "http://a@example.com@127.0.0.1:PORT/", none(), NoUrl),
        ("fragment", "http://127.0.0.1:PORT#@example.com/", none(), NoUrl),
        ("query", "http://127.0.0.1:PORT?@example.com/", none(), Blocked),
        ("space", "http://127.0.0.1 :PORT/", none(), NoUrl),
        ("other schemes", "gopher://127.0.0.1:PORT/_x", none(), NoUrl),
        ("line breaks in the path", "http://127.0.0.1:PORT/%0d%0aX-Evil:%201", none(), Blocked),
        // Metadata.
        ("metadata of most", "http://169.254.169.254/latest/meta-data/", none(), Blocked),
        ("metadata in decimal", "http://2852039166/", none(), Blocked),
        ("metadata of Alibaba", "http://100.100.100.200/", none(), Blocked),
        ("metadata of Azure", "http://168.63.129.16/", none(), Blocked),
        ("metadata of AWS", "http://[fd00:ec2::254]/", none(), Blocked),
        ("metadata by name", "http://metadata.google.internal/", to(&["169.254.169.254"]), Unresolvable),
        // Names.
        ("localhost", "http://localhost:PORT/", home(), Unresolvable),
        ("localhost with a dot", "http://localhost.:PORT/", home(), Unresolvable),
        ("localhost in circles", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/", home(), Unresolvable),
        ("name of a public zone", "http://127.0.0.1.nip.io:PORT/", home(), Unresolvable),
        (
            "name with a mapped address",
            "http://rebind.example:PORT/",
            to(&["::ffff:127.0.0.1"]),
            Unresolvable,
        ),
        ("name with NAT64", "http://rebind.example:PORT/", to(&["64:ff9b::7f00:1"]), Unresolvable),
        ("name with loopback in IPv6", "http://rebind.example:PORT/", to(&["::1"]), Unresolvable),
        ("name with no address", "http://rebind.example:PORT/", to(&["0.0.0.0"]), Unresolvable),
        ("several, all inside", "http://rebind.example:PORT/", to(&["10.0.0.1", "127.0.0.1"]), Unresolvable),
        ("backslash before a host", "http://rebind.example\\@127.0.0.1:PORT/", home(), Unresolvable),
        (
            "alias of an internal name",
            "http://alias.example:PORT/",
            Record::Alias("rebind.example"),
            Unresolvable,
        ),
        ("no answer", "http://rebind.example:PORT/", Record::Addresses(Vec::new()), Unresolvable),
        ("no such name", "http://rebind.example:PORT/", none(), Unresolvable),
        // Ports, whatever the host is.
        ("Redis", "http://example.com:6379/", to(&["8.8.8.8"]), Blocked),
        ("SMTP", "http://example.com:25/", to(&["8.8.8.8"]), Blocked),
        ("Docker", "https://example.com:2375/containers/create", to(&["8.8.8.8"]), Blocked),
    ]
}

#[tokio::test]
async fn no_known_way_around_the_guard_reaches_anything() {
    let listener = Listener::new().await;
    // Side by side, since what does not resolve takes its time.
    let tries = spellings().into_iter().chain(disguises()).map(async |(name, url, record, expected)| {
        let url = url.replace("PORT", &listener.port().to_string());
        let host = Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.unwrap_or_default().trim_end_matches('.').to_owned();
        let zone = Zone::default()
            .with("rebind.example", &[to(&["127.0.0.1"])])
            .with(&host, std::slice::from_ref(&record));
        let (sender, zone) = sender(&[], zone);
        // What cannot be saved may have been saved by an earlier version, so that too must reach nothing.
        let (saved, url) = (PayloadUrl::parse(&url), Url::parse(&url));
        if expected == Expected::NoUrl {
            assert!(saved.is_err(), "{name} can be saved");
        }
        let Ok(url) = url else { return };
        let exchanged = send(&sender, &url).await;
        let wanted = match expected {
            Expected::Unresolvable => Some(FailureClass::Dns),
            Expected::Blocked => Some(FailureClass::Blocked),
            Expected::NoUrl => class(&exchanged),
        };
        assert!(wanted.is_some() && class(&exchanged) == wanted, "{name}: {exchanged:?}");
        if expected == Expected::Blocked {
            assert_eq!(zone.asked.load(Ordering::SeqCst), 0, "{name} was looked up");
        }
    });
    futures::future::join_all(tries).await;
    assert_eq!(listener.connections(), 0);
}

/// Whoever sees both must not be able to tell them apart: neither by words nor by time.
#[tokio::test]
async fn a_forbidden_name_is_told_from_one_that_does_not_exist_by_nothing() {
    let zone = Zone::default().with("inside.example", &[to(&["10.0.0.1"])]);
    let (sender, _) = sender(&[], zone);
    let inside = send_to(&sender, "http://inside.example/").await;
    let nowhere = send_to(&sender, "http://nowhere.example/").await;
    assert_eq!(inside.exchange, nowhere.exchange);
    let detail = "The host name does not resolve to a public address.".to_owned();
    assert_eq!(inside.exchange, Exchange::Failure { class: FailureClass::Dns, detail });
    for exchanged in [inside, nowhere] {
        assert!(exchanged.duration_ms >= 490, "{exchanged:?}");
        assert_eq!((exchanged.status, exchanged.head.as_str(), exchanged.body.len()), (None, "", 0));
    }
}

/// The first answer is what a check before the connection would see.
#[tokio::test]
async fn a_name_that_turns_round_after_it_was_looked_up_reaches_nothing() {
    let (forbidden, allowed) = (Listener::new().await, Ipv4Addr::new(127, 0, 0, 2));
    let receiver = Listener::at(allowed, forbidden.port(), OK).await.expect("a free port");
    let answers = [to(&["127.0.0.2"]), to(&["127.0.0.1"])];
    let zone = Zone::default().with("rebind.example", &answers);
    // 127.0.0.2 is what a public address is elsewhere: the one that may be connected to.
    let (sender, zone) = sender(&["127.0.0.2"], zone);
    let url = format!("http://rebind.example:{}/", forbidden.port());
    assert_eq!(send_to(&sender, &url).await.status, Some(200));
    for _ in 0..2 {
        assert_eq!(class(&send_to(&sender, &url).await), Some(FailureClass::Dns));
    }
    assert_eq!((receiver.connections(), forbidden.connections()), (1, 0));
    assert_eq!(
        zone.asked.load(Ordering::SeqCst),
        3,
        "one question for each connection, and its answer is used"
    );
}

#[tokio::test]
async fn of_several_answers_only_the_allowed_ones_are_used() {
    let forbidden = Listener::new().await;
    let allowed = Ipv4Addr::new(127, 0, 0, 2);
    let receiver = Listener::at(allowed, forbidden.port(), OK).await.expect("a free port");
    for answers in [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]] {
        let zone = Zone::default().with("both.example", &[to(&answers)]);
        let (sender, _) = sender(&["127.0.0.2"], zone);
        let url = format!("http://both.example:{}/", forbidden.port());
        assert_eq!(send_to(&sender, &url).await.status, Some(200));
    }
    assert_eq!(receiver.connections(), 2);
    // When nobody answers at the allowed one, the other is not tried instead.
    let zone = Zone::default().with("both.example", &[to(&["127.0.0.3", "127.0.0.1"])]);
    let (sender, _) = sender(&["127.0.0.3"], zone);
    let exchanged = send_to(&sender, &format!("http://both.example:{}/", forbidden.port())).await;
    assert_eq!(class(&exchanged), Some(FailureClass::Connect));
    assert_eq!(forbidden.connections(), 0);
}

#[tokio::test]
async fn a_name_with_a_port_of_another_service_leads_only_where_a_rule_names_it() {
    let listener = Listener::new().await;
    // Port 1 is refused, and nothing listens on it: so what is refused and what is tried differ.
    for (rules, wanted) in [
        (&["127.0.0.0/8"][..], FailureClass::Blocked),
        (&["127.0.0.1:1"], FailureClass::Connect),
        (&["127.0.0.0/8", "127.0.0.2:1"], FailureClass::Dns),
    ] {
        let zone = Zone::default().with("cache.example", &[to(&["127.0.0.1"])]);
        let (sender, _) = sender(rules, zone);
        assert_eq!(class(&send_to(&sender, "http://cache.example:1/").await), Some(wanted), "{rules:?}");
    }
    let rule = format!("127.0.0.1:{}", listener.port());
    let zone = Zone::default().with("cache.example", &[to(&["127.0.0.1"])]);
    let (sender, _) = sender(&[&rule], zone);
    let url = format!("http://cache.example:{}/", listener.port());
    assert_eq!(send_to(&sender, &url).await.status, Some(200));
}

#[tokio::test]
async fn a_redirect_to_the_inside_is_not_followed() {
    let target = Listener::new().await;
    for (status, location) in [
        (301, format!("http://{}/", target.address)),
        (302, format!("//{}/", target.address)),
        (303, format!("http://localhost:{}/", target.port())),
        (307, format!("http://{}/", target.address)),
        (308, format!("http://127.1:{}/", target.port())),
    ] {
        let answer = format!(
            "HTTP/1.1 {status} X\r\nlocation: {location}\r\nrefresh: 0;url={location}\r\ncontent-length: 0\r\n\r\n"
        );
        let receiver = Listener::at(Ipv4Addr::LOCALHOST, 0, &answer).await.expect("a free port");
        let rule = receiver.address.to_string();
        let (sender, _) = sender(&[&rule], Zone::default());
        assert_eq!(send_to(&sender, &format!("http://{}/", receiver.address)).await.status, Some(status));
        assert_eq!(receiver.connections(), 1);
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn this_servers_own_listener_is_never_reached_whatever_is_allowed() {
    let own = Listener::new().await;
    let beside = Listener::new().await;
    let port = own.port();
    for listen in [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([0, 0, 0, 0], port))] {
        let zone = Zone::default().with("localhost", &[to(&["127.0.0.1"])]);
        let rule = format!("127.0.0.1:{port}");
        let (sender, _) = sender_beside(&["0.0.0.0/0", "::/0", &rule], zone, Some(listen));
        for host in ["127.0.0.1", "127.1", "2130706433", "0.0.0.0", "0", "[::ffff:7f00:1]", "[::]"] {
            let exchanged = send_to(&sender, &format!("http://{host}:{port}/")).await;
            assert_eq!(class(&exchanged), Some(FailureClass::Blocked), "{listen}: {host}");
        }
        let exchanged = send_to(&sender, &format!("http://localhost:{port}/")).await;
        assert_eq!(class(&exchanged), Some(FailureClass::Dns), "{listen}");
        // A receiver beside it is reached.
        assert_eq!(send_to(&sender, &format!("http://127.0.0.1:{}/", beside.port())).await.status, Some(200));
    }
    assert_eq!(own.connections(), 0);
    assert_eq!(beside.connections(), 2);
}

#[tokio::test]
async fn a_user_name_of_an_earlier_version_is_not_sent() {
    let listener = Listener::new().await;
    let (sender, _) = sender(&["127.0.0.0/8"], Zone::default());
    let exchanged = send_to(&sender, &format!("http://hunter:s3cret@127.0.0.1:{}/a", listener.port())).await;
    assert_eq!(exchanged.status, Some(200));
    let requests = listener.requests.lock().expect("nobody panicked").join("\n").to_ascii_lowercase();
    for part in ["hunter", "s3cret", "authorization", "@"] {
        assert!(!requests.contains(part), "{part} in {requests}");
    }
}

#[tokio::test]
async fn an_answer_from_where_only_the_operator_lets_it_is_marked() {
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://internal.example/token\r\ncontent-length: 0\r\n\r\n";
    let listener = Listener::at(Ipv4Addr::LOCALHOST, 0, answer).await.expect("a free port");
    let zone = Zone::default().with("localhost", &[to(&["127.0.0.1"])]);
    let (sender, _) = sender(&["127.0.0.0/8"], zone);
    for host in ["127.0.0.1", "localhost"] {
        let exchanged = send_to(&sender, &format!("http://{host}:{}/", listener.port())).await;
        assert!(exchanged.is_restricted, "{host}");
        // Where it wants to go is told by its head only, which goes with its body.
        let Exchange::Answer { status: 302, location: None, .. } = exchanged.exchange else {
            panic!("{exchanged:?}");
        };
        assert!(exchanged.head.contains("internal.example"), "{exchanged:?}");
    }
}
