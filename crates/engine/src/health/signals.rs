//! What is measured, and what it says of each component. Pure.
//!
//! Only what this server does itself is measured: how long commits take and whether they fail, whether its two tasks come
//! round, what is due and does not go out although its receiver would take it, and answers of its own with a status of
//! 500 or more. What receivers answer is in none of it, so they cannot make anything look bad.

use groundswell_types::{Component, ComponentStatus};

use crate::store::Standing;

/// Commits that take so many seconds make accepting slow, fail for some, fail. The meters tell nothing beyond the last.
const COMMIT_SECONDS: [f64; 3] = [1.0, 5.0, 10.0];

/// The same for what is under way and has not ended, in milliseconds.
const STUCK_MS: [i64; 3] = [2_000, 5_000, 20_000];

/// The task that delivers comes round every 15 s when nothing happens; not for longer, it is stuck. In milliseconds.
const SILENT_MS: [i64; 3] = [20_000, 30_000, 45_000];

/// What could go out and has been due for longer is late, in milliseconds: less may be a burst.
const LATE_MS: [i64; 3] = [30_000, 300_000, 1_800_000];

/// Failed answers of a hundred make a component slow, fail for some, fail.
const FAILED_PERCENT: [u64; 3] = [5, 25, 75];

/// Fewer failed answers say nothing.
const FAILED_LEAST: u64 = 3;

/// Answers of the last minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answers {
    pub all: u64,
    pub failed: u64,
}

/// How the last attempt to write a heartbeat went. It takes its turn like any write, so it tells how writing goes when
/// nobody else writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BeatSignal {
    /// Whether the last one failed.
    pub has_failed: bool,
    pub is_under_way: bool,
    /// How long the one under way has taken so far, in milliseconds; 0 when there is none.
    pub under_way_ms: i64,
}

/// Everything that is measured, since the sample before or as it is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signals {
    /// What 95 of 100 commits since the last sample took, in seconds; none when there were none.
    pub commit_seconds: Option<f64>,
    pub commits_made: u64,
    /// Because the disk was full or failing, or the database away.
    pub commits_failed: u64,
    /// How long the task that writes has been at its present work, in milliseconds.
    pub writing_for_ms: i64,
    /// Outcomes that could not be written yet.
    pub unwritten: i64,
    pub beat: BeatSignal,
    pub standing: Standing,
    pub writer_runs: bool,
    pub delivery_runs: bool,
    /// How long ago the task that delivers last came round, in milliseconds.
    pub silent_ms: i64,
    /// For how long the oldest delivery has been due that could go out, in milliseconds; 0 when there is none.
    pub late_ms: i64,
    /// The same of those that were tried before.
    pub retry_late_ms: i64,
    /// To posted events.
    pub of_events: Answers,
    /// To other calls of REST.
    pub of_api: Answers,
    /// To requests for pages and from pages.
    pub of_editor: Answers,
}

/// What a component is, by what was measured just now.
pub fn judge(component: Component, signals: &Signals) -> ComponentStatus {
    match component {
        Component::Events => worst([of_writing(signals), of_answers(signals.of_events)]),
        Component::Delivery => worst([of_delivering(signals), level(signals.late_ms, LATE_MS)]),
        Component::RetryQueue => {
            worst([of_delivering(signals), level(signals.retry_late_ms, LATE_MS), of_unwritten(signals)])
        }
        Component::Editor => worst([of_reading(signals), of_answers(signals.of_editor)]),
        Component::Api => worst([of_reading(signals), of_answers(signals.of_api)]),
    }
}

fn of_writing(signals: &Signals) -> ComponentStatus {
    if signals.standing != Standing::Sure || !signals.writer_runs {
        return ComponentStatus::MajorOutage;
    }
    let failures = match (signals.commits_failed, signals.commits_made) {
        (0, 0) if signals.beat.has_failed => ComponentStatus::MajorOutage,
        (0, _) => ComponentStatus::Operational,
        (_, 0) => ComponentStatus::MajorOutage,
        (_, _) => ComponentStatus::PartialOutage,
    };
    let commits =
        signals.commit_seconds.map_or(ComponentStatus::Operational, |took| level(took, COMMIT_SECONDS));
    let stuck = level(signals.writing_for_ms.max(signals.beat.under_way_ms), STUCK_MS);
    worst([failures, commits, stuck])
}

fn of_delivering(signals: &Signals) -> ComponentStatus {
    let standing = match signals.standing {
        Standing::Sure => ComponentStatus::Operational,
        // What is in memory goes out; its outcome waits.
        Standing::Away => ComponentStatus::PartialOutage,
        Standing::Doubtful => ComponentStatus::MajorOutage,
    };
    let runs =
        if signals.delivery_runs { ComponentStatus::Operational } else { ComponentStatus::MajorOutage };
    worst([standing, runs, level(signals.silent_ms, SILENT_MS)])
}

/// A retry is planned by the outcome before it.
fn of_unwritten(signals: &Signals) -> ComponentStatus {
    match (signals.unwritten, signals.commits_made) {
        (..=0, _) => ComponentStatus::Operational,
        (_, 0) => ComponentStatus::PartialOutage,
        (_, _) => ComponentStatus::DegradedPerformance,
    }
}

/// Nothing can be read from a database that is away.
fn of_reading(signals: &Signals) -> ComponentStatus {
    match signals.standing {
        Standing::Sure => ComponentStatus::Operational,
        Standing::Away | Standing::Doubtful => ComponentStatus::MajorOutage,
    }
}

fn of_answers(Answers { all, failed }: Answers) -> ComponentStatus {
    if failed < FAILED_LEAST {
        return ComponentStatus::Operational;
    }
    level(failed.saturating_mul(100) / all.max(1), FAILED_PERCENT)
}

