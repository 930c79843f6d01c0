//! What goes wrong, as the person at the terminal reads it: what, why, and what to do.

use thiserror::Error;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// Something that somebody can do something about.
    #[error("{}", with_remedy(.what, .remedy))]
    Told {
        /// What went wrong and why, whole sentences.
        what: String,
        /// What to do, whole sentences; may be empty.
        remedy: String,
        /// Whether the same may succeed a moment later.
        passes: bool,
    },
    /// The output was written already and says that something is not right: only the exit code is left.
    #[error("")]
    Unsuccessful,
    /// The output cannot be written.
    #[error("The output cannot be written: {0}.")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// What went wrong, and what to do.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Told { what: what.into(), remedy: remedy.into(), passes: false }
    }

    /// The same for what may succeed a moment later.
    pub fn passing(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Told { what: what.into(), remedy: remedy.into(), passes: true }
    }

    /// Whether the same may succeed a moment later.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Told { passes: true, .. })
    }
}

fn with_remedy(what: &str, remedy: &str) -> String {
    if remedy.is_empty() { what.to_owned() } else { format!("{what}\n{remedy}") }
}
