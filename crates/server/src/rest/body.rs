//! Reading request bodies: each within its bound, all together within one, none for ever.

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

use super::answer::Failed;
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

/// After a time of grace a body has to have come at 64 KiB a second, on average: whoever sends a byte now and then, as one that
/// holds its room for nothing, is not waited for.
const GRACE: Duration = Duration::from_secs(10);
const SLOWEST_BYTES_PER_SECOND: u32 = 64 * 1024;

/// The whole body has this long.
const LONGEST_READ: Duration = Duration::from_mins(2);

/// Forms are small, and anybody may send them.
const LONGEST_READ_OF_FORM: Duration = Duration::from_secs(20);

/// Room for bodies, over all requests.
#[derive(Debug, Clone)]
pub struct BodyRoom {
    bytes: Arc<Semaphore>,
    /// What a decompressor needs besides is not counted in bytes: a window of up to 8 MiB each.
    decompressors: Arc<Semaphore>,
    longest_silence: Duration,
    grace: Duration,
    longest_read: Duration,
}

impl Default for BodyRoom {
    fn default() -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(MAX_TOGETHER_BYTES)),
            decompressors: Arc::new(Semaphore::new(MAX_DECOMPRESSORS)),
            longest_silence: LONGEST_SILENCE,
            grace: GRACE,
            longest_read: LONGEST_READ,
        }
    }
}

/// A body that was read, and decompressed if it was compressed. Its room is free again when it is dropped, so it is kept until the request is answered.
#[derive(Debug)]
pub struct Received {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why a body is not kept.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    TooLarge,
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
            Self::NoRoom => EngineError::Overloaded.into(),
        }
    }
}

impl BodyRoom {
    /// For forms, apart from everything else: nobody who has no key can take the room that events need.
    pub fn for_forms() -> Self {
        Self { longest_read: LONGEST_READ_OF_FORM, ..Self::default() }
    }

    /// Reads a body of at most `max` bytes, compressed or not. It gets its room as it arrives, or as it is decompressed, so
    /// nobody holds more than they have sent. One that announces more than there is room for is refused at its beginning,
    /// so that a flood is not refused in the middle of every body.
    pub async fn read(&self, headers: &HeaderMap, body: Body, max: usize) -> Result<Received, Failed> {
        let coding = Coding::of(headers)?;
        let received = match timeout(self.longest_read, self.read_frames(headers, body, max)).await {
            Ok(result) => result?,
            Err(_) => return Err(too_slow()),
        };
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
        let mut room = self.take(0);
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

    async fn read_frames(&self, headers: &HeaderMap, mut body: Body, max: usize) -> Result<Received, Failed> {
        let announced =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let mut refusal = announced.filter(|bytes| *bytes > max).map(|_| Refusal::TooLarge);
        let mut room = self.take(0);
        if refusal.is_none() && announced.is_some_and(|bytes| bytes > self.bytes.available_permits()) {
            refusal = Some(Refusal::NoRoom);
        }
        let (mut kept, mut drained) = (BytesMut::new(), 0);
        let watch = Stopwatch::start();
        loop {
            let patience = self.patience(kept.len() + drained, watch.elapsed());
            let frame = timeout(patience, body.frame()).await.map_err(|_| too_slow())?;
            let Some(frame) = frame else { break };
            let Ok(frame) = frame else {
                return Err(Failed::new(ErrorCode::BadRequest, "The body broke off before its end."));
            };
            let Some(data) = frame.data_ref() else { continue };
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

    /// How long the next piece is waited for, when so much has come in a time.
    fn patience(&self, bytes: usize, elapsed: Duration) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let time = self.grace + Duration::from_secs(1) * bytes / SLOWEST_BYTES_PER_SECOND;
        self.longest_silence.min(time.saturating_sub(elapsed))
    }

    /// Sees to it that `room` is for `bytes`.
    fn make_room(
        &self,
        room: &mut Option<OwnedSemaphorePermit>,
        bytes: usize,
        max: usize,
    ) -> Option<Refusal> {
        if bytes > max {
            return Some(Refusal::TooLarge);
        }
        let has = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if bytes <= has {
            return None;
        }
        let Some(more) = self.take(bytes - has) else { return Some(Refusal::NoRoom) };
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        None
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.bytes).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }
}

fn too_slow() -> Failed {
    Failed::new(ErrorCode::RequestTimeout, "The body did not arrive in time. Send it again.")
}

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

    #[test]
    fn whoever_trickles_is_waited_for_no_longer_than_the_grace() {
        let room = BodyRoom::default();
        let after = |bytes: usize, seconds: u64| room.patience(bytes, Duration::from_secs(seconds));
        assert_eq!(after(0, 0), LONGEST_SILENCE);
        assert_eq!(after(5, 9), Duration::from_secs(1) + Duration::from_secs(5) / SLOWEST_BYTES_PER_SECOND);
        assert_eq!(after(5, 11), Duration::ZERO);
        // At twice the slowest rate it may be silent for as long as anybody.
        assert_eq!(after(60 * 128 * 1024, 60), LONGEST_SILENCE);
        assert_eq!(after(60 * 64 * 1024, 69), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_client_that_sends_a_byte_now_and_then_is_not_waited_for() {
        let room = BodyRoom { grace: Duration::from_millis(50), ..BodyRoom::default() };
        let trickle = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"x")));
        let trickle = futures::StreamExt::then(trickle, async |byte| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            byte
        });
        let refused =
            room.read(&announcing(MIB), Body::from_stream(trickle), MIB).await.expect_err("too slow");
        assert_eq!(refused.code, ErrorCode::RequestTimeout);
        assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES);
    }

    #[tokio::test]
    async fn a_client_that_stops_sending_gives_its_room_back() {
        let room = BodyRoom { longest_silence: Duration::from_millis(20), ..BodyRoom::default() };
        let silent = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let refused = room.read(&announcing(4 * MIB), silent, 4 * MIB).await.expect_err("too slow");
        assert_eq!(refused.code, ErrorCode::RequestTimeout);
        assert_eq!(room.bytes.available_permits(), MAX_TOGETHER_BYTES);
    }
}
