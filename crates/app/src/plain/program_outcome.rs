//! What came of a form on a page of the settings that is about a program.

use groundswell_types::ProgramId;

use crate::failure::Failure;
use crate::language::Language;
use crate::said::Said;

/// What could not be done. What was done is shown by the page itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Of which program.
    pub campaign: Option<ProgramId>,
    /// Why.
    pub failure: Failure,
}

impl Said for Outcome {
    fn said_in(self, language: Language) -> Self {
        Self { failure: self.failure.said_in(language), ..self }
    }
}
