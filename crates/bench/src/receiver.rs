//! The receiver: answers every request with 200 and writes down what arrived.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use groundswell_types::Secret;
use groundswell_types::signature::verify_product;
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;
use crate::load::threads;
use crate::payload::Template;
use crate::wire::Connection;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";

/// One signature of so many is checked; all of them would cost as much as the rest of the receiver.
const CHECKED_SIGNATURES: u64 = 64;

/// A listening receiver. Stops when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

/// What a receiver does with arrivals.
#[derive(Debug, Clone)]
pub struct Book {
    pub ledger: Arc<Ledger>,
    /// What requests are signed with, if they are.
    pub secret: Option<Secret>,
}

impl Receiver {
    /// Listens on a free port of this machine.
    pub fn start(book: &Book) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the receiver cannot listen")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let mut handles = Vec::new();
        for _ in 0..threads() {
            let (listener, book, stop) = (listener.try_clone()?, book.clone(), stop.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            handles.push(std::thread::spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        // It only ends when the listener is broken, and then nothing arrives, which the audit shows.
                        _ = accept(listener, book) => {}
                    }
                });
            }));
        }
        Ok(Self { address, stop, threads: handles })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a webhook that leads here.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // A panic there has been printed; what it did not write down is missing in the audit.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, book: Book) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (connection, book) = (Connection::new(stream)?, book.clone());
        tokio::spawn(async move {
            // When a connection breaks, what was sent on it counts as not arrived.
            let _ = serve(connection, book).await;
        });
    }
}

async fn serve(mut connection: Connection, book: Book) -> Result<()> {
    let template = Template::new();
    let mut requests = 0_u64;
    while let Some(request) = connection.request().await? {
        book.ledger.arrived(template.number_of(request.body));
        if let Some(secret) = &book.secret
            && requests.is_multiple_of(CHECKED_SIGNATURES)
            && !is_signed(request.signature, request.body, secret)
        {
            book.ledger.forged();
        }
        requests += 1;
        connection.send(ANSWER).await?;
    }
    Ok(())
}

fn is_signed(signature: Option<&str>, body: &[u8], secret: &Secret) -> bool {
    const ANY_TIME: (i64, i64) = (0, i64::MAX);
    signature.is_some_and(|value| verify_product(secret, value, body, ANY_TIME).is_ok())
}
