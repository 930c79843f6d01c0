//! Several nodes of the engine under fixed seeds, and broken on purpose.

use groundswell_simulation::auditor::{Rule, Violation};
use groundswell_simulation::plan::Sabotage;
use groundswell_simulation::several::plan::Several;
use groundswell_simulation::several::{auditor, check, run};

/// Seeds that CI runs.
const SEEDS: u64 = 12;

/// Of these, those that are run twice.
const TWICE: u64 = 3;

#[test]
fn with_several_nodes_the_contract_holds_under_every_seed_and_each_gives_one_trace() {
    for seed in 0..SEEDS {
        let several = Several::of(seed);
        let violations = if seed < TWICE {
            check(&several).err().unwrap_or_default()
        } else {
            auditor::audit(&several, &run(several.clone()).trace)
        };
        let texts: Vec<String> = violations.iter().take(5).map(ToString::to_string).collect();
        assert!(
            violations.is_empty(),
            "seed {seed} breaks the contract {} times:\n{}\nto see it: cargo xtask simulate --seeds 1 --first {seed} --nodes --trace",
            violations.len(),
            texts.join("\n"),
        );
    }
}

/// Seeds of which one at least must show that something is broken; most do so sooner.
const BROKEN_SEEDS: u64 = 20;

/// What a seed that is broken in this way is found to break.
fn broken(seed: u64, sabotage: Sabotage) -> Vec<Violation> {
    let several = Several::of(seed).sabotaged(sabotage);
    let run = run(several.clone());
    auditor::audit(&several, &run.trace)
}

/// Of some seeds, each broken in this way, one at least must be noticed, and as a breach of one of these rules.
fn is_noticed(sabotage: Sabotage, rules: &[Rule]) {
    let mut found = Vec::new();
    for seed in 0..BROKEN_SEEDS {
        found.extend(broken(seed, sabotage).into_iter().map(|violation| violation.rule));
        if found.iter().any(|rule| rules.contains(rule)) {
            return;
        }
    }
    panic!("{sabotage:?} was not noticed; found was {found:?}");
}

#[test]
fn a_database_that_fences_nothing_is_noticed() {
    is_noticed(Sabotage::FencesNothing, &[Rule::RowsAreKept, Rule::OneDecides]);
}

#[test]
fn a_node_that_goes_on_after_its_time_is_noticed() {
    is_noticed(Sabotage::RenewsByItself, &[Rule::SentUnderLease]);
}

#[test]
fn events_accepted_by_settings_that_were_changed_elsewhere_are_noticed() {
    is_noticed(Sabotage::AcceptsByOldSettings, &[Rule::SettingsHold]);
}

#[test]
fn a_node_that_goes_on_leading_is_noticed() {
    is_noticed(Sabotage::LeadsForEver, &[Rule::OneLeads]);
}

#[test]
fn nodes_that_are_told_nothing_and_look_at_nothing_are_noticed() {
    is_noticed(Sabotage::LooksAtNothing, &[Rule::FoundInAMinute, Rule::Drains]);
}

#[test]
fn outcomes_that_are_lost_are_noticed() {
    is_noticed(Sabotage::LosesOutcomes, &[Rule::Drains, Rule::SentIsOpen]);
}

#[test]
fn what_nobody_tells_of_is_found_within_a_minute() {
    for seed in 0..4 {
        let mut found = broken(seed, Sabotage::LooksOnceAMinute);
        found.retain(|violation| violation.rule != Rule::FoundSoon);
        assert_eq!(found, [], "seed {seed}");
    }
}
