//! Lets a short input stand for a long one, so that the fuzzers reach the bounds of what they read: libFuzzer keeps inputs to a
//! few kilobytes, and hardly gets anywhere with longer ones.

use std::borrow::Cow;

/// Begins, and ends, what is repeated. It stands in no JSON and in nothing that people write.
const SIGN: u8 = 0x01;

/// The text that is meant: what stands between two signs is repeated as often as its first two bytes say, as far as the text has
/// no more than `longest` bytes. The last sign may be missing.
pub fn expand(input: &[u8], longest: usize) -> Cow<'_, [u8]> {
    if !input.contains(&SIGN) {
        return Cow::Borrowed(input);
    }
    let mut text = Vec::new();
    for (at, part) in input.split(|byte| *byte == SIGN).enumerate() {
        let (times, unit) = match part {
            [high, low, unit @ ..] if at % 2 == 1 => (usize::from(u16::from_be_bytes([*high, *low])), unit),
            _ => (1, part),
        };
        let room = longest.saturating_sub(text.len()).checked_div(unit.len()).unwrap_or_default();
        text.extend(std::iter::repeat_n(unit, times.min(room)).flatten());
    }
    Cow::Owned(text)
}
