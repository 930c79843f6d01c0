//! What an erasure finds, for the fuzzers.

use groundswell_types::Subject;

use super::{find, posted};

pub(crate) fn event_is_about(body: &[u8], subject: &Subject) -> bool {
    find::concerns(body, subject)
}

/// The body is looked into, and a header that says the same, as far as one can.
pub(crate) fn posted_is_about(body: &[u8], subject: &Subject) -> bool {
    let text = String::from_utf8_lossy(body);
    let in_body = posted::is_about(&posted::request(&[], body), subject);
    let in_header = posted::is_about(&posted::request(&[("x-said", &text)], b""), subject);
    assert_eq!(in_body, in_header, "a header's value is looked into like a body");
    in_body
}
