//! Moves of pending rows: which are under way, whose turn it is. Pure; the writer makes the steps.
//!
//! Everybody waits while the writer writes, so a move is made a few hundred rows at a time when nobody else wants
//! anything, and now and then when somebody always does. Moves of one endpoint are made in the order they were asked
//! for; endpoints take turns, so that a few rows here need not wait for a million there.

use std::collections::{BTreeSet, VecDeque};

use groundswell_types::DeliveryId;

use crate::store::{EndpointId, Move, MoveStep, Moved, PendingKey};

/// Rows of a step. It takes a few milliseconds, which is what a full batch of events takes.
pub(super) const STEP: usize = 256;

/// While others always want something, moves get one step in so many cycles.
const SHARE: u32 = 8;

/// The same while somebody waits for the end of a move.
const WANTED_SHARE: u32 = 2;

/// The scheduler reads an endpoint's queue anew after the first step, the last one, and every so many in between: it is
/// to begin at once, but reading costs more than a step.
const STEPS_PER_OPENING: u32 = 32;

/// An endpoint with more moves than this to be made takes no further ones.
const MOVES_MAX: usize = 16;

/// When more deliveries than this failed again since an endpoint worked again, it does not: the rest waits as it is.
const EXCEPTIONS_MAX: usize = 4096;

/// A move on its way.
#[derive(Debug)]
struct Moving {
    kind: Move,
    after: Option<PendingKey>,
    steps: u32,
    /// Rows were moved that the scheduler has not been told of.
    is_unread: bool,
}

/// The moves of one endpoint, in order; never empty.
#[derive(Debug)]
struct Chain {
    endpoint: EndpointId,
    moves: VecDeque<Moving>,
}

/// Whether moves have anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Idle,
    /// A step can be made.
    Ready,
    /// The last step failed; the next one is to wait.
    Resting,
}

/// What follows from a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Followed {
    /// The endpoint whose queue the scheduler is to read anew.
    pub(super) opens: Option<EndpointId>,
    /// Its parking has come to its end.
    pub(super) is_parked: bool,
}

/// All moves that are not made yet.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// The first one's turn is next.
    chains: VecDeque<Chain>,
    is_resting: bool,
    cycles_since_step: u32,
}

impl Moves {
    /// Adds a move to those of an endpoint, and takes away what it makes pointless.
    pub(super) fn add(&mut self, endpoint: EndpointId, kind: Move) {
        let moving = Moving { kind, after: None, steps: 0, is_unread: false };
        let Some(chain) = self.chains.iter_mut().find(|chain| chain.endpoint == endpoint) else {
            // Who comes new has the next turn: its queue may be short.
            self.chains.push_front(Chain { endpoint, moves: VecDeque::from([moving]) });
            return;
        };
        let is_pointless = |before: &Move| match moving.kind {
            Move::Delete => true,
            // What was to go out is parked again where it stands.
            Move::Park => matches!(before, Move::Advance { .. } | Move::Release { .. } | Move::Park),
            Move::Advance { .. } => matches!(before, Move::Advance { .. }),
            Move::Release { .. } | Move::Discard { .. } => false,
        };
        chain.moves.retain(|before| !is_pointless(&before.kind));
        chain.moves.push_back(moving);
    }

    /// Nothing is moved at these endpoints any more.
    pub(super) fn forsake(&mut self, is_left: impl Fn(EndpointId) -> bool) {
        self.chains.retain(|chain| !is_left(chain.endpoint));
    }

    /// Whether an endpoint takes another move that somebody asks for.
    pub(super) fn has_room(&self, endpoint: EndpointId) -> bool {
        self.of(endpoint).is_none_or(|chain| chain.moves.len() < MOVES_MAX)
    }

    /// Whether an endpoint is still being parked.
    pub(super) fn is_parking(&self, endpoint: EndpointId) -> bool {
        self.of(endpoint).is_some_and(|chain| chain.moves.iter().any(|moving| moving.kind == Move::Park))
    }

