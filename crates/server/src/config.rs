//! Where settings come from: flags, then the environment, then a TOML file, then defaults. The only file that reads
//! the environment (through clap, but for what is no setting of ours).

mod admin_key;
mod delivery;
mod egress;
mod embed;
mod empty;
mod given;
mod keys;
pub mod mail;
mod node;
pub mod oidc;
mod policies;
mod proxies;
pub mod reference;
mod secrets;
mod shown;
pub mod traces;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use groundswell_engine::config::EngineConfig;
use groundswell_engine::health::HealthPolicy;
use groundswell_types::RateLimit;
use serde::Deserialize;

pub use self::admin_key::AdminKey;
use self::admin_key::AdminKeyArgs;
use self::delivery::{DeliveryArgs, DeliverySection};
pub use self::empty::without_empty;
use self::given::{Given, over};
pub use self::proxies::proxies;
pub use self::secrets::SecretsKeySource;
use self::secrets::{SecretsArgs, SecretsSection};
use crate::client_address::TrustedProxies;
use embed::{EmbedArgs, EmbedSection};
use mail::{MailArgs, MailSection, MailSettings};
use node::{NodeArgs, NodeSection};
use oidc::{OidcArgs, OidcSection, OidcSettings};
use policies::{breaker_policy, retention_ms, retry_policy, sending};
use traces::{TracesArgs, TracesSection, TracesSettings};

/// The flags of `groundswell serve`. Each can be set by the environment variable named beside it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServeArgs {
    /// A TOML file with settings.
    #[arg(long, env = "GROUNDSWELL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, env = "GROUNDSWELL_LISTEN", value_name = "ADDRESS")]
    listen: Option<Given<SocketAddr>>,
    /// Address and port on which `/metrics` is served without a key, beside the other; port 0 takes a free one.
    #[arg(long, env = "GROUNDSWELL_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<Given<SocketAddr>>,
    /// Where everything is kept: `sqlite:///path/file.db` or `postgres://user:password@host/database`.
    #[arg(long, env = "GROUNDSWELL_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    #[command(flatten)]
    admin_key: AdminKeyArgs,
    #[command(flatten)]
    secrets: SecretsArgs,
    /// What deliveries may reach besides public addresses: networks with or without a port, comma-separated, for example
    /// 127.0.0.0/8 or 10.0.0.5:8443. An IPv6 address has brackets when it has a port: `[fd00::1]:8080`, `[fd00::]/8:8080`. Only
    /// an entry with a port lifts the refusal of ports such as 6379. This server itself is never reached.
    #[arg(long, env = "GROUNDSWELL_EGRESS_ALLOW", value_name = "RULES")]
    egress_allow: Option<String>,
    /// Proxies whose X-Forwarded-For or Forwarded counts, comma-separated, for example 10.0.0.0/8.
    #[arg(long, env = "GROUNDSWELL_TRUSTED_PROXIES", value_name = "CIDRS")]
    trusted_proxies: Option<String>,
    /// What links are built from, for example `https://webhooks.example.com`.
    #[arg(long, env = "GROUNDSWELL_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Wait after the first failed attempt, in milliseconds.
    #[arg(long, env = "GROUNDSWELL_RETRY_BASE_MS", value_name = "MS")]
    retry_base_ms: Option<Given<i64>>,
    /// How much longer each wait is than the one before.
    #[arg(long, env = "GROUNDSWELL_RETRY_FACTOR", value_name = "FACTOR")]
    retry_factor: Option<Given<f64>>,
    /// The longest wait, in milliseconds.
    #[arg(long, env = "GROUNDSWELL_RETRY_CAP_MS", value_name = "MS")]
    retry_cap_ms: Option<Given<i64>>,
    /// How long after acceptance the last attempt is made, in milliseconds.
    #[arg(long, env = "GROUNDSWELL_RETRY_DEADLINE_MS", value_name = "MS")]
    retry_deadline_ms: Option<Given<i64>>,
    /// So many failures in a row open an endpoint's breaker.
    #[arg(long, env = "GROUNDSWELL_BREAKER_FAILURES", value_name = "COUNT")]
    breaker_failures: Option<Given<i64>>,
    /// Wait before the first probe of a failing endpoint, in milliseconds; each further one is twice as long.
    #[arg(long, env = "GROUNDSWELL_PROBE_BASE_MS", value_name = "MS")]
    probe_base_ms: Option<Given<i64>>,
    /// The longest wait between probes, in milliseconds.
    #[arg(long, env = "GROUNDSWELL_PROBE_CAP_MS", value_name = "MS")]
    probe_cap_ms: Option<Given<i64>>,
    /// A webhook without a success for so long is disabled, in milliseconds.
    #[arg(long, env = "GROUNDSWELL_AUTODISABLE_MS", value_name = "MS")]
    autodisable_ms: Option<Given<i64>>,
    /// How long events, deliveries and attempts are kept, in milliseconds.
    #[arg(long, env = "GROUNDSWELL_RETENTION_MS", value_name = "MS")]
    retention_ms: Option<Given<i64>>,
    /// `off`, or requests per second, minute and hour for each API key, for example 100/2000/50000.
    #[arg(long, env = "GROUNDSWELL_RATE_LIMIT", value_name = "LIMITS")]
    rate_limit: Option<String>,
    #[command(flatten)]
    delivery: DeliveryArgs,
    #[command(flatten)]
    embed: EmbedArgs,
    #[command(flatten)]
    oidc: OidcArgs,
    #[command(flatten)]
    traces: TracesArgs,
    #[command(flatten)]
    mail: MailArgs,
    #[command(flatten)]
    node: NodeArgs,
    /// `human` or `json`.
    #[arg(long, env = "GROUNDSWELL_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<Given<LogFormat>>,
    /// What is logged, for example info or groundswell_engine=debug.
    #[arg(long, env = "GROUNDSWELL_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Let the system write what is in memory to a file when the server crashes. There are secrets in it.
    #[arg(long, env = "GROUNDSWELL_ALLOW_CORE_DUMPS", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    allow_core_dumps: Option<Given<bool>>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The TOML file. Unknown keys are refused: they are spelling mistakes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "they are the keys that people write")]
