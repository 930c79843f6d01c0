//! Start and stop: open the store, start the engine, listen; on SIGINT or SIGTERM the other way round.

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
use groundswell_types::UserId;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::config::{Config, Database};
use crate::front::Front;
use crate::http::{AppState, Watching, router};
use crate::listener::{Limits, Listener};
use crate::log::Levels;
use crate::mail::SmtpPost;
use crate::metrics::MetricsFront;
use crate::site::Site;
use crate::stop_signals::StopSignals;
use crate::traces::Traces;
use crate::{crash, log, request, secrets};

/// Open requests get this long to finish after a stop is asked for; attempts under way then get theirs.
const REQUESTS_GRACE: Duration = Duration::from_secs(10);

/// Whoever reads metrics while the server stops has had the other requests' time already.
const METRICS_GRACE: Duration = Duration::from_secs(1);

/// Everything together ends within 30 s.
const ENGINE_GRACE: Duration = Duration::from_secs(19);

/// Prints a line for the person who started the process.
#[expect(
    clippy::print_stdout,
    reason = "what the starter is to see goes to standard output, the log to standard error"
)]
pub fn say(line: &str) {
    use std::io::Write as _;
    println!("{line}");
    // A closed pipe must not end the server.
    let _ = std::io::stdout().flush();
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
    runtime.block_on(serve(config, log_levels))
}

/// Opens the database, bringing it up to date.
pub async fn open(database: &Database, vault: Vault) -> Result<Arc<dyn Store>, StoreError> {
    let now_ms = Clock::system().now_ms();
    Ok(match database {
        Database::Sqlite(path) => Arc::new(Sqlite::open(path, SqliteOptions::new(now_ms, vault)).await?),
        Database::Postgres(url) => Arc::new(Postgres::open(url, PostgresOptions::new(now_ms, vault)).await?),
    })
}

async fn open_with_secrets(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let secrets::Opened { vault, made } = secrets::vault(config).await?;
    if let Some(file) = made {
        tracing::info!("{}", secrets::advice(&file));
    }
    Ok(open(&config.database, vault).await?)
}

async fn serve(config: Config, log_levels: Levels) -> anyhow::Result<()> {
    let mut stop_signals = StopSignals::new()?;
    let clock = Clock::system();
    // An upgrade may take long. Each migration is a transaction, so it may be left at any time.
    let store = tokio::select! {
        store = open_with_secrets(&config) => store?,
        _ = stop_signals.wait() => {
            tracing::info!("stopped while the database was being opened");
            return Ok(());
        }
    };
    // Before the engine starts: it may deliver to this server's own inboxes, and must know their addresses.
    let listener = Listener::bind(config.listen, Limits::raised())
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.address()?;
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let own_url = Url::parse(&public_url).with_context(|| format!("{public_url} is no URL"))?;
    let engine_config =
        EngineConfig { public_url: Some(own_url), own_listener: Some(address), ..config.engine.clone() };
    let engine = Engine::start(EngineParts { store, config: engine_config, clock }).await;
    let engine = engine.context("the engine does not start")?;
    let post = config.mail.as_ref().map(|mail| SmtpPost::new(mail, &public_url)).transpose()?;
    engine.begin_telling(post.map(|post| Arc::new(post) as _));
    let site = Site::load()?;
    if site.is_none() {
        tracing::warn!("the pages are not built (`cargo xtask build` makes them); only the API is served");
    }
    let stop = CancellationToken::new();
    let traces = trace(&config, &engine)?;
    let watching = Watching { log_levels, traces: traces.clone() };
    let state =
        AppState::new(Arc::clone(&engine), site, public_url.clone(), (&config, watching, stop.clone()))?;
    let router = router(state.clone());
    say(&format!("Groundswell listens on http://{address}"));
    if engine.is_first_run().await.unwrap_or(false) {
        let (token, _) = engine.create_sign_in_token(&UserId::first()).await?;
        say(&format!("Sign in, once and within an hour: {public_url}/sign-in?token={token}"));
    }

    let metrics = metrics_listener(&config)?.map(|listener| {
        let state = state.clone();
        listener.serve(move |_| MetricsFront(state.clone()), &stop)
    });
    let serving = listener.serve(move |peer| Front::new(state.clone(), router.clone(), peer), &stop);
    let failed = tokio::select! {
        _ = stop_signals.wait() => false,
        () = engine.failed() => true,
    };
    stop.cancel();
    serving.finish(REQUESTS_GRACE).await;
    if let Some(metrics) = metrics {
        metrics.finish(METRICS_GRACE).await;
    }
    if tokio::time::timeout(ENGINE_GRACE, engine.shut_down()).await.is_err() {
        tracing::warn!("attempts under way did not finish in time; they are repeated after the next start");
    }
    if let Some(traces) = traces {
        // The thread that sends waits for tasks of this runtime.
        let _ = tokio::task::spawn_blocking(move || traces.stop()).await;
    }
    if failed {
        anyhow::bail!("stopped because of the database; the last lines of the log say why, and what to do");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Begins to trace, where the settings say so.
fn trace(config: &Config, engine: &Engine) -> anyhow::Result<Option<Traces>> {
    let traces = config.traces.as_ref().map(Traces::start).transpose()?;
    if let Some(traces) = &traces {
        engine.traces().start(Arc::new(traces.clone()));
    }
    Ok(traces)
}

/// Listens for those who collect metrics, where the settings say so.
fn metrics_listener(config: &Config) -> anyhow::Result<Option<Listener>> {
    let Some(wanted) = config.metrics_listen else { return Ok(None) };
    let listener = Listener::bind(wanted, Limits::of_few())
        .with_context(|| format!("cannot listen on {wanted} for metrics"))?;
    say(&format!("Metrics are at http://{}/metrics", listener.address()?));
    Ok(Some(listener))
}
