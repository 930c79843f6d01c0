//! PgBouncer before a server, in transaction mode: every transaction may run in another session.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::Server;

/// Debian's package has it where only administrators look.
const PLACES: [&str; 4] = ["/usr/sbin", "/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"];

/// Ends it as soon as the test process is gone, as the server's guard does.
const GUARD: &str = r#""$1" --quiet "$2/pgbouncer.ini" & read -r _; kill "$!"; wait; rm -rf -- "$2""#;

/// Where it listens.
const SOCKET: &str = ".s.PGSQL.6432";

/// It listens at once; so often, and after so long, is looked whether it does.
const LOOKS: u32 = 500;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A running pooler, gone with the process that started it.
#[derive(Debug)]
pub struct Pooler {
    directory: PathBuf,
    guard: Mutex<Child>,
}

impl Pooler {
    /// Where the program is.
    pub fn program() -> Option<PathBuf> {
        PLACES.iter().map(|place| Path::new(place).join("pgbouncer")).find(|path| path.exists())
    }

    /// The one that all tests of a process share, before the server that they share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Pooler> = OnceLock::new();
        SHARED.get_or_init(|| Self::before(Server::shared()))
    }

    /// Starts one before a server. It has so few sessions of a database that they pass from hand to hand all the time.
    pub fn before(server: &Server) -> Self {
        let program = Self::program()
            .expect("PgBouncer is missing: run `cargo xtask setup`, or install the package `pgbouncer`");
        // Sockets have short paths, so not below the build's directory.
        let directory = tempfile::Builder::new().prefix("private-pgbouncer-").tempdir();
        let directory = directory.expect("there is room for a directory").keep();
        let guard = start(server, &program, &directory);
        Self { directory, guard: Mutex::new(guard) }
    }

    /// Ends it, with all that was begun, and starts it again.
    pub fn restart(&self, server: &Server) {
        let program = Self::program().expect("it was there before");
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        stop(&mut guard);
        *guard = start(server, &program, &self.directory);
    }

    /// The URL of a database, as a program must have it that keeps no statements.
    pub fn url(&self, database: &str) -> String {
        let directory = self.directory.display();
        format!("postgres://postgres@localhost:6432/{database}?host={directory}&statement-cache-capacity=0")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        stop(&mut self.guard.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// As the server's user: neither of the two programs runs as root.
fn start(server: &Server, program: &Path, directory: &Path) -> Child {
    // Gone with the one before.
    fs::create_dir_all(directory).expect("there is room for a directory");
    fs::set_permissions(directory, Permissions::from_mode(0o700)).expect("it is ours");
    let file = directory.join("pgbouncer.ini");
    let settings = format!(
        "[databases]\n\
         * = host={0} port=5432 user=postgres\n\
         [pgbouncer]\n\
         pool_mode = transaction\n\
         default_pool_size = 4\n\
         max_client_conn = 1000\n\
         server_idle_timeout = 1\n\
         server_round_robin = 1\n\
         auth_type = any\n\
         listen_addr =\n\
         listen_port = 6432\n\
         unix_socket_dir = {1}\n\
         ignore_startup_parameters = extra_float_digits\n\
         logfile = {1}/log\n",
        server.directory.display(),
        directory.display()
    );
    fs::write(&file, settings).expect("there is room for settings");
    server.programs.give(directory);
    server.programs.give(&file);
    let mut guard = server
        .programs
        .command_of("sh")
        .args(["-c", GUARD, "guard"])
        .args([program, directory])
        .current_dir(directory)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a shell");
    for _ in 0..LOOKS {
        if directory.join(SOCKET).exists() {
            return guard;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
    drop(guard.stdin.take());
    let _ = guard.wait();
    panic!("PgBouncer does not start: {log}")
}

/// Ends it, and waits until it has ended.
fn stop(guard: &mut Child) {
    drop(guard.stdin.take());
    let _ = guard.wait();
}
