//! The binary as a process, on a file in a directory of its own or on a database of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::waiting;

/// As long as the server insists on.
pub const ADMIN_KEY: &str = "the-admin-key-of-these-tests-is-long-enough";

/// Receivers of the tests listen on this machine.
const LOOPBACK: (&str, &str) = ("GROUNDSWELL_EGRESS_ALLOW", "127.0.0.0/8,::1/128");

/// Retries soon, so that tests see them.
pub const QUICK_RETRY: [(&str, &str); 4] = [
    ("GROUNDSWELL_RETRY_BASE_MS", "100"),
    ("GROUNDSWELL_RETRY_FACTOR", "2"),
    ("GROUNDSWELL_RETRY_CAP_MS", "500"),
    ("GROUNDSWELL_RETRY_DEADLINE_MS", "600000"),
];

/// No endpoint is ever held, so that every delivery follows its own schedule.
pub const NO_BREAKER: (&str, &str) = ("GROUNDSWELL_BREAKER_FAILURES", "1000000000");

/// The setting for a database of its own on this PostgreSQL.
pub fn on(postgres: &private_postgres::Server) -> (&'static str, String) {
    ("GROUNDSWELL_DATABASE_URL", postgres.url(&postgres.create(None)))
}

/// This version's binary.
const EXECUTABLE: &str = env!("CARGO_BIN_EXE_groundswell");

/// The version before's.
pub fn previous() -> PathBuf {
    let target = Path::new(EXECUTABLE).ancestors().nth(2).expect("it lies in a profile's directory");
    let previous = target.join("previous/groundswell");
    assert!(
        previous.is_file(),
        "{} is missing: `cargo xtask test --only previous` makes it",
        previous.display()
    );
    previous
}

/// A running server.
pub struct Server {
    /// What is executed, and what comes before its own arguments.
    command: Vec<OsString>,
    directory: TempDir,
    settings: Vec<(String, String)>,
    child: Child,
    url: String,
    starts: usize,
}

impl Server {
    /// Starts one that may send to this machine and retries soon.
    pub fn start() -> Self {
        Self::with(&QUICK_RETRY)
    }

    /// Starts one with these settings; it may send to this machine unless they say otherwise.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::of(EXECUTABLE.into(), settings)
    }

    /// As [`Server::start`], with so few file descriptors that it has seats for half as many connections.
    pub fn with_few_files(files: u32) -> Self {
        let limited = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
        Self::run(["/bin/sh", "-c", &limited, EXECUTABLE].map(Into::into).into(), &QUICK_RETRY)
    }

    /// The same of another version.
    pub fn of(executable: PathBuf, settings: &[(&str, &str)]) -> Self {
        Self::run(vec![executable.into()], settings)
    }

    fn run(command: Vec<OsString>, settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let settings: Vec<_> =
            settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let child = spawn(&command, directory.path(), (&settings, 1));
        let mut server = Self { command, directory, settings, child, url: String::new(), starts: 1 };
        server.wait_until_ready();
        server
    }

    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client with the admin key.
    pub fn client(&self) -> Client {
        Client::new(&self.url, ADMIN_KEY)
    }

    /// Ends it without a chance to do anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was started here");
    }

    /// Starts it again on the same file, after it has ended.
    pub fn restart(&mut self) {
        self.starts += 1;
        self.child = spawn(&self.command, self.directory.path(), (&self.settings, self.starts));
        self.wait_until_ready();
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let child = &mut self.child;
        waiting::within(patience, "the server ends", || child.try_wait().expect("it was started here"))
    }

    /// What a second server on the same database says and how it ends.
    pub fn second_on_the_same_database(&self) -> (ExitStatus, String) {
        let starts = self.starts + 1000;
        let mut second = spawn(&self.command, self.directory.path(), (&self.settings, starts));
        let status = waiting::within(Duration::from_secs(20), "the second server ends", || {
            second.try_wait().expect("it was started here")
        });
        (status, fs::read_to_string(log(self.directory.path(), starts)).expect("a log"))
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it was started here").is_none()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn database(&self) -> PathBuf {
        database(self.directory.path())
    }

    /// The file of the secrets key that it has made, on whichever database.
    pub fn key_file(&self) -> PathBuf {
        let own = PathBuf::from(format!("{}.key", self.database().display()));
        if own.exists() { own } else { self.directory.path().join("groundswell-secrets.key") }
    }

    /// Everything it has printed since its first start.
    pub fn log(&self) -> String {
        (1..=self.starts)
            .map(|start| fs::read_to_string(log(self.directory.path(), start)).expect("a log"))
            .collect()
    }

    fn wait_until_ready(&mut self) {
        const LISTENS: &str = "Groundswell listens on ";
        let path = log(self.directory.path(), self.starts);
        let child = &mut self.child;
        self.url = waiting::until("the server says where it listens", || {
            let text = fs::read_to_string(&path).expect("a log");
            if let Some(status) = child.try_wait().expect("it was started here") {
                panic!("the server ended with {status}:\n{text}");
            }
            let line = text.lines().find_map(|line| line.strip_prefix(LISTENS).map(str::to_owned));
            line.filter(|_| text.ends_with('\n') || text.contains(&format!("{LISTENS}http")))
        });
        let client = self.client();
        waiting::until("the server is ready", || {
            let call = crate::client::Call { method: "GET", path: "/readyz", headers: &[], body: &[] };
            client.try_send(call).ok().filter(|answer| answer.status == 200)
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(4000);
            let tail = log.get(from..).unwrap_or(&log);
            // Through the panicking test's captured output, so that it appears beside the failure.
            print_captured(&format!("---- the server's log:\n{tail}\n----"));
        }
    }
}

#[expect(clippy::print_stdout, reason = "shown by the test harness beside the failed test only")]
fn print_captured(text: &str) {
    println!("{text}");
}

fn database(directory: &Path) -> PathBuf {
    directory.join("groundswell.db")
}

fn log(directory: &Path, start: usize) -> PathBuf {
    directory.join(format!("log-{start}.txt"))
}

fn spawn(command: &[OsString], directory: &Path, (settings, start): (&[(String, String)], usize)) -> Child {
    let out = File::create(log(directory, start)).expect("a new file");
    let err = out.try_clone().expect("a second handle");
    let (executable, arguments) = command.split_first().expect("there is something to execute");
    Command::new(executable)
        .args(arguments)
        .arg("serve")
        .current_dir(directory)
        .env_clear()
        .env("GROUNDSWELL_LISTEN", "127.0.0.1:0")
        .env("GROUNDSWELL_DATABASE_URL", format!("sqlite://{}", database(directory).display()))
        .env("GROUNDSWELL_ADMIN_KEY", ADMIN_KEY)
        .env("GROUNDSWELL_RATE_LIMIT", "off")
        .envs([LOOPBACK])
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .expect("the binary starts")
}
