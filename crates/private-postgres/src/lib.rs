//! A PostgreSQL server of a test run's own: started on a new directory, reached over a socket in it, gone with the
//! process that started it. No other server of the machine is ever used.
//!
//! Everything panics with a sentence that says what to do: a test that needs PostgreSQL and has none has failed.

mod pooler;
mod programs;
mod standby;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

pub use pooler::Pooler;
pub use programs::Programs;

/// Ends the server and removes its directory as soon as the test process is gone, however it ended: its end of the
/// pipe closes with it.
const GUARD: &str = r#"read -r _; "$1" stop --mode=immediate --silent --pgdata="$2/data"; rm -rf -- "$2""#;

/// Sessions of a server that was killed notice it when they next wait for something.
const STARTS: u32 = 100;
const START_AGAIN: Duration = Duration::from_millis(50);

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Open transactions are given up, sessions ended, everything written.
    Fast,
    /// Like a crash: the next start recovers.
    Immediate,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    programs: Programs,
    directory: PathBuf,
    guard: Child,
    databases: AtomicUsize,
    settings: String,
}

impl Server {
    /// Starts one.
    pub fn start() -> Self {
        Self::with("")
    }

    /// Starts one with more settings, as they stand on the command line: `-c name=value`.
    pub fn with(settings: &str) -> Self {
        let server = Self::new(settings);
        server.run(
            server
                .programs
                .command("initdb")
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
                .arg("--no-sync")
                .arg(server.data()),
        );
        server.start_again();
        server
    }

    /// One whose directory is empty.
    fn new(settings: &str) -> Self {
        let programs = Programs::find().expect(
            "PostgreSQL's server programs are missing: run `cargo xtask setup`, or install the package `postgresql`",
        );
        // Sockets have short paths, so not below the build's directory.
        let directory = tempfile::Builder::new()
            .prefix("private-postgres-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir();
        let directory = directory.expect("there is room for a directory").keep();
        programs.give(&directory);
        let guard = programs
            .command_of("sh")
            .args(["-c", GUARD, "guard"])
            .args([programs.path("pg_ctl"), directory.clone()])
            .current_dir(&directory)
            // An interrupt at the keyboard ends the tests, not the guard.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        Self { programs, directory, guard, databases: AtomicUsize::new(0), settings: settings.to_owned() }
    }

    /// The one that all tests of a process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.directory.display())
    }

    /// The socket that the server listens on.
    pub fn socket(&self) -> PathBuf {
        self.directory.join(".s.PGSQL.5432")
    }

    /// Creates an empty database, or a copy of another one that nobody uses; returns its name.
    pub fn create(&self, template: Option<&str>) -> String {
        let number = self.databases.fetch_add(1, Ordering::SeqCst);
        let name = format!("test_{number}");
        let template = template.unwrap_or("template0");
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        name
    }

    /// Runs a statement; returns what it answers, columns separated by `|`.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        self.try_sql(database, statement).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, or what is wrong.
    pub fn try_sql(&self, database: &str, statement: &str) -> Result<String, String> {
        let mut psql = self.programs.command("psql");
        psql.args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--username=postgres",
        ]);
        psql.arg("--host").arg(&self.directory).args(["--dbname", database, "--command", statement]);
        self.try_run(&mut psql)
    }

    /// Stops it, and waits until it has stopped.
    pub fn stop(&self, mode: Mode) {
        let mode = match mode {
            Mode::Fast => "--mode=fast",
            Mode::Immediate => "--mode=immediate",
        };
        self.run(
            self.programs.command("pg_ctl").args(["stop", "--silent", mode, "--pgdata"]).arg(self.data()),
        );
    }

    /// Kills its first process and nothing else: sessions notice that by themselves, and write nothing any more.
    pub fn kill(&self) {
        let file = self.data().join("postmaster.pid");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let pid = text.lines().next().and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("its first line is a process"), Signal::KILL).expect("it runs");
    }

    /// Starts it after [`Server::kill`], once the sessions of before have ended too, and waits until it answers.
    pub fn start_after_kill(&self) {
        let mut starts = 0;
        while let Err(error) = self.try_run(&mut self.starting()) {
            starts += 1;
            assert!(starts < STARTS, "{error}");
            std::thread::sleep(START_AGAIN);
        }
    }

    /// Starts it after a stop, and waits until it answers.
    pub fn start_again(&self) {
        self.run(&mut self.starting());
    }

    fn starting(&self) -> Command {
        // Durable as a real one, because a store refuses anything else; small, because several may run side by side.
        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c max_connections=200 -c shared_buffers=64MB \
             -c max_wal_size=256MB {}",
            self.directory.display(),
            self.settings
        );
        let mut command = self.programs.command("pg_ctl");
        command.args(["start", "--silent", "--wait", "--pgdata"]).arg(self.data());
        command.arg("--log").arg(self.directory.join("log")).args(["--options", &settings]);
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn run(&self, command: &mut Command) -> String {
        self.try_run(command).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What it says, or what is wrong.
    fn try_run(&self, command: &mut Command) -> Result<String, String> {
        // The server inherits what pg_ctl has, so its output goes to files: a pipe would stay open.
        let [out, err] = ["out", "err"].map(|stream| {
            tempfile::NamedTempFile::new_in(&self.directory)
                .unwrap_or_else(|error| panic!("{stream}: {error}"))
        });
        let file = |file: &tempfile::NamedTempFile| file.reopen().expect("was just made");
        command.current_dir(&self.directory).stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
        let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        if status.success() {
            return Ok(text(out.path()).trim_end().to_owned());
        }
        let (out, err, log) = (text(out.path()), text(err.path()), text(&self.directory.join("log")));
        Err(format!("{command:?} failed ({status}): {out}{err}{log}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The directory is to be gone when a test ends that has started one for itself.
        let _ = self.guard.wait();
    }
}
