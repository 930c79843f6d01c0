//! Whose turn it is: first between lanes, then between programs, then between a program's endpoints.
//!
//! Endpoints that fail or are slow have a lane of their own with at most 30 % of the slots, and those that have not
//! answered yet since the start one with at most half of them: so however many of them hang, others find slots free.

use super::fair::Fair;
use super::{ById, FlowId};
use crate::store::EndpointId;

/// Endpoints that share a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Lane {
    Usual,
    Unproven,
    Penalty,
}

impl Lane {
    pub(super) const ALL: [Self; 3] = [Self::Usual, Self::Unproven, Self::Penalty];

    const fn index(self) -> usize {
        match self {
            Self::Usual => 0,
            Self::Unproven => 1,
            Self::Penalty => 2,
        }
    }
}

/// Where an endpoint takes its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) lane: Lane,
    pub(super) flow: FlowId,
    pub(super) endpoint: EndpointId,
}

#[derive(Debug)]
struct Programs {
    turns: Fair<FlowId>,
    endpoints: ById<FlowId, Fair<EndpointId>>,
    free: usize,
}

#[derive(Debug)]
pub(super) struct Turns {
    lanes: Fair<Lane>,
    programs: [Programs; 3],
    free: usize,
}

impl Turns {
    pub(super) fn new(slots: usize) -> Self {
        let share = |lane| match lane {
            Lane::Usual => slots,
            Lane::Unproven => (slots / 2).max(1),
            Lane::Penalty => (slots * 3 / 10).max(1),
        };
        let programs = Lane::ALL.map(|lane| Programs {
            turns: Fair::new(),
            endpoints: ById::default(),
            free: share(lane),
        });
        Self { lanes: Fair::new(), programs, free: slots }
    }

    /// An endpoint has something to send.
    pub(super) fn join(&mut self, Place { lane, flow, endpoint }: Place) {
        let programs = &mut self.programs[lane.index()];
        programs.endpoints.entry(flow).or_insert_with(Fair::new).join(endpoint);
        programs.turns.join(flow);
        self.lanes.join(lane);
    }

    /// It has nothing to send any more, or may not.
    pub(super) fn leave(&mut self, Place { lane, flow, endpoint }: Place) {
        let programs = &mut self.programs[lane.index()];
        let Some(endpoints) = programs.endpoints.get_mut(&flow) else { return };
        endpoints.leave(endpoint);
        if endpoints.is_empty() {
            if endpoints.is_forgettable() {
                programs.endpoints.remove(&flow);
            }
            programs.turns.leave(flow);
        }
        if programs.turns.is_empty() {
            self.lanes.leave(lane);
        }
    }

    /// Whose turn it is, if there is a slot for it.
    pub(super) fn next(&self) -> Option<(Lane, EndpointId)> {
        if self.free == 0 {
            return None;
        }
        let lane = self.lanes.order().find(|lane| self.programs[lane.index()].free > 0)?;
        let programs = &self.programs[lane.index()];
        let flow = programs.turns.next()?;
        Some((lane, programs.endpoints.get(&flow)?.next()?))
    }

    /// Whether a lane has all the slots it may have.
    pub(super) fn is_full(&self, lane: Lane) -> bool {
        self.programs[lane.index()].free == 0
    }

    /// A slot is taken for what is expected to hold it for `cost` milliseconds.
    pub(super) fn take(&mut self, Place { lane, flow, endpoint }: Place, cost: i64) {
        self.free -= 1;
        let programs = &mut self.programs[lane.index()];
        programs.free = programs.free.saturating_sub(1);
        programs.endpoints.entry(flow).or_insert_with(Fair::new).serve(endpoint, cost);
        programs.turns.serve(flow, cost);
        self.lanes.serve(lane, cost);
    }

    /// A slot is free again; it was held for `extra` milliseconds more than was expected.
    pub(super) fn give_back(&mut self, Place { lane, flow, endpoint }: Place, extra: i64) {
        self.free += 1;
        let programs = &mut self.programs[lane.index()];
        programs.free += 1;
        if let Some(endpoints) = programs.endpoints.get_mut(&flow) {
            endpoints.give_back(endpoint, extra);
            if endpoints.is_empty() && endpoints.is_forgettable() {
                programs.endpoints.remove(&flow);
            }
        }
        programs.turns.give_back(flow, extra);
        self.lanes.give_back(lane, extra);
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free
    }
}
