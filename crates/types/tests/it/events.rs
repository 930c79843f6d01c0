//! The samples the other modules work on.

use groundswell_types::json::{self, Json};
use groundswell_types::sample::{SampleProgram, sample};
use groundswell_types::{Envelope, EventKind, ProgramType};

/// 2023-11-14 22:13:20 UTC.
pub const NOW_MS: i64 = 1_700_000_000_000;

/// The type of program that a sample of `kind` is usually sent for.
pub fn program_type(kind: EventKind) -> ProgramType {
    if kind.fits(ProgramType::Referral) { ProgramType::Referral } else { ProgramType::Affiliate }
}

/// The sample of `kind` for a program of type `program`.
pub fn envelope(kind: EventKind, program: ProgramType) -> Envelope {
    let program = SampleProgram { id: "pied4piper", name: "Pied Piper", kind: program, currency: "USD" };
    Envelope::try_from(sample(kind, program, NOW_MS)).expect("samples hold only what JSON can")
}

/// Every sample there is: each event for each type of program that has it.
pub fn all() -> impl Iterator<Item = Envelope> {
    ProgramType::ALL
        .into_iter()
        .flat_map(|program| EventKind::fitting(program).map(move |kind| envelope(kind, program)))
}

/// The envelope as serde prints it.
pub fn text(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).expect("an envelope is JSON")
}

/// What our own reader and renderer make of `text`.
pub fn canonical(text: &str) -> String {
    let rendered = read(text).render();
    String::from_utf8(rendered).expect("rendered JSON is UTF-8")
}

/// `text` as a tree.
pub fn read(text: &str) -> Json<'_> {
    json::parse(text.as_bytes()).expect("valid JSON")
}
