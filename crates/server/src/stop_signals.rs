//! SIGINT and SIGTERM: what asks a process to stop. SIGHUP as well, where somebody waits for it at a terminal.

use std::fs;
use std::thread;

use groundswell_engine::store::sqlite::backup::Abandon;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// As shells tell that a process was ended by one: 128 and its number.
const BY_SIGNAL: i32 = 128;

/// Both, from when this is made on: neither ends the process any more.
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal is closed. None for whoever ends by that without a word, as a server does.
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Inside of a runtime.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: None,
        })
    }

    /// Has SIGHUP count as well, unless whoever started the process (`nohup`) has it go on without its terminal.
    fn or_hangup(self) -> anyhow::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if ignores(&status, SignalKind::hangup()) {
            return Ok(self);
        }
        Ok(Self { hangup: Some(signal(SignalKind::hangup())?), ..self })
    }

    /// Waits for one; answers what the process is to exit with if it ends at once.
    pub async fn wait(&mut self) -> i32 {
        let number = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            Some(()) = received(self.hangup.as_mut()) => SignalKind::hangup(),
        };
        BY_SIGNAL + number.as_raw_value()
    }
}

async fn received(signal: Option<&mut Signal>) -> Option<()> {
    signal?.recv().await
}

/// Whether a process ignores a signal, by its `/proc/<pid>/status` (proc(5)). A system without such a file has none ignored.
fn ignores(status: &str, signal: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & (1 << (signal.as_raw_value() - 1)) != 0
}

/// From here on, each ends the process at once, and a copy that it is making is gone with it.
pub fn give_up_when_stopped(abandon: &Abandon) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        StopSignals::new()?.or_hangup()?
    };
    let abandon = abandon.clone();
    // It ends with the process.
    thread::spawn(move || {
        let code = runtime.block_on(signals.wait());
        // Until the process has ended: the thread that copies would find its file gone, and exit with an error of its own.
        let _given_up = abandon.now();
        std::process::exit(code);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_ignores_is_read_from_its_status() {
        let status = "Name:\tgroundswell\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, SignalKind::hangup()));
        assert!(!ignores(status, SignalKind::interrupt()));
        assert!(!ignores("", SignalKind::hangup()));
    }
}
