//! The client against real sockets on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use groundswell_types::{Secret, WebhookHeaders};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use groundswell_types::signature::sign;

/// A server that answers each connection's first request with `answer` and keeps the connection open, or closes it.
async fn serve(answer: Vec<u8>, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                let _ = connection.read(&mut request).await;
                let _ = connection.write_all(&answer).await;
                match then {
                    Then::Close => {}
                    Then::StayOpen => std::future::pending::<()>().await,
                    Then::SendForEver => while connection.write_all(&[b'x'; 4096]).await.is_ok() {},
                }
            });
        }
    });
    address
}

#[derive(Clone, Copy)]
enum Then {
    Close,
    StayOpen,
    SendForEver,
}

fn sender(allow: &[&str], total_timeout_ms: u64) -> Sender {
    let allow = allow.iter().map(|network| network.parse().expect("a network")).collect();
    let config = SendingConfig { connect_timeout_ms: 2_000, total_timeout_ms };
    Sender::new(Guard::new(allow), config).expect("a client")
}

async fn send(sender: &Sender, url: &str) -> Exchanged {
    send_body(sender, url, Bytes::from_static(b"{}")).await
}

async fn send_body(sender: &Sender, url: &str, body: Bytes) -> Exchanged {
    let secret = Secret::parse("s").expect("valid");
    let headers = sign(&[&secret], "evt_1", 0, &body);
    let url = Url::parse(url).expect("a URL");
    sender
        .send(Outgoing {
            url: &url,
            id: "evt_1",
            headers: &headers,
            own: OwnHeaders::NONE,
            body,
            timeout: None,
        })
        .await
}

fn failure(exchanged: &Exchanged) -> (FailureClass, String) {
    match &exchanged.exchange {
        Exchange::Failure { class, detail } => (*class, detail.clone()),
        Exchange::Answer { status, .. } => panic!("answered {status}"),
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-seen: yes\r\n\r\nok";

#[tokio::test]
async fn an_answer_comes_back_with_head_and_body() {
    let address = serve(OK.into(), Then::StayOpen).await;
    let exchanged = send(&sender(&["127.0.0.0/8"], 5_000), &format!("http://{address}/hook?a=b")).await;
    assert_eq!(exchanged.status, Some(200));
    assert_eq!(&exchanged.body[..], b"ok");
    assert!(head_lines(&exchanged.head).any(|line| line == ("x-seen", "yes")));
    assert!(!exchanged.is_truncated);
}

#[tokio::test]
async fn a_forbidden_literal_is_refused_before_anything_is_sent() {
    let address = serve(OK.into(), Then::StayOpen).await;
    let sender = sender(&[], 5_000);
    for url in [format!("http://{address}/"), format!("http://[::ffff:127.0.0.1]:{}/", address.port())] {
        let (class, detail) = failure(&send(&sender, &url).await);
        assert_eq!(class, FailureClass::Blocked);
        assert!(detail.contains("loopback") && detail.contains("egress.allow"), "{detail}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_fails_like_one_that_does_not_exist() {
    let address = serve(OK.into(), Then::StayOpen).await;
    let sender = sender(&[], 10_000);
    let inside = failure(&send(&sender, &format!("http://localhost:{}/", address.port())).await);
    let nowhere = failure(&send(&sender, "http://does-not-exist.invalid/").await);
    assert_eq!(inside, nowhere);
    assert_eq!(inside.0, FailureClass::Dns);
    assert!(!inside.1.contains("127."), "{}", inside.1);
}

#[tokio::test]
async fn an_allowed_name_is_reached() {
    let address = serve(OK.into(), Then::StayOpen).await;
    let exchanged =
        send(&sender(&["127.0.0.0/8"], 10_000), &format!("http://localhost:{}/", address.port())).await;
    assert_eq!(exchanged.status, Some(200));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = serve(OK.into(), Then::StayOpen).await;
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
    let address = serve(answer.into_bytes(), Then::StayOpen).await;
    let exchanged = send(&sender(&["127.0.0.0/8"], 5_000), &format!("http://{address}/")).await;
    // Its target is in its head only, since this is no public address.
    assert_eq!(exchanged.exchange, Exchange::Answer { status: 302, location: None, content_type: None });
    let location = format!("http://{target}/");
    assert!(head_lines(&exchanged.head).any(|line| line == ("location", &location)));
}

#[tokio::test]
async fn an_endless_body_is_cut_and_counts_as_the_answer_it_began_with() {
    let address = serve(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), Then::SendForEver).await;
    let exchanged = send(&sender(&["127.0.0.0/8"], 5_000), &format!("http://{address}/")).await;
    assert_eq!(exchanged.status, Some(200));
    assert_eq!(exchanged.body.len(), MAX_RESPONSE_BODY);
    assert!(exchanged.is_truncated);
    assert!(matches!(exchanged.exchange, Exchange::Answer { .. }));
}

#[tokio::test]
async fn the_deadline_is_for_all_of_it() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"] {
        let address = serve(answer.into(), Then::StayOpen).await;
        let (class, _) = failure(&send(&sender(&["127.0.0.0/8"], 300), &format!("http://{address}/")).await);
        assert_eq!(class, FailureClass::Timeout, "{answer}");
    }
}

/// As a receiver that never ends a message of TLS does.
#[tokio::test]
async fn a_part_that_uses_up_what_a_task_may_do_is_over_in_time() {
    let busy = async {
        let mut over = pin!(tokio::time::sleep(Duration::from_millis(50)));
        before!(over, async {
            loop {
                tokio::task::consume_budget().await;
            }
        })
    };
    let ended: Option<()> = tokio::time::timeout(Duration::from_secs(10), busy).await.expect("it ends");
    assert_eq!(ended, None);
}

#[tokio::test]
async fn an_answer_of_which_no_more_is_kept_is_not_waited_for() {
    let kept = "x".repeat(MAX_RESPONSE_BODY);
    for head in ["content-length: 100000\r\n\r\n", "transfer-encoding: chunked\r\n\r\n186a0\r\n", "\r\n"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}{kept}");
        let address = serve(answer.into_bytes(), Then::StayOpen).await;
        let exchanged = send(&sender(&["127.0.0.0/8"], 5_000), &format!("http://{address}/")).await;
        assert_eq!((exchanged.status, &exchanged.body[..]), (Some(200), kept.as_bytes()), "{head}");
        assert!(exchanged.is_truncated && exchanged.duration_ms < 4_000, "{exchanged:?}");
        assert!(matches!(exchanged.exchange, Exchange::Answer { status: 200, .. }), "{exchanged:?}");
    }
}

