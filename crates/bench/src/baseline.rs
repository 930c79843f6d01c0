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
use http::StatusCode;
use tokio::net::TcpListener;
use url::Url;

use crate::subject::LISTENS;

/// A server in front of nothing.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Baseline {
    /// Answers every event with 202 and forgets it.
    ServeNull,
    /// Passes every event on with the engine's own client, unsigned, and answers 202 once the receiver has answered.
    ServeProxy {
        /// Where to.
        to: Url,
    },
}

/// Runs a baseline until it is killed.
pub fn serve(baseline: Baseline) -> Result<()> {
    let router = match baseline {
        Baseline::ServeNull => Router::new().route("/events", post(accept)),
        Baseline::ServeProxy { to } => {
            let guard = Guard::new(vec!["127.0.0.0/8".parse()?]);
            let proxy = Proxy { sender: Sender::new(guard, SendingConfig::default())?, to };
            Router::new().route("/events", post(forward)).with_state(proxy)
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
