//! Child processes: a clean environment, one clear sentence when something fails, and counting what
//! tests print while it streams through.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// The variables that `cargo run` gives the program it starts. Some build scripts ask Cargo to run
/// them again when one of these changes, so a Cargo that inherited them would build again what the
/// developer's own Cargo had built, and the other way round.
const SET_BY_CARGO_RUN: [&str; 7] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
    // From `.cargo/config.toml`, where every Cargo that is started here finds it.
    "LIBSQLITE3_FLAGS",
];

/// The Cargo that started this program, else the one on the path.
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// What an environment variable says, if it says anything.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A command with the environment that the developer's shell has, without what `cargo run` added.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if SET_BY_CARGO_RUN.iter().any(|prefix| text.starts_with(prefix)) || text == "CARGO" {
            command.env_remove(&name);
        }
    }
    if let Some(path) = variable("LD_LIBRARY_PATH") {
        // Cargo put its own directories in front of what was there.
        let own: Vec<_> = env::split_paths(&path).filter(|entry| !is_of_cargo(entry)).collect();
        match env::join_paths(own) {
            Ok(rest) if !rest.is_empty() => command.env("LD_LIBRARY_PATH", rest),
            _ => command.env_remove("LD_LIBRARY_PATH"),
        };
    }
    command
}

fn is_of_cargo(entry: &Path) -> bool {
    entry.iter().any(|part| part == "deps" || part == "rustlib" || part == "build" || part == "toolchains")
        || entry.join(".fingerprint").exists()
}

/// Looks for an executable on the path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Runs `command` with its output going straight through; an error unless it succeeds.
pub fn stream(command: &mut Command) -> Result<()> {
    let mut child = spawn(command)?;
    succeed(command, child.wait()?)
}

/// Runs `command` and returns what it prints, without the final line break.
pub fn capture(command: &mut Command) -> Result<String> {
    let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let output = child.wait_with_output()?;
    succeed(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Runs `command` with its output streaming through, and shows each line of its standard output to `seen`.
pub fn tee(command: &mut Command, mut seen: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let output = child.stdout.take().context("the child's output is piped")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        seen(&line);
    }
    Ok(child.wait()?)
}

/// Runs `command` with its output in the file `log`, whose end is shown only if it fails or takes longer
/// than `limit`.
pub fn quietly(command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    logged(command, log, |child| {
        wait(child, limit)?.with_context(|| format!("it did not end within {} s", limit.as_secs()))
    })
}

/// Runs `command` with its output in the file `log`, whose end is shown only if it fails or `end` gives up on it.
pub fn logged(
    command: &mut Command,
    log: &Path,
    end: impl FnOnce(&mut Child) -> Result<ExitStatus>,
) -> Result<()> {
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory)?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = spawn(command)?;
    let ended = end(&mut child);
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    let ended = ended.with_context(|| format!("`{}` was stopped", describe(command)));
    ended.and_then(|status| succeed(command, status)).map_err(|error| anyhow!("{error:#}{}", end_of(log)))
}

/// Waits for `child` for at most `limit`.
pub fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > limit {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The processor time that `child` has had so far, as Linux tells.
pub fn processor_time(child: &Child) -> Result<Duration> {
    /// Of what stands behind the program's name, which may have blanks in it; proc_pid_stat(5): utime and stime, in
    /// ticks.
    const TIMES: Range<usize> = 11..13;
    let path = format!("/proc/{}/stat", child.id());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    let fields: Vec<_> = behind.split_ascii_whitespace().collect();
    let times = fields.get(TIMES).with_context(|| format!("{path} is short: {text}"))?;
    let mut ticks: u64 = 0;
    for time in times {
        ticks += time.parse::<u64>().with_context(|| format!("{path}: {text}"))?;
    }
    Ok(Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second()))
}

/// Starts `command`; a program that is not there is an error that says where to get it.
pub fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        if error.kind() == ErrorKind::NotFound {
            anyhow!("`{program}` was not found: {}", remedy(&program))
        } else {
            anyhow!("`{program}` could not be started: {error}")
        }
    })
}

/// The command as one would type it.
pub fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words.join(" ")
}

/// A duration as people read it.
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 60 {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

fn succeed(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}` failed ({status})", describe(command))
}

fn remedy(program: &str) -> &'static str {
    match program {
        "node" | "npm" | "npx" => "install Node 20 or newer (Debian: apt-get install nodejs npm)",
        "python3" => "install Python 3.10 or newer (Debian: apt-get install python3 python3-venv)",
        "cargo" | "rustup" => "install Rust from https://rustup.rs",
        _ => "install it or put it on the PATH",
    }
}

fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(15)..];
    if shown.is_empty() { String::new() } else { format!("; it ended with:\n    {}", shown.join("\n    ")) }
}
