//! What the fuzzers in `fuzz/` reach that nobody else may. Only they compile it, with `--cfg fuzzing`.

use crate::listen::messages::Messages;
use crate::overrides::Override;
use crate::times;
use crate::verify::diagnosis::{Request, examine};

pub use crate::listen::messages::{Message, StreamedEvent};

/// The messages of a stream, up to its end or to what is none.
pub fn messages(stream: &[u8]) -> Vec<Message> {
    let mut messages = Messages::new(stream);
    std::iter::from_fn(|| messages.next().ok().flatten()).collect()
}

/// A time that was typed.
pub fn time(text: &str) -> Option<i64> {
    times::parse(text, 1_772_368_205_000)
}

/// An override of a sample, applied to a value of its own.
pub fn change(text: &str, data: &mut serde_json::Value) -> bool {
    text.parse().is_ok_and(|change: Override| change.apply(data).is_ok())
}

/// What `verify` finds about a request.
pub fn findings(secret: &groundswell_types::Secret, headers: &[(String, String)], body: &[u8]) -> usize {
    examine(&Request { secret, headers, body, now_ms: 0, tolerance_ms: 300_000 }).len()
}
