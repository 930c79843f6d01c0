//! Start and stop: open the store, start the engine, listen; on SIGINT or SIGTERM the other way round.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::store::postgres::{Options as PostgresOptions, Postgres};
use groundswell_engine::store::sqlite::{Options as SqliteOptions, Sqlite};
use groundswell_engine::store::vault::Vault;
use groundswell_engine::store::{Store, StoreError};
use groundswell_engine::{Engine, EngineParts};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::config::{Config, Database};
use crate::front::Front;
use crate::http::{AppState, Watching, router};
use crate::listener::{Limits, Listener};
use crate::log::Levels;
use crate::mail::SmtpPost;
use crate::metrics::MetricsFront;
use crate::nodes::{Forward, HttpPeers, NodeKey};
use crate::rest::tell_of_limits;
use crate::site::Site;
use crate::stop_signals::StopSignals;
use crate::traces::{LAST_SPANS, Traces};
use crate::{crash, log, nodes, request, secrets};

/// Open requests get this long to finish after a stop is asked for; attempts under way then get theirs.
const REQUESTS_GRACE: Duration = Duration::from_secs(10);

/// Of several servers another one leads after this time, so that nobody waits for the slowest request: nothing is begun any more
/// that the lead is needed for, and what is not begun to be written by then fails, and can be asked of the next one.
const LEAD_GRACE: Duration = Duration::from_millis(500);

/// More than an attempt takes, unless the settings say otherwise. Traces have theirs of it.
const ENGINE_GRACE: Duration = Duration::from_secs(19);

/// A name that is being looked up holds its thread for as long as the system's resolver likes; nobody waits for it.
const RUNTIME_GRACE: Duration = Duration::from_secs(1);

const _: () = assert!(
    REQUESTS_GRACE.as_secs() + ENGINE_GRACE.as_secs() + RUNTIME_GRACE.as_secs() <= 30,
    "everything together ends within 30 s, as the documentation says"
);

