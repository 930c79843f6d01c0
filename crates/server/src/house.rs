//! A server without a listener, over the in-memory store, for tests of what takes minutes: its time goes by itself.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use clap::Parser as _;
use futures::StreamExt as _;
use groundswell_engine::access::{Actor, Came, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::{Clock, Stopwatch};
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::{Engine, EngineParts};
use groundswell_types::{Currency, ProgramId, ProgramType, UserId};
use tokio_util::sync::CancellationToken;

use crate::client_address::Peer;
use crate::config::{Config, ServeArgs};
use crate::http::{AppState, Watching};
use crate::log::Levels;

/// As long as a stream is listened to that is not to end.
pub const LONG: Duration = Duration::from_mins(5);

/// See the module.
pub struct House {
    pub state: AppState,
    /// What is changed here the server is not told of.
    pub store: Arc<Memory>,
    pub engine: Arc<Engine>,
    pub program: ProgramId,
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeArgs,
}

impl House {
    pub async fn new() -> Self {
        let store = Arc::new(Memory::new());
        let clock = Clock::of_timers(1_800_000_000_000);
        let config = EngineConfig::default();
        let parts = EngineParts { store: Arc::clone(&store) as _, config, clock };
        let engine = Engine::start(parts).await.expect("starts");
        let flags = Flags::try_parse_from(["groundswell"]).expect("no flags");
        let config = Config::load(flags.serve).expect("good settings");
        let watching = Watching { log_levels: Levels::of_nothing(), traces: None, nodes: None };
        let own_url = "http://127.0.0.1:3000".to_owned();
        let state =
            AppState::new(Arc::clone(&engine), None, own_url, (&config, watching, CancellationToken::new()));
        let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
        let operator = operator(&engine);
        let program = operator.create_program(new, None).await.expect("created").id;
        Self { state: state.expect("a state"), store, engine, program }
    }

    /// The use cases, for the operator.
    pub fn operator(&self) -> Acting {
        operator(&self.engine)
    }

    /// The token of a new session of somebody.
    pub async fn session_of(&self, user: &UserId) -> String {
        let (token, _) = self.engine.create_sign_in_token(user).await.expect("made");
        self.engine.sign_in(&token, Came::default()).await.expect("signed in").token
    }
}

fn operator(engine: &Arc<Engine>) -> Acting {
    engine.acting(Arc::new(Actor { who: Who::Operator, address: None }))
}

/// Where requests come from.
pub const fn peer() -> Peer {
    Peer(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// After how long a stream ends; none when it does not within [`LONG`].
pub async fn end_of(stream: Body) -> Option<Duration> {
    let began = Stopwatch::start();
    let mut frames = stream.into_data_stream();
    let whole = async {
        while let Some(frame) = frames.next().await {
            frame.expect("nothing breaks");
        }
    };
    tokio::time::timeout(LONG, whole).await.ok().map(|()| began.elapsed())
}
