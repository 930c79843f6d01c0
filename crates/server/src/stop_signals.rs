//! SIGINT and SIGTERM: what asks a process to stop.

use std::thread;

use groundswell_engine::store::sqlite::backup::Abandon;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// As shells tell that a process was ended by one: 128 and its number.
const BY_SIGNAL: i32 = 128;

/// Both, from when this is made on: neither ends the process any more.
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Inside of a runtime.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one; answers what the process is to exit with if it ends at once.
    pub async fn wait(&mut self) -> i32 {
        let number = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        BY_SIGNAL + number.as_raw_value()
    }
}

/// From here on, either ends the process at once, and a copy that it is making is gone with it.
pub fn give_up_when_stopped(abandon: &Abandon) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        StopSignals::new()?
    };
    let abandon = abandon.clone();
    // It ends with the process.
    thread::spawn(move || {
        let code = runtime.block_on(signals.wait());
        abandon.now();
        std::process::exit(code);
    });
    Ok(())
}
