//! When somebody who shows something asks for it: one question at a time, with a rest after each. Pure.

use crate::failure::Failure;

/// At least so long between two questions, in milliseconds.
const REST_MS: u32 = 1_000;

/// After a failure twice as long each time, up to this.
const FIRST_FAILURE_MS: u32 = 2_000;
const LONGEST_MS: u32 = 30_000;

/// So many times as long as the answer took, so that a server that is slow is asked less.
const REST_PER_ANSWER: u32 = 4;

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What is shown is up to date.
    Done,
    /// What is shown must not be changed just now, so it was not asked.
    NotNow,
    /// There was no answer.
    Failed,
    /// Whoever the page was shown to is not signed in any more.
    Over,
}

impl Asked {
    /// What came of a question that was not answered with what was asked for.
    pub fn without_answer(failure: &Failure) -> Self {
        if *failure == Failure::SignedOut { Self::Over } else { Self::Failed }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Nothing,
    Ask,
    /// Come back in so many milliseconds.
    Rest(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Idle,
    Asking,
    Resting,
}

/// The questions of one who shows something.
#[derive(Debug, Default)]
pub struct Turn {
    state: State,
    /// Something may have changed since the last question.
    is_wanted: bool,
    failures: u32,
}

impl Turn {
    /// Something may have changed.
    pub fn want(&mut self) -> Step {
        if self.state == State::Idle {
            self.state = State::Asking;
            return Step::Ask;
        }
        self.is_wanted = true;
        Step::Nothing
    }

    /// The question was answered, after so many milliseconds.
    pub fn answered(&mut self, asked: Asked, took_ms: u32) -> Step {
        self.state = State::Resting;
        self.is_wanted |= asked != Asked::Done;
        self.failures = if asked == Asked::Failed { self.failures.saturating_add(1) } else { 0 };
        let rest = match self.failures {
            0 => took_ms.saturating_mul(REST_PER_ANSWER).max(REST_MS),
            failures => FIRST_FAILURE_MS.saturating_mul(2_u32.saturating_pow(failures - 1)),
        };
        Step::Rest(rest.min(LONGEST_MS))
    }

    /// The rest is over; on a hidden page nobody asks, and everybody does once it is shown.
    pub fn rested(&mut self, is_visible: bool) -> Step {
        self.state = State::Idle;
        let is_wanted = std::mem::take(&mut self.is_wanted);
        if is_wanted && is_visible { self.want() } else { Step::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_during_a_question_is_asked_for_once_after_it() {
        let mut turn = Turn::default();
        assert_eq!(turn.want(), Step::Ask);
        assert_eq!((turn.want(), turn.want()), (Step::Nothing, Step::Nothing));
        assert_eq!(turn.answered(Asked::Done, 20), Step::Rest(REST_MS));
        assert_eq!(turn.want(), Step::Nothing);
        assert_eq!(turn.rested(true), Step::Ask);
        assert_eq!(turn.answered(Asked::Done, 20), Step::Rest(REST_MS));
        assert_eq!(turn.rested(true), Step::Nothing);
        assert_eq!(turn.want(), Step::Ask);
    }

    #[test]
    fn what_could_not_be_asked_is_asked_again_ever_later_while_it_fails() {
        let mut turn = Turn::default();
        turn.want();
        let rests: Vec<Step> = (0..6)
            .map(|_| {
                let rest = turn.answered(Asked::Failed, 5);
                assert_eq!(turn.rested(true), Step::Ask);
                rest
            })
            .collect();
        assert_eq!(rests, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000].map(Step::Rest));
        assert_eq!(turn.answered(Asked::NotNow, 0), Step::Rest(REST_MS));
        assert_eq!(turn.rested(true), Step::Ask);
    }

    #[test]
    fn a_slow_server_is_asked_less_and_a_hidden_page_does_not_ask() {
        let mut turn = Turn::default();
        turn.want();
        assert_eq!(turn.answered(Asked::Done, 2_000), Step::Rest(8_000));
        turn.want();
        assert_eq!(turn.rested(false), Step::Nothing);
        assert_eq!(turn.want(), Step::Ask, "once it is shown again");
    }
}
