//! What the database does, and what it would do if it were built wrong.

use groundswell_engine::cluster::{Action, Asked, Epoch, Fence, Lease};

use super::{Answer, Attempt, Fault, Flaw, Life, Outcome, Sight, TIMING, World};

/// By how much the nodes' wall clocks are ahead of the database's.
const WALL_CLOCKS_MS: [i64; 2] = [0, TIMING.ttl_ms + 1];

impl World {
    /// A statement is executed.
    pub fn execute(&mut self, slot: usize, action: &Action) -> Answer {
        let now_ms = match self.flaw {
            Some(Flaw::OwnClock) => self.now_ms + WALL_CLOCKS_MS[slot],
            _ => self.now_ms,
        };
        let of = |asked: &Asked| match self.flaw {
            Some(Flaw::NoEpochCheck | Flaw::EpochStays) => {
                Asked { leases: self.in_any_epoch(&asked.leases), ..asked.clone() }
            }
            _ => asked.clone(),
        };
        match action {
            Action::Renew(asked) => {
                let asked = of(asked);
                let mut snapshot = self.table.renew(&asked, now_ms);
                for row in &mut snapshot.leases {
                    row.lease = self.as_told(row.lease);
                }
                Answer::Renewed(snapshot)
            }
            Action::Acquire(asked) => {
                let asked = of(asked);
                let taken = self.table.acquire(&asked, now_ms);
                let taken: Vec<Lease> = taken.into_iter().map(|lease| self.as_told(lease)).collect();
                for lease in &taken {
                    let before = self.acquired.insert(lease.shard, lease.epoch);
                    if before.is_some_and(|before| before >= lease.epoch) {
                        self.faults.insert(Fault::EpochDidNotGrow);
                    }
                }
                Answer::Acquired(taken)
            }
            Action::Release(asked) => {
                let asked = of(asked);
                self.table.release(&asked);
                Answer::Released
            }
            Action::Begin(_) | Action::Drain(_) | Action::Stop(..) | Action::Hint(_) | Action::Left => {
                unreachable!("is not for the database")
            }
        }
    }

    /// The transaction of an outcome. It is executed once, however often it is asked for.
    pub fn commit(&mut self, attempt: &Attempt, outcome: Outcome) -> Fence {
        let fence = self.table.fence(attempt.lease);
        let is_unfenced = match self.flaw {
            Some(Flaw::NoEpochCheck | Flaw::EpochStays) => true,
            Some(Flaw::RescheduleWithoutFence) => outcome == Outcome::Retry,
            _ => false,
        };
        let turn = match self.deliveries[attempt.delivery] {
            Life::Waiting { turn } => turn,
            Life::Delivered | Life::Ended
                if self.flaw == Some(Flaw::RescheduleWithoutRow)
                    && (outcome, fence) == (Outcome::Retry, Fence::Current) =>
            {
                self.faults.insert(Fault::Revived);
                attempt.turn
            }
            Life::NotAccepted | Life::Delivered | Life::Ended => return fence,
        };
        let may_decide = fence == Fence::Current || is_unfenced;
        let life = match outcome {
            Outcome::Success => Life::Delivered,
            Outcome::Retry if may_decide => Life::Waiting { turn: turn + 1 },
            Outcome::End if may_decide => Life::Ended,
            Outcome::Retry | Outcome::End => {
                self.note(Sight::Fenced);
                return fence;
            }
        };
        self.deliveries[attempt.delivery] = life;
        if fence == Fence::Current {
            let written = self.written.entry(attempt.lease.shard).or_default();
            *written = attempt.lease.epoch.max(*written);
        }
        if outcome == Outcome::Success {
            if fence == Fence::Stale {
                self.note(Sight::StaleSuccess);
            }
        } else {
            if fence == Fence::Stale {
                self.faults.insert(Fault::DecidedByStale);
            }
            if !self.decided.insert((attempt.delivery, attempt.turn)) {
                self.faults.insert(Fault::DecidedTwice);
            }
        }
        if is_unfenced { Fence::Current } else { fence }
    }

    /// A lease as the database tells of it.
    fn as_told(&self, lease: Lease) -> Lease {
        let epoch = match self.flaw {
            Some(Flaw::EpochStays) => lease.epoch.min(Epoch::new(1)),
            _ => lease.epoch,
        };
        Lease { epoch, ..lease }
    }

    /// Leases in the epoch that the table has, as if epochs were not compared.
    fn in_any_epoch(&self, leases: &[Lease]) -> Vec<Lease> {
        let rows = self.table.read(self.now_ms).leases;
        rows.iter().map(|row| row.lease).filter(|row| leases.iter().any(|it| it.shard == row.shard)).collect()
    }
}
