//! What an erasure finds, for the fuzzers.

use bytes::Bytes;
use groundswell_types::{HeaderView, InboxRequestId, ProgramId, SchemeCheck, SignatureCheck, Subject};

use super::{find, posted};
use crate::store::InboxRequestRecord;

pub(crate) fn event_is_about(body: &[u8], subject: &Subject) -> bool {
    find::concerns(body, subject)
}

/// The body is looked into, and a header that says the same, as far as one can.
pub(crate) fn posted_is_about(body: &[u8], subject: &Subject) -> bool {
    let request = |header: &str, body: &[u8]| InboxRequestRecord {
        id: InboxRequestId::from_number(1),
        program_id: ProgramId::parse("p").expect("a valid id"),
        received_at_ms: 1,
        method: "POST".to_owned(),
        is_own: false,
        webhook_id: None,
        event: None,
        check: SignatureCheck {
            webhook_id: None,
            product: SchemeCheck::Missing,
            standard: SchemeCheck::Missing,
        },
        headers: vec![HeaderView { name: "x-said".to_owned(), value: header.to_owned() }],
        body: Bytes::copy_from_slice(body),
    };
    let in_body = posted::is_about(&request("", body), subject);
    let in_header = posted::is_about(&request(&String::from_utf8_lossy(body), b""), subject);
    assert_eq!(in_body, in_header, "a header's value is looked into like a body");
    in_body
}
