//! Sends a shop's orders to Groundswell as they come, a line of JSON each: `README.md` says how to try it.
#![expect(clippy::print_stdout, reason = "this is a command line program: stdout is its interface")]

mod order;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Parser;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use groundswell_client::types::ProgramId;
use groundswell_client::{Accepted, Batcher, Client, Pending, SubmitError};
use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader, stdin};

use order::Order;

/// Sends orders to Groundswell as events.
#[derive(Parser)]
struct Arguments {
    /// Lines of orders; without it they come from the standard input
    orders: Option<PathBuf>,
    /// The server's address
    #[arg(long, env = "GROUNDSWELL_URL", default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The program's id
    #[arg(long, env = "GROUNDSWELL_PROGRAM")]
    program: String,
    /// An API key that may post events
    #[arg(long, env = "GROUNDSWELL_API_KEY", hide_env_values = true)]
    api_key: String,
}

/// What came of it.
#[derive(Default)]
struct Tally {
    accepted: u64,
    duplicates: u64,
    failed: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let client = Client::new(arguments.url, arguments.api_key)?;
    let batcher = Batcher::start(&client, &ProgramId::parse(&arguments.program)?);
    let tally = match &arguments.orders {
        Some(path) => {
            let file = File::open(path).await.with_context(|| format!("cannot open {}", path.display()))?;
            send(BufReader::new(file), &batcher).await?
        }
        None => send(BufReader::new(stdin()), &batcher).await?,
    };
    let Tally { accepted, duplicates, failed } = tally;
    println!("{accepted} events accepted, {duplicates} of them were there already; {failed} failed");
    if failed > 0 {
        bail!("not everything was sent; run it again, and what was sent is not sent twice");
    }
    Ok(())
}

/// Sends every order, and returns when each of its events has its result.
async fn send(orders: impl AsyncBufRead + Unpin, batcher: &Batcher) -> Result<Tally> {
    let mut lines = orders.lines();
    let mut tally = Tally::default();
    let mut results: FuturesUnordered<Pending> = FuturesUnordered::new();
    loop {
        tokio::select! {
            // Results first: that way there are never more of them here than the queue has room for.
            biased;
            Some(result) = results.next() => tally.add(result),
            line = lines.next_line() => match line? {
                Some(line) => enqueue(&line, batcher, &mut results, &mut tally).await,
                None => break,
            },
        }
    }
    batcher.close().await;
    while let Some(result) = results.next().await {
        tally.add(result);
    }
    Ok(tally)
}

/// Waits while the queue is full, so that orders are read no faster than the server takes their events.
async fn enqueue(line: &str, batcher: &Batcher, results: &mut FuturesUnordered<Pending>, tally: &mut Tally) {
    let events = match serde_json::from_str::<Order>(line).map(Order::events) {
        Ok(Ok(events)) => events,
        Ok(Err(error)) => return tally.fail(error),
        Err(error) => return tally.fail(error),
    };
    for event in events {
        match batcher.enqueue(event).await {
            Ok(pending) => results.push(pending),
            Err(error) => tally.fail(error),
        }
    }
}

impl Tally {
    fn add(&mut self, result: Result<Accepted, SubmitError>) {
        match result {
            Ok(accepted) => {
                self.accepted += 1;
                self.duplicates += u64::from(accepted.duplicate);
            }
            Err(error) => self.fail(error),
        }
    }

    /// A shop would put the order aside for somebody to look at.
    fn fail(&mut self, error: impl Into<anyhow::Error>) {
        self.failed += 1;
        println!("{:#}", error.into());
    }
}