#[tokio::test]
async fn what_the_head_says_is_kept_when_the_body_is_late_or_breaks() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 120\r\ncontent-length: 10\r\n\r\nabc";
    for (then, wanted) in [(Then::StayOpen, FailureClass::Timeout), (Then::Close, FailureClass::Broken)] {
        let address = serve(answer.into(), then).await;
        let exchanged = send(&sender(&["127.0.0.0/8"], 300), &format!("http://{address}/")).await;
        assert_eq!(failure(&exchanged).0, wanted);
        assert_eq!((exchanged.status, exchanged.retry_after.as_deref()), (Some(503), Some("120")));
        assert!(head_lines(&exchanged.head).any(|line| line == ("retry-after", "120")));
    }
}

#[tokio::test]
async fn a_webhook_has_its_own_deadline_and_the_failure_names_it() {
    let address = serve(Vec::new(), Then::StayOpen).await;
    let url = Url::parse(&format!("http://{address}/")).expect("a URL");
    let headers = sign(&[], "evt_1", 0, b"{}");
    // Shorter and longer than what is configured.
    for (configured_ms, own_ms, wanted) in
        [(60_000, 300, "within 0.3 seconds."), (50, 1_000, "within 1 second.")]
    {
        let timeout = Some(Duration::from_millis(own_ms));
        let body = Bytes::from_static(b"{}");
        let outgoing =
            Outgoing { url: &url, id: "evt_1", headers: &headers, own: OwnHeaders::NONE, body, timeout };
        let exchanged = sender(&["127.0.0.0/8"], configured_ms).send(outgoing).await;
        let (class, detail) = failure(&exchanged);
        assert_eq!(class, FailureClass::Timeout);
        assert!(detail.ends_with(wanted), "{detail}");
        assert!(exchanged.duration_ms >= i64::try_from(own_ms).expect("small") - 5, "{exchanged:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_is_a_timeout_long_before_the_whole_one() {
    // A listener that never accepts: once its queue is full the system answers no further attempt to connect.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let listener = socket.listen(1).expect("listens");
    let address = listener.local_addr().expect("an address");
    let mut queued = Vec::new();
    loop {
        let connecting = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(200), connecting).await {
            Ok(connection) => queued.push(connection.expect("is queued")),
            Err(_) => break,
        }
        assert!(queued.len() < 100, "the queue has no end");
    }
    let config = SendingConfig { connect_timeout_ms: 300, total_timeout_ms: 60_000 };
    let sender = Sender::new(Guard::new(vec!["127.0.0.0/8".parse().expect("a network")]), config);
    let exchanged = send(&sender.expect("a client"), &format!("http://{address}/")).await;
    assert_eq!(
        failure(&exchanged),
        (FailureClass::Timeout, "The connection was not made in time.".to_owned())
    );
    assert!((290..30_000).contains(&exchanged.duration_ms), "{exchanged:?}");
}

#[tokio::test]
async fn what_breaks_or_is_no_http_is_named() {
    let sender = sender(&["127.0.0.0/8"], 5_000);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("an address")
    };
    assert_eq!(failure(&send(&sender, &format!("http://{closed}/")).await).0, FailureClass::Connect);
    let not_http = "What came back is not HTTP.";
    for (answer, wanted) in [
        ("", CLOSED),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", CLOSED),
        ("no http at all\r\n\r\n", not_http),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", not_http),
    ] {
        let address = serve(answer.into(), Then::Close).await;
        let failed = failure(&send(&sender, &format!("http://{address}/")).await);
        assert_eq!(failed, (FailureClass::Broken, wanted.to_owned()), "{answer}");
    }
    let plain = serve(OK.into(), Then::Close).await;
    assert_eq!(failure(&send(&sender, &format!("https://{plain}/")).await).0, FailureClass::Tls);
}

