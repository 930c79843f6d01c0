//! Deliveries over TLS, as nearly all are.

use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificates;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::Server;
use crate::waiting;

/// Takes TLS off what comes and passes it on to a receiver; says on which port.
fn in_front_of(
    receiver: &Receiver,
    certificates: &Certificates,
    version: &'static SupportedProtocolVersion,
) -> u16 {
    let certificate =
        CertificateDer::from_pem_file(certificates.path("certificate.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(certificates.path("key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let to = receiver.port();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("bound").port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    thread::spawn(move || {
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((connection, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Who does not trust it hangs up.
                    let Ok(mut outside) = acceptor.accept(connection).await else { return };
                    let mut inside =
                        TcpStream::connect(("127.0.0.1", to)).await.expect("the receiver listens");
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
    });
    port
}

#[test]
fn connections_are_used_again_and_large_bodies_and_answers_pass() {
    let certificates = Certificates::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let long = "x".repeat(40_000);
        let receiver = Receiver::that(move |request| {
            let reply = Reply { body: long.clone().into_bytes(), ..Reply::status(200) };
            // More than is kept of an answer: the connection is given up.
            if request.body.len() > 100_000 { Reaction::Answer(reply) } else { 200.into() }
        });
        let port = in_front_of(&receiver, &certificates, version);
        let authority = certificates.path("authority.pem");
        let server = Server::with(&[("SSL_CERT_FILE", authority.to_str().expect("a path"))]);
        let client = server.client();
        let program = client.program("REFERRAL");
        client.webhook(&program, &format!("https://127.0.0.1:{port}/hook"), Value::Null);
        let delivered = |event: &str| {
            waiting::until("it is delivered", || {
                let found = client.delivery_of(&program, event);
                (found["state"] == "delivered").then_some(found)
            })
        };
        for number in 0..10 {
            let event = client.join(&program, &format!("p{number}"));
            let delivery = delivered(&event);
            assert_eq!(delivery["attemptLog"][0]["response"]["body"], "noted", "{delivery}");
        }
        assert_eq!(receiver.requests().len(), 10);
        assert_eq!(receiver.connections(), 1, "one after the other they need no second");

        let note = "y".repeat(900_000);
        let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "large", "note": note } });
        let posted = client.post(&format!("/v2/campaign/{program}/events"), &event).ok();
        let delivery = delivered(posted["id"].as_str().expect("an id"));
        let response = &delivery["attemptLog"][0]["response"];
        assert_eq!(response["body"].as_str().map(str::len), Some(16 * 1024), "{response}");
        let sent = receiver.requests().pop().expect("it came");
        assert!(
            sent.body.len() > 900_000 && sent.body.windows(note.len()).any(|part| part == note.as_bytes())
        );
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_named_and_gets_nothing() {
    let (certificates, receiver) = (Certificates::new(), Receiver::start());
    let port = in_front_of(&receiver, &certificates, &rustls::version::TLS13);
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    client.webhook(&program, &format!("https://127.0.0.1:{port}/hook"), Value::Null);
    let event = client.join(&program, "p1");
    let delivery = waiting::until("an attempt is logged", || {
        Some(client.delivery_of(&program, &event)).filter(|found| found["attempts"] != 0)
    });
    assert_eq!(delivery["attemptLog"][0]["failure"], "tls", "{delivery}");
    assert_eq!(receiver.connections(), 0);
}
