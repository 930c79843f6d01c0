//! The bare keep-alive POST loop: hyper's client on one side, hyper's server on the other, nothing between. It is what
//! a Rust program gets from the HTTP library everybody uses, and therefore what ratios are taken of; the generator's
//! own client is faster, so it never is what limits a measurement.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;
use crate::load::{Until, all, on_threads, own_share, threads};
use crate::payload::Template;

/// Posts on `connections` connections until it is over, to a receiver on threads of its own.
pub fn run(ledger: &Arc<Ledger>, connections: usize, until: Until) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the receiver cannot listen")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    std::thread::scope(|scope| {
        let receive = |_| {
            let (listener, ledger, stop) = (listener.try_clone(), Arc::clone(ledger), stop.clone());
            async move {
                tokio::select! {
                    () = stop.cancelled() => Ok(()),
                    result = accept(listener?, ledger) => result,
                }
            }
        };
        let receiver = scope.spawn(move || on_threads(threads(), receive));
        let posted = on_threads(threads(), |at| post_all(address, ledger, own_share(connections, at), until));
        stop.cancel();
        receiver.join().map_err(|_| anyhow::anyhow!("the receiver panicked"))??;
        posted
    })
}

async fn accept(listener: TcpListener, ledger: Arc<Ledger>) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            let template = Template::new();
            let receive = |request: Request<Incoming>| {
                let (ledger, template) = (&ledger, &template);
                async move {
                    // A body that breaks off counts as not arrived.
                    if let Ok(body) = request.into_body().collect().await {
                        ledger.arrived(template.number_of(&body.to_bytes()));
                    }
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
                }
            };
            let server = hyper::server::conn::http1::Builder::new();
            // When a connection breaks, what was sent on it counts as not arrived.
            let _ = server.serve_connection(TokioIo::new(stream), service_fn(receive)).await;
        });
    }
}

async fn post_all(address: SocketAddr, ledger: &Arc<Ledger>, connections: usize, until: Until) -> Result<()> {
    let mut posting = JoinSet::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        posting.spawn(post(sender, address, Arc::clone(ledger), until));
    }
    all(posting).await
}

async fn post(
    mut sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    ledger: Arc<Ledger>,
    until: Until,
) -> Result<()> {
    let template = Template::new();
    while !until.is_over(&ledger) {
        let number = ledger.take(1).context("the ledger is full")?;
        let mut body = template.text().to_vec();
        Template::stamp(&mut body, number);
        ledger.posted(number, ledger.elapsed());
        let request = Request::post("/hook")
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        response.into_body().collect().await?;
        ensure!(status.is_success(), "answered {status}");
        ledger.answered(number, status.as_u16());
    }
    Ok(())
}
