//! What is wrong with an input, and where.

use serde::{Deserialize, Serialize};

const MAX_POINTER_BYTES: usize = 1_024;

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
    /// A problem at `pointer`. A pointer of more than a kilobyte is cut, and ends with `…`: keys are as long as whoever sent
    /// them likes, and every problem below one repeats it.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        let mut pointer = pointer.into();
        if pointer.len() > MAX_POINTER_BYTES {
            pointer.truncate(pointer.floor_char_boundary(MAX_POINTER_BYTES));
            pointer.push('…');
            pointer.shrink_to_fit();
        }
        Self { pointer, message: message.into() }
    }
}

/// One segment of a JSON pointer with its leading slash, `~` and `/` escaped (RFC 6901, section 3).
pub fn pointer_segment(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}
