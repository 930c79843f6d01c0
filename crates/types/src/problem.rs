//! What is wrong with an input, and where.

use serde::{Deserialize, Serialize};

/// One thing wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901); the empty string is the whole input.
    pub pointer: String,
    /// What is wrong and, where it helps, what to do; reads on from the pointer.
    pub message: String,
}

impl Problem {
    /// A problem at `pointer`.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// One segment of a JSON pointer with its leading slash, `~` and `/` escaped (RFC 6901, section 3).
pub fn pointer_segment(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}
