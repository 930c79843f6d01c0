//! The commands of `groundswell` beside `serve`, as a person or a script starts them.

mod backup;
mod copy;
mod deliveries;
mod doctor;
mod listen;
mod local;
mod pages;
mod secrets_key;
mod settings;
mod trigger;
mod verify;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::{ADMIN_KEY, Server};

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// What it said; it must have succeeded.
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// The JSON it said; it must have succeeded.
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("JSON on standard output")
    }

    /// What it complained of at its end, without what `serve` has logged before.
    pub fn complaint(&self) -> String {
        let lines = self.err.lines().skip_while(|line| !line.starts_with("groundswell: "));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What it complained of; it must have failed, with each of `words` in what it said.
    fn fails_saying(self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in {}", self.err);
        }
    }
}

pub fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundswell"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    finished(&mut command(arguments, environment))
}

pub fn run_in(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    finished(command(arguments, environment).current_dir(directory))
}

/// Runs it with something on standard input.
fn run_with(input: &[u8], arguments: &[&str]) -> Ran {
    let mut child = command(arguments, &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    ran(&child.wait_with_output().expect("it was started here"))
}

fn finished(command: &mut Command) -> Ran {
    ran(&command.output().expect("the binary starts"))
}

fn ran(output: &std::process::Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Runs it against a server with the admin key.
fn on(server: &Server, arguments: &[&str]) -> Ran {
    run(arguments, &[("GROUNDSWELL_URL", server.url()), ("GROUNDSWELL_ADMIN_KEY", ADMIN_KEY)])
}
