//! What a receiver answers to a delivery, as the sender reads it: the same in whatever pieces it comes.

#![no_main]

#[path = "../expand.rs"]
mod expand;

use groundswell_engine::fuzzing::response;
use libfuzzer_sys::fuzz_target;

/// In bytes: more than any limit of a head.
const LONGEST: usize = 80 * 1024;

fuzz_target!(|input: &[u8]| {
    // The first byte says how long the pieces are.
    let Some((length, answer)) = input.split_first() else { return };
    let answer = expand::expand(answer, LONGEST);
    let Some((lines, body)) = response(&answer, usize::from(*length)) else { return };
    assert!(lines.lines().all(|line| line.contains(": ")));
    assert!(lines.len() <= 8 * 1024 + 4 && body.len() <= answer.len());
});
