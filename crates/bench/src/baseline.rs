//! The baselines that need a server, run as processes of their own like the one they are compared with: the same
//! runtime, the same HTTP server library, the same options.

use std::net::Ipv4Addr;

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use groundswell_engine::config::SendingConfig;
use groundswell_engine::delivery::guard::Guard;
use groundswell_engine::delivery::own_headers::OwnHeaders;
use groundswell_engine::delivery::sender::{Outgoing, Sender};
use groundswell_types::signature::SignedHeaders;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use url::Url;

use crate::subject::LISTENS;

/// A server in front of nothing.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Baseline {
    /// Answers every event with 202 and forgets it.
    #[command(name = "serve-null")]
    Null,
    /// Passes every event on with the engine's own client, unsigned, and answers 202 once the receiver has answered.
    #[command(name = "serve-proxy")]
    Proxy {
        /// Where to.
        to: Url,
    },
    /// The same with hyper-util's client, which reqwest has as well: the proxy that anybody would write.
    #[command(name = "serve-plain-proxy")]
    PlainProxy {
        /// Where to.
        to: Url,
    },
}

/// Runs a baseline until it is killed.
pub fn serve(baseline: Baseline) -> Result<()> {
    let router = match baseline {
        Baseline::Null => Router::new().route("/events", post(accept)),
        Baseline::Proxy { to } => {
            let guard = Guard::new(vec!["127.0.0.0/8".parse()?]);
            let proxy = Proxy { sender: Sender::new(guard, SendingConfig::default())?, to };
            Router::new().route("/events", post(forward)).with_state(proxy)
        }
        Baseline::PlainProxy { to } => {
            // As reqwest sets it up.
            let mut tcp = HttpConnector::new();
            tcp.set_nodelay(true);
            let client = Client::builder(TokioExecutor::new()).build(tcp);
            let proxy = PlainProxy { client, to: to.as_str().parse()? };
            Router::new().route("/events", post(forward_plainly)).with_state(proxy)
        }
    };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{LISTENS}{}", listener.local_addr()?);
        let listener = listener.tap_io(|connection| {
            // As the server does.
            let _ = connection.set_nodelay(true);
        });
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn accept(_body: Bytes) -> StatusCode {
    StatusCode::ACCEPTED
}

#[derive(Debug, Clone)]
struct Proxy {
    sender: Sender,
    to: Url,
}

async fn forward(State(proxy): State<Proxy>, body: Bytes) -> StatusCode {
    let headers = SignedHeaders { timestamp: "0".to_owned(), product: None, standard: None };
    let outgoing = Outgoing {
        url: &proxy.to,
        id: "evt_0",
        headers: &headers,
        own: OwnHeaders::NONE,
        body,
        timeout: None,
    };
    match proxy.sender.send(outgoing).await.status {
        Some(200..=299) => StatusCode::ACCEPTED,
        _ => StatusCode::BAD_GATEWAY,
    }
}

#[derive(Debug, Clone)]
struct PlainProxy {
    client: Client<HttpConnector, Full<Bytes>>,
    to: Uri,
}

async fn forward_plainly(State(proxy): State<PlainProxy>, body: Bytes) -> StatusCode {
    let request = Request::post(proxy.to).header(CONTENT_TYPE, "application/json").body(Full::new(body));
    let Ok(request) = request else { return StatusCode::INTERNAL_SERVER_ERROR };
    let Ok(answer) = proxy.client.request(request).await else { return StatusCode::BAD_GATEWAY };
    let is_success = answer.status().is_success();
    match answer.into_body().collect().await {
        Ok(_) if is_success => StatusCode::ACCEPTED,
        _ => StatusCode::BAD_GATEWAY,
    }
}
