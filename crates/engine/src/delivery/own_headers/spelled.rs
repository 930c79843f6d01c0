//! A value found in a text, however it is spelled there: receivers send back what they got in JSON, in HTML, in URLs, and each
//! escapes in its own way.
//!
//! What is taken for an escape here may be none. Then something is hidden that would not have to be, which does no harm.

/// What stands in the place of a value.
const MASK: &[u8] = "••••".as_bytes();

/// So much of a value at the end of what was cut off counts as the value.
const SHORTEST_PART: usize = 4;

/// JSON in JSON in JSON has seven backslashes before a quotation mark.
const MOST_BACKSLASHES: usize = 8;

/// No escape is longer, but for its backslashes.
const LONGEST_ESCAPE: usize = 8;

/// The text without the value; none if the value is not in it. Of a text that was cut off, also without the value's beginning at
/// its end.
pub(super) fn without(text: &[u8], value: &[u8], is_cut_off: bool) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at < text.len() {
        match at_place(text, at, value) {
            Found::Whole(end) => {
                kept.extend_from_slice(&text[from..at]);
                kept.extend_from_slice(MASK);
                (from, at) = (end, end);
            }
            Found::Part(bytes) if is_cut_off && bytes >= SHORTEST_PART => {
                kept.extend_from_slice(&text[from..at]);
                return Some(kept);
            }
            Found::Part(_) | Found::Nothing => at += 1,
        }
    }
    if from == 0 {
        return None;
    }
    kept.extend_from_slice(&text[from..]);
    Some(kept)
}

/// What of a value begins at a place.
enum Found {
    /// All of it; the place where it ends.
    Whole(usize),
    /// So many of its first bytes, and there the text ends.
    Part(usize),
    Nothing,
}

fn at_place(text: &[u8], at: usize, value: &[u8]) -> Found {
    // Several, since it may be open which escape is meant.
    let (mut places, mut next) = (vec![at], Vec::new());
    let mut part = None;
    for (taken, byte) in value.iter().enumerate() {
        for place in places.drain(..) {
            if is_end(text, place) {
                part = Some(taken);
            }
            after(text, place, *byte, &mut next);
        }
        if next.is_empty() {
            return part.map_or(Found::Nothing, Found::Part);
        }
        next.sort_unstable();
        next.dedup();
        std::mem::swap(&mut places, &mut next);
    }
    places.last().map_or(Found::Nothing, |end| Found::Whole(*end))
}

/// Whether a text ends here, maybe in the middle of an escape.
fn is_end(text: &[u8], place: usize) -> bool {
    let rest = &text[place..];
    rest.is_empty()
        || (matches!(rest[0], b'\\' | b'%' | b'&')
            && rest.len() < LONGEST_ESCAPE
            && rest[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'\\' | b'#')))
}

/// The places behind a byte, in whatever spelling it begins at this place.
fn after(text: &[u8], place: usize, byte: u8, places: &mut Vec<usize>) {
    let rest = &text[place..];
    let Some(first) = rest.first() else { return };
    let mut add = |length: usize| places.push(place + length);
    if *first == byte || (byte == b' ' && *first == b'+') {
        add(1);
    }
    match first {
        b'\\' => {
            let count = rest.iter().take(MOST_BACKSLASHES).take_while(|next| **next == b'\\').count();
            if byte == b'\\' {
                (2..=count).for_each(&mut add);
            }
            let escape = &rest[count..];
            if !byte.is_ascii_alphanumeric() && byte != b'\\' && escape.first() == Some(&byte) {
                add(count + 1);
            }
            for (letter, digits) in [(b'u', 4), (b'x', 2)] {
                if escape.first() == Some(&letter) && is_in(escape.get(1..=digits), 16, byte) {
                    add(count + 1 + digits);
                }
            }
        }
        b'%' => {
            if is_in(rest.get(1..3), 16, byte) {
                add(3);
            }
            // Escaped once more.
            if rest.starts_with(b"%25") && is_in(rest.get(3..5), 16, byte) {
                add(5);
            }
        }
        b'&' => add_entity(rest, byte, &mut add),
        _ => {}
    }
}

