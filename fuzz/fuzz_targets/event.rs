//! Events as producers send them, a line each. What is accepted is JSON that JavaScript would print the same, is accepted
//! again, and is an event to the types that consumers in Rust read it with.

#![no_main]

#[path = "../expand.rs"]
mod expand;

use groundswell_engine::fuzzing::event;
use groundswell_types::{Event, json};
use libfuzzer_sys::fuzz_target;

/// Enough for more values than JSON may have.
const LONGEST: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let lines = &*expand::expand(input, LONGEST);
    let mut header_key = None;
    for line in lines.split(|byte| *byte == b'\n') {
        match event(line, header_key) {
            Ok(envelope) => {
                let tree = json::parse(&envelope).expect("an envelope is JSON");
                assert_eq!(tree.render(), envelope, "JavaScript would print it otherwise");
                let again = event(&envelope, header_key).expect("an envelope is an event");
                assert_eq!(again, envelope);
                let typed = serde_json::from_slice::<Event>(&envelope);
                assert!(typed.is_ok(), "{typed:?}: {}", String::from_utf8_lossy(&envelope));
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
        // The next line's header is this line.
        header_key = std::str::from_utf8(line).ok();
    }
});
