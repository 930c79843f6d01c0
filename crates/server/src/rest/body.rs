//! Reading request bodies: each within its bound, all together within one, none for ever.

mod patience;
mod shares;

use std::io::Read as _;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use groundswell_engine::EngineError;
use groundswell_engine::clock::Stopwatch;
use groundswell_types::ErrorCode;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::patience::{Limits, Patience, Supply};
use self::shares::{Held, Share, Shares};
use super::answer::{Failed, OverLimit};
use super::coding::Coding;

/// Bodies of settings calls.
pub const MAX_SETTINGS_BYTES: usize = 1024 * 1024;

/// All bodies that are being read or worked on. Without this, as many large bodies as there are connections would be in
/// memory before the engine's writer is asked for the first of them. Enough for sixteen events of the largest size.
const MAX_TOGETHER_BYTES: usize = 64 * 1024 * 1024;

/// Bodies that are decompressed at the same time; others wait the milliseconds it takes.
const MAX_DECOMPRESSORS: usize = 8;

/// Of a body that is refused this much more is read and thrown away before the answer: a client that is still sending
/// when the connection closes would see a broken pipe instead of the answer.
const MAX_DRAINED_BYTES: usize = 32 * 1024 * 1024;

/// A client that sends nothing for so long has gone; it must not keep others from being read.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// When less than half of the room is free, a body has to come at 64 KiB a second, however much of it has come before. One that
/// does not is waited for no longer than this.
const GRACE: Duration = Duration::from_secs(10);

/// The whole body has this long.
const LONGEST_READ: Duration = Duration::from_mins(2);

/// Forms are small, and anybody may send them.
const LONGEST_READ_OF_FORM: Duration = Duration::from_secs(20);

/// Whoever says it waits no longer for an answer.
const LONGEST_READ_OF_WORD: Duration = Duration::from_secs(2);

/// Room for bodies, over all requests.
#[derive(Debug, Clone)]
pub struct BodyRoom {
    bytes: Arc<Semaphore>,
    shares: Shares,
    /// Of whoever sends what is read, unless they may have all of it.
    share: Option<Share>,
    /// What a decompressor needs besides is not counted in bytes: a window of up to 8 MiB each.
    decompressors: Arc<Semaphore>,
    limits: Limits,
}

impl Default for BodyRoom {
    fn default() -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(MAX_TOGETHER_BYTES)),
            shares: Shares::default(),
            share: None,
            decompressors: Arc::new(Semaphore::new(MAX_DECOMPRESSORS)),
            limits: Limits { silence: LONGEST_SILENCE, grace: GRACE, read: LONGEST_READ },
        }
    }
}

/// A body that was read, and decompressed if it was compressed. Its room is free again when it is dropped, so it is kept until the request is answered.
#[derive(Debug)]
pub struct Received {
    bytes: Bytes,
    _room: Held,
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why a body is not kept.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    TooLarge,
    /// Whoever sends it has their share of the room already. They can change that, so it is not the server that fails.
    OfSender,
    NoRoom,
}

impl Refusal {
    fn failed(self, max: usize) -> Failed {
        match self {
            Self::TooLarge => {
                let message = if max < 1024 * 1024 {
                    format!("The body is larger than {} KiB.", max / 1024)
                } else {
                    format!("The body is larger than {} MiB.", max / 1024 / 1024)
                };
                Failed::new(ErrorCode::PayloadTooLarge, message)
            }
            Self::OfSender => {
                let message = "Your team is sending too much at once. Wait for some of the answers.";
                let over = OverLimit { policy: "BODIES_OF_A_TEAM", wait_ms: 1_000 };
                Failed { over: Some(over), ..Failed::new(ErrorCode::RateLimit, message) }
            }
            Self::NoRoom => EngineError::Overloaded.into(),
        }
    }
}

impl BodyRoom {
    /// For forms, apart from everything else: nobody who has no key can take the room that events need.
    pub fn for_forms() -> Self {
        let room = Self::default();
        Self { limits: Limits { read: LONGEST_READ_OF_FORM, ..room.limits }, ..room }
    }

    /// For what nodes say to each other, which is short and does not come over the open network.
    pub fn for_words() -> Self {
        let limits =
            Limits { silence: LONGEST_READ_OF_WORD, grace: LONGEST_READ_OF_WORD, read: LONGEST_READ_OF_WORD };
        Self { limits, ..Self::default() }
    }

    /// The same room for one who may not have all of it, by their id.
    pub fn share_of(&self, id: &str) -> Self {
        Self { share: Some(self.shares.of(id)), ..self.clone() }
    }