struct File {
    listen: Option<SocketAddr>,
    metrics_listen: Option<SocketAddr>,
    database_url: Option<String>,
    admin_key: Option<String>,
    admin_key_file: Option<PathBuf>,
    public_url: Option<String>,
    trusted_proxies: Vec<String>,
    rate_limit: Option<String>,
    log_format: Option<LogFormat>,
    log: Option<String>,
    allow_core_dumps: Option<bool>,
    secrets: SecretsSection,
    egress: EgressSection,
    retry: RetrySection,
    retention: RetentionSection,
    breaker: BreakerSection,
    delivery: DeliverySection,
    embed: EmbedSection,
    oidc: OidcSection,
    traces: TracesSection,
    mail: MailSection,
    node: NodeSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EgressSection {
    allow: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetrySection {
    base_ms: Option<i64>,
    factor: Option<f64>,
    cap_ms: Option<i64>,
    deadline_ms: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetentionSection {
    ms: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BreakerSection {
    failures: Option<i64>,
    probe_base_ms: Option<i64>,
    probe_cap_ms: Option<i64>,
    autodisable_ms: Option<i64>,
}

/// Everything the server is started with.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// Where metrics are served without a key; not at all without it.
    pub metrics_listen: Option<SocketAddr>,
    pub database: Database,
    pub admin_key: Option<AdminKey>,
    /// Without a slash at its end; `None` is derived from the address that is listened on.
    pub public_url: Option<String>,
    pub trusted_proxies: TrustedProxies,
    pub rate_limit: Option<RateLimit>,
    /// The origins that may frame what editor links open.
    pub embed_origins: Vec<String>,
    pub oidc: Option<OidcSettings>,
    /// None when traces go nowhere.
    pub traces: Option<TracesSettings>,
    /// Without it no e-mail is sent.
    pub mail: Option<MailSettings>,
    pub log_format: LogFormat,
    pub log_filter: String,
    pub secrets: SecretsKeySource,
    pub allow_core_dumps: bool,
    /// Where other nodes speak to this one; `None` is derived from the address that is listened on.
    pub node_address: Option<String>,
    pub engine: EngineConfig,
}

/// Where everything is stored.
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// The URL of a database on a server. There may be a password in it.
    Postgres(String),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => formatter.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => formatter.write_str("Postgres(…)"),
        }
    }
}

