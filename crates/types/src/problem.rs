//! What is wrong with an input, and where.

use serde::{Deserialize, Serialize};

/// More than this many problems of one input help nobody, and a body of a megabyte can have a hundred thousand.
pub const MAX_PROBLEMS: usize = 50;

const MAX_POINTER_BYTES: usize = 1_024;

/// One thing wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901); the empty string is the whole input.
    pub pointer: String,
    /// What is wrong and, where it helps, what to do; reads on from the pointer.
    pub message: String,
}

impl Problem {
    /// A problem at `pointer`. A pointer that takes more than a kilobyte as JSON is cut, and ends with `…`: keys are as long as whoever
    /// sent them likes, and every problem below one repeats it.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        let mut pointer = pointer.into();
        if let Some(end) = end_of_room(&pointer) {
            pointer.truncate(end);
            pointer.push('…');
            pointer.shrink_to_fit();
        }
        Self { pointer, message: message.into() }
    }
}

/// Where a pointer must be cut, if it must.
fn end_of_room(pointer: &str) -> Option<usize> {
    // Nothing takes more than a control character, which is six bytes as JSON.
    if pointer.len() <= MAX_POINTER_BYTES / 6 {
        return None;
    }
    let mut room = MAX_POINTER_BYTES;
    let takes = |character: char| match character {
        '"' | '\\' => 2,
        '\0'..='\x1f' => 6,
        other => other.len_utf8(),
    };
    let mut places = pointer.char_indices();
    places
        .find(|(_, character)| {
            let fits = room.checked_sub(takes(*character));
            room = fits.unwrap_or_default();
            fits.is_none()
        })
        .map(|(at, _)| at)
}

/// One segment of a JSON pointer with its leading slash, `~` and `/` escaped (RFC 6901, section 3).
pub fn pointer_segment(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_takes_a_kilobyte_as_json_and_is_cut_between_characters() {
        for (key, length) in [("x", 1_024), ("\u{1}", 170), ("\"", 512), ("\u{e9}", 512), ("\u{1f30a}", 256)]
        {
            let at = |length: usize| Problem::new(key.repeat(length), "is wrong").pointer;
            assert_eq!(at(length), key.repeat(length));
            assert_eq!(at(length + 1), key.repeat(length) + "…");
            assert_eq!(at(100_000), key.repeat(length) + "…");
        }
    }
}