/// Prints a line for the person who started the process: that goes to standard output, the log to standard error.
pub fn say(line: &str) {
    use std::io::Write as _;
    // A closed pipe must not end the server.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Runs the server until it is told to stop.
pub fn run(config: Config) -> anyhow::Result<()> {
    let log_levels = log::start(&config)?;
    crash::log_panics();
    if !config.allow_core_dumps {
        crash::forbid_core_dumps();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    request::spawn_by_request();
    let ended = runtime.block_on(serve(config, log_levels));
    runtime.shutdown_timeout(RUNTIME_GRACE);
    ended
}

/// Opens the database, bringing it up to date.
pub async fn open(database: &Database, vault: Vault) -> Result<Arc<dyn Store>, StoreError> {
    let now_ms = Clock::system().now_ms();
    Ok(match database {
        Database::Sqlite(path) => Arc::new(Sqlite::open(path, SqliteOptions::new(now_ms, vault)).await?),
        Database::Postgres(url) => Arc::new(Postgres::open(url, PostgresOptions::new(now_ms, vault)).await?),
    })
}

/// With what other servers on the same database know this one by, if there can be others.
async fn open_with_secrets(config: &Config) -> anyhow::Result<(Arc<dyn Store>, Option<NodeKey>)> {
    let secrets::Opened { vault, made } = secrets::vault(config).await?;
    if let Some(file) = made {
        tracing::info!("{}", secrets::advice(&file));
    }
    let store = open(&config.database, vault.clone()).await?;
    let key = store.cluster().map(|cluster| NodeKey::new(&vault, cluster.node()));
    Ok((store, key))
}

async fn serve(config: Config, log_levels: Levels) -> anyhow::Result<()> {
    let mut stop_signals = StopSignals::new()?;
    // Where there are several servers it is the database's.
    let clock = Clock::correctable();
    // An upgrade may take long. Each migration is a transaction, so it may be left at any time.
    let (store, nodes) = tokio::select! {
        opened = open_with_secrets(&config) => opened?,
        _ = stop_signals.wait() => {
            tracing::info!("stopped while the database was being opened");
            return Ok(());
        }
    };
    let prepared = match Prepared::new(&config, log_levels, nodes) {
        Ok(prepared) => prepared,
        Err(error) => {
            store.close().await;
            return Err(error);
        }
    };
    let traces = prepared.watching.traces.clone();
    if let Some(cluster) = store.cluster()
        && let Err(error) = cluster.be_at(&prepared.node_address(&config)).await
    {
        store.close().await;
        return Err(error.into());
    }
    let engine = Engine::start(EngineParts { store, config: prepared.engine_config(&config), clock }).await;
    let engine = engine.context("the engine does not start")?;
    if let Some(peers) = prepared.peers.clone() {
        engine.set_peers(peers);
    }
    let ended = listen(&engine, prepared, (&config, &mut stop_signals)).await;
    // Whatever has kept it from listening: it delivers since it was started, and what is not written down of that is
    // delivered once more at the next start.
    shut_down(&engine, traces).await;
    match ended? {
        Ended::Asked => tracing::info!("stopped"),
        Ended::Failed => {
            anyhow::bail!(
                "stopped because of the database; the last lines of the log say why, and what to do"
            )
        }
    }
    Ok(())
}

/// All that may fail and needs no engine. An engine delivers from its start on, so that a server which cannot come up, and is
/// started every few seconds, would deliver the same again and again.
struct Prepared {
    listener: Listener,
    address: SocketAddr,
    public_url: String,
    own_url: Url,
    /// None where nobody collects metrics.
    metrics: Option<Listener>,
    post: Option<SmtpPost>,
    site: Option<Site>,
    watching: Watching,
    /// None where there can be no other server.
    peers: Option<Arc<HttpPeers>>,
}

impl Prepared {
    fn new(config: &Config, log_levels: Levels, nodes: Option<NodeKey>) -> anyhow::Result<Self> {
        let listener = Listener::bind(config.listen, Limits::raised())
            .map_err(|error| cannot_listen(&config.listen.to_string(), "listen", &error))?;
        let address = listener.address()?;
        let metrics = metrics_listener(config)?;
        let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let own_url = Url::parse(&public_url).with_context(|| format!("{public_url} is no URL"))?;
        let post = config.mail.as_ref().map(|mail| SmtpPost::new(mail, &public_url)).transpose()?;
        let site = Site::load()?;
        if site.is_none() {
            tracing::warn!(
                "the pages are not built (`cargo xtask build` makes them); only the API is served"
            );
        }
        let traces = config.traces.as_ref().map(Traces::start).transpose()?;
        let peers = nodes.clone().map(HttpPeers::new).transpose()?.map(Arc::new);
        let watching = Watching { log_levels, traces, nodes: nodes.map(Forward::new).transpose()? };
        Ok(Self { listener, address, public_url, own_url, metrics, post, site, watching, peers })
    }

    /// Where other servers speak to this one.
    fn node_address(&self, config: &Config) -> String {
        config.node_address.clone().unwrap_or_else(|| nodes::own_address(self.address))
    }

    /// The engine may deliver to this server's own inboxes, and must know their addresses.
    fn engine_config(&self, config: &Config) -> EngineConfig {
        let metrics = self.metrics.as_ref().and_then(|listener| listener.address().ok());
        EngineConfig {
            public_url: Some(self.own_url.clone()),
            own_listeners: [self.address].into_iter().chain(metrics).collect(),
            ..config.engine.clone()
        }
    }
}

/// Why a server does not listen any more.
enum Ended {
    /// Somebody has asked for it.
    Asked,
    /// The database is lost to it.
    Failed,
}

/// Serves until it is asked to stop or cannot go on, and until open requests are finished.
async fn listen(
    engine: &Arc<Engine>,
    prepared: Prepared,
    (config, stop_signals): (&Config, &mut StopSignals),
) -> anyhow::Result<Ended> {
    let Prepared { listener, address, public_url, own_url: _, metrics, post, site, watching, peers: _ } =
        prepared;
    if let Some(traces) = &watching.traces {
        engine.traces().start(Arc::new(traces.clone()));
    }
    let stop = CancellationToken::new();
    let state =
        AppState::new(Arc::clone(engine), site, public_url.clone(), (config, watching, stop.clone()))?;
    let router = router(state.clone());
    engine.begin_telling(post.map(|post| Arc::new(post) as _));
    say(&format!("Groundswell listens on http://{address}"));
    if engine.is_first_run().await.unwrap_or(false) {
        let (token, _) = engine.create_first_sign_in_token().await?;
        say(&format!("Sign in, once and within an hour: {public_url}/sign-in?token={token}"));
    }
    if let Some(metrics) = &metrics {
        say(&format!("Metrics are at http://{}/metrics", metrics.address()?));
    }
    let metrics = metrics.map(|listener| {
        let state = state.clone();
        listener.serve(move |_| MetricsFront(state.clone()), &stop)
    });
    let telling = tokio::spawn(tell_of_limits(state.clone(), stop.clone()));
    let serving = {
        let state = state.clone();
        listener.serve(move |peer| Front::new(state.clone(), router.clone(), peer), &stop)
    };
    let ended = tokio::select! {
        _ = stop_signals.wait() => Ended::Asked,
        () = engine.failed() => Ended::Failed,
    };
    leave(&state).await;
    stop.cancel();
    let grace = REQUESTS_GRACE.saturating_sub(LEAD_GRACE);
    let metrics = async {
        if let Some(metrics) = metrics {
            metrics.finish(grace).await;
        }
    };
    tokio::join!(serving.finish(grace), metrics);
    let _ = telling.await;
    Ok(ended)
}

/// Leaves the lead and the deliveries to other servers, if there are any.
async fn leave(state: &AppState) {
    if let Some(nodes) = state.nodes.as_ref().filter(|_| state.engine.has_other_nodes()) {
        nodes.hand_over();
        tokio::time::sleep(LEAD_GRACE).await;
        state.engine.leave();
    }
}

/// Ends deliveries, then traces, which tell of them.
async fn shut_down(engine: &Engine, traces: Option<Traces>) {
    let of_traces = if traces.is_some() { LAST_SPANS } else { Duration::ZERO };
    if tokio::time::timeout(ENGINE_GRACE.saturating_sub(of_traces), engine.shut_down()).await.is_err() {
        tracing::warn!("attempts under way did not finish in time; they are repeated after the next start");
    }
    if let Some(traces) = traces {
        // The thread that sends waits for tasks of this runtime.
        let _ = tokio::task::spawn_blocking(move || traces.stop()).await;
    }
}

/// Listens for those who collect metrics, where the settings say so.
fn metrics_listener(config: &Config) -> anyhow::Result<Option<Listener>> {
    let Some(wanted) = config.metrics_listen else { return Ok(None) };
    let listener = Listener::bind(wanted, Limits::of_few())
        .map_err(|error| cannot_listen(&format!("{wanted} for metrics"), "metrics-listen", &error))?;
    Ok(Some(listener))
}

/// What to do when an address cannot be had, which this flag sets.
fn cannot_listen(address: &str, flag: &str, error: &std::io::Error) -> anyhow::Error {
    let remedy = match error.kind() {
        std::io::ErrorKind::AddrInUse => "stop what listens there, or choose",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address; choose",
        _ => "choose",
    };
    let variable = format!("GROUNDSWELL_{}", flag.to_uppercase().replace('-', "_"));
    anyhow::anyhow!("cannot listen on {address}: {error}; {remedy} another with --{flag} or {variable}")
}