fn level<T: PartialOrd + Copy>(value: T, [slow, partial, major]: [T; 3]) -> ComponentStatus {
    if value >= major {
        ComponentStatus::MajorOutage
    } else if value >= partial {
        ComponentStatus::PartialOutage
    } else if value >= slow {
        ComponentStatus::DegradedPerformance
    } else {
        ComponentStatus::Operational
    }
}

fn worst<const N: usize>(statuses: [ComponentStatus; N]) -> ComponentStatus {
    let worst = statuses.into_iter().max_by_key(|status| super::hysteresis::severity(*status));
    worst.unwrap_or(ComponentStatus::Operational)
}

#[cfg(test)]
pub(super) mod tests {
    use ComponentStatus::{DegradedPerformance, MajorOutage, Operational, PartialOutage};

    use super::*;

    pub(in super::super) const FINE: Signals = Signals {
        commit_seconds: Some(0.004),
        commits_made: 12,
        commits_failed: 0,
        writing_for_ms: 0,
        unwritten: 0,
        beat: BeatSignal { has_failed: false, is_under_way: false, under_way_ms: 0 },
        standing: Standing::Sure,
        writer_runs: true,
        delivery_runs: true,
        silent_ms: 900,
        late_ms: 0,
        retry_late_ms: 0,
        of_events: Answers { all: 900, failed: 0 },
        of_api: Answers { all: 90, failed: 0 },
        of_editor: Answers { all: 9, failed: 0 },
    };

    /// Events, delivery, retry queue, editor, API.
    fn all(signals: Signals) -> [ComponentStatus; 5] {
        [0, 1, 2, 3, 4].map(|at| judge(Component::ALL[at], &signals))
    }

    #[test]
    fn a_server_that_works_is_fine_idle_or_not() {
        assert_eq!(all(FINE), [Operational; 5]);
        let idle = Signals {
            commit_seconds: None,
            commits_made: 0,
            silent_ms: 15_500,
            of_events: Answers::default(),
            ..FINE
        };
        assert_eq!(all(idle), [Operational; 5]);
    }

    #[test]
    fn slow_commits_make_accepting_slow() {
        for (seconds, wanted) in
            [(0.9, Operational), (1.0, DegradedPerformance), (5.0, PartialOutage), (10.0, MajorOutage)]
        {
            let signals = Signals { commit_seconds: Some(seconds), ..FINE };
            assert_eq!(
                all(signals),
                [wanted, Operational, Operational, Operational, Operational],
                "{seconds}"
            );
        }
        let stuck = Signals { commit_seconds: None, commits_made: 0, writing_for_ms: 30_000, ..FINE };
        assert_eq!(judge(Component::Events, &stuck), MajorOutage, "no commit comes to its end");
        let idle = BeatSignal { is_under_way: true, under_way_ms: 6_000, ..BeatSignal::default() };
        assert_eq!(judge(Component::Events, &Signals { beat: idle, ..FINE }), PartialOutage);
    }

    #[test]
    fn commits_that_fail_make_accepting_fail_and_outcomes_wait() {
        let full = Signals { commits_made: 0, commits_failed: 4, unwritten: 7, ..FINE };
        assert_eq!(all(full), [MajorOutage, Operational, PartialOutage, Operational, Operational]);
        let some = Signals { commits_failed: 1, unwritten: 1, ..FINE };
        assert_eq!(all(some), [PartialOutage, Operational, DegradedPerformance, Operational, Operational]);
        let beat = BeatSignal { has_failed: true, ..BeatSignal::default() };
        let idle = Signals { commits_made: 0, commit_seconds: None, beat, ..FINE };
        assert_eq!(judge(Component::Events, &idle), MajorOutage, "although nobody posts");
        assert_eq!(judge(Component::Events, &Signals { beat, ..FINE }), Operational, "commits work again");
    }

    #[test]
    fn a_database_that_is_away_is_felt_everywhere() {
        let away = Signals { standing: Standing::Away, ..FINE };
        assert_eq!(all(away), [MajorOutage, PartialOutage, PartialOutage, MajorOutage, MajorOutage]);
        assert_eq!(all(Signals { standing: Standing::Doubtful, ..FINE }), [MajorOutage; 5]);
    }

    #[test]
    fn tasks_that_are_gone_or_stuck_are_seen() {
        assert_eq!(judge(Component::Events, &Signals { writer_runs: false, ..FINE }), MajorOutage);
        for signals in [Signals { delivery_runs: false, ..FINE }, Signals { silent_ms: 50_000, ..FINE }] {
            assert_eq!(all(signals), [Operational, MajorOutage, MajorOutage, Operational, Operational]);
        }
    }

    #[test]
    fn what_could_go_out_and_does_not_is_late() {
        let late = Signals { late_ms: 31_000, retry_late_ms: 0, ..FINE };
        assert_eq!(all(late), [Operational, DegradedPerformance, Operational, Operational, Operational]);
        let retries = Signals { late_ms: 301_000, retry_late_ms: 301_000, ..FINE };
        assert_eq!(all(retries), [Operational, PartialOutage, PartialOutage, Operational, Operational]);
    }

    #[test]
    fn own_errors_count_by_their_share() {
        let of = |all, failed| judge(Component::Api, &Signals { of_api: Answers { all, failed }, ..FINE });
        assert_eq!(of(2, 2), Operational, "too few to say anything");
        assert_eq!(of(3, 3), MajorOutage);
        assert_eq!(of(100, 4), Operational);
        assert_eq!(of(100, 5), DegradedPerformance);
        assert_eq!(of(100, 25), PartialOutage);
    }
}
