//! What the fuzzers in `fuzz/` reach that nobody else may. Only they compile it, with `--cfg fuzzing`.

use crate::ErrorAnswer;

/// How many of `count` lines of a batch an answer has no result for.
pub fn missing_in(answer: &[u8], count: usize) -> usize {
    crate::batcher::missing_in(answer, count)
}

/// An answer other than success, in words.
pub fn error_answer(status: u16, body: &[u8]) -> String {
    ErrorAnswer::read(status, None, body).to_string()
}
