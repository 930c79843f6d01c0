//! What the fuzzers in `fuzz/` reach that nobody else may. Only they compile it, with `--cfg fuzzing`.

use bytes::Bytes;
use groundswell_types::{HeaderView, Problem, ProgramId, Secret, SignatureCheck, Subject};
use url::Url;

use crate::delivery::sender;
use crate::{drafts, erasures, events, id, inbox, store};

/// The bytes that a receiver gets of an event, or what is wrong with it.
pub fn event(text: &[u8], header_key: Option<&str>) -> Result<Bytes, Vec<Problem>> {
    events::envelope_of(text, header_key)
}

/// The bytes that a receiver gets of an event that was emitted in SQL with this name, data and key, or what is wrong with it.
pub fn emitted((event, data): (&str, &str), key: Option<&str>) -> Result<Bytes, Vec<Problem>> {
    events::envelope_of_emitted((event, data), key)
}

/// Reads a text as everything that the store and the drafts keep as texts; panics when it would not be kept well.
pub fn stored(text: &str) {
    store::fuzzing::read(text);
    drafts::read_for_fuzzing(text);
}

/// Whose inbox a URL is, when the server is at `public_url` and `program`'s inbox has `token`.
pub fn inbox_at(public_url: &Url, (program, token): (&ProgramId, &str), url: &Url) -> Option<ProgramId> {
    inbox::at_for_fuzzing(public_url, (program, token), url)
}

/// What an inbox says of a request's signatures.
pub fn signature(
    secret: &Secret,
    headers: &[HeaderView],
    (body, sent): (&[u8], Option<&[u8]>),
) -> SignatureCheck {
    inbox::check_for_fuzzing(secret, headers, (body, sent))
}

/// The lowest id of a time, as searches between times use it.
pub fn first_at(at_ms: i64) -> i64 {
    groundswell_types::DeliveryId::new(id::first_at(at_ms), 0).number()
}

/// Whether an erasure takes a stored event to be about somebody.
pub fn event_is_about(body: &[u8], subject: &Subject) -> bool {
    erasures::fuzzing::event_is_about(body, subject)
}

/// Whether an erasure takes what was posted to an inbox to be about somebody.
pub fn posted_is_about(body: &[u8], subject: &Subject) -> bool {
    erasures::fuzzing::posted_is_about(body, subject)
}

/// The head's lines and the body of what a receiver answers, or nothing when it is not HTTP; panics when it depends on the pieces in
/// which it comes, one of them of that length.
pub fn response(answer: &[u8], length: usize) -> Option<(String, Vec<u8>)> {
    sender::read_for_fuzzing(answer, length)
}
