//! What is shown of what was seen. Pure: a component is shown worse only once it was seen worse several times running, and
//! better only once it was seen better many times running, so what comes and goes does not make the page flicker.

use groundswell_types::ComponentStatus;

/// How often something must be seen before it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// So many samples in a row that are worse, for something worse.
    pub worse_after: u32,
    /// So many samples in a row that are better, for something better.
    pub better_after: u32,
}

/// A change of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub status: ComponentStatus,
    /// When it was first seen, Unix milliseconds: before it was shown.
    pub since_ms: i64,
}

/// A component's state machine.
#[derive(Debug, Clone, Copy)]
pub struct Hysteresis {
    patience: Patience,
    shown: ComponentStatus,
    /// Samples in a row on one side of what is shown.
    run: Option<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    side: Side,
    samples: u32,
    since_ms: i64,
    /// Of those samples, the one that is nearest to what is shown: no more is shown than all of them agree on.
    nearest: ComponentStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Worse,
    Better,
}

/// How bad a status is; more is worse.
pub(crate) const fn severity(status: ComponentStatus) -> u8 {
    status as u8
}

impl Hysteresis {
    /// Nothing bad has been seen yet.
    pub const fn new(patience: Patience) -> Self {
        Self { patience, shown: ComponentStatus::Operational, run: None }
    }

    /// What is shown.
    pub const fn shown(&self) -> ComponentStatus {
        self.shown
    }

    /// Since when it has been seen better without a break, Unix milliseconds, although it is not shown yet.
    pub fn better_since_ms(&self) -> Option<i64> {
        self.run.filter(|run| run.side == Side::Better).map(|run| run.since_ms)
    }

    /// The clock was ahead: what was seen by it was seen now at the latest, in Unix milliseconds.
    pub fn set_back(&mut self, now_ms: i64) {
        if let Some(run) = &mut self.run {
            run.since_ms = run.since_ms.min(now_ms);
        }
    }

    /// Takes a sample; says what is shown from now on, if that is something else.
    pub fn observe(&mut self, seen: ComponentStatus, at_ms: i64) -> Option<Turn> {
        let side = match severity(seen).cmp(&severity(self.shown)) {
            std::cmp::Ordering::Equal => {
                self.run = None;
                return None;
            }
            std::cmp::Ordering::Greater => Side::Worse,
            std::cmp::Ordering::Less => Side::Better,
        };
        let run = match self.run.filter(|run| run.side == side) {
            None => Run { side, samples: 1, since_ms: at_ms, nearest: seen },
            Some(run) => Run { samples: run.samples + 1, nearest: nearer(side, run.nearest, seen), ..run },
        };
        let enough = match side {
            Side::Worse => self.patience.worse_after,
            Side::Better => self.patience.better_after,
        };
        if run.samples < enough {
            self.run = Some(run);
            return None;
        }
        self.shown = run.nearest;
        self.run = None;
        Some(Turn { status: run.nearest, since_ms: run.since_ms })
    }
}

fn nearer(side: Side, one: ComponentStatus, other: ComponentStatus) -> ComponentStatus {
    let is_worse = severity(one) > severity(other);
    match side {
        Side::Worse if is_worse => other,
        Side::Better if !is_worse => other,
        Side::Worse | Side::Better => one,
    }
}

#[cfg(test)]
mod tests {
    use ComponentStatus::{
        DegradedPerformance as Slow, MajorOutage as Down, Operational as Fine, PartialOutage as Partly,
    };
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience = Patience { worse_after: 3, better_after: 5 };

    /// What is shown after each sample; samples are a second apart.
    fn shown(samples: &[ComponentStatus]) -> Vec<ComponentStatus> {
        let mut machine = Hysteresis::new(PATIENCE);
        let show = |(at, seen): (i64, &ComponentStatus)| {
            machine.observe(*seen, at * 1_000);
            machine.shown()
        };
        (0..).zip(samples).map(show).collect()
    }

    #[test]
    fn statuses_get_worse_in_the_order_of_their_words() {
        assert!(ComponentStatus::ALL.windows(2).all(|pair| severity(pair[0]) < severity(pair[1])));
    }

    #[test]
    fn something_worse_is_shown_only_after_three_samples() {
        assert_eq!(shown(&[Down, Down, Fine, Down, Down]), [Fine; 5]);
        assert_eq!(shown(&[Down, Down, Down]), [Fine, Fine, Down]);
    }

    #[test]
    fn no_more_is_shown_than_all_samples_agree_on() {
        assert_eq!(shown(&[Down, Slow, Partly])[2], Slow);
        assert_eq!(shown(&[Partly, Down, Down])[2], Partly);
        // What is worse than that has to be seen anew.
        assert_eq!(shown(&[Partly, Down, Down, Down, Down, Down])[5], Down);
    }

    #[test]
    fn something_better_is_shown_only_after_five_samples() {
        let mut samples = vec![Down, Down, Down];
        samples.extend([Fine; 4]);
        samples.push(Down);
        samples.extend([Fine; 4]);
        assert_eq!(shown(&samples)[2..], [Down; 10]);
        samples.push(Fine);
        assert_eq!(shown(&samples).last(), Some(&Fine));
        samples.truncate(8);
        samples.extend([Fine, Fine, Slow, Fine, Fine]);
        assert_eq!(shown(&samples).last(), Some(&Slow), "one of them was slow");
    }

    #[test]
    fn a_turn_says_when_it_was_first_seen() {
        let mut machine = Hysteresis::new(PATIENCE);
        let turns: Vec<Turn> = (0..9)
            .filter_map(|at| machine.observe(if (2..5).contains(&at) { Down } else { Fine }, at))
            .collect();
        assert_eq!(turns, [Turn { status: Down, since_ms: 2 }]);
        assert_eq!(machine.better_since_ms(), Some(5));
        assert_eq!(machine.observe(Fine, 9), Some(Turn { status: Fine, since_ms: 5 }));
        assert_eq!(machine.better_since_ms(), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_was_seen_and_changes_only_after_a_run(
            samples in proptest::collection::vec(proptest::sample::select(vec![Fine, Slow, Partly, Down]), 0..80)
        ) {
            let shown = shown(&samples);
            for at in 0..shown.len() {
                let before = at.checked_sub(1).map_or(Fine, |before| shown[before]);
                if shown[at] == before {
                    continue;
                }
                let is_worse = severity(shown[at]) > severity(before);
                let needed = if is_worse { PATIENCE.worse_after } else { PATIENCE.better_after } as usize;
                prop_assert!(at + 1 >= needed);
                let run = &samples[at + 1 - needed..=at];
                prop_assert!(run.contains(&shown[at]));
                let agrees = |seen: &ComponentStatus| {
                    if is_worse { severity(*seen) >= severity(shown[at]) } else { severity(*seen) <= severity(shown[at]) }
                };
                prop_assert!(run.iter().all(agrees));
            }
        }
    }
}