/// A server that counts its connections and answers `per_connection` requests on each before it hangs up.
async fn serve_counted(per_connection: usize) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    serve_counted_with(per_connection, OK).await
}

async fn serve_counted_with(
    per_connection: usize,
    answer: &'static str,
) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&connections), Arc::clone(&requests));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            counts.0.fetch_add(1, Ordering::SeqCst);
            for _ in 0..per_connection {
                let mut request = vec![0; 16 * 1024];
                let Ok(1..) = connection.read(&mut request).await else { break };
                counts.1.fetch_add(1, Ordering::SeqCst);
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        }
    });
    (address, connections, requests)
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (address, connections, requests) = serve_counted(100).await;
    let sender = sender(&["127.0.0.0/8"], 5_000);
    for _ in 0..20 {
        assert_eq!(send(&sender, &format!("http://{address}/")).await.status, Some(200));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(requests.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced_and_the_request_sent_once() {
    let (address, connections, requests) = serve_counted(2).await;
    let sender = sender(&["127.0.0.0/8"], 5_000);
    for _ in 0..20 {
        assert_eq!(send(&sender, &format!("http://{address}/")).await.status, Some(200));
        tokio::task::yield_now().await;
    }
    assert_eq!(requests.load(Ordering::SeqCst), 20);
    assert_eq!(connections.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn a_connection_is_not_used_when_its_receiver_is_about_to_close_it() {
    for (answer, wanted) in [
        ("HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n", 3),
        ("HTTP/1.1 200 OK\r\nkeep-alive: timeout=20\r\ncontent-length: 0\r\n\r\n", 1),
    ] {
        let (address, connections, _) = serve_counted_with(100, answer).await;
        let sender = sender(&["127.0.0.0/8"], 5_000);
        for _ in 0..3 {
            assert_eq!(send(&sender, &format!("http://{address}/")).await.status, Some(200));
        }
        assert_eq!(connections.load(Ordering::SeqCst), wanted, "{answer}");
    }
}

#[tokio::test]
async fn a_receiver_that_wants_the_connection_closed_gets_a_new_one() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let address = serve(answer.into(), Then::StayOpen).await;
    let sender = sender(&["127.0.0.0/8"], 1_000);
    for _ in 0..3 {
        assert_eq!(send(&sender, &format!("http://{address}/")).await.status, Some(200));
    }
}

#[tokio::test]
async fn a_head_without_end_is_broken() {
    let address = serve(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), Then::SendForEver).await;
    let (class, _) = failure(&send(&sender(&["127.0.0.0/8"], 5_000), &format!("http://{address}/")).await);
    assert_eq!(class, FailureClass::Broken);
}

/// Takes one request apart, by its `content-length`, and answers it; returns what it got.
async fn take_one(listener: TcpListener, after_head: &'static str, answer: &'static str) -> Vec<u8> {
    let (mut connection, _) = listener.accept().await.expect("a connection");
    let mut got = Vec::new();
    let mut wanted = usize::MAX;
    while got.len() < wanted {
        assert_ne!(connection.read_buf(&mut got).await.expect("reads"), 0, "it ended early");
        let head = got.windows(4).position(|end| end == b"\r\n\r\n");
        if let (usize::MAX, Some(end)) = (wanted, head) {
            let head = String::from_utf8(got[..end].to_vec()).expect("ASCII");
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            wanted = end + 4 + length.parse::<usize>().expect("a number");
            connection.write_all(after_head.as_bytes()).await.expect("writes");
        }
    }
    connection.write_all(answer.as_bytes()).await.expect("writes");
    got
}

/// What a receiver gets of a request to it, and what is made of its answer.
async fn taken(
    own: &[(&str, &str)],
    body: Bytes,
    (after_head, answer): (&'static str, &'static str),
) -> (Vec<u8>, SocketAddr, Exchanged) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let receiver = tokio::spawn(take_one(listener, after_head, answer));
    let url = Url::parse(&format!("http://user:pass@{address}/a b/\u{fc}?q=[1]|^#part")).expect("a URL");
    let headers = SignedHeaders {
        timestamp: "1700000000".to_owned(),
        standard: Some("v1,abc".to_owned()),
        product: Some("t=1,v=def".to_owned()),
    };
    let own = OwnHeaders::from(&WebhookHeaders::parse(own.iter().copied()).expect("valid"));
    let outgoing = Outgoing { url: &url, id: "evt_1", headers: &headers, own: &own, body, timeout: None };
    let exchanged = sender(&["127.0.0.0/8"], 5_000).send(outgoing).await;
    (receiver.await.expect("it has taken all"), address, exchanged)
}

#[tokio::test]
async fn a_request_to_the_letter() {
    for (own, accept, last) in [
        (&[("X-Key", "a  b")][..], "accept: */*\r\n", ""),
        (&[("X-Key", "a  b"), ("Accept", "text/plain")], "", "accept: text/plain\r\n"),
    ] {
        let body = Bytes::from_static(b"{\"a\":1}");
        let (got, address, exchanged) = taken(own, body, ("", OK)).await;
        let wanted = format!(
            "POST /a%20b/%C3%BC?q=[1]|^ HTTP/1.1\r\nhost: {address}\r\n{accept}content-type: application/json\r\n\
             user-agent: {USER_AGENT}\r\nwebhook-id: evt_1\r\nwebhook-timestamp: 1700000000\r\n\
             webhook-signature: v1,abc\r\ngrowsurf-signature: t=1,v=def\r\nx-key: a  b\r\n{last}\
             content-length: 7\r\n\r\n{{\"a\":1}}"
        );
        assert_eq!(String::from_utf8(got).expect("text"), wanted);
        assert_eq!(exchanged.status, Some(200));
    }
}

#[tokio::test]
async fn a_large_body_is_written_while_its_answer_is_awaited() {
    let body = Bytes::from(vec![b'x'; 4 * 1024 * 1024]);
    // What comes before the answer does not end the request.
    for after_head in ["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"]
    {
        let (got, _, exchanged) = taken(&[], body.clone(), (after_head, OK)).await;
        assert!(got.ends_with(&body));
        assert_eq!((exchanged.status, &exchanged.body[..]), (Some(200), &b"ok"[..]), "{after_head}");
    }
}

#[tokio::test]
async fn an_answer_before_the_whole_request_counts_and_its_connection_is_not_used_again() {
    const ANSWER: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = connection.read(&mut [0; 1024]).await;
            let _ = connection.write_all(ANSWER.as_bytes()).await;
            // It neither reads on nor closes.
            open.push(connection);
        }
    });
    let sender = sender(&["127.0.0.0/8"], 5_000);
    for count in 1..4 {
        let body = Bytes::from(vec![b'x'; 16 * 1024 * 1024]);
        assert_eq!(send_body(&sender, &url, body).await.status, Some(413));
        assert_eq!(connections.load(Ordering::SeqCst), count);
    }
}

