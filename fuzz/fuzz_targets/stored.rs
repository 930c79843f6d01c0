//! Texts of the database: they are ours, but a database may be damaged, or come from a version that wrote them otherwise.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| groundswell_engine::fuzzing::stored(text));
