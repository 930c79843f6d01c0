//! `GET /v2/campaign/{id}/events/stream`: a program's events as they are accepted, as server-sent events.
//!
//! Each message has the event's id, to go on behind with `Last-Event-ID` or `after`, and as its data a line of JSON:
//! `id`, `event`, `createdAt`, and `body`, the bytes that a webhook gets, as a string. The first message, and one every
//! 15 seconds when there is nothing else to say, has an id and no data: everything up to it was given. So whoever comes
//! back, however late, misses nothing and gets nothing twice.

use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::poll_fn;
use groundswell_engine::EngineError;
use groundswell_engine::access::Who;
use groundswell_engine::feeds::{FollowedEvent, Follower};
use groundswell_types::{ErrorCode, EventId, EventKind, Problem, TeamId};
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{Call, Failed, OverLimit};
use super::auth;
use super::input::event_names;
use super::programs::program_id;
use crate::http::AppState;
use crate::request::NoFailure;
use crate::stream_room::{self, Full, Holder as _, Room, StreamRoom};

/// Open at a time. They are for developers' machines, not for production.
const MAX_STREAMS: usize = 100;

/// Open at a time for one API key, for all keys of one team, and for the operator's: none of them can take the room of all.
const MAX_OF_A_KEY: usize = 10;
const MAX_OF_A_TEAM: usize = 25;
const MAX_OF_THE_OPERATOR: usize = 50;

/// Whoever takes nothing for so long has gone, or holds the room and the events of others.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who follows takes the stream for broken after three times that long.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often it is asked whether key and program are still there.
const CHECK: Duration = Duration::from_secs(30);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Room for streams of events, and their end.
pub struct EventStreams {
    room: StreamRoom<Holder>,
    /// What feeds them.
    tasks: TaskTracker,
    /// Cancelled when the server stops: it would wait for streams, and they have no end of their own.
    stop: CancellationToken,
}

impl EventStreams {
    /// None yet; `stop` ends them.
    pub fn new(stop: CancellationToken) -> Self {
        Self { room: StreamRoom::new(MAX_STREAMS), tasks: TaskTracker::new(), stop }
    }
}

/// Whose streams are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
    /// By its id.
    Key(String),
    Team(TeamId),
    Operator,
}

impl Holder {
    fn all_of(who: &Who) -> Vec<Self> {
        match who {
            Who::Key(key) => vec![Self::Key(key.id.clone()), Self::Team(key.team.clone())],
            Who::Operator => vec![Self::Operator],
            // They have no calls.
            Who::Person(_) | Who::Link(_) => Vec::new(),
        }
    }
}

impl stream_room::Holder for Holder {
    fn most(&self) -> usize {
        match self {
            Self::Key(_) => MAX_OF_A_KEY,
            Self::Team(_) => MAX_OF_A_TEAM,
            Self::Operator => MAX_OF_THE_OPERATOR,
        }
    }
}

impl From<Full<Holder>> for Failed {
    fn from(full: Full<Holder>) -> Self {
        let Full::Of(holder) = full else {
            return Self::new(ErrorCode::Overloaded, "Too many streams of events are open.");
        };
        let (whose, policy) = match holder {
            Holder::Key(_) | Holder::Operator => ("This key has", "STREAMS_OF_A_KEY"),
            Holder::Team(_) => ("The keys of this team have", "STREAMS_OF_A_TEAM"),
        };
        let message = format!("{whose} {} streams of events open. Close one first.", holder.most());
        // Those that have gone are noticed when something is to be said to them.
        let wait_ms = i64::try_from(HEARTBEAT.as_millis()).unwrap_or(i64::MAX);
        Self { over: Some(OverLimit { policy, wait_ms }), ..Self::new(ErrorCode::RateLimit, message) }
    }
}

