//! The log: its form, what is in it, and that this can be changed while the server runs.

mod fields;
mod lines;

use anyhow::Context as _;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use self::fields::EscapedFields;
use self::lines::WithRequest;
use crate::config::{Config, LogFormat};

/// More than this is no filter that anybody wrote.
const MAX_FILTER_BYTES: usize = 1_000;

/// What is to be logged.
pub fn filter(text: &str) -> anyhow::Result<EnvFilter> {
    if text.len() > MAX_FILTER_BYTES {
        anyhow::bail!("a log filter has {MAX_FILTER_BYTES} bytes at most");
    }
    EnvFilter::try_new(text).with_context(|| format!("`{text}` is no log filter such as info"))
}

/// What is logged, to be looked at and changed while the server runs. The next start is as the settings say.
#[derive(Clone)]
pub struct Levels(Handle<EnvFilter, Registry>);

impl Levels {
    /// What is logged, as a filter.
    pub fn now(&self) -> String {
        // It lives as long as the process.
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }

    /// Of a log that is not kept.
    #[cfg(test)]
    pub fn of_nothing() -> Self {
        Self(reload::Layer::new(EnvFilter::default()).1)
    }

    /// Logs what `filter` says from now on.
    pub fn change(&self, filter: EnvFilter) -> anyhow::Result<()> {
        self.0.reload(filter).context("the log's filter cannot be changed")
    }
}

/// Logs from now on, to standard error.
pub fn start(config: &Config) -> anyhow::Result<Levels> {
    let (filter, handle) = reload::Layer::new(filter(&config.log_filter)?);
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = lines((config.log_format, is_terminal), std::io::stderr);
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(Levels(handle))
}

/// What writes lines of this format, on a terminal or not.
fn lines<S, W>((format, is_ansi): (LogFormat, bool), writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_ansi(is_ansi).with_writer(writer);
    match format {
        LogFormat::Human => {
            let line = fmt::format().with_ansi(is_ansi);
            layer.fmt_fields(EscapedFields).event_format(WithRequest::new(line, format)).boxed()
        }
        LogFormat::Json => {
            let line = fmt::format().json();
            layer.fmt_fields(JsonFields::new()).event_format(WithRequest::new(line, format)).boxed()
        }
    }
}
