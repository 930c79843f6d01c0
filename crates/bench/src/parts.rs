//! What `--only` chooses from: rates, which are measured again in every round, and trials.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::measure::Step;
use crate::trials::Trial;

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Step(Step),
    /// Of the answer and of the delivery, at a fixed rate.
    Latencies,
    Trial(Trial),
}

const STEPS: usize = Step::ALL.len();
const TRIALS: usize = Trial::ALL.len();

const ALL: [Part; STEPS + 1 + TRIALS] = {
    let mut all = [Part::Latencies; STEPS + 1 + TRIALS];
    let mut at = 0;
    while at < STEPS {
        all[at] = Part::Step(Step::ALL[at]);
        at += 1;
    }
    let mut at = 0;
    while at < TRIALS {
        all[STEPS + 1 + at] = Part::Trial(Trial::ALL[at]);
        at += 1;
    }
    all
};

impl ValueEnum for Part {
    fn value_variants<'a>() -> &'a [Self] {
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Step(step) => step.to_possible_value(),
            Self::Latencies => Some(
                PossibleValue::new("latencies").help("Of the answer and of the delivery, at a fixed rate"),
            ),
            Self::Trial(trial) => trial.to_possible_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_name_of_its_own() {
        let mut names: Vec<String> =
            ALL.iter().filter_map(|part| Some(part.to_possible_value()?.get_name().to_owned())).collect();
        assert_eq!(names.len(), ALL.len());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert_eq!(Part::from_str("drain", false), Ok(Part::Trial(Trial::Drain)));
        assert_eq!(Part::from_str("latencies", false), Ok(Part::Latencies));
        assert_eq!(Part::from_str("end-to-end", false), Ok(Part::Step(Step::EndToEnd)));
    }
}