    /// A delivery was tried and is to be tried again: it has had what a move on its way was to bring it.
    pub(super) fn retried(&mut self, endpoint: EndpointId, id: DeliveryId) {
        let Some(place) = self.chains.iter().position(|chain| chain.endpoint == endpoint) else { return };
        let moves = &mut self.chains[place].moves;
        for moving in moves.iter_mut() {
            if let Move::Advance { except, .. } = &mut moving.kind {
                except.insert(id);
            }
        }
        let is_too_much =
            |kind: &Move| matches!(kind, Move::Advance { except, .. } if except.len() > EXCEPTIONS_MAX);
        moves.retain(|moving| !is_too_much(&moving.kind));
        if moves.is_empty() {
            self.chains.remove(place);
        }
    }

    pub(super) fn pace(&self) -> Pace {
        match (self.chains.is_empty(), self.is_resting) {
            (true, _) => Pace::Idle,
            (false, false) => Pace::Ready,
            (false, true) => Pace::Resting,
        }
    }

    /// Something else was written. Whether moves have waited for long enough; `is_wanted` when somebody waits for one.
    pub(super) fn is_due_after_cycle(&mut self, is_wanted: bool) -> bool {
        let share = if is_wanted { WANTED_SHARE } else { SHARE };
        self.cycles_since_step = self.cycles_since_step.saturating_add(1);
        self.pace() != Pace::Idle && self.cycles_since_step >= share
    }

    /// The step whose turn it is.
    pub(super) fn next(&mut self) -> Option<MoveStep> {
        self.cycles_since_step = 0;
        let chain = self.chains.front()?;
        let moving = chain.moves.front()?;
        let kind = moving.kind.clone();
        Some(MoveStep { endpoint_id: chain.endpoint, kind, after: moving.after, limit: STEP })
    }

    /// The step was made; whose turn it is next.
    pub(super) fn made(&mut self, moved: Moved) -> Followed {
        self.is_resting = false;
        let mut followed = Followed::default();
        let Some(mut chain) = self.chains.pop_front() else { return followed };
        if let Some(moving) = chain.moves.front_mut() {
            let is_last = moved.next.is_none();
            moving.after = moved.next;
            moving.is_unread |= moved.rows > 0;
            let brings_work = matches!(moving.kind, Move::Release { .. } | Move::Advance { .. });
            if brings_work && moving.is_unread && (is_last || moving.steps % STEPS_PER_OPENING == 0) {
                moving.is_unread = false;
                followed.opens = Some(chain.endpoint);
            }
            moving.steps = moving.steps.saturating_add(1);
            if is_last {
                followed.is_parked = moving.kind == Move::Park;
                chain.moves.pop_front();
            }
        }
        if !chain.moves.is_empty() {
            self.chains.push_back(chain);
        }
        followed
    }

    /// The step could not be made; it is tried again later.
    pub(super) fn failed(&mut self) {
        self.is_resting = true;
    }

    fn of(&self, endpoint: EndpointId) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.endpoint == endpoint)
    }
}

