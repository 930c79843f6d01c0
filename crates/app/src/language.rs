//! The languages pages can be in, how each writes numbers, and which of them somebody gets.

mod accepted;

use accepted::accepted;
use leptos::prelude::*;

/// A language of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// What everybody gets whose languages are none of these.
    #[default]
    English,
    /// Addresses people as *Sie*.
    German,
    /// Addresses people as *tú*.
    Spanish,
}

impl Language {
    /// All, in the order of the catalogue.
    pub const ALL: [Self; 3] = [Self::English, Self::German, Self::Spanish];

    /// Its tag (BCP 47), which is the value of `<html lang>` and of the cookie.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
        }
    }

    /// What it calls itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::Spanish => "Español",
        }
    }

    /// The language with that tag.
    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The language for a request: what was chosen, else what its browser likes best, else English.
    pub fn choose(cookie: Option<&str>, accept_language: Option<&str>) -> Self {
        cookie
            .and_then(Self::parse)
            .or_else(|| accept_language.and_then(|header| accepted(header, Self::parse)))
            .unwrap_or_default()
    }

    /// A whole number as the language writes it. Spanish leaves numbers of four digits together (CLDR).
    pub fn number(self, number: i64) -> String {
        let digits = number.unsigned_abs().to_string();
        let (separator, least) = match self {
            Self::English => (',', 4),
            Self::German => ('.', 4),
            Self::Spanish => ('.', 5),
        };
        let mut text = if number < 0 { "-".to_owned() } else { String::new() };
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && digits.len() >= least && (digits.len() - index).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    /// What stands between whole and parts.
    pub const fn decimal_mark(self) -> char {
        match self {
            Self::English => '.',
            Self::German | Self::Spanish => ',',
        }
    }

    /// Which of a text's plural forms goes with a number: `one`, `many` or `other`, counted from 0 (CLDR 48).
    pub const fn plural_form(self, count: i64) -> usize {
        match self {
            _ if count == 1 => 0,
            Self::Spanish if count != 0 && count % 1_000_000 == 0 => 1,
            _ => 2,
        }
    }
}

/// The language of this page, while it is rendered on the server.
#[cfg(feature = "ssr")]
pub fn language() -> Language {
    // There is none while the routes are listed, when nobody reads the page.
    use_context().unwrap_or_default()
}

/// The language of this page, which is the one it was rendered in.
#[cfg(not(feature = "ssr"))]
pub fn language() -> Language {
    thread_local! {
        static LANGUAGE: Language = {
            let tag = document().document_element().and_then(|root| root.get_attribute("lang"));
            tag.and_then(|tag| Language::parse(&tag)).unwrap_or_default()
        };
    }
    LANGUAGE.with(|language| *language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_languages_are_those_of_the_catalogue() {
        assert_eq!(Language::ALL.map(Language::tag), groundswell_catalogue::LANGUAGES);
    }

    #[test]
    fn a_choice_is_remembered_before_the_browser_is_asked() {
        assert_eq!(Language::choose(Some("es"), Some("de")), Language::Spanish);
        assert_eq!(Language::choose(Some("xx"), Some("de")), Language::German);
        assert_eq!(Language::choose(None, None), Language::English);
    }

    #[test]
    fn the_browser_says_which_language_it_likes_best() {
        for (header, wanted) in [
            ("de", Language::German),
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("en;q=0.7, es-419;q=0.8", Language::Spanish),
            ("fr-CH, fr;q=0.9, ES;q=0.5, de;q=0.5", Language::Spanish),
            ("fr, *;q=0.5, de;q=0.4", Language::English),
            ("de;q=0, es;q=0.001", Language::Spanish),
            ("de;q=0", Language::English),
            ("de;q=2, es;q=x, en;q=0.1", Language::English),
            ("", Language::English),
            ("ja", Language::English),
            ("det, den", Language::English),
        ] {
            assert_eq!(Language::choose(None, Some(header)), wanted, "{header}");
        }
    }

    #[test]
    fn each_language_groups_digits_in_its_way() {
        let numbers = [0, 999, 1000, 9999, 10_000, 1_234_567, -1000];
        for (language, wanted) in [
            (Language::English, ["0", "999", "1,000", "9,999", "10,000", "1,234,567", "-1,000"]),
            (Language::German, ["0", "999", "1.000", "9.999", "10.000", "1.234.567", "-1.000"]),
            (Language::Spanish, ["0", "999", "1000", "9999", "10.000", "1.234.567", "-1000"]),
        ] {
            assert_eq!(numbers.map(|number| language.number(number)), wanted);
        }
    }

    #[test]
    fn each_language_has_its_plural_forms() {
        let forms =
            |language: Language| [0, 1, 2, 1_000_000, 2_000_000].map(|count| language.plural_form(count));
        assert_eq!(forms(Language::English), [2, 0, 2, 2, 2]);
        assert_eq!(forms(Language::German), [2, 0, 2, 2, 2]);
        assert_eq!(forms(Language::Spanish), [2, 0, 2, 1, 1]);
    }
}
