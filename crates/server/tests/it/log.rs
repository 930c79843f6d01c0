//! The log of the binary: what is in it, in which form, and what a crash leaves behind.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::Server;
use crate::waiting;

/// A line of its own in the log, red on a terminal, and written backwards.
const HOSTILE: &str = "a\n2026-01-01T00:00:00Z ERROR forged\u{1b}[31m\u{9b}1m\u{202e}b";

/// What the binary logs when a name that it logs is hostile.
fn logged(format: &str) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = std::fs::File::create(directory.path().join("log.txt")).expect("a new file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_groundswell"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log-format", format])
        .current_dir(directory.path())
        .env_clear()
        .env("GROUNDSWELL_DATABASE_URL", format!("sqlite://{HOSTILE}.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .expect("the binary starts");
    let read = || std::fs::read_to_string(directory.path().join("log.txt")).expect("is there");
    let log = waiting::until("it has made its key", || {
        let log = read();
        log.lines().any(|line| line.contains("keep a copy of it")).then_some(log)
    });
    child.kill().expect("it runs");
    child.wait().expect("it was started here");
    log
}

#[test]
fn a_name_cannot_forge_a_line_or_command_a_terminal() {
    let log = logged("human");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("forged")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains(r"a\n2026-01-01T00:00:00Z ERROR forged\u{1b}[31m\u{9b}1m\u{202e}b.db.key"),
        "{log}"
    );
    assert!(!log.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{log:?}");
}

#[test]
fn a_log_in_json_stays_json_whatever_is_in_it() {
    let log = logged("json");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let said = lines.iter().filter_map(|line| line["fields"]["message"].as_str());
    assert!(said.into_iter().any(|message| message.contains(HOSTILE)), "{log}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_leaves_no_core_dump_unless_it_is_told_to() {
    let limit = |server: &Server| {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("it runs");
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it has one");
        line.split_whitespace().nth(5).expect("the hard limit").to_owned()
    };
    assert_eq!(limit(&Server::start()), "0");
    let own = std::fs::read_to_string("/proc/self/limits").expect("Linux has it");
    let own = own.lines().find(|line| line.starts_with("Max core file size")).expect("it has one");
    let own = own.split_whitespace().nth(5).expect("the hard limit");
    assert_eq!(limit(&Server::with(&[("GROUNDSWELL_ALLOW_CORE_DUMPS", "true")])), own);
}
