//! The texts of the catalogue in the language of the page. [`Texts`] has a method for each, generated from
//! `catalogue/`; see `groundswell_catalogue` for how texts are written.
//!
//! The server has them compiled in, in all languages. The browser half loads those of one language, in a file that is made
//! of the same catalogue: a text is a line in it.

use leptos::prelude::*;

use crate::language::{Language, language};

/// The texts in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts {
    /// The browser half has only those of its page.
    #[cfg(feature = "ssr")]
    language: Language,
}

/// The texts in the language of this page. A page stays in one language as long as it lives.
pub fn texts() -> Texts {
    Texts {
        #[cfg(feature = "ssr")]
        language: language(),
    }
}

#[cfg(feature = "ssr")]
impl Texts {
    /// The texts in that language.
    pub const fn of(language: Language) -> Self {
        Self { language }
    }

    /// The language they are in.
    pub const fn language(self) -> Language {
        self.language
    }

    fn text(self, place: usize) -> &'static str {
        ALL[place][self.language as usize]
    }
}

#[cfg(not(feature = "ssr"))]
impl Texts {
    /// The language they are in.
    pub fn language(self) -> Language {
        language()
    }

    #[expect(clippy::unused_self, reason = "there is one language here; the server has all")]
    // Compiled once, not at every call.
    #[inline(never)]
    fn text(self, place: usize) -> &'static str {
        loaded::text(place)
    }
}

impl Texts {
    /// The form of a text that goes with a number.
    fn form(self, place: usize, count: i64) -> &'static str {
        self.text(place + self.language().plural_form(count))
    }
}

#[cfg(not(feature = "ssr"))]
pub use loaded::load;

#[cfg(not(feature = "ssr"))]
mod loaded {
    use std::sync::OnceLock;

    static LINES: OnceLock<Vec<&'static str>> = OnceLock::new();

    /// Takes the file of the page's language, before the first text is asked for. Says whether it is the one that belongs
    /// to this browser half.
    pub fn load(file: String) -> bool {
        // For as long as the page lives.
        let lines: Vec<&str> = file.leak().lines().collect();
        lines.len() == super::OF_BROWSER && LINES.set(lines).is_ok()
    }

    pub(super) fn text(place: usize) -> &'static str {
        LINES.get().and_then(|lines| lines.get(place)).copied().unwrap_or_default()
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

/// Makes an element around words.
type Element = Box<dyn FnOnce(&'static str) -> AnyView>;

/// Puts elements into their text, each in the place of `<0|words>`. Each is in it once, which the catalogue was checked for.
fn rich(text: &'static str, values: &[&str], elements: Vec<Element>) -> AnyView {
    let mut elements: Vec<_> = elements.into_iter().map(Some).collect();
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (words, after) = rest.split_once('<').unwrap_or((rest, ""));
        if !words.is_empty() {
            parts.push(if values.is_empty() { words.into_any() } else { fill(words, values).into_any() });
        }
        let (element, after) = after.split_once('>').unwrap_or((after, ""));
        if let Some((place, words)) = element.split_once('|')
            && let Some(element) = place.parse().ok().and_then(|place: usize| elements.get_mut(place)?.take())
        {
            parts.push(element(words));
        }
        rest = after;
    }
    parts.into_any()
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
