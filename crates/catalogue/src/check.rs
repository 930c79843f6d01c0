//! Whether every language says all that English says, and can.

use crate::template::{Piece, Slot, Text};
use crate::{LANGUAGES, Texts, needed_categories};

/// A method has no more arguments than any function here, itself among them.
const MOST_PLACEHOLDERS: usize = 3;

/// From so many words on, a text that is the same as in English was not translated.
const WORDS_TO_TRANSLATE: usize = 4;

/// Adds a line for everything that is missing, left over, or does not fit English.
pub fn check(languages: &[Texts], offences: &mut Vec<String>) {
    let Some((english, others)) = languages.split_first() else { return };
    for (index, texts) in languages.iter().enumerate() {
        for ((area, key), text) in texts {
            let place = format!("{}/{area}.toml: {key}", LANGUAGES[index]);
            check_forms(&place, index, text, offences);
            if !is_name(key) || !is_name(area) {
                offences.push(format!("{place}: keys and areas are written in lower case with `_`"));
            }
        }
    }
    for (index, texts) in others.iter().enumerate() {
        let language = LANGUAGES[index + 1];
        for ((area, key), text) in english {
            let place = format!("{language}/{area}.toml: {key}");
            match texts.get(&(area.clone(), key.clone())) {
                None => offences.push(format!("{place}: is missing")),
                Some(other) => check_pair(&place, text, other, offences),
            }
        }
        for (area, key) in texts.keys().filter(|key| !english.contains_key(*key)) {
            offences.push(format!("{language}/{area}.toml: {key}: English does not have this"));
        }
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(allowed)
}

/// A text by itself: its plural forms are those its language has, and agree with each other.
fn check_forms(place: &str, language: usize, text: &Text, offences: &mut Vec<String>) {
    if let Text::Plural(forms) = text {
        let needed = needed_categories(language);
        let found: Vec<_> = forms.keys().copied().collect();
        if found != needed {
            offences.push(format!("{place}: has the plural forms {found:?}, its language has {needed:?}"));
        }
    }
    let is_plural = matches!(text, Text::Plural(_));
    if usize::from(is_plural) + slots_but_count(text.form("other")).len() > MOST_PLACEHOLDERS {
        offences.push(format!("{place}: has more than {MOST_PLACEHOLDERS} placeholders"));
    }
    let forms = text.forms();
    for form in &forms {
        let slots = slots(form);
        let is_shown_twice =
            slots.windows(2).any(|pair| pair[0] == pair[1] && matches!(pair[0].0, Slot::View | Slot::Tag));
        if is_shown_twice {
            offences.push(format!("{place}: an element can be shown only once"));
        }
        if slots.windows(2).any(|pair| pair[0].1 == pair[1].1 && pair[0].0 != pair[1].0) {
            offences.push(format!("{place}: a placeholder is of two kinds"));
        }
        if slots_but_count(form) != slots_but_count(forms[0]) {
            offences.push(format!("{place}: its plural forms have different placeholders"));
        }
    }
}

/// A text beside the English one.
fn check_pair(place: &str, english: &Text, other: &Text, offences: &mut Vec<String>) {
    if matches!(english, Text::Plural(_)) != matches!(other, Text::Plural(_)) {
        offences.push(format!("{place}: has plural forms where English has none, or the other way round"));
        return;
    }
    let (wanted, found) = (slots_but_count(english.form("other")), slots_but_count(other.form("other")));
    if wanted != found {
        offences.push(format!("{place}: has the placeholders {found:?}, English has {wanted:?}"));
    }
    if english == other && words(english) >= WORDS_TO_TRANSLATE {
        offences.push(format!("{place}: is English"));
    }
}

/// How many words a text has, without its placeholders.
fn words(text: &Text) -> usize {
    let of_piece = |piece: &Piece| match piece {
        Piece::Words(words) | Piece::Tag(_, words) => words.split_whitespace().count(),
        Piece::Slot(..) => 0,
    };
    text.form("other").iter().map(of_piece).sum()
}

/// The placeholders of a form, sorted.
fn slots(form: &[Piece]) -> Vec<(Slot, &str)> {
    let mut slots: Vec<_> = form.iter().filter_map(Piece::slot).collect();
    slots.sort_by_key(|(slot, name)| (*name, *slot));
    slots
}

/// The placeholders that every form has; the number itself can be left out: "one change".
fn slots_but_count(form: &[Piece]) -> Vec<(Slot, &str)> {
    let mut slots = slots(form);
    slots.dedup();
    slots.retain(|slot| *slot != (Slot::Number, "count"));
    slots
}

#[cfg(test)]
mod tests {
    use crate::testing::texts;
    use crate::{Catalogue, CatalogueError};

    /// What is wrong when German is `german` and everything else is `english`.
    fn offences(english: &str, german: &str) -> String {
        let languages = vec![texts(english), texts(german), texts(english)];
        match Catalogue::checked(languages, Vec::new()) {
            Ok(_) => String::new(),
            Err(CatalogueError::Incomplete(offences)) => offences.join("\n"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_fits_is_taken() {
        assert_eq!(offences("a = \"The {b} and {c, number}\"", "a = \"{c, number} und {b}\""), "");
    }

    #[test]
    fn a_missing_text_and_one_too_many_are_found() {
        let found = offences("a = \"A\"", "b = \"B\"");
        assert_eq!(found, "de/area.toml: a: is missing\nde/area.toml: b: English does not have this");
    }

    #[test]
    fn placeholders_have_to_be_the_same() {
        for (english, german) in [
            ("a = \"A {b}\"", "a = \"A\""),
            ("a = \"A {b}\"", "a = \"A {c}\""),
            ("a = \"A {b}\"", "a = \"A {b, number}\""),
            ("a = \"A <b>c</b>\"", "a = \"A {b}\""),
        ] {
            assert!(offences(english, german).contains("has the placeholders"), "{german}");
        }
        let found = offences("a = \"{a} {b} {c} {d}\"", "a = \"{d} {c} {b} {a}\"");
        assert!(found.starts_with("en/area.toml: a: has more than 3 placeholders"), "{found}");
        let found = offences("a = \"A {b, view}\"", "a = \"{b, view} A {b, view}\"");
        assert_eq!(found, "de/area.toml: a: an element can be shown only once");
    }

    #[test]
    fn plural_forms_are_those_of_the_language() {
        let spanish =
            texts("a = { one = \"una\", many = \"{count, number} de\", other = \"{count, number}\" }");
        let english = "a = { one = \"one\", other = \"{count, number}\" }";
        let german = |source| {
            let languages = vec![texts(english), texts(source), spanish.clone()];
            Catalogue::checked(languages, Vec::new()).map_err(|error| error.to_string())
        };
        assert!(german("a = { one = \"eine\", other = \"{count, number}\" }").is_ok());
        for source in ["a = { other = \"{count, number}\" }", "a = \"{count, number}\""] {
            assert!(german(source).expect_err("is refused").contains("plural forms"), "{source}");
        }
        let error =
            german("a = { one = \"eine {b}\", other = \"{count, number}\" }").expect_err("is refused");
        assert!(error.contains("different placeholders"), "{error}");
    }

    #[test]
    fn what_was_copied_instead_of_translated_is_found() {
        assert_eq!(offences("a = \"Webhooks\"", "a = \"Webhooks\""), "");
        // Spanish is the same here as well.
        assert!(
            offences("a = \"All is said and done\"", "a = \"Alles ist gesagt\"")
                .contains("es/area.toml: a: is English")
        );
    }
}