/// An advance that nothing is excepted from yet.
pub(super) const fn advance(now_ms: i64) -> Move {
    Move::Advance { now_ms, except: BTreeSet::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: EndpointId = EndpointId(1);
    const SECOND: EndpointId = EndpointId(2);

    fn id(number: i64) -> DeliveryId {
        DeliveryId::from_number(number)
    }

    fn release() -> Move {
        Move::Release { before: id(9), expires_at_ms: 1 }
    }

    fn discard() -> Move {
        Move::Discard { before: id(9) }
    }

    fn more() -> Moved {
        let key = PendingKey { endpoint_id: FIRST, due_at_ms: 0, delivery_id: id(1) };
        Moved { rows: 256, next: Some(key) }
    }

    const LAST: Moved = Moved { rows: 3, next: None };

    /// The kinds in the order they are made, one step each.
    fn drained(moves: &mut Moves) -> Vec<(EndpointId, Move)> {
        let mut all = Vec::new();
        while let Some(step) = moves.next() {
            all.push((step.endpoint_id, step.kind));
            moves.made(LAST);
        }
        assert_eq!(moves.pace(), Pace::Idle);
        all
    }

    #[test]
    fn moves_of_an_endpoint_are_made_in_the_order_they_were_asked_for() {
        let mut moves = Moves::default();
        for kind in [discard(), release(), discard(), advance(5)] {
            moves.add(FIRST, kind);
        }
        let wanted = [discard(), release(), discard(), advance(5)];
        assert_eq!(drained(&mut moves), wanted.map(|kind| (FIRST, kind)));
    }

    #[test]
    fn endpoints_take_turns() {
        let mut moves = Moves::default();
        moves.add(FIRST, Move::Delete);
        moves.add(SECOND, advance(5));
        let mut turns = Vec::new();
        for _ in 0..4 {
            turns.push(moves.next().expect("there is one").endpoint_id);
            moves.made(more());
        }
        assert_eq!(turns, [SECOND, FIRST, SECOND, FIRST]);
    }

    #[test]
    fn a_later_move_takes_away_what_it_makes_pointless() {
        let after = |kinds: &[Move]| {
            let mut moves = Moves::default();
            for kind in kinds {
                moves.add(FIRST, kind.clone());
            }
            drained(&mut moves).into_iter().map(|(_, kind)| kind).collect::<Vec<_>>()
        };
        assert_eq!(after(&[advance(5), release(), Move::Park]), [Move::Park]);
        assert_eq!(
            after(&[discard(), Move::Park]),
            [discard(), Move::Park],
            "else it would discard too much"
        );
        assert_eq!(after(&[Move::Park, discard(), Move::Delete]), [Move::Delete]);
        assert_eq!(after(&[advance(5), advance(7)]), [advance(7)]);
    }

    #[test]
    fn the_scheduler_is_told_of_the_first_step_the_last_and_some_in_between() {
        let mut moves = Moves::default();
        moves.add(FIRST, advance(5));
        let told = (0..65).map(|step| {
            moves.next().expect("there is one");
            moves.made(if step < 64 { more() } else { LAST }).opens.is_some()
        });
        let told: Vec<usize> =
            told.enumerate().filter_map(|(step, is_told)| is_told.then_some(step)).collect();
        assert_eq!(told, [0, 32, 64]);

        moves.add(FIRST, release());
        moves.next().expect("there is one");
        assert_eq!(moves.made(Moved { rows: 0, next: None }).opens, None, "there was nothing");
        moves.add(FIRST, Move::Park);
        moves.next().expect("there is one");
        assert_eq!(moves.made(LAST), Followed { opens: None, is_parked: true });
    }

    #[test]
    fn what_was_tried_since_is_no_longer_meant_and_when_that_is_much_nothing_is() {
        let mut moves = Moves::default();
        moves.add(FIRST, advance(5));
        moves.retried(FIRST, id(8));
        moves.retried(SECOND, id(9));
        let wanted = Move::Advance { now_ms: 5, except: BTreeSet::from([id(8)]) };
        assert_eq!(moves.next().map(|step| step.kind), Some(wanted));
        for number in 0..5_000 {
            moves.retried(FIRST, id(number));
        }
        assert_eq!(moves.pace(), Pace::Idle);
    }

    #[test]
    fn under_load_moves_get_a_share_and_a_larger_one_when_somebody_waits() {
        let mut moves = Moves::default();
        assert!((0..100).all(|_| !moves.is_due_after_cycle(false)), "there is nothing to do");
        moves.add(FIRST, Move::Park);
        let waited = |moves: &mut Moves, is_wanted| {
            moves.next().expect("there is one");
            (1..100).find(|_| moves.is_due_after_cycle(is_wanted))
        };
        assert_eq!(waited(&mut moves, false), Some(8));
        assert_eq!(waited(&mut moves, true), Some(2));
        moves.failed();
        assert_eq!((moves.pace(), waited(&mut moves, false)), (Pace::Resting, Some(8)));
        moves.next().expect("there is one");
        moves.made(more());
        assert_eq!(moves.pace(), Pace::Ready);
    }
}
