//! `groundswell doctor`: what stands in the way, and what to do about it.

mod clock;
mod database;
mod disk;
mod egress;
mod network;

use groundswell_cli::{Output, Terminal, Tone};
use groundswell_engine::clock::Clock;
use serde::Serialize;
use serde_json::json;

use crate::config::{Config, Database, ServeArgs, proxies};
use crate::log;
use crate::migrate::look;

/// Checks configuration, clock, disk, database and network, and says what to do.
///
/// Changes nothing, and may run beside the server. Exit code 1 means that something is wrong that has to be repaired.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    output: Output,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// It works, but may not do what is wanted.
    Warn,
    Fail,
}

/// What was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    name: &'static str,
    level: Level,
    /// How it is.
    said: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, said: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, said: said.into(), advice: None }
    }

    fn warn(name: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, level: Level::Warn, said: said.into(), advice: Some(advice.into()) }
    }

    fn fail(name: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, level: Level::Fail, said: said.into(), advice: Some(advice.into()) }
    }
}

impl Doctor {
    /// Looks at everything; fails when anything is to be repaired.
    pub fn run(self) -> anyhow::Result<()> {
        let findings = examine(self.serve)?;
        let mut terminal = Terminal::new(&self.output);
        let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
        if terminal.is_json() {
            terminal.json(&json!({ "ok": worst < Level::Fail, "checks": findings }))?;
        } else {
            for finding in &findings {
                tell(&mut terminal, finding)?;
            }
        }
        if worst < Level::Fail { Ok(()) } else { Err(groundswell_cli::Failure::Unsuccessful.into()) }
    }
}

fn examine(args: ServeArgs) -> anyhow::Result<Vec<Finding>> {
    const CONFIGURATION: &str = "configuration";
    let loaded = Config::load(args).and_then(|config| log::filter(&config.log_filter).map(|_| config));
    let config = match loaded {
        Ok(config) => config,
        Err(error) => {
            let advice =
                "`groundswell check-config` reads the same settings; with --example it lists all there are.";
            return Ok(vec![Finding::fail(CONFIGURATION, format!("{error:#}"), advice)]);
        }
    };
    let mut findings = vec![match &config.admin_key {
        Some(_) => Finding::ok(CONFIGURATION, "every setting can be read"),
        None => Finding::warn(
            CONFIGURATION,
            "every setting can be read, but there is no admin key",
            "Set GROUNDSWELL_ADMIN_KEY if API keys are to be made without the Program Editor, for example to the output of \
             `openssl rand -hex 24`.",
        ),
    }];
    let own = network::listening(&config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let looked = runtime.block_on(look(&config.database));
    let inspection = looked.as_ref().ok();
    findings.push(clock::examine(Clock::system().now_ms(), own.date.as_deref(), inspection));
    if let Database::Sqlite(path) = &config.database {
        findings.extend(disk::examine(path));
    }
    findings.extend(database::examine(&config, &looked, own.server));
    findings.push(own.listen);
    findings.push(network::public_url(&config, own.server));
    findings.push(egress::rules(&config));
    findings.push(egress::receivers(&config, inspection.map_or(&[], |found| &found.receivers)));
    findings.extend(egress::proxies(&proxies()));
    Ok(findings)
}

fn tell(terminal: &mut Terminal, finding: &Finding) -> Result<(), groundswell_cli::Failure> {
    let (tone, word) = match finding.level {
        Level::Ok => (Tone::Good, "ok  "),
        Level::Warn => (Tone::Doubtful, "warn"),
        Level::Fail => (Tone::Bad, "FAIL"),
    };
    terminal.line(&format!("{} {:13} {}", terminal.toned(tone, word), finding.name, finding.said))?;
    match &finding.advice {
        Some(advice) => terminal.line(&format!("     {:13} {advice}", "")),
        None => Ok(()),
    }
}
