//! Our JSON reader against serde_json: both take the same texts and read the same from them, but for what JavaScript would
//! change, which ours refuses. What ours prints it reads again, to the byte.

#![no_main]

#[path = "../expand.rs"]
mod expand;

use groundswell_types::json;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Enough for more values than JSON may have.
const LONGEST: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let text = &*expand::expand(input, LONGEST);
    let theirs = serde_json::from_slice::<Value>(text);
    match json::parse(text) {
        Ok(tree) => {
            let printed = tree.render();
            let again = json::parse(&printed).expect("what was printed is read");
            assert_eq!(again.render(), printed);
            match theirs {
                Ok(value) => {
                    let ours = serde_json::from_slice(&printed).expect("what was printed is JSON");
                    assert!(are_same(&value, &ours), "{value} became {ours}");
                }
                // Theirs goes one level less deep.
                Err(error) => assert!(error.to_string().contains("recursion limit"), "{error}"),
            }
        }
        Err(problems) => {
            let too_many = format!("has more than {} values", thousands(json::MAX_VALUES));
            let is_of_javascript = |message: &str| {
                message.contains("would change in JavaScript")
                    || message.contains("nests deeper")
                    || (message.starts_with(&too_many) && text.len() > json::MAX_VALUES)
            };
            let explained = problems.iter().all(|problem| is_of_javascript(&problem.message));
            assert!(!problems.is_empty() && (theirs.is_err() || explained), "{problems:?}");
        }
    }
});

/// A number of six digits, as people write it.
fn thousands(number: usize) -> String {
    format!("{},{:03}", number / 1_000, number % 1_000)
}

/// `1.0` and `1` are one number, and `-0` is `0`.
fn are_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| are_same(one, other)))
        }
        _ => one == other,
    }
}
