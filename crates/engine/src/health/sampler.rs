//! Takes samples: the difference between what was counted by now and by the time before.

use std::collections::VecDeque;

use super::signals::{Answers, BeatSignal, Signals};
use crate::engine::Engine;
use crate::meters::HistogramSnapshot;

/// What 95 of 100 commits took is looked at.
const QUANTILE: f64 = 0.95;

/// Answers are looked at over so many samples: a minute.
const ANSWER_SAMPLES: usize = 30;

pub(super) struct Sampler {
    commits: HistogramSnapshot,
    written: HistogramSnapshot,
    failed_commits: u64,
    /// What was answered by each of the last samples.
    answers: VecDeque<[Answers; 3]>,
}

impl Sampler {
    pub(super) fn new(engine: &Engine) -> Self {
        Self {
            commits: engine.meters.commit_seconds.snapshot(),
            written: engine.meters.commit_rows.snapshot(),
            failed_commits: failed_commits(engine),
            answers: VecDeque::with_capacity(ANSWER_SAMPLES + 1),
        }
    }

    /// Takes one; what was due before this process ran is late since it does.
    pub(super) fn sample(&mut self, engine: &Engine, (beat, began_at_ms): (BeatSignal, i64)) -> Signals {
        let (now_ms, meters) = (engine.now_ms(), &engine.meters);
        let commits = meters.commit_seconds.snapshot();
        // Those that failed have taken their time as well, but wrote no rows.
        let written = meters.commit_rows.snapshot();
        let failed_commits = failed_commits(engine);
        let (tried, commits_made) = (commits.since(&self.commits), written.since(&self.written).count());
        let failed = failed_commits - self.failed_commits;
        (self.commits, self.written, self.failed_commits) = (commits, written, failed_commits);
        let [of_events, of_api, of_editor] = self.answered(engine);
        let late_ms = |due_at_ms: i64| {
            let since_ms = due_at_ms.max(began_at_ms);
            if due_at_ms == 0 { 0 } else { now_ms.saturating_sub(since_ms) }
        };
        let (writer_runs, delivery_runs) = engine.tasks_run();
        Signals {
            commit_seconds: tried.quantile(QUANTILE),
            commits_made,
            commits_failed: failed,
            writing_for_ms: meters.writing.under_way_ms(),
            unwritten: meters.outcomes_unwritten.get(),
            beat,
            standing: engine.store.standing(),
            writer_runs,
            delivery_runs,
            silent_ms: now_ms.saturating_sub(meters.delivering_at_ms.get().max(began_at_ms)),
            late_ms: late_ms(meters.oldest_due_at_ms.get()),
            retry_late_ms: late_ms(meters.oldest_retry_due_at_ms.get()),
            of_events,
            of_api,
            of_editor,
        }
    }

    /// What was answered in the last minute.
    fn answered(&mut self, engine: &Engine) -> [Answers; 3] {
        let monitor = &engine.monitor;
        let now = [&monitor.of_events, &monitor.of_api, &monitor.of_editor].map(super::AnswerCounts::get);
        self.answers.push_back(now);
        if self.answers.len() > ANSWER_SAMPLES {
            self.answers.pop_front();
        }
        let then = self.answers.front().copied().unwrap_or_default();
        let since = |at: usize| Answers {
            all: now[at].all.saturating_sub(then[at].all),
            failed: now[at].failed.saturating_sub(then[at].failed),
        };
        [since(0), since(1), since(2)]
    }
}

/// Items that the database refused do not count: the others were committed.
fn failed_commits(engine: &Engine) -> u64 {
    let failed = &engine.meters.failed_commits;
    [&failed.full, &failed.unavailable, &failed.fatal].into_iter().map(crate::meters::Counter::get).sum()
}