    /// Reads a body of at most `max` bytes, compressed or not. It gets its room as it arrives, or as it is decompressed, so
    /// nobody holds more than they have sent. One that announces more than there is room for is refused at its beginning,
    /// so that a flood is not refused in the middle of every body.
    pub async fn read(&self, headers: &HeaderMap, body: Body, max: usize) -> Result<Received, Failed> {
        let coding = Coding::of(headers)?;
        let received = self.read_as_sent(headers, body, max).await?;
        match coding {
            None => Ok(received),
            Some(coding) => self.decompress(coding, received, max).await,
        }
    }

    /// What was compressed, on a thread where its time costs nobody else any.
    async fn decompress(&self, coding: Coding, received: Received, max: usize) -> Result<Received, Failed> {
        let room = self.clone();
        let turn = Arc::clone(&self.decompressors).acquire_owned().await;
        let Ok(turn) = turn else { return Err(Refusal::NoRoom.failed(max)) };
        let decompressed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            room.decompress_now(coding, &received, max)
        });
        decompressed.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a body was not decompressed");
            Err(Failed::new(ErrorCode::Internal, "Something went wrong on our side."))
        })
    }

    fn decompress_now(&self, coding: Coding, compressed: &[u8], max: usize) -> Result<Received, Failed> {
        let broken = || Failed::new(ErrorCode::BadRequest, format!("The body is not valid {coding}."));
        let mut reader = coding.reader(compressed).map_err(|_| broken())?;
        let mut bytes = Vec::new();
        let mut room = self.hold_nothing();
        let mut piece = [0; 16 * 1024];
        loop {
            let read = reader.read(&mut piece).map_err(|_| broken())?;
            if read == 0 {
                break;
            }
            match self.make_room(&mut room, bytes.len() + read, max) {
                None => bytes.extend_from_slice(&piece[..read]),
                Some(refusal) => return Err(refusal.failed(max)),
            }
        }
        let Some(room) = room else { return Err(Refusal::NoRoom.failed(max)) };
        Ok(Received { bytes: bytes.into(), _room: room })
    }

    /// [`BodyRoom::read`] of what is still compressed, if it is.
    pub async fn read_as_sent(
        &self,
        headers: &HeaderMap,
        mut body: Body,
        max: usize,
    ) -> Result<Received, Failed> {
        let announced =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let mut refusal = announced.filter(|bytes| *bytes > max).map(|_| Refusal::TooLarge);
        refusal = refusal.or_else(|| announced.and_then(|bytes| self.lacks(bytes)));
        let mut room = self.hold_nothing();
        let (mut kept, mut drained) = (BytesMut::new(), 0);
        let mut patience = Patience::new(self.limits);
        loop {
            // What is refused holds no room, so nobody waits for it.
            let supply = if refusal.is_some() { Supply::Ample } else { self.supply() };
            let Some(wait) = patience.next_wait(supply) else {
                return Err(refusal.map_or_else(too_slow, |refusal| refusal.failed(max)));
            };
            let watch = Stopwatch::start();
            let frame = timeout(wait, body.frame()).await;
            patience.waited(watch.elapsed(), supply);
            let Ok(frame) = frame else { continue };
            let Some(frame) = frame else { break };
            let Ok(frame) = frame else {
                return Err(Failed::new(ErrorCode::BadRequest, "The body broke off before its end."));
            };
            let Some(data) = frame.data_ref() else { continue };
            patience.arrived(data.len());
            if refusal.is_none() {
                refusal = self.make_room(&mut room, kept.len() + data.len(), max);
            }
            if refusal.is_none() {
                kept.extend_from_slice(data);
                continue;
            }
            // Nothing of it is kept, so nothing is held.
            (kept, room) = (BytesMut::new(), None);
            drained += data.len();
            if drained > MAX_DRAINED_BYTES {
                break;
            }
        }
        match (refusal, room) {
            (None, Some(room)) => Ok(Received { bytes: kept.freeze(), _room: room }),
            (Some(refusal), _) => Err(refusal.failed(max)),
            (None, None) => Err(Refusal::NoRoom.failed(max)),
        }
    }

    /// Sees to it that `room` is for `bytes`.
    fn make_room(&self, room: &mut Option<Held>, bytes: usize, max: usize) -> Option<Refusal> {
        if bytes > max {
            return Some(Refusal::TooLarge);
        }
        let more = bytes.saturating_sub(room.as_ref().map_or(0, Held::bytes));
        if more == 0 {
            return None;
        }
        if let Some(refusal) = self.lacks(more) {
            return Some(refusal);
        }
        let Some(more) = self.take(more) else { return Some(Refusal::NoRoom) };
        match room {
            Some(room) => room.grow(more),
            None => *room = Some(Held::new(more, self.share.clone())),
        }
        None
    }

    fn hold_nothing(&self) -> Option<Held> {
        self.take(0).map(|nothing| Held::new(nothing, self.share.clone()))
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.bytes).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    /// Why there is no room for so much more, if there is none.
    fn lacks(&self, bytes: usize) -> Option<Refusal> {
        let free = self.bytes.available_permits();
        if bytes > free {
            Some(Refusal::NoRoom)
        } else if bytes > 0 && self.share.as_ref().is_some_and(|share| !share.allows(bytes, free)) {
            Some(Refusal::OfSender)
        } else {
            None
        }
    }

    fn supply(&self) -> Supply {
        if self.bytes.available_permits() < MAX_TOGETHER_BYTES / 2 { Supply::Short } else { Supply::Ample }
    }
}

