//! The engine under fixed seeds, and broken on purpose.

mod several;

use groundswell_simulation::auditor::{Rule, audit};
use groundswell_simulation::plan::{LifePlan, Plan, Sabotage};
use groundswell_simulation::{check, run};

/// Seeds that CI runs, twice each.
const SEEDS: u64 = 25;

/// Seeds that found something once: 1 probes within a pause, 1079 events that waited for
/// another one's retry after a start, 11 an endpoint that was enabled but stayed held, 12 a
/// delivery that ended twice, 21 and 225 the same under other plans and attempts that were not owned up to. When plans
/// change these become other runs; the engine has a test of its own for each.
const REGRESSIONS: [u64; 6] = [1, 11, 12, 21, 225, 1079];

fn must_hold(plan: &Plan) {
    if let Err(violations) = check(plan) {
        let texts: Vec<String> = violations.iter().take(5).map(ToString::to_string).collect();
        panic!(
            "seed {seed} breaks the contract {} times:\n{}\nto see it: cargo xtask simulate --seeds 1 --first {seed} --trace",
            violations.len(),
            texts.join("\n"),
            seed = plan.seed,
        );
    }
}

#[test]
fn the_contract_holds_under_every_seed_and_each_gives_one_trace() {
    for seed in 0..SEEDS {
        must_hold(&Plan::of(seed));
    }
}

#[test]
fn seeds_that_found_something_once_hold() {
    for seed in REGRESSIONS {
        must_hold(&Plan::of(seed));
    }
}

#[test]
fn the_power_may_be_cut_at_any_await() {
    let mut at = 1;
    loop {
        let mut plan = Plan::small(7);
        let life = LifePlan { points: at, length_ms: plan.chaos_ms, is_stopped_in_order: true, down_ms: 0 };
        plan.lives = vec![life];
        let run = run(plan);
        let violations = audit(&run.plan, &run.trace);
        assert!(violations.is_empty(), "with the power cut at point {at}: {}", violations[0]);
        if run.points < at - 1 {
            break;
        }
        at += 1;
    }
    assert!(at > 100, "only {at} points were tried");
}

/// Of some seeds, each broken in this way, one at least must be noticed, and as a breach of one of these rules.
fn is_noticed(sabotage: Sabotage, rules: &[Rule]) {
    let mut found = Vec::new();
    for seed in 0..20 {
        let run = run(Plan::of(seed).sabotaged(sabotage));
        let violations = audit(&run.plan, &run.trace);
        found.extend(violations.iter().map(|violation| violation.rule));
        if found.iter().any(|rule| rules.contains(rule)) {
            return;
        }
    }
    panic!("{sabotage:?} was not noticed; found was {found:?}");
}

#[test]
fn a_store_that_answers_before_it_writes_is_noticed() {
    is_noticed(Sabotage::AnswersEarly, &[Rule::AcknowledgedIsStored]);
}

#[test]
fn a_store_that_loses_outcomes_is_noticed() {
    is_noticed(Sabotage::LosesOutcomes, &[Rule::UnknownIsSaid, Rule::Drains]);
}

#[test]
fn a_store_that_parks_nothing_is_noticed() {
    // A row that was not moved stands in the wrong place; what else comes of it depends on how things meet.
    is_noticed(Sabotage::ParksNothing, &[Rule::RowsAreKept, Rule::Drains]);
}

#[test]
fn a_success_that_was_none_is_noticed() {
    is_noticed(Sabotage::InventsSuccess, &[Rule::RecordsAreTrue]);
}

#[test]
fn a_request_that_goes_out_twice_is_noticed() {
    is_noticed(Sabotage::SendsTwice, &[Rule::SentIsOpen]);
}
