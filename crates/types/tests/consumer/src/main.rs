//! A receiver with the packaged types as its only knowledge of Groundswell: it checks the signature of a
//! request, reads the event, and refuses what was tampered with.

use groundswell_types::signature::{VerifyError, verify_product};
use groundswell_types::{Event, EventData, EventKind, Secret};

const BODY: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":1700000000000,"data":{"id":"p1","email":"ada@example.com","campaign":{"id":"c1"}}}"#;
/// HMAC-SHA256 as Python's `hmac` computes it.
const SIGNATURE: &str = "ts=1700000000123,v=5b00b6ceeef0cf6942cf2558ef1eb7703b7b55c1f33441b598fdc0735e9e6f9e";
const NOW_MS: i64 = 1_700_000_001_000;
const TOLERANCE_MS: i64 = 300_000;

fn main() {
    let secret = Secret::parse("a secret as typed").expect("any text is a secret");
    let clock = (NOW_MS, TOLERANCE_MS);
    verify_product(&secret, SIGNATURE, BODY, clock).expect("the signature is right");

    let event: Event = serde_json::from_slice(BODY).expect("the body is an event");
    assert_eq!(event.data.kind(), EventKind::NewParticipantAdded);
    assert_eq!(event.created_at, 1_700_000_000_000);
    let EventData::NewParticipantAdded(participant) = &event.data else {
        panic!("the kind says NEW_PARTICIPANT_ADDED");
    };
    assert_eq!(participant.id, "p1");
    assert_eq!(participant.email.as_deref(), Some("ada@example.com"));
    let printed = serde_json::to_vec(&event).expect("an event can be printed");
    assert_eq!(printed, BODY, "reading and printing keeps every byte");

    let tampered = String::from_utf8_lossy(BODY).replace("ada@", "eve@");
    let refused = verify_product(&secret, SIGNATURE, tampered.as_bytes(), clock);
    assert_eq!(refused, Err(VerifyError::Mismatch));
    let late = verify_product(&secret, SIGNATURE, BODY, (NOW_MS + TOLERANCE_MS, TOLERANCE_MS));
    assert_eq!(late, Err(VerifyError::Expired));
}
