//! Texts that are stored and read again, for the fuzzers.

use super::query::{deliveries, webhooks};
use super::{FAILING_DELIVERIES, Published};

/// Reads a text as each of the forms that columns have. What can be read is written as something that reads the same.
pub(crate) fn read(text: &str) {
    if let Ok(failing) = webhooks::failing(text) {
        assert!(failing.len() == FAILING_DELIVERIES);
        let again = webhooks::failing(&webhooks::failing_text(&failing));
        // What is missing stands at the end.
        assert_eq!(again.expect("it was written here"), failing);
    }
    // It is never written from what was read.
    let _ = deliveries::targets(text);
    if let Ok(published) = Published::read(text) {
        let written = serde_json::to_string(&published).expect("it is plain JSON");
        assert_eq!(Published::read(&written).expect("it was written here"), published);
    }
}