#[tokio::test]
async fn what_comes_behind_an_answer_is_nobodys() {
    let address = serve(format!("{OK}{OK}").into(), Then::StayOpen).await;
    let sender = sender(&["127.0.0.0/8"], 2_000);
    for _ in 0..3 {
        // On a connection used again the second would be taken for the next request's, and nothing would come after it.
        assert_eq!(send(&sender, &format!("http://{address}/")).await.status, Some(200));
    }
}

/// A body that tells when it is given back.
struct Told(Arc<AtomicUsize>, Vec<u8>);

impl AsRef<[u8]> for Told {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_idle_connection_keeps_nothing_of_its_last_request() {
    let (address, connections, _) = serve_counted(100).await;
    let sender = sender(&["127.0.0.0/8"], 5_000);
    let url = format!("http://{address}/");
    let given_back = Arc::new(AtomicUsize::new(0));
    for length in [10, 20_000] {
        let body = Bytes::from_owner(Told(Arc::clone(&given_back), vec![b'x'; length]));
        assert_eq!(send_body(&sender, &url, body).await.status, Some(200));
    }
    assert_eq!(given_back.load(Ordering::SeqCst), 2);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_task_that_has_done_much_is_told_that_connections_are_closed() {
    let (address, connections, requests) = serve_counted(1).await;
    let sender = sender(&["127.0.0.0/8"], 5_000);
    let url = format!("http://{address}/");
    // So many at once that all are idle then, and closed by then.
    let sent = futures::future::join_all((0..200).map(|_| send(&sender, &url))).await;
    assert!(sent.iter().all(|exchanged| exchanged.status == Some(200)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(send(&sender, &url).await.status, Some(200));
    assert_eq!(connections.load(Ordering::SeqCst), 201);
    assert_eq!(requests.load(Ordering::SeqCst), 201);
}