fn too_slow() -> Failed {
    Failed::new(ErrorCode::RequestTimeout, "The body did not arrive in time. Send it again.")
}

#[cfg(test)]
mod compressed;
#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn announcing(bytes: usize) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_LENGTH, bytes.into())])
    }

    #[tokio::test]
    async fn bodies_have_room_together_and_it_is_free_again_when_they_are_dropped() {
        let room = BodyRoom::default();
        let read = async |bytes: usize, announced: bool| {
            let headers = if announced { announcing(bytes) } else { HeaderMap::new() };
            room.read(&headers, Body::from(vec![b'x'; bytes]), 4 * MIB).await
        };
        let mut received = Vec::new();
        for number in 0..16 {
            let body = read(4 * MIB, number % 2 == 0).await.expect("there is room");
            assert_eq!(body.len(), 4 * MIB);
            received.push(body);
        }
        for announced in [true, false] {
            let refused = read(1, announced).await.expect_err("no room");
            assert_eq!(refused.code, ErrorCode::Overloaded);
        }
        assert_eq!(read(0, true).await.expect("nothing needs no room").len(), 0);
        received.pop();
        read(4 * MIB, false).await.expect("there is room again");
        drop(received);
        assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES, "nothing is lost");
    }

    #[tokio::test]
    async fn what_is_too_large_holds_no_room() {
        let room = BodyRoom::default();
        for headers in [announcing(4 * MIB + 1), announcing(10), HeaderMap::new()] {
            let body = Body::from(vec![b'x'; 4 * MIB + 1]);
            let refused = room.read(&headers, body, 4 * MIB).await.expect_err("too large");
            assert_eq!(refused.code, ErrorCode::PayloadTooLarge);
            assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES);
        }
    }

    /// A body that comes in the pieces that are sent.
    fn in_pieces() -> (tokio::sync::mpsc::UnboundedSender<Bytes>, Body) {
        let (sender, mut pieces) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
        let body = futures::stream::poll_fn(move |context| pieces.poll_recv(context));
        (sender, Body::from_stream(futures::StreamExt::map(body, Ok::<_, std::io::Error>)))
    }

    #[tokio::test]
    async fn a_body_holds_what_has_arrived_and_not_what_it_announces() {
        for room in [BodyRoom::default(), BodyRoom::for_forms()] {
            let (sender, body) = in_pieces();
            let reading = tokio::spawn({
                let room = room.clone();
                async move { room.read(&announcing(MIB), body, MIB).await.map(|received| received.len()) }
            });
            sender.send(Bytes::from_static(&[b'x'; 1_000])).expect("it is read");
            while room.bytes.available_permits() == MAX_TOGETHER_BYTES {
                tokio::task::yield_now().await;
            }
            assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES - 1_000);
            drop(sender);
            assert_eq!(reading.await.expect("no panic").expect("it is read"), 1_000);
            assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES);
        }
    }

    #[tokio::test]
    async fn what_announces_more_than_there_is_room_for_is_refused_at_its_beginning() {
        let room = BodyRoom::default();
        let held = room.take(MAX_TOGETHER_BYTES - MIB).expect("there is room");
        let (sender, body) = in_pieces();
        drop(sender);
        let refused = room.read(&announcing(MIB + 1), body, 4 * MIB).await.expect_err("no room");
        assert_eq!(refused.code, ErrorCode::Overloaded);
        room.read(&announcing(MIB), Body::from(vec![b'x'; MIB]), 4 * MIB).await.expect("there is room");
        drop(held);
    }

    #[tokio::test]
    async fn one_key_leaves_as_much_room_as_it_has_itself() {
        let room = BodyRoom::default();
        let read = async |id: &str, bytes: usize, announced: bool| {
            let headers = if announced { announcing(bytes) } else { HeaderMap::new() };
            room.share_of(id).read(&headers, Body::from(vec![b'x'; bytes]), 8 * MIB).await
        };
        let mut received = Vec::new();
        for number in 0..4 {
            received.push(read("one", 8 * MIB, number % 2 == 0).await.expect("half of the room"));
        }
        for announced in [true, false] {
            let refused = read("one", 1, announced).await.expect_err("it has half of the room");
            assert_eq!(refused.code, ErrorCode::RateLimit);
            assert_eq!(refused.over.map(|over| over.policy), Some("BODIES_OF_A_TEAM"));
        }
        for _ in 0..2 {
            received.push(read("other", 8 * MIB, false).await.expect("others have room"));
        }
        let refused = read("other", 8 * MIB, true).await.expect_err("there are 16 MiB for the next");
        assert_eq!(refused.code, ErrorCode::RateLimit);
        assert_eq!(read("one", 0, true).await.expect("nothing needs no room").len(), 0);
        let whole = room.read(&announcing(16 * MIB + 1), Body::empty(), 32 * MIB).await;
        assert_eq!(whole.expect_err("there is no such room").code, ErrorCode::Overloaded);
        received.clear();
        assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES, "nothing is lost");
        read("one", 8 * MIB, true).await.expect("it has room again");
    }

    /// A body that sends so many bytes at once, and then a few each time.
    fn slow(at_once: usize, (bytes, every): (usize, Duration)) -> Body {
        let first = futures::stream::once(async move { vec![b'x'; at_once] });
        let rest = futures::stream::repeat(vec![b'x'; bytes]);
        let rest = futures::StreamExt::then(rest, move |piece| async move {
            tokio::time::sleep(every).await;
            piece
        });
        let pieces = futures::StreamExt::chain(first, rest);
        Body::from_stream(futures::StreamExt::map(pieces, Ok::<_, std::io::Error>))
    }

    /// Room whose bodies have so many milliseconds at once when it is short, without a byte, and for everything.
    fn hurried([grace, silence, read]: [u64; 3]) -> BodyRoom {
        let [grace, silence, read] = [grace, silence, read].map(Duration::from_millis);
        BodyRoom { limits: Limits { silence, grace, read }, ..BodyRoom::default() }
    }

    const TRICKLE: (usize, Duration) = (1, Duration::from_millis(2));

    #[tokio::test]
    async fn whoever_sends_all_but_the_end_and_then_a_byte_now_and_then_gives_the_room_back_when_it_is_short()
    {
        let room = hurried([50, 60_000, 60_000]);
        let held = room.take(MAX_TOGETHER_BYTES / 2).expect("there is room");
        let trickle = slow(8 * MIB - 100_000, TRICKLE);
        let refused = room.read(&announcing(8 * MIB), trickle, 8 * MIB).await.expect_err("too slow");
        assert_eq!(refused.code, ErrorCode::RequestTimeout);
        assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES / 2);
        drop(held);
    }

    #[tokio::test]
    async fn a_slow_line_is_waited_for_while_there_is_room_enough_but_not_for_ever() {
        let pieces = |count| {
            let pieces = futures::StreamExt::take(slow(0, TRICKLE).into_data_stream(), count);
            Body::from_stream(pieces)
        };
        let read = async |room: BodyRoom| room.read(&HeaderMap::new(), pieces(101), MIB).await;
        assert_eq!(read(hurried([20, 60_000, 60_000])).await.expect("it takes 200 ms").len(), 100);
        let refused = read(hurried([20, 60_000, 100])).await.expect_err("too slow");
        assert_eq!(refused.code, ErrorCode::RequestTimeout);
    }

    /// Whoever is told to be slow would not find out that it is too large.
    #[tokio::test]
    async fn what_is_refused_is_told_why_however_slowly_its_rest_comes() {
        let room = hurried([20, 40, 80]);
        for rest in [TRICKLE, (1, Duration::from_mins(10))] {
            let body = slow(MIB + 1, rest);
            let refused = room.read(&HeaderMap::new(), body, MIB).await.expect_err("too large");
            assert_eq!(refused.code, ErrorCode::PayloadTooLarge);
            let held = room.take(MAX_TOGETHER_BYTES).expect("there is room");
            let refused = room.read(&announcing(MIB), slow(10, rest), MIB).await.expect_err("no room");
            assert_eq!(refused.code, ErrorCode::Overloaded);
            drop(held);
        }
    }

    #[tokio::test]
    async fn a_client_that_stops_sending_gives_its_room_back() {
        let room = hurried([60_000, 20, 60_000]);
        let silent = slow(MIB, (1, Duration::from_mins(10)));
        let refused = room.read(&announcing(4 * MIB), silent, 4 * MIB).await.expect_err("too slow");
        assert_eq!(refused.code, ErrorCode::RequestTimeout);
        assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES);
    }
}
