//! The texts of the catalogue in the language of the page. [`Texts`] has a method for each, generated from
//! `catalogue/`; see `groundswell_catalogue` for how texts are written.

use leptos::prelude::*;

use crate::language::{Language, language};

/// The texts in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts {
    language: Language,
}

/// The texts in the language of this page. A page stays in one language as long as it lives.
pub fn texts() -> Texts {
    Texts::of(language())
}

impl Texts {
    /// The texts in that language.
    pub const fn of(language: Language) -> Self {
        Self { language }
    }

    /// The language they are in.
    pub const fn language(self) -> Language {
        self.language
    }

    fn pick<T: Copy>(self, all: [T; Language::ALL.len()]) -> T {
        all[self.language as usize]
    }
}

/// What can be counted.
pub trait Number {
    /// As a whole number; what is too large for one is the largest.
    fn whole(self) -> i64;
}

impl Number for i64 {
    fn whole(self) -> i64 {
        self
    }
}

impl Number for usize {
    fn whole(self) -> i64 {
        i64::try_from(self).unwrap_or(i64::MAX)
    }
}

/// Fills `{0}`, `{1}` … of a text.
pub(crate) fn fill(template: &str, values: &[&str]) -> String {
    let mut text = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (place, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(
            place.parse().ok().and_then(|place: usize| values.get(place)).copied().unwrap_or_default(),
        );
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A part of a text with elements in it.
#[derive(Debug, Clone, Copy)]
enum Segment {
    /// Words, perhaps with something to fill in.
    Words(&'static str),
    /// The element at that place, around these words.
    Element(usize, &'static str),
}

/// Makes an element around words.
type Element = Box<dyn FnOnce(&'static str) -> AnyView>;

/// Puts elements into their text. Each is in it once, which the catalogue was checked for.
fn rich(segments: &'static [Segment], values: &[&str], elements: Vec<Element>) -> AnyView {
    let mut elements: Vec<_> = elements.into_iter().map(Some).collect();
    let part = |segment: &Segment| match *segment {
        Segment::Words(words) if values.is_empty() => words.into_any(),
        Segment::Words(words) => fill(words, values).into_any(),
        Segment::Element(place, words) => match elements.get_mut(place).and_then(Option::take) {
            Some(element) => element(words),
            None => ().into_any(),
        },
    };
    segments.iter().map(part).collect_view().into_any()
}

include!(concat!(env!("OUT_DIR"), "/texts.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_once() {
        assert_eq!(fill("{1} and {0}, {1}", &["{1}", "b"]), "b and {1}, b");
        assert_eq!(fill("plain", &[]), "plain");
    }
}
