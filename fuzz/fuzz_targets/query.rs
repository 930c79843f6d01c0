//! Queries, times and languages: what the URLs of the delivery log and of the audit log say, what a browser likes to read, when
//! something was.

#![no_main]

// The app itself is Leptos', which takes longer to compile than everything else together.
#[path = "../../crates/app/src/language/accepted.rs"]
mod accepted;
#[path = "../../crates/app/src/audit_query.rs"]
mod audit_query;
#[path = "../../crates/app/src/log_query.rs"]
#[allow(dead_code, unused_imports)]
mod log_query;
#[path = "../../crates/app/src/time/machine.rs"]
#[allow(dead_code)]
mod time;

use audit_query::AuditQuery;
use libfuzzer_sys::fuzz_target;
use log_query::LogQuery;

fuzz_target!(|text: &str| {
    let query = LogQuery::parse(text);
    assert_eq!(LogQuery::parse(&query.query()), query, "it does not survive its own URL");
    // What browsers and servers read from a query, in its own words.
    let theirs = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(text.as_bytes());
        let found = pairs.find(|(name, value)| name == wanted && !value.trim().is_empty());
        found.map(|(_, value)| value.trim().to_owned())
    };
    assert_eq!(query.filter.text, theirs("text"));
    for at_ms in [query.filter.since, query.filter.until].into_iter().flatten() {
        assert!(groundswell_engine::fuzzing::first_at(at_ms) >= 0);
        assert_eq!(time::parse_utc(&time::machine(at_ms)), Some(at_ms));
    }
    match AuditQuery::parse(text) {
        Ok(query) => {
            assert_eq!(AuditQuery::parse(&query.to_query()), Ok(query), "it does not survive its own URL")
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
    let known = |tag: &str| ["en", "de", "es"].into_iter().find(|known| *known == tag);
    if let Some(language) = accepted::accepted(text, known) {
        assert!(text.to_ascii_lowercase().contains(language) || text.contains('*'));
    }
    groundswell_cli::fuzzing::time(text);
    let mut data = serde_json::json!({ "a": { "b": [1, { "c": null }] } });
    groundswell_cli::fuzzing::change(text, &mut data);
});
