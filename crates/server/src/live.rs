//! Streams that tell open pages what changed, as server-sent events, so that they need not ask again and again.
//!
//! A message is a list of what changed, `["webhooks","draft"]`; the page reads it anew through its server functions. The
//! first message says that the stream stands, and one that lists nothing comes whenever there was nothing to tell for a
//! while: a page that hears neither has lost its connection, or has a proxy before it that holds answers back.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{Stream, unfold};
use groundswell_app::failure::Failure;
use groundswell_engine::EngineError;
use groundswell_engine::access::{Came, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::changes::ChangeWatch;
use groundswell_types::{Change, ProgramId, TeamId, UserId};
use http::header::{CACHE_CONTROL, HeaderName, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use tokio::sync::watch;
use tokio::time::{Interval, interval};
use tokio_util::sync::CancellationToken;

use crate::backend::{Door, PageBackend};
use crate::http::AppState;
use crate::pages::came;
use crate::routes::Routes;
use crate::stream_room::{self, Full, Room, StreamRoom};

/// Open at a time; beyond that pages go on by asking.
const MAX_STREAMS: usize = 1_000;

/// Open at a time for one person, in all their browsers, or one session of an editor link, and for all of a team.
const MAX_OF_A_VIEWER: usize = 50;
const MAX_OF_A_TEAM: usize = 500;

/// A page takes its stream for broken when it hears nothing for twice that time (`app/src/live/line.rs`).
const HEARTBEAT: Duration = Duration::from_secs(20);

/// How often it is asked whether the viewer is still signed in and may see this. Here it is noticed at once; another node's
/// sign-outs are noticed so.
const SESSION_CHECK: Duration = Duration::from_secs(50);

/// Room for streams, and their end.
pub struct LiveStreams {
    room: StreamRoom<Holder>,
    /// Cancelled when the server stops: it would wait for streams, and they have no end of their own.
    stop: CancellationToken,
}

impl LiveStreams {
    /// None yet; `stop` ends them.
    pub fn new(stop: CancellationToken) -> Self {
        Self { room: StreamRoom::new(MAX_STREAMS), stop }
    }
}

/// Whose streams are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
    Person(UserId),
    /// An editor link's session, by the link's id.
    Link(String),
    /// Everybody who looks at what is this team's.
    Team(TeamId),
}

impl Holder {
    fn all_of(acting: &Acting, program: Option<&ProgramId>) -> Result<Vec<Self>, EngineError> {
        let team = match program {
            Some(program) => Some(acting.team_of(program)?),
            // Who is in none has no program in their list.
            None => acting.actor().team().ok(),
        };
        let viewer = match &acting.actor().who {
            Who::Person(person) => Some(Self::Person(person.id.clone())),
            Who::Link(holder) => Some(Self::Link(holder.id.clone())),
            // They have no pages.
            Who::Operator | Who::Key(_) => None,
        };
        Ok(viewer.into_iter().chain(team.map(Self::Team)).collect())
    }
}

impl stream_room::Holder for Holder {
    fn most(&self) -> usize {
        match self {
            Self::Person(_) | Self::Link(_) => MAX_OF_A_VIEWER,
            Self::Team(_) => MAX_OF_A_TEAM,
        }
    }
}

/// A stream for each program, and one for those in somebody's list together.
pub fn router() -> Routes {
    Routes::new()
        .get("/programs/live", listed_programs)
        .get("/programs/{id}/live", one_program)
        .get("/embed/programs/{id}/live", one_program)
}

async fn listed_programs(State(state): State<AppState>, request: Request) -> Response {
    let came = came(&state, request.headers(), request.extensions());
    answer(state, (came, Door::Session), None).await
}

async fn one_program(State(state): State<AppState>, Path(id): Path<String>, request: Request) -> Response {
    let Ok(program) = ProgramId::parse(&id) else { return no_program() };
    let came = came(&state, request.headers(), request.extensions());
    let door = Door::of(&state, request.uri().path(), request.headers());
    answer(state, (came, door), Some(program)).await
}

fn no_program() -> Response {
    (StatusCode::NOT_FOUND, "There is no such program.\n").into_response()
}

/// A stream of what changes at a program, or at those in the viewer's list.
async fn answer(state: AppState, came: (Came, Door), program: Option<ProgramId>) -> Response {
    // From here on no end of the session is missed.
    let changed = state.engine.access_changed();
    let (watch, holders) = match watch(&state, &came, program.as_ref()).await {
        Ok(watched) => watched,
        Err(Failure::SignedOut) => return (StatusCode::UNAUTHORIZED, "Sign in first.\n").into_response(),
        Err(Failure::NotFound) => return no_program(),
        Err(failure) => {
            let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return (status, format!("{failure}\n")).into_response();
        }
    };
    let room = match state.live.room.enter(holders) {
        Ok(room) => room,
        Err(full) => return no_room(&full),
    };
    let mut checks = interval(SESSION_CHECK);
    // The first one has just been made.
    checks.reset();
    let viewer = Viewer { state, came, program, changed, checks, watch, is_new: true, _room: room };
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).event(message(&[]));
    let mut response = Sse::new(viewer.stream()).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    // nginx would wait for more before it passes a message on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn no_room(full: &Full<Holder>) -> Response {
    let (status, why) = match full {
        Full::Of(Holder::Person(_) | Holder::Link(_)) => {
            (StatusCode::TOO_MANY_REQUESTS, "You have too many pages open.\n")
        }
        Full::Of(Holder::Team(_)) => (StatusCode::TOO_MANY_REQUESTS, "Your team has too many pages open.\n"),
        Full::Whole => (StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open.\n"),
    };
    (status, [(RETRY_AFTER, "60")], why).into_response()
}

/// A watch for somebody who may have it, and as whose stream it counts.
async fn watch(
    state: &AppState,
    (came, door): &(Came, Door),
    program: Option<&ProgramId>,
) -> Result<(ChangeWatch, Vec<Holder>), Failure> {
    let backend = PageBackend::new(state.clone(), came.clone(), None).through(door.clone()).of_open_page();
    let acting = backend.engine().await?;
    let watch = match program {
        Some(program) => acting.watch(program),
        None => acting.watch_listed(),
    };
    let watched = watch.and_then(|watch| Ok((watch, Holder::all_of(acting, program)?)));
    watched.map_err(|error| backend.failure(error))
}

fn message(changed: &[Change]) -> Event {
    let changed = serde_json::to_string(changed).unwrap_or_else(|_| "[]".to_owned());
    Event::default().data(changed)
}

/// Somebody who has a page open.
struct Viewer {
    state: AppState,
    /// And through which door.
    came: (Came, Door),
    program: Option<ProgramId>,
    changed: watch::Receiver<u64>,
    checks: Interval,
    watch: ChangeWatch,
    /// Nothing was said yet.
    is_new: bool,
    _room: Room<Holder>,
}

impl Viewer {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, async |mut viewer| {
            let changed = viewer.next().await?;
            Some((Ok(message(&changed)), viewer))
        })
    }

    /// What to tell next; none when the stream is to end. Nothing queues up while the connection takes nothing.
    async fn next(&mut self) -> Option<Vec<Change>> {
        if std::mem::take(&mut self.is_new) {
            return Some(Vec::new());
        }
        let stop = self.state.live.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                // What happens from now on is told by another node; the page comes again, and is led there.
                () = self.state.engine.lead_is_over() => return None,
                _ = self.changed.changed() => {}
                _ = self.checks.tick() => {}
                changed = self.watch.next() => return Some(changed),
            }
            // Who cannot be asked about is not told anything either; the page comes again.
            let (watch, _) = watch(&self.state, &self.came, self.program.as_ref()).await.ok()?;
            if !watch.is_like(&self.watch) {
                // They look at another team by now, where everything is news.
                self.watch = watch;
                return Some(Change::ALL.to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests;
