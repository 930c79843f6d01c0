//! What a server answers, as our own clients read it: a stream of events, a batch's lines, an error.

#![no_main]

use groundswell_cli::fuzzing::messages;
use groundswell_client::fuzzing::{error_answer, missing_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: &[u8]| {
    let all = messages(answer);
    // A stream may break off anywhere: what came before is what came before.
    let half = messages(&answer[..answer.len() / 2]);
    assert_eq!(all[..half.len()], half);
    assert!(missing_in(answer, 3) <= 3);
    let said = error_answer(500, answer);
    assert!(said.starts_with("500") && said.len() <= 2_000 + answer.len() * 2);
});
