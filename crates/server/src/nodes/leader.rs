//! Having the node that leads answer a request.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use groundswell_engine::store::NodeAddress;
use groundswell_types::ErrorCode;
use http::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::client::legacy::Error;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};

use super::key::NodeKey;
use super::passed_on::{mark, target};
use super::pool::Pool;
use crate::rest::Failed;

/// An answer begins within this time. No call takes longer than it takes to wait for an attempt's end, which is 30 s.
const LONGEST: Duration = Duration::from_mins(1);

/// What is passed on of an answer goes on within this time: streams say something every 20 s.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

/// A node that stops finishes the requests it has begun within this time, although another one leads by then.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Of the connection and not of the request; RFC 9110, section 7.6.1.
const HOP_BY_HOP: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The node that leads, as far as is known.
pub(super) type Leader = watch::Receiver<Option<NodeAddress>>;

/// A request that is passed on.
pub(super) struct Request {
    pub(super) head: Parts,
    pub(super) body: Bytes,
    /// Where it came from.
    pub(super) peer: IpAddr,
}

/// What became of a request.
pub(super) enum Sent {
    Answered(Response),
    /// It was not begun, or may be made twice.
    Again,
}

/// Sends a request to the node that leads, and waits for its answer for as long as that node leads.
///
/// # Errors
/// Nobody knows whether it was done.
pub(super) async fn send(
    (pool, key): (&Pool, &NodeKey),
    to: &NodeAddress,
    asked: &Request,
    mut leader: Leader,
) -> Result<Sent, Failed> {
    let Some(request) = asked.signed(key, to) else { return Ok(Sent::Again) };
    let is_safe = [Method::GET, Method::HEAD].contains(&asked.head.method);
    let mut answer = pin!(pool.request(request));
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        () = until_another_leads(&mut leader, to) => {
            if is_safe {
                return Ok(Sent::Again);
            }
            timeout(LAST_ANSWERS, answer).await.map_err(|_| unknown())?
        }
        () = sleep(LONGEST) => return Err(unknown()),
    };
    read(answer, is_safe)
}

/// Returns once the node at this address does not lead any more.
async fn until_another_leads(leader: &mut Leader, to: &NodeAddress) {
    if leader.wait_for(|now| now.as_ref() != Some(to)).await.is_err() {
        // There is no engine any more, so there will be none.
        std::future::pending::<()>().await;
    }
}

fn read(answer: Result<Response<Incoming>, Error>, is_safe: bool) -> Result<Sent, Failed> {
    let answer = match answer {
        Ok(answer) if answer.status() == StatusCode::MISDIRECTED_REQUEST => return Ok(Sent::Again),
        Ok(answer) => answer,
        Err(error) if error.is_connect() || is_safe => {
            tracing::debug!(%error, "the node that leads does not answer");
            return Ok(Sent::Again);
        }
        Err(error) => {
            tracing::warn!(%error, "the node that leads broke off an answer");
            return Err(unknown());
        }
    };
    let mut answer = answer.map(|body| Body::new(Passing::new(body)));
    remove_hop_by_hop(answer.headers_mut());
    Ok(Sent::Answered(answer))
}

fn unknown() -> Failed {
    let why = "The server that leads has stopped, or does not answer any more. Look whether it has done what was asked before \
               you ask again.";
    Failed::new(ErrorCode::OutcomeUnknown, why)
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

impl Request {
    /// As it is sent to a node; none if it has an address that nothing can be sent to.
    fn signed(&self, key: &NodeKey, to: &NodeAddress) -> Option<http::Request<Full<Bytes>>> {
        let target = target(&self.head.uri)?;
        let uri: Uri = format!("{}{target}", to.address).parse().ok()?;
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.head.headers.clone();
        remove_hop_by_hop(request.headers_mut());
        mark(request.headers_mut(), (key, to.id), (&self.head.method, target, self.peer));
        Some(request)
    }
}

/// The body of an answer, which breaks off when nothing comes of it for long: a node that hangs does not close its connections.
struct Passing<B> {
    body: B,
    limit: Pin<Box<Sleep>>,
}

impl<B> Passing<B> {
    fn new(body: B) -> Self {
        Self { body, limit: Box::pin(sleep(LONGEST_SILENCE)) }
    }
}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin> HttpBody for Passing<B> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.limit.set(sleep(LONGEST_SILENCE));
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let silent = || axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut));
        self.limit.as_mut().poll(context).map(|()| Some(Err(silent())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use futures::stream::{pending, repeat};
    use http_body_util::BodyExt as _;

    use super::*;

    /// A body that says something ten times, so often, and has not ended then.
    async fn passed(every: Duration) -> usize {
        let pieces = repeat(Bytes::from_static(b"x")).take(10).then(move |piece| async move {
            sleep(every).await;
            Ok::<_, std::io::Error>(piece)
        });
        let mut body = Passing::new(Body::from_stream(pieces.boxed().chain(pending())));
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_which_nothing_comes_any_more_breaks_off() {
        assert_eq!(passed(LONGEST_SILENCE / 2).await, 10);
        assert_eq!(passed(LONGEST_SILENCE * 2).await, 0);
    }
}
