//! The server as a child process: started, waited for, and stopped when this program is asked to stop.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::api;
use crate::process;

/// How long the server may take until it answers; opening a large database counts.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// A running server.
pub struct Server {
    child: Child,
    /// The signals that ask this program to stop, as they come.
    stop: Receiver<i32>,
    /// Whether the server was asked to stop already.
    asked: bool,
}

impl Server {
    /// Starts it. From here on a signal to this program no longer ends it, but is passed on.
    pub fn start(command: &mut Command) -> Result<Self> {
        let (sender, stop) = mpsc::channel();
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot listen to signals")?;
        // Ends with the program: there is nothing to hand back.
        thread::spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        });
        // A group of its own: a Ctrl-C at the terminal reaches only this program, which passes it on once.
        command.process_group(0);
        Ok(Self { child: process::spawn(command)?, stop, asked: false })
    }

    /// True once the server answers at `address`; false if a signal came first.
    pub fn wait_until_ready(&mut self, address: SocketAddr) -> Result<bool> {
        let began = Instant::now();
        while began.elapsed() < READY_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server stopped before it was ready ({status}); its messages are above");
            }
            if api::is_ready(address) {
                return Ok(true);
            }
            if self.stop.recv_timeout(Duration::from_millis(50)).is_ok() {
                self.ask_to_stop();
                return Ok(false);
            }
        }
        self.ask_to_stop();
        bail!("the server did not become ready within {} s", READY_LIMIT.as_secs())
    }

    /// Waits for its end and passes signals on: the first asks it to stop, the second ends it.
    pub fn stay(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            match self.stop.recv_timeout(Duration::from_millis(100)) {
                Ok(_) if self.asked => self.child.kill()?,
                Ok(_) => self.ask_to_stop(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn ask_to_stop(&mut self) {
        println!("\nrun: asked the server to stop; once more ends it at once");
        self.asked = true;
        // An error means that the server has ended already.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }
}