impl Config {
    /// Reads and checks all settings.
    pub fn load(args: ServeArgs) -> anyhow::Result<Self> {
        let file = match &args.config {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the settings in {}", path.display()))?;
                toml::from_str(&text).with_context(|| format!("{} has a mistake", path.display()))?
            }
            None => File::default(),
        };
        let (retry, breaker) = (args.retry(&file.retry)?, args.breaker(&file.breaker)?);
        let delivery = args.delivery.over(&file.delivery)?;
        let database_url =
            args.database_url.or(file.database_url).unwrap_or_else(|| "sqlite://groundswell.db".to_owned());
        let engine = EngineConfig {
            retry: retry_policy(&retry)?,
            breaker: breaker_policy(&breaker)?,
            sending: sending(&delivery)?,
            health: HealthPolicy::default(),
            telling: mail::policy(&args.mail, &file.mail)?,
            // Known for sure only when the server listens.
            public_url: None,
            own_listeners: Vec::new(),
            egress_allow: egress::rules(args.egress_allow.as_deref(), &file.egress.allow)?,
            retention_ms: retention_ms(over(args.retention_ms.as_ref(), file.retention.ms)?)?,
            slots: delivery.slots.unwrap_or(1024),
            endpoint_slots: delivery.endpoint_slots.unwrap_or(64),
            lease_ms: node::lease_ms(&args.node, &file.node)?,
        };
        let database = Database::parse(&database_url)?;
        Ok(Self {
            listen: over(args.listen.as_ref(), file.listen)?
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000))),
            metrics_listen: over(args.metrics_listen.as_ref(), file.metrics_listen)?,
            secrets: SecretsKeySource::new(args.secrets, file.secrets, &database)?,
            allow_core_dumps: over(args.allow_core_dumps.as_ref(), file.allow_core_dumps)?.unwrap_or(false),
            database,
            admin_key: AdminKey::given(args.admin_key, (file.admin_key, file.admin_key_file))?,
            public_url: args.public_url.or(file.public_url).map(|url| public_url(&url)).transpose()?,
            trusted_proxies: TrustedProxies::parse(args.trusted_proxies.as_deref(), &file.trusted_proxies)?,
            rate_limit: rate_limit(args.rate_limit.or(file.rate_limit).as_deref())?,
            embed_origins: embed::origins(&args.embed, &file.embed)?,
            oidc: oidc::settings(args.oidc, file.oidc)?,
            traces: traces::settings(args.traces, file.traces)?,
            mail: mail::settings(&args.mail, &file.mail)?,
            log_format: over(args.log_format.as_ref(), file.log_format)?.unwrap_or_default(),
            log_filter: args.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
            node_address: node::address(&args.node, &file.node)?,
            engine,
        })
    }
}

impl ServeArgs {
    /// The same settings on another database.
    pub fn on(self, database_url: String) -> Self {
        Self { database_url: Some(database_url), ..self }
    }

    fn retry(&self, file: &RetrySection) -> anyhow::Result<RetrySection> {
        Ok(RetrySection {
            base_ms: over(self.retry_base_ms.as_ref(), file.base_ms)?,
            factor: over(self.retry_factor.as_ref(), file.factor)?,
            cap_ms: over(self.retry_cap_ms.as_ref(), file.cap_ms)?,
            deadline_ms: over(self.retry_deadline_ms.as_ref(), file.deadline_ms)?,
        })
    }

    fn breaker(&self, file: &BreakerSection) -> anyhow::Result<BreakerSection> {
        Ok(BreakerSection {
            failures: over(self.breaker_failures.as_ref(), file.failures)?,
            probe_base_ms: over(self.probe_base_ms.as_ref(), file.probe_base_ms)?,
            probe_cap_ms: over(self.probe_cap_ms.as_ref(), file.probe_cap_ms)?,
            autodisable_ms: over(self.autodisable_ms.as_ref(), file.autodisable_ms)?,
        })
    }
}

impl Database {
    /// `sqlite:///absolute`, `sqlite://relative` or `sqlite:relative`; `postgres://…` or `postgresql://…`.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match path.map(|path| path.split('?').next().unwrap_or_default()) {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(Path::new(path).to_owned())),
            _ => bail!(
                "the database URL must look like sqlite:///path/file.db or postgres://user:password@host:5432/database"
            ),
        }
    }
}