/// Of HTML: named, decimal or hexadecimal.
fn add_entity(rest: &[u8], byte: u8, add: &mut impl FnMut(usize)) {
    let Some(end) = rest.iter().take(LONGEST_ESCAPE).position(|next| *next == b';') else { return };
    let is_it = match &rest[1..end] {
        b"amp" => byte == b'&',
        b"lt" => byte == b'<',
        b"gt" => byte == b'>',
        b"quot" => byte == b'"',
        b"apos" => byte == b'\'',
        [b'#', b'x' | b'X', digits @ ..] => is_in(Some(digits), 16, byte),
        [b'#', digits @ ..] => is_in(Some(digits), 10, byte),
        _ => false,
    };
    if is_it {
        add(end + 1);
    }
}

/// Whether digits are those of a byte.
fn is_in(digits: Option<&[u8]>, radix: u32, byte: u8) -> bool {
    let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| u32::from_str_radix(digits, radix).ok()) == Some(u32::from(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hidden(text: &str, value: &str, is_cut_off: bool) -> String {
        let text = text.as_bytes();
        let kept = without(text, value.as_bytes(), is_cut_off).unwrap_or_else(|| text.to_vec());
        String::from_utf8(kept).expect("text")
    }

    #[test]
    fn a_value_is_found_in_the_escapes_of_other_languages() {
        const VALUE: &str = r#"pl/a&n<t>e"d'\ t%o+k"#;
        for spelled in [
            // As it is; PHP; Go; a page; a form; a path; JSON in JSON; Python; with all that may be escaped in hexadecimal.
            r#"pl/a&n<t>e"d'\ t%o+k"#,
            r#"pl\/a&n<t>e\"d'\\ t%o+k"#,
            r#"pl/a\u0026n\u003ct\u003Ee\"d'\\ t%o+k"#,
            r"pl/a&amp;n&lt;t&gt;e&quot;d&#39;\ t%o+k",
            r"pl&#x2F;a&#38;n&lt;t&gt;e&#34;d&apos;\ t%o+k",
            "pl%2Fa%26n%3Ct%3Ee%22d%27%5C+t%25o%2Bk",
            "pl%2fa%26n%3ct%3ee%22d%27%5c%20t%25o%2bk",
            "pl%252Fa%2526n%253Ct%253Ee%2522d%2527%255C%2520t%2525o%252Bk",
            r#"pl\\/a\\u0026n<t>e\\\"d'\\\\ t%o+k"#,
            r"pl/a&n<t>e\x22d\'\\ t%o+k",
            r"\u0070\u006C\u002f\u0061\u0026\u006e\u003c\u0074\u003e\u0065\u0022\u0064\u0027\u005c\u0020\u0074\u0025\u006f\u002b\u006b",
        ] {
            let text = format!("<a>{spelled}</a>{spelled}!");
            assert_eq!(hidden(&text, VALUE, false), "<a>••••</a>••••!", "{spelled}");
        }
    }

    #[test]
    fn what_is_cut_off_within_a_value_or_an_escape_of_it_goes_as_well() {
        for end in [
            "plan",
            "planted",
            "planted\\",
            "planted\\u",
            "planted\\u002",
            "planted%",
            "planted%2",
            "planted&#x2",
        ] {
            let text = format!("got {end}");
            assert_eq!(hidden(&text, "planted/token", true), "got ", "{end}");
            assert_eq!(hidden(&text, "planted/token", false), text);
        }
        for end in ["pla", "plan ", "planted&", "planned"] {
            let text = format!("got {end}");
            let wanted = if end == "planted&" { "got " } else { text.as_str() };
            assert_eq!(hidden(&text, "planted/token", true), wanted);
        }
    }

    proptest! {
        #[test]
        fn however_it_is_spelled_a_value_is_not_kept(
            value in "[ -~]{8,20}",
            before in "[a-z]{0,5}",
            spellings in proptest::collection::vec(0..6_u8, 20),
        ) {
            let spelled: String = value.bytes().zip(spellings).map(|(byte, spelling)| match spelling {
                0 => format!("\\u{byte:04x}"),
                1 => format!("%{byte:02X}"),
                2 => format!("&#{byte};"),
                3 => format!("&#x{byte:x};"),
                _ => char::from(byte).to_string(),
            }).collect();
            let text = format!("{before}{spelled}");
            let kept = without(text.as_bytes(), value.as_bytes(), false);
            prop_assert!(kept.is_some_and(|kept| kept.ends_with(MASK)), "{text}");
        }

        #[test]
        fn any_text_can_be_looked_through(text in any::<Vec<u8>>(), value in "[ -~]{1,20}", is_cut_off: bool) {
            let kept = without(&text, value.as_bytes(), is_cut_off);
            if let Some(kept) = kept {
                prop_assert!(kept.len() <= text.len() + MASK.len() * text.len());
            }
        }
    }
}
