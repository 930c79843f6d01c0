//! Request bodies that nobody reads.
//!
//! Whoever refuses a request (401, 404, 405, 429 …) has no need of its body. If the body has not arrived by then, hyper
//! closes the connection without having said so: the client's next request, sent on the same connection, gets no answer
//! at all, and a client that is still sending sees a broken pipe instead of the refusal. So what nobody has read is read
//! here and thrown away before the answer goes out; where that would take too long, the answer says that the connection
//! ends with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::HeaderValue;
use http::header::{CONNECTION, EXPECT};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// So much is thrown away for a client that is refused: the largest batch of events.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// It may take so long. A client that is slower has to connect again.
const LONGEST: Duration = Duration::from_secs(5);

/// Where a lent body comes back to, should it be dropped before its end.
#[derive(Debug)]
pub struct Unread {
    dropped: oneshot::Receiver<Dropped>,
    /// Such a client sends its body only when it is asked to, which reading would do.
    waits_to_be_asked: bool,
}

#[derive(Debug)]
struct Dropped {
    body: BodyDataStream,
    /// Whoever has begun to read has thrown away as much as is good.
    is_begun: bool,
}

/// A body on its way to whoever answers the request.
struct Lent {
    body: Option<BodyDataStream>,
    is_begun: bool,
    back: Option<oneshot::Sender<Dropped>>,
}

/// Lends out the request's body, if it has one.
pub fn lend(request: Request) -> (Request, Option<Unread>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let waits_to_be_asked = request.headers().contains_key(EXPECT);
    let (back, dropped) = oneshot::channel();
    let request = request.map(|body| {
        let body = Some(body.into_data_stream());
        Body::from_stream(Lent { body, is_begun: false, back: Some(back) })
    });
    (request, Some(Unread { dropped, waits_to_be_asked }))
}

/// Deals with what is left of the body of the request that `response` answers.
pub async fn settle(unread: Option<Unread>, mut response: Response) -> Response {
    // An error says that it was read to its end, or that the answer is made of it as it is read.
    if let Some(mut unread) = unread
        && let Ok(left) = unread.dropped.try_recv()
        && (left.is_begun || unread.waits_to_be_asked || !is_thrown_away(left.body).await)
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn is_thrown_away(mut body: BodyDataStream) -> bool {
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(data)) = body.next().await {
            bytes += data.len();
            if bytes > MAX_BYTES {
                return false;
            }
        }
        true
    };
    timeout(LONGEST, read).await.unwrap_or(false)
}

impl Stream for Lent {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let data = ready!(body.poll_next_unpin(context));
        if matches!(data, Some(Ok(_))) {
            self.is_begun = true;
        } else {
            self.body = None;
        }
        Poll::Ready(data)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            // The client may have gone meanwhile, and the request with it.
            drop(back.send(Dropped { body, is_begun: self.is_begun }));
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::StatusCode;

    use super::*;

    fn request(body: Body) -> Request {
        Request::new(body)
    }

    async fn connection_after(body: Body, read: impl AsyncFnOnce(Body)) -> Option<HeaderValue> {
        let (request, unread) = lend(request(body));
        read(request.into_body()).await;
        settle(unread, StatusCode::NOT_FOUND.into_response()).await.headers().get(CONNECTION).cloned()
    }

    fn endless() -> Body {
        Body::from_stream(futures::stream::repeat_with(|| {
            Ok::<_, axum::Error>(Bytes::from_static(&[0; 8_192]))
        }))
    }

    #[tokio::test]
    async fn a_connection_goes_on_after_a_body_that_was_read_or_could_be_thrown_away() {
        let close = Some(HeaderValue::from_static("close"));
        assert_eq!(connection_after(Body::from("{}"), async |body| drop(body)).await, None);
        assert_eq!(connection_after(Body::empty(), async |body| drop(body)).await, None);
        let all = async |body: Body| assert_eq!(body.into_data_stream().count().await, 1);
        assert_eq!(connection_after(Body::from("{}"), all).await, None);
        assert_eq!(connection_after(endless(), async |body| drop(body)).await, close);
        let some = async |body: Body| assert!(body.into_data_stream().next().await.is_some());
        assert_eq!(connection_after(endless(), some).await, close);
    }

    #[tokio::test]
    async fn a_client_that_waits_to_be_asked_for_its_body_is_not_asked() {
        let mut expecting = request(Body::from_stream(futures::stream::poll_fn(
            |_| -> Poll<Option<Result<Bytes, axum::Error>>> { unreachable!("nobody reads it") },
        )));
        expecting.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
        let (request, unread) = lend(expecting);
        drop(request);
        let response = settle(unread, StatusCode::UNAUTHORIZED.into_response()).await;
        assert_eq!(response.headers()[CONNECTION], "close");
    }
}
