//! The receiver: answers every request with 200 and writes down what arrived.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
const FAILURE: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";

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

/// How a receiver behaves.
#[derive(Debug, Clone)]
pub enum Manner {
    /// It answers with 200 and writes down what arrived.
    Answers(Book),
    /// It takes requests and never answers; so many connections are open.
    Hangs(Arc<AtomicU64>),
    /// It answers with 500; so many times by now.
    Fails(Arc<AtomicU64>),
    /// It answers, or fails, as it is told to from outside.
    Flaps(Book, Arc<AtomicBool>),
}

impl Receiver {
    /// Listens on a free port of this machine.
    pub fn start(book: &Book) -> Result<Self> {
        Self::behaving(&Manner::Answers(book.clone()))
    }

    /// Listens on a free port of this machine, and behaves like that.
    pub fn behaving(manner: &Manner) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the receiver cannot listen")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let mut handles = Vec::new();
        for _ in 0..threads() {
            let (listener, manner, stop) = (listener.try_clone()?, manner.clone(), stop.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            handles.push(std::thread::spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        // It only ends when the listener is broken, and then nothing arrives, which the audit shows.
                        _ = accept(listener, manner) => {}
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

async fn accept(listener: TcpListener, manner: Manner) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (connection, manner) = (Connection::new(stream)?, manner.clone());
        tokio::spawn(async move {
            // When a connection breaks, what was sent on it counts as not arrived.
            let _ = match manner {
                Manner::Answers(book) => serve(connection, book).await,
                Manner::Hangs(open) => hang(connection, &open).await,
                Manner::Fails(requests) => fail(connection, &requests).await,
                Manner::Flaps(book, fails) => flap(connection, book, &fails).await,
            };
        });
    }
}

async fn hang(mut connection: Connection, open: &AtomicU64) -> Result<()> {
    open.fetch_add(1, Ordering::Relaxed);
    let mut result = Ok(true);
    while let Ok(true) = result {
        result = connection.request().await.map(|request| request.is_some());
    }
    open.fetch_sub(1, Ordering::Relaxed);
    result.map(drop)
}

async fn fail(mut connection: Connection, requests: &AtomicU64) -> Result<()> {
    while connection.request().await?.is_some() {
        requests.fetch_add(1, Ordering::Relaxed);
        connection.send(FAILURE).await?;
    }
    Ok(())
}

async fn flap(mut connection: Connection, book: Book, fails: &AtomicBool) -> Result<()> {
    let template = Template::new();
    while let Some(request) = connection.request().await? {
        if fails.load(Ordering::Relaxed) {
            connection.send(FAILURE).await?;
        } else {
            book.ledger.arrived(template.number_of(request.body));
            connection.send(ANSWER).await?;
        }
    }
    Ok(())
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