/// `GET /v2/campaign/{id}/events/stream?after=&events=`
pub async fn stream(call: Call, Path(program): Path<String>, RawQuery(query): RawQuery) -> Response {
    let mut is_full = false;
    let begin = async {
        let program = program_id(&program)?;
        let Wanted { after, kinds } = Wanted::parse(query.as_deref().unwrap_or_default(), &call.headers)?;
        let room = call.state.event_streams.room.enter(Holder::all_of(&call.actor().who));
        let room = room.inspect_err(|full| is_full = *full == Full::Whole)?;
        Ok((call.engine().follow(&program, after, kinds).await?, room))
    };
    match begin.await {
        Ok((follower, room)) => answer(Listener::new(call.state, &call.headers, follower), room),
        Err(failed) => {
            let mut response = call.context.fail(failed);
            if is_full {
                response.extensions_mut().insert(NoFailure);
            }
            response
        }
    }
}

/// Which events.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// Those behind this one; without it those that are accepted from now on.
    after: Option<EventId>,
    /// All, when it is empty.
    kinds: Vec<EventKind>,
}

impl Wanted {
    /// `Last-Event-ID` is newer than the URL: browsers send it when they come back.
    fn parse(query: &str, headers: &HeaderMap) -> Result<Self, Failed> {
        let mut wanted = Self::default();
        let mut problems = Vec::new();
        let mut after =
            headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "after" => after = after.or_else(|| Some(value.into_owned())),
                "events" => {
                    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                        match EventKind::parse(name) {
                            Some(kind) => wanted.kinds.push(kind),
                            None => problems.push(Problem::new("/events", event_names())),
                        }
                    }
                }
                _ => {}
            }
        }
        if let Some(after) = after.filter(|after| !after.is_empty()) {
            match EventId::parse(&after) {
                Ok(id) => wanted.after = Some(id),
                Err(_) => problems.push(Problem::new("/after", "must be an event's id")),
            }
        }
        if problems.is_empty() { Ok(wanted) } else { Err(Failed::invalid(problems)) }
    }
}

/// Whoever listens has taken nothing for a while.
#[derive(Debug, Error)]
#[error("nobody takes what the stream says")]
struct NotTaken;

/// The stream is fed by a task of its own: were it read only when the connection takes something, whoever takes nothing
/// would never be asked for the key again. Its room is free when its body is gone, not when that task is: what it has said may be in
/// memory for as long as the connection takes it slowly.
fn answer(mut listener: Listener, room: Room<Holder>) -> Response {
    let (sender, mut receiver) = mpsc::channel(1);
    let tasks = listener.state.event_streams.tasks.clone();
    let given_up = CancellationToken::new();
    let feeder = given_up.clone();
    tasks.spawn(async move {
        loop {
            let message = tokio::select! {
                () = sender.closed() => return,
                message = listener.next() => message,
            };
            let Some(message) = message else { return };
            match timeout(PATIENCE, sender.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => return feeder.cancel(),
            }
        }
    });
    let messages = poll_fn(move |context| {
        let _held = &room;
        if given_up.is_cancelled() {
            return Poll::Ready(Some(Err(NotTaken)));
        }
        receiver.poll_recv(context).map(|message| message.map(Ok))
    });
    let mut response = Sse::new(messages).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    // nginx would wait for more before it passes a message on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The data of a message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    id: EventId,
    event: EventKind,
    created_at: i64,
    body: &'a str,
}

fn message(event: &FollowedEvent) -> Option<Event> {
    // What was rendered as JSON is UTF-8.
    let body = std::str::from_utf8(&event.body).ok()?;
    let data = Data { id: event.id, event: event.kind, created_at: event.created_at_ms, body };
    let data = serde_json::to_string(&data).ok()?;
    Some(Event::default().id(event.id.to_string()).data(data))
}

/// Everything up to here was given.
fn place(id: EventId) -> Event {
    Event::default().id(id.to_string()).comment("")
}

/// Somebody who listens.
struct Listener {
    state: AppState,
    follower: Follower,
    /// The key it came with, to be looked at again.
    key: Request,
    /// Read, and not given yet; the next one last.
    ready: Vec<FollowedEvent>,
    heartbeat: Interval,
    checks: Interval,
    revoked: watch::Receiver<u64>,
    is_new: bool,
}

