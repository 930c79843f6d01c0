//! The receivers in `examples/receivers`: whole, and the part that checks the signature.

/// A receiver.
struct Receiver {
    /// The language, and what it is built on.
    title: &'static str,
    /// Its file below the repository's root.
    path: &'static str,
    /// The file.
    source: &'static str,
}

pub fn verifying() -> String {
    String::new()
}
pub fn whole(text: &mut String) {}
