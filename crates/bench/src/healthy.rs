//! A program whose webhook works, on a server that has other things to do: what trials look at.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::ledger::{Audit, Fate, Ledger};
use crate::load::{Broken, Schedule, Target, Until, closed_loop, open_loop};
use crate::measure::{OPEN_LOOP_PER_SECOND, drain, signed};
use crate::numbers::{float, percentile, rate};
use crate::receiver::Receiver;

/// More than the server takes in a second.
const EVENTS_PER_SECOND: u64 = 100_000;

const WARM_UP: u64 = 500;

/// Connections of the open loop.
const CONNECTIONS: usize = 32;

/// Outcomes that were received are on disk after this, so a server that is killed then repeats nothing.
const COMMITTED: Duration = Duration::from_secs(1);

/// The receiver of a healthy program, and the record of all that was posted to it, on whichever server.
pub struct Healthy {
    ledger: Arc<Ledger>,
    receiver: Receiver,
}

impl Healthy {
    /// Starts a receiver, with a record that is long enough to post for `time` in all.
    pub fn start(time: Duration) -> Result<Self> {
        let ledger = Arc::new(Ledger::new((time.as_secs() + 2) * EVENTS_PER_SECOND));
        let receiver = Receiver::start(&signed(&ledger)?)?;
        Ok(Self { ledger, receiver })
    }

    /// Where the program's webhook is to lead.
    pub fn url(&self) -> String {
        self.receiver.url()
    }

    /// The 99th percentile from post to arrival at a fixed rate, in milliseconds.
    pub fn delivery_p99_ms(&self, target: &Target, time: Duration) -> Result<f64> {
        self.post(target, 4, Until::Posted(self.ledger.posted_count() + WARM_UP))?;
        let first = self.ledger.posted_count();
        let schedule = Schedule { per_second: OPEN_LOOP_PER_SECOND, time, broken: Broken::Fails };
        open_loop(target, &self.ledger, CONNECTIONS, schedule)?;
        drain(&self.ledger);
        thread::sleep(COMMITTED);
        let p99 = percentile(&self.ledger.delivery_latencies(first), 99).context("nothing arrived")?;
        Ok(float(p99) / 1000.0)
    }

    /// Events a second, from the first post to the last arrival, as many as go.
    pub fn throughput(&self, target: &Target, connections: usize, time: Duration) -> Result<f64> {
        self.post(target, connections, Until::Posted(self.ledger.posted_count() + WARM_UP))?;
        let (first, began) = (self.ledger.posted_count(), self.ledger.elapsed());
        self.post(target, connections, Until::Elapsed(began + time))?;
        let events = self.ledger.accepted_from(first);
        ensure!(events > 0, "nothing was accepted");
        Ok(rate(events, self.ledger.last_arrival().saturating_sub(began)))
    }

    /// Posts so many events, as fast as they go.
    pub fn post_events(&self, target: &Target, connections: usize, events: u64) -> Result<()> {
        self.post(target, connections, Until::Posted(self.ledger.posted_count() + events))
    }

    /// What was accepted has to have arrived, once, over all servers and restarts.
    pub fn audit(&self) -> Audit {
        self.ledger.audit(Fate::Arrives)
    }

    fn post(&self, target: &Target, connections: usize, until: Until) -> Result<()> {
        closed_loop(target, &self.ledger, connections, until)?;
        drain(&self.ledger);
        thread::sleep(COMMITTED);
        Ok(())
    }
}