impl Listener {
    fn new(state: AppState, headers: &HeaderMap, follower: Follower) -> Self {
        let mut key = Request::new(Body::empty());
        if let Some(authorization) = headers.get(AUTHORIZATION) {
            key.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let every = |period| {
            let mut interval = interval(period);
            // The first tick is one period from now.
            interval.reset();
            interval
        };
        Self {
            revoked: state.engine.api_keys_revoked(),
            state,
            follower,
            key,
            ready: Vec::new(),
            heartbeat: every(HEARTBEAT),
            checks: every(CHECK),
            is_new: true,
        }
    }

    /// What to say next; none when the stream is to end.
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_new) {
            return Some(place(self.follower.reached()));
        }
        let stop = self.state.event_streams.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                _ = self.checks.tick() => {
                    self.still_listens()?;
                    continue;
                }
                _ = self.revoked.changed() => {
                    self.still_listens()?;
                    continue;
                }
                () = std::future::ready(()), if !self.ready.is_empty() => {}
                _ = self.heartbeat.tick() => return Some(place(self.follower.reached())),
                events = self.follower.next() => self.take(events)?,
            }
            if let Some(message) = self.ready.pop().as_ref().and_then(message) {
                self.heartbeat.reset();
                return Some(message);
            }
        }
    }

    /// When the store is away the stream ends; whoever listens comes again.
    fn take(&mut self, events: Result<Vec<FollowedEvent>, EngineError>) -> Option<()> {
        let mut events = events
            .inspect_err(|error| tracing::warn!(%error, "a stream of events ends: the store failed it"))
            .ok()?;
        events.reverse();
        self.ready = events;
        Some(())
    }

    /// None when the key or the program is gone.
    fn still_listens(&self) -> Option<()> {
        (self.follower.has_program() && auth::identify(&self.state, &self.key).is_some()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use groundswell_types::{NewApiKey, Scopes};
    use proptest::prelude::*;

    use super::*;
    use crate::house::{House, end_of};

    #[test]
    fn neither_a_key_nor_a_team_nor_the_operator_takes_the_room_of_others() {
        let streams = EventStreams::new(CancellationToken::new());
        let mut open = Vec::new();
        let mut enter = |holders: &[Holder]| {
            let room = streams.room.enter(holders.to_vec());
            room.map(|room| open.push(room)).map_err(|full| Failed::from(full).over.map(|over| over.policy))
        };
        for team in ["team_a", "team_b"] {
            let team = Holder::Team(TeamId::parse(team).expect("good"));
            for number in 0..25 {
                let key = Holder::Key(format!("{team:?}{}", number / 10));
                assert_eq!(enter(&[key, team.clone()]), Ok(()), "the key has ten at most");
            }
            let first = Holder::Key(format!("{team:?}0"));
            assert_eq!(enter(&[first, team.clone()]), Err(Some("STREAMS_OF_A_KEY")));
            let new = Holder::Key("new".to_owned());
            assert_eq!(enter(&[new, team]), Err(Some("STREAMS_OF_A_TEAM")));
        }
        for _ in 0..MAX_OF_THE_OPERATOR {
            assert_eq!(enter(&[Holder::Operator]), Ok(()));
        }
        let other = [Holder::Team(TeamId::parse("team_c").expect("good"))];
        assert_eq!(enter(&other), Err(None), "there are a hundred");
        open.truncate(99);
        assert!(streams.room.enter(vec![Holder::Operator]).is_ok(), "one less of the operator's");
        drop(open);
        assert!(streams.room.is_empty(), "nothing is lost");
    }

    #[test]
    fn where_to_begin_is_said_by_header_or_query_and_mistakes_are_named() {
        let id = EventId::from_number(7);
        let headers = HeaderMap::from_iter([(LAST_EVENT_ID, HeaderValue::from_static("evt_0000000000009"))]);
        let none = HeaderMap::new();
        let wanted = |query: &str, headers| Wanted::parse(query, headers).expect("good");
        assert_eq!(wanted("", &none), Wanted::default());
        assert_eq!(wanted("after=&events=", &none), Wanted::default());
        assert_eq!(wanted(&format!("after={id}"), &none).after, Some(id));
        assert_eq!(wanted(&format!("after={id}"), &headers).after, Some(EventId::from_number(9)));
        let kinds = [EventKind::CampaignEnded, EventKind::NewPayoutIssued];
        assert_eq!(wanted("events=CAMPAIGN_ENDED,NEW_PAYOUT_ISSUED", &none).kinds, kinds);
        let failed = Wanted::parse("after=x&events=NO,CAMPAIGN_ENDED", &none).expect_err("refused");
        let pointers: Vec<&str> = failed.errors.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/events", "/after"]);
    }

    /// What a new key is sent as, and its id.
    async fn key_of(house: &House) -> (HeaderValue, String) {
        let new =
            NewApiKey { name: "k".to_owned(), scopes: Scopes::USUAL, campaign_id: None, rate_limit: None };
        let made = house.operator().create_api_key(new).await.expect("made");
        (HeaderValue::try_from(format!("Bearer {}", made.key)).expect("a header"), made.view.id)
    }

    /// Opens a stream with a key that is revoked at once, and `told` of it or not; says after how long it ends, if it does.
    async fn end_after_revocation(told: bool) -> Option<Duration> {
        let house = House::new().await;
        let (key, id) = key_of(&house).await;
        let headers = HeaderMap::from_iter([(AUTHORIZATION, key)]);
        let follower = house.operator().follow(&house.program, None, Vec::new()).await.expect("followed");
        let room = house.state.event_streams.room.enter(vec![Holder::Operator]).expect("room");
        let mut listener = Listener::new(house.state.clone(), &headers, follower);
        let silent = watch::Sender::new(0);
        if !told {
            listener.revoked = silent.subscribe();
        }
        let stream = answer(listener, room).into_body();
        house.operator().delete_api_key(&id).await.expect("revoked");
        let end = end_of(stream).await;
        drop(silent);
        end
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_revoked_is_noticed_within_a_minute_though_nobody_tells() {
        let at_once = end_after_revocation(true).await.expect("it ends");
        assert!(at_once < Duration::from_secs(1), "it was told, and went on for {at_once:?}");
        let after = end_after_revocation(false).await.expect("it ends");
        assert!(after >= CHECK && after <= Duration::from_mins(1), "it went on for {after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_nobody_takes_has_its_room_until_it_is_gone_and_says_nothing_more() {
        let house = House::new().await;
        let follower = house.operator().follow(&house.program, None, Vec::new()).await.expect("followed");
        let room = house.state.event_streams.room.enter(vec![Holder::Operator]).expect("room");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, key_of(&house).await.0)]);
        let mut stream = answer(Listener::new(house.state.clone(), &headers, follower), room)
            .into_body()
            .into_data_stream();
        assert!(stream.next().await.is_some_and(|said| said.is_ok()), "it begins");
        // Two heartbeats come before it is given up.
        tokio::time::sleep(HEARTBEAT * 2 + PATIENCE + Duration::from_secs(1)).await;
        assert!(!house.state.event_streams.room.is_empty(), "what it has said is still there");
        assert!(stream.next().await.is_some_and(|said| said.is_err()), "nothing more is said");
        drop(stream);
        assert!(house.state.event_streams.room.is_empty());
    }

    proptest! {
        #[test]
        fn where_a_stream_goes_on_is_an_id_of_the_header_or_of_the_url(
            (query, header) in (any::<String>(), any::<Vec<u8>>()),
            id in 1..1_i64 << 50,
        ) {
            let sent = |value: &[u8]| {
                HeaderMap::from_iter(HeaderValue::from_bytes(value).ok().map(|value| (LAST_EVENT_ID, value)))
            };
            let read = |query: &str, header: &[u8]| Wanted::parse(query, &sent(header)).map_err(|failed| failed.errors);
            prop_assert!(read(&query, &header).err().is_none_or(|errors| !errors.is_empty()));
            let id = EventId::from_number(id);
            let wanted = Wanted { after: Some(id), kinds: Vec::new() };
            prop_assert_eq!(read("after=x", id.to_string().as_bytes()).ok(), Some(wanted));
            if let Ok(Wanted { after: Some(after), .. }) = read(&format!("after={id}"), &header) {
                prop_assert!(after == id || header == after.to_string().as_bytes());
            }
        }
    }
}
