//! What is measured, as a child process: the server, or one of the baselines in this program.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::load::Target;

/// What the server and the baselines print once they listen, followed by their URL.
pub const LISTENS: &str = "listens on http://";

const ADMIN_KEY: &str = "the-admin-key-of-a-benchmark-on-loopback";

/// What webhooks sign with.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A running child. Killed when it is dropped.
#[derive(Debug)]
pub struct Subject {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

/// Whether a webhook gets its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Webhook {
    /// It is sent to.
    Enabled,
    /// Everything for it waits, parked.
    Disabled,
}

impl Subject {
    /// Starts the server on the database in `directory`, a new one if there is none.
    pub fn server(executable: &Path, directory: &Path) -> Result<Self> {
        Self::server_with(executable, directory, &[])
    }

    /// Starts the server with further settings, as variables of its environment.
    pub fn server_with(executable: &Path, directory: &Path, settings: &[(&str, String)]) -> Result<Self> {
        let mut command = Command::new(executable);
        command
            .arg("serve")
            .env_clear()
            .env("GROUNDSWELL_LISTEN", "127.0.0.1:0")
            .env("GROUNDSWELL_DATABASE_URL", format!("sqlite://{}", database(directory).display()))
            .env("GROUNDSWELL_ADMIN_KEY", ADMIN_KEY)
            .env("GROUNDSWELL_EGRESS_ALLOW", "127.0.0.0/8")
            .env("GROUNDSWELL_RATE_LIMIT", "off")
            .envs(settings.iter().map(|(name, value)| (name, value)));
        Self::start(command, directory)
    }

    /// Starts a baseline of this program.
    pub fn baseline(arguments: &[&str], directory: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("cannot tell where this program is")?);
        command.args(arguments).env_clear();
        Self::start(command, directory)
    }

    fn start(mut command: Command, directory: &Path) -> Result<Self> {
        let log = directory.join("log.txt");
        let program = command.get_program().to_string_lossy().into_owned();
        command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?);
        let mut child = command.spawn().with_context(|| format!("{program} does not start"))?;
        let output = child.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let mut said = Vec::new();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let address = line.find(LISTENS).and_then(|at| line[at + LISTENS.len()..].trim().parse().ok());
            said.push(line);
            address
        });
        let Some(address) = address else {
            // It has closed its output, so it has ended or is about to.
            let _ = child.kill();
            let status = child.wait()?;
            // The server says on its output why it does not start.
            said.extend(fs::read_to_string(&log));
            bail!("{program} ended with {status}: {}", said.join("\n").trim());
        };
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address, log })
    }

    /// Where events are posted to a baseline.
    pub fn target(&self, is_delivered: bool) -> Target {
        let path = "/events".to_owned();
        Target { address: self.address, path, key: None, events_per_request: 1, is_delivered }
    }

    /// Creates a program with a webhook in the server; returns where its events are posted.
    pub fn program(&self, url: &str, webhook: Webhook) -> Result<Target> {
        let id = self.create(&[url.to_owned()], webhook)?;
        Ok(Target { is_delivered: webhook == Webhook::Enabled, ..self.events_of(&id) })
    }

    /// Creates a program with a webhook for each URL; returns its id.
    pub fn create(&self, urls: &[String], webhook: Webhook) -> Result<String> {
        let program = self.call("/v2/campaigns", &json!({ "type": "REFERRAL", "name": "Benchmark" }))?;
        let id = program["id"].as_str().context("a new program has an id")?;
        for url in urls {
            self.add_webhook(id, url, webhook)?;
        }
        Ok(id.to_owned())
    }

    /// Adds a webhook to a program.
    pub fn add_webhook(&self, program: &str, url: &str, webhook: Webhook) -> Result<()> {
        let settings = json!({
            "payloadUrl": url,
            "events": ["NEW_PARTICIPANT_ADDED"],
            "isEnabled": webhook == Webhook::Enabled,
            "secret": SECRET,
        });
        self.call(&format!("/v2/campaign/{program}/webhooks"), &settings)?;
        Ok(())
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where events of a program are posted whose webhook is enabled.
    pub fn events_of(&self, program: &str) -> Target {
        Target {
            address: self.address,
            path: format!("/v2/campaign/{program}/events"),
            key: Some(ADMIN_KEY.to_owned()),
            events_per_request: 1,
            is_delivered: true,
        }
    }

    /// Whether it says that it is ready.
    pub fn is_ready(&self) -> bool {
        let answer = agent().get(format!("http://{}/readyz", self.address)).call();
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// What it says of itself under this name.
    pub fn metric(&self, name: &str) -> Result<f64> {
        let mut answer = agent()
            .get(format!("http://{}/metrics", self.address))
            .header("authorization", format!("Bearer {ADMIN_KEY}"))
            .call()?;
        let text = answer.body_mut().read_to_string()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.context("there is such a metric")?.parse()?)
    }

    /// Opens a link to a program's webhooks, as an embedded page does; returns its session's cookie.
    pub fn editor(&self, program: &str) -> Result<String> {
        let link = self.call(&format!("/v2/campaign/{program}/editor-link"), &json!({}))?;
        let link = link["url"].as_str().context("a link has a URL")?;
        let token = link.split_once("token=").context("a link has a token")?.1.split('&').next();
        let opened = agent()
            .post(format!("http://{}/embed", self.address))
            .config()
            .max_redirects(0)
            .build()
            .header("sec-fetch-site", "same-origin")
            .send_form([("token", token.unwrap_or_default())])
            .context("POST /embed")?;
        let cookie = opened.headers().get("set-cookie").context("an opened link has a session")?.to_str()?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    fn call(&self, path: &str, body: &Value) -> Result<Value> {
        let mut answer = agent()
            .post(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {ADMIN_KEY}"))
            .header("content-type", "application/json")
            .send(body.to_string())
            .with_context(|| format!("POST {path}"))?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }

    /// The child's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a chance to do anything, as a power cut would. An error when it had ended already.
    pub fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("it ended with {status} during the measurement: {}", fs::read_to_string(&self.log)?.trim());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Subject {
    /// Asks it to stop, and waits for it.
    pub fn terminate(mut self) -> Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "it ended with {status}: {}", fs::read_to_string(&self.log)?.trim());
        Ok(())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(20)))
        .proxy(None)
        .build()
        .new_agent()
}

/// The server's database in a directory of its own.
pub fn database(directory: &Path) -> PathBuf {
    directory.join("groundswell.db")
}
