//! `cargo xtask run`: from a fresh clone to a signed-in browser with one command.
//!
//! The data live in `.groundswell/` in the repository: the database, and the admin key that is made up once.
//! The server gets its settings from the environment like anywhere else; what the developer has set already is
//! left alone.

mod api;
mod child;

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::child::Server;
use crate::setup::{self, Step};
use crate::stamps::hex;
use crate::workspace::{Profile, Workspace};
use crate::{process, server, site};

const LOOPBACK: &str = "127.0.0.0/8,::1/128";

/// What `cargo xtask run` accepts.
#[derive(clap::Args)]
pub struct Options {
    /// Optimise: the first build takes minutes longer, but this is the build to measure.
    #[arg(long)]
    release: bool,
    /// The address to listen on.
    #[arg(long, env = "GROUNDSWELL_LISTEN", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
}

/// Sets up, builds, starts the server, and stays until it ends.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let began = Instant::now();
    check_port(options.listen)?;
    let profile = if options.release { Profile::Release } else { Profile::Debug };
    if profile == Profile::Debug {
        println!("run: debug build, quicker to compile; `cargo xtask run --release` is the one to measure");
    }
    setup::ensure(workspace, &[Step::Wasm, Step::Node])?;
    server::build(workspace, profile)?;
    site::build(workspace, profile)?;

    let instance = Instance { workspace, listen: options.listen, data: workspace.root.join(".groundswell") };
    let admin_key = instance.admin_key()?;
    let (mut command, lines) = instance.command((profile, &admin_key), process::variable);
    for line in lines {
        println!("run: {line}");
    }
    let mut server = Server::start(&mut command)?;
    let ready = server.wait_until_ready(instance.address());
    if let Ok(true) = ready {
        match api::sign_in_link(instance.address(), &admin_key) {
            Ok(link) => instance.welcome(&link, began.elapsed()),
            Err(error) => println!("run: the server runs, but gave no sign-in link: {error:#}"),
        }
    }
    let status = server.stay()?;
    ready?;
    if !status.success() {
        bail!("the server ended with {status}; its messages are above");
    }
    println!("run: stopped");
    Ok(())
}

/// Asked before building, so that nobody waits minutes for this answer.
fn check_port(listen: SocketAddr) -> Result<()> {
    match TcpListener::bind(listen) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "{listen} is in use: stop what listens there, or choose another with `--listen 127.0.0.1:3001`"
        ),
        Err(error) => bail!("cannot listen on {listen}: {error}"),
    }
}

/// What belongs to the server that is run here.
struct Instance<'a> {
    workspace: &'a Workspace,
    listen: SocketAddr,
    data: PathBuf,
}

