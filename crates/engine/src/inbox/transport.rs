//! Requests of this server to its own inboxes: handed over, not sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use groundswell_types::ProgramId;

use super::{Arrived, Inboxes, NotTaken, Origin, TAKEN};
use crate::clock::Stopwatch;
use crate::delivery::outcome::Exchange;
use crate::delivery::sender::{Exchanged, Outgoing};
use crate::delivery::transport::Transport;
use crate::test_deliveries::shown_headers;

/// Hands over what is for an inbox, and gives everything else to the transport that sends.
pub(crate) struct InboxTransport {
    pub inboxes: Arc<Inboxes>,
    pub other: Arc<dyn Transport>,
}

impl InboxTransport {
    /// A transport that takes to inboxes what is for them, and leaves the rest to `other`.
    pub fn around(other: Arc<dyn Transport>, inboxes: &Arc<Inboxes>) -> Arc<dyn Transport> {
        Arc::new(Self { inboxes: Arc::clone(inboxes), other })
    }
}

// By hand what `async_trait` would write, so that a request that is sent has no second future around its own.
impl Transport for InboxTransport {
    fn send<'own, 'out, 'sent>(
        &'own self,
        outgoing: Outgoing<'out>,
    ) -> Pin<Box<dyn Future<Output = Exchanged> + Send + 'sent>>
    where
        'own: 'sent,
        'out: 'sent,
        Self: 'sent,
    {
        match self.inboxes.addresses.token_in(outgoing.url) {
            Some(token) => Box::pin(async move { self.find_and_send(token, outgoing).await }),
            None => self.other.send(outgoing),
        }
    }
}

impl InboxTransport {
    /// For what begins as the address of an inbox.
    async fn find_and_send(&self, token: &str, outgoing: Outgoing<'_>) -> Exchanged {
        let watch = Stopwatch::start();
        match self.inboxes.find(token).await {
            Ok(Some(program)) => answer(&hand_over(&self.inboxes, &program, outgoing).await, watch),
            Ok(None) => self.other.send(outgoing).await,
            Err(error) => answer(&Err(NotTaken::NotKept(error)), watch),
        }
    }
}

async fn hand_over(inboxes: &Inboxes, program: &ProgramId, outgoing: Outgoing<'_>) -> Result<(), NotTaken> {
    let headers = shown_headers(&outgoing);
    let arrived = Arrived { method: "POST".to_owned(), headers, body: outgoing.body, from: Origin::Here };
    if !inboxes.pace.admits(program, inboxes.clock.now_ms()) {
        return Err(NotTaken::TooMany);
    }
    inboxes.receive(program, arrived).await
}

/// What an inbox says.
fn answer(taken: &Result<(), NotTaken>, watch: Stopwatch) -> Exchanged {
    let (status, text) = match taken {
        Ok(()) => (200, TAKEN.to_owned()),
        Err(why) => (why.status(), format!("{why}\n")),
    };
    let content_type = "text/plain; charset=utf-8".to_owned();
    let retry_after = matches!(taken, Err(NotTaken::TooMany)).then(|| "1".to_owned());
    Exchanged {
        exchange: Exchange::Answer { status, location: None, content_type: Some(content_type.clone()) },
        status: Some(status),
        head: format!("content-type: {content_type}\n"),
        body: Bytes::from(text),
        is_truncated: false,
        is_restricted: false,
        retry_after,
        duration_ms: watch.elapsed_ms(),
    }
}
