//! What a receiver answers to a delivery, as the sender reads it: the same in whatever pieces it comes.

#![no_main]

use groundswell_engine::fuzzing::response;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The first byte says how long the pieces are.
    let Some((length, answer)) = input.split_first() else { return };
    let Some((lines, body)) = response(answer, usize::from(*length)) else { return };
    assert!(lines.lines().all(|line| line.contains(": ")));
    assert!(lines.len() <= 8 * 1024 + 4 && body.len() <= answer.len());
});