impl Instance<'_> {
    /// The developer's own key, or the one in the data directory, which is made up if it is not there yet.
    fn admin_key(&self) -> Result<String> {
        if let Some(key) = process::variable("GROUNDSWELL_ADMIN_KEY") {
            println!("run: admin key is the one in GROUNDSWELL_ADMIN_KEY");
            return Ok(key);
        }
        let file = self.key_file();
        match fs::read_to_string(&file) {
            Ok(text) => {
                println!("run: admin key is in {}", file.display());
                return Ok(text.trim().to_owned());
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
        fs::create_dir_all(&self.data).with_context(|| format!("cannot create {}", self.data.display()))?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).context("the system gives no random bytes")?;
        let key = hex(&random);
        // Only its owner can read it.
        let mut created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        writeln!(created, "{key}")?;
        println!("run: made up an admin key, {}", file.display());
        Ok(key)
    }

    fn key_file(&self) -> PathBuf {
        self.data.join("admin-key")
    }

    /// The server's command, and what the developer is told of it; `set` has what they have set already.
    fn command(
        &self,
        (profile, admin_key): (Profile, &str),
        set: impl Fn(&str) -> Option<String>,
    ) -> (Command, Vec<String>) {
        let mut lines = Vec::new();
        let mut command = process::command(self.workspace.server(profile));
        command.arg("serve").current_dir(&self.workspace.root);
        command.env("GROUNDSWELL_LISTEN", self.listen.to_string());
        command.env("GROUNDSWELL_ADMIN_KEY", admin_key);
        if set("GROUNDSWELL_DATABASE_URL").is_none() {
            let file = self.data.join("groundswell.db");
            lines.push(format!("data are in {}", file.display()));
            command.env("GROUNDSWELL_DATABASE_URL", format!("sqlite://{}", file.display()));
        }
        if set("GROUNDSWELL_EGRESS_ALLOW").is_none() {
            lines.push(format!(
                "receivers on this machine are allowed (GROUNDSWELL_EGRESS_ALLOW={LOOPBACK}); `groundswell serve` by \
                 itself sends to public addresses only"
            ));
            command.env("GROUNDSWELL_EGRESS_ALLOW", LOOPBACK);
        }
        (command, lines)
    }

    /// Where this machine reaches the server.
    fn address(&self) -> SocketAddr {
        let ip = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, self.listen.port())
    }

    fn welcome(&self, link: &api::SignInLink, took: Duration) {
        let here = env::current_dir().is_ok_and(|directory| directory == self.workspace.root);
        let file = self.key_file();
        let key = if process::variable("GROUNDSWELL_ADMIN_KEY").is_some() {
            "$GROUNDSWELL_ADMIN_KEY".to_owned()
        } else {
            format!("$(cat {})", if here { self.workspace.relative(&file) } else { &file }.display())
        };
        println!(
            r#"
Groundswell is up at http://{address} after {took}.

Sign in ({validity}):
  {url}

Send a first event (paste into another terminal):
  BASE=http://{address}/v2 KEY={key}
  call() {{ curl -sS -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' "$@"; echo; }}
  # a receiver on this machine that prints what it gets
  node -e 'http.createServer((q,s)=>{{q.pipe(process.stdout);q.on("end",()=>s.end())}}).listen(4000,"127.0.0.1")' &
  # a program, its webhook, an event
  PROGRAM=$(call $BASE/campaigns -d '{{"type":"REFERRAL","name":"First program"}}' | node -pe 'JSON.parse(fs.readFileSync(0)).id')
  call $BASE/campaign/$PROGRAM/webhooks -d '{{"payloadUrl":"http://127.0.0.1:4000/","events":["NEW_PARTICIPANT_ADDED"],"isEnabled":true}}'
  call $BASE/campaign/$PROGRAM/events -d '{{"event":"NEW_PARTICIPANT_ADDED","data":{{"id":"p1","email":"a@example.com","campaign":{{"id":"'$PROGRAM'"}}}}}}'

Ctrl-C stops it; the data stay in .groundswell/.
"#,
            address = self.address(),
            took = process::seconds(took),
            validity = link.validity(),
            url = link.url,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a variable that the server is given, and the line that the developer reads of it.
    fn given(variable: &str, set: Option<&str>) -> (Option<String>, Option<String>) {
        let workspace = Workspace::locate().expect("this repository");
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 3000));
        let instance = Instance { workspace: &workspace, listen, data: workspace.root.join(".groundswell") };
        let set = |name: &str| set.filter(|_| name == variable).map(str::to_owned);
        let (command, lines) = instance.command((Profile::Debug, "key"), set);
        let mut given = command.get_envs().filter(|(name, _)| *name == variable);
        let value = given.next().and_then(|(_, value)| value?.to_str().map(str::to_owned));
        (value, lines.into_iter().find(|line| line.contains(variable)))
    }

    #[test]
    fn receivers_on_this_machine_are_allowed_and_the_developer_is_told() {
        let (value, line) = given("GROUNDSWELL_EGRESS_ALLOW", None);
        let value = value.expect("it is given");
        assert!(value.split(',').any(|rule| rule == "127.0.0.0/8"), "{value}");
        let line = line.expect("it is said");
        assert!(line.contains(&value) && line.contains("receivers on this machine are allowed"), "{line}");
    }

    #[test]
    fn what_the_developer_allows_is_left_alone() {
        assert_eq!(given("GROUNDSWELL_EGRESS_ALLOW", Some("10.0.0.5:8443")), (None, None));
    }
}
