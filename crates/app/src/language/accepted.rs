//! Reading `Accept-Language`. Without a word of the crate around it: the fuzzers include this file as it is.

/// The best of the languages in an `Accept-Language` (RFC 9110, section 12.5.4), which `known` says by their primary tag:
/// the highest weight, and of equal ones the first. `de-AT` is German; a language with weight 0 is not wanted, and neither
/// is what cannot be read.
pub fn accepted<T: Default>(header: &str, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut best: Option<(f32, T)> = None;
    for range in header.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let weight = match parts.next() {
            None => Some(1.0),
            Some(weight) => {
                weight.strip_prefix("q=").or(weight.strip_prefix("Q=")).and_then(|it| it.parse().ok())
            }
        };
        let weight = weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0);
        let language = if primary == "*" { Some(T::default()) } else { known(&primary) };
        if let Some(language) = language
            && weight > best.as_ref().map_or(0.0, |(best, _)| *best)
        {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}
