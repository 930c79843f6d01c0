//! Events as `groundswell.emit` hands them over: a line with the name, one with the idempotency key, which may be empty for
//! none, and the data. Whatever comes of one is what comes of the same event over REST.

#![no_main]

#[path = "../expand.rs"]
mod expand;

use groundswell_engine::fuzzing::{emitted, event};
use groundswell_types::json;
use libfuzzer_sys::fuzz_target;

/// Enough for more values than JSON may have.
const LONGEST: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (name, key) = (text(), text());
    let data = expand::expand(lines.next().unwrap_or_default(), LONGEST);
    let data = String::from_utf8_lossy(&data);
    let key = Some(&*key).filter(|key| !key.is_empty());
    let taken = emitted((&name, &data), key);
    if let Ok(envelope) = &taken {
        let tree = json::parse(envelope).expect("an envelope can be read again");
        assert_eq!(tree.render(), *envelope, "JavaScript would print it otherwise");
    }
    // Data that is no JSON could close the event's object and add to it.
    if json::parse(data.as_bytes()).is_ok() {
        let string = |text: &str| serde_json::to_string(text).expect("a text is JSON");
        let member = key.map(|key| format!(r#","idempotencyKey":{}"#, string(key))).unwrap_or_default();
        let whole = format!(r#"{{"event":{},"createdAt":0,"data":{data}{member}}}"#, string(&name));
        match (taken, event(whole.as_bytes(), None)) {
            (Ok(taken), Ok(sent)) => assert_eq!(taken, sent),
            (Err(_), Err(_)) => {}
            // The key is a value as well, and is not in the envelope.
            (taken, sent) => assert!(is_full(&data), "{taken:?}, over REST {sent:?}"),
        }
    } else {
        assert!(taken.is_err(), "{data}");
    }
});

/// Whether it has about as many values as JSON may have.
fn is_full(data: &str) -> bool {
    data.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() > json::MAX_VALUES - 10
}