fn public_url(text: &str) -> anyhow::Result<String> {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    let is_base = url::Url::parse(text).is_ok_and(|url| url.query().or(url.fragment()).is_none());
    if !is_web || !is_base || text.chars().any(char::is_whitespace) {
        bail!("the public URL must start with https:// or http://, for example https://webhooks.example.com");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn rate_limit(text: Option<&str>) -> anyhow::Result<Option<RateLimit>> {
    let Some(text) = text else { return Ok(Some(RateLimit::default())) };
    if text == "off" {
        return Ok(None);
    }
    match RateLimit::parse(text) {
        Ok(limit) => Ok(Some(limit)),
        Err(why) => bail!("the rate limit {why}, or `off`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_with_the_remedy() {
        for url in ["mysql://a", "sqlite://"] {
            let error = Database::parse(url).expect_err("refused").to_string();
            assert!(error.contains("sqlite:///") && error.contains("postgres://"), "{error}");
        }
        assert!(AdminKey::new("short".to_owned()).is_err());
        assert!(rate_limit(Some("1/2")).is_err());
        for url in ["example.com", "https://", "https://example.com/?a=b"] {
            assert!(public_url(url).is_err(), "{url}");
        }
    }

    /// As `groundswell serve` has them.
    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        serve: ServeArgs,
    }

    /// Of every policy that operators can change: its flag, its variable, its key in the file, and another value.
    const POLICIES: [(&str, &str, &str, i64); 9] = [
        ("retry-base-ms", "GROUNDSWELL_RETRY_BASE_MS", "retry.base_ms", 11),
        ("retry-factor", "GROUNDSWELL_RETRY_FACTOR", "retry.factor", 12),
        ("retry-cap-ms", "GROUNDSWELL_RETRY_CAP_MS", "retry.cap_ms", 13),
        ("retry-deadline-ms", "GROUNDSWELL_RETRY_DEADLINE_MS", "retry.deadline_ms", 14),
        ("breaker-failures", "GROUNDSWELL_BREAKER_FAILURES", "breaker.failures", 15),
        ("probe-base-ms", "GROUNDSWELL_PROBE_BASE_MS", "breaker.probe_base_ms", 16),
        ("probe-cap-ms", "GROUNDSWELL_PROBE_CAP_MS", "breaker.probe_cap_ms", 17),
        ("autodisable-ms", "GROUNDSWELL_AUTODISABLE_MS", "breaker.autodisable_ms", 18),
        ("retention-ms", "GROUNDSWELL_RETENTION_MS", "retention.ms", 1019),
    ];

    fn policies(config: &Config) -> [i64; 9] {
        let EngineConfig { retry, breaker, retention_ms, .. } = &config.engine;
        #[expect(clippy::cast_possible_truncation, reason = "the tests' factors are whole")]
        let factor = retry.factor as i64;
        [
            retry.base_ms,
            factor,
            retry.cap_ms,
            retry.deadline_ms,
            breaker.failures,
            breaker.probe_base_ms,
            breaker.probe_cap_ms,
            breaker.autodisable_ms,
            *retention_ms,
        ]
    }

    fn load(flags: &[String]) -> Config {
        use clap::Parser as _;
        let all = std::iter::once("groundswell".to_owned()).chain(flags.iter().cloned());
        Config::load(Flags::try_parse_from(all).expect("known flags").serve).expect("good settings")
    }

    #[test]
    fn every_policy_is_set_by_a_flag_a_variable_and_a_file() {
        use clap::CommandFactory as _;
        let wanted = POLICIES.map(|(_, _, _, value)| value);
        let flags: Vec<String> =
            POLICIES.iter().map(|(flag, _, _, value)| format!("--{flag}={value}")).collect();
        assert_eq!(policies(&load(&flags)), wanted);

        let command = Flags::command();
        for (flag, variable, _, _) in POLICIES {
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
            let read = argument.and_then(|argument| argument.get_env()).and_then(std::ffi::OsStr::to_str);
            assert_eq!(read, Some(variable), "{flag}");
        }

        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("groundswell.toml");
        let lines: Vec<String> =
            POLICIES.iter().map(|(_, _, key, value)| format!("{key} = {value}")).collect();
        std::fs::write(&path, lines.join("\n")).expect("a new file");
        let file = format!("--config={}", path.display());
        assert_eq!(policies(&load(std::slice::from_ref(&file))), wanted);
        let both = load(&[file, "--retry-base-ms=99".to_owned()]);
        assert_eq!(
            (both.engine.retry.base_ms, both.engine.retry.cap_ms),
            (99, 13),
            "flags go before the file"
        );
    }

    #[test]
    fn without_settings_everything_is_as_the_contract_says() {
        let config = load(&[]);
        assert_eq!(
            policies(&config),
            [5_000, 3, 43_200_000, 432_000_000, 10, 30_000, 900_000, 604_800_000, 2_592_000_000]
        );
        let EngineConfig { sending, slots, endpoint_slots, egress_allow, .. } = config.engine;
        assert_eq!(egress_allow, [], "public addresses only");
        assert_eq!((sending.connect_timeout_ms, sending.total_timeout_ms), (5_000, 15_000));
        assert_eq!((slots, endpoint_slots), (1024, 64));
    }

    #[test]
    fn settings_are_read_as_written() {
        let path = |url| match Database::parse(url).expect("a database") {
            Database::Sqlite(path) => path,
            Database::Postgres(url) => panic!("{url}"),
        };
        assert_eq!(path("sqlite:///var/lib/g.db"), Path::new("/var/lib/g.db"));
        assert_eq!(path("sqlite://g.db"), Path::new("g.db"));
        let postgres = Database::parse("postgres://u:secret@h/d").expect("a database");
        assert!(!format!("{postgres:?}").contains("secret"));
        assert_eq!(rate_limit(Some("off")).expect("off"), None);
        let file: File = toml::from_str("listen = \"0.0.0.0:80\"\n[retry]\nbase_ms = 10\n").expect("a file");
        assert_eq!(file.retry.base_ms, Some(10));
        assert!(toml::from_str::<File>("lisen = 1").is_err());
    }
}
