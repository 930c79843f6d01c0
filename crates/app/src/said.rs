//! What the server says to pages, in the language of the page.
//!
//! The engine says why something cannot be done, and what came of an attempt, in English: REST shows it, and the store
//! keeps it with the attempt for as long as there is a log. Pages translate it when they show it, by finding the
//! sentence in the catalogue's area `said`, whose English texts are those sentences. What is not found stays English.

use groundswell_types::editor::{DraftSaved, History, Panel};
use groundswell_types::{DeliveryDetail, Problem, ResponseView, TestView};

use crate::failure::Failure;
use crate::language::Language;
use crate::texts::{SAID, fill};
use crate::viewer::Viewer;

/// Something with sentences of the server in it.
pub trait Said {
    /// The same in another language.
    #[must_use]
    fn said_in(self, language: Language) -> Self;
}

impl Said for String {
    fn said_in(self, language: Language) -> Self {
        if language == Language::English { self } else { translated(&self, language) }
    }
}

impl<T: Said> Said for Vec<T> {
    fn said_in(self, language: Language) -> Self {
        self.into_iter().map(|part| part.said_in(language)).collect()
    }
}

impl<T: Said> Said for Option<T> {
    fn said_in(self, language: Language) -> Self {
        self.map(|part| part.said_in(language))
    }
}

impl Said for Problem {
    fn said_in(self, language: Language) -> Self {
        Self { message: self.message.said_in(language), ..self }
    }
}

impl Said for Failure {
    fn said_in(self, language: Language) -> Self {
        match self {
            Self::Invalid(problems) => Self::Invalid(problems.said_in(language)),
            Self::Conflict(why) => Self::Conflict(why.said_in(language)),
            Self::Refused(why) => Self::Refused(why.said_in(language)),
            Self::Forbidden(why) => Self::Forbidden(why.said_in(language)),
            Self::SignedOut | Self::NotFound | Self::Offline | Self::Internal { .. } => self,
        }
    }
}

impl Said for Viewer {
    fn said_in(self, language: Language) -> Self {
        let teams = self.teams.into_iter().map(|(id, name)| (id, name.said_in(language))).collect();
        Self { name: self.name.said_in(language), teams, ..self }
    }
}

impl Said for Panel {
    fn said_in(mut self, language: Language) -> Self {
        for row in &mut self.rows {
            row.problems = std::mem::take(&mut row.problems).said_in(language);
            if let Some(disabled) = row.live.as_mut().and_then(|live| live.disabled.as_mut()) {
                disabled.last_error = disabled.last_error.take().said_in(language);
            }
        }
        Self { changes: self.changes.said_in(language), ..self }
    }
}

impl Said for History {
    fn said_in(mut self, language: Language) -> Self {
        for version in &mut self.versions {
            version.changes = std::mem::take(&mut version.changes).said_in(language);
        }
        self
    }
}

impl Said for DraftSaved {
    fn said_in(self, language: Language) -> Self {
        Self { problems: self.problems.said_in(language), changes: self.changes.said_in(language), ..self }
    }
}

impl Said for ResponseView {
    fn said_in(self, language: Language) -> Self {
        Self { withheld_reason: self.withheld_reason.said_in(language), ..self }
    }
}

impl Said for TestView {
    fn said_in(self, language: Language) -> Self {
        Self {
            message: self.message.said_in(language),
            advice: self.advice.said_in(language),
            response: self.response.said_in(language),
            ..self
        }
    }
}

impl Said for DeliveryDetail {
    fn said_in(mut self, language: Language) -> Self {
        for attempt in &mut self.attempt_log {
            attempt.message = std::mem::take(&mut attempt.message).said_in(language);
            attempt.response = attempt.response.take().said_in(language);
        }
        Self { reason: self.reason.said_in(language), ..self }
    }
}

/// The sentence in that language; itself when the catalogue does not have it.
fn translated(sentence: &str, language: Language) -> String {
    let known = one_after_the_other(sentence, language).or_else(|| lookup(sentence, language));
    known.or_else(|| list(sentence, language)).unwrap_or_else(|| sentence.to_owned())
}

/// Two sentences, as of what failed and why that was the end.
fn one_after_the_other(sentences: &str, language: Language) -> Option<String> {
    sentences.match_indices(". ").find_map(|(at, _)| {
        let (first, second) = (&sentences[..=at], &sentences[at + 2..]);
        Some(format!("{} {}", lookup(first, language)?, lookup(second, language)?))
    })
}

/// A list, as of events, when all of it is known.
fn list(words: &str, language: Language) -> Option<String> {
    let parts: Option<Vec<String>> = words.split(", ").map(|part| lookup(part, language)).collect();
    Some(parts?.join(", "))
}

fn lookup(sentence: &str, language: Language) -> Option<String> {
    // Where several fit, the one that says the most by itself.
    let fitting = SAID.iter().filter_map(|texts| {
        let [english, ..] = texts;
        Some((english.len(), texts, values(english, sentence)?))
    });
    let (_, texts, values) = fitting.max_by_key(|(words, ..)| *words)?;
    let values: Vec<String> = values.into_iter().map(|value| translated(value, language)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    Some(fill(texts[language as usize], &values))
}

/// What stands in `sentence` where `template` has `{0}`, `{1}` …; none when it is another sentence.
fn values<'a>(template: &str, sentence: &'a str) -> Option<Vec<&'a str>> {
    let mut words = template.split('{').map(|part| part.split_once('}').map_or(part, |(_, words)| words));
    let mut rest = sentence.strip_prefix(words.next()?)?;
    let mut values = Vec::new();
    let mut words = words.peekable();
    while let Some(next) = words.next() {
        let end = match (next.is_empty(), words.peek()) {
            (_, None) => rest.len().checked_sub(next.len()).filter(|at| rest.get(*at..) == Some(next))?,
            // Two placeholders side by side cannot be told apart.
            (true, Some(_)) => return None,
            (false, Some(_)) => rest.find(next)?,
        };
        if end == 0 {
            return None;
        }
        values.push(&rest[..end]);
        rest = &rest[end + next.len()..];
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use groundswell_types::EventKind;

    use super::*;
    use crate::texts::Texts;
    use crate::words;

    fn german(sentence: &str) -> String {
        sentence.to_owned().said_in(Language::German)
    }

    #[test]
    fn a_sentence_is_found_with_what_varies_in_it() {
        assert_eq!(
            german("must start with https:// or http://, not ftp://"),
            "Muss mit https:// oder http:// beginnen, nicht mit ftp://."
        );
        assert_eq!(german("must start with https:// or http://"), "Muss mit https:// oder http:// beginnen.");
        assert_eq!(
            german("Change the URL https://a.example/?b={0} to https://c.example."),
            "Die URL https://a.example/?b={0} wird zu https://c.example geändert."
        );
    }

    #[test]
    fn what_varies_is_translated_where_it_is_words() {
        assert_eq!(
            german("Send https://a.example also: New participant added, Program ended."),
            "https://a.example erhält zusätzlich: Neuer Teilnehmer, Programm beendet."
        );
        assert_eq!(
            german("Add a webhook without a URL with 3 events."),
            "Ein Webhook ohne URL wird mit 3 Ereignissen hinzugefügt."
        );
        assert!(german(
            "10.0.0.5 is a private address. This server sends to public addresses only; its operator can allow it \
             with `egress.allow`."
        )
        .starts_with("10.0.0.5 ist eine private Adresse. "));
    }

    #[test]
    fn what_the_guard_and_the_limit_say_is_said_in_every_language() {
        let withheld =
            ResponseView { restricted: true, ..ResponseView::of(200) }.for_others().withheld_reason;
        for sentence in [
            "Port 6379 is that of Redis, which may take a request for a command. Let the receiver listen on another port; the \
             server's operator can allow this one with an entry of `egress.allow` that names it.",
            "This is the address of this server, which does not send to itself. Enter the URL of your receiver; to look at \
             requests, use the program's inbox.",
            "A program can send 20 tests a minute. Try again in 7 s.",
            &withheld.expect("it is said why"),
        ] {
            for language in [Language::German, Language::Spanish] {
                assert_ne!(sentence.to_owned().said_in(language), sentence, "{language:?}");
            }
        }
    }

    #[test]
    fn two_sentences_are_found_one_by_one() {
        assert_eq!(
            german(
                "The TLS handshake failed: expired. The deadline has passed, so no further attempt is made."
            ),
            "Der TLS-Handshake ist gescheitert: expired. Die Frist ist abgelaufen, es folgt also kein Versuch mehr."
        );
    }

    #[test]
    fn the_sentence_that_says_the_most_is_taken() {
        assert_eq!(
            german(
                "The receiver redirected to https://b.example/ with 302 Found. Redirects are not followed."
            ),
            "Der Empfänger hat mit 302 Found auf https://b.example/ weitergeleitet. Weiterleitungen wird nicht gefolgt."
        );
    }

    /// As the engine's `outcome` and `sender` say them.
    #[test]
    fn every_diagnosis_of_a_test_is_said_in_every_language() {
        for sentence in [
            "The receiver accepted it with 200 OK.",
            "The receiver accepted it with 200 OK, but answered with a web page.",
            "Check that the URL is your webhook handler and not a page of your site: a page accepts anything.",
            "The receiver redirected to https://b.example/ with 302 Found. Redirects are not followed.",
            "Enter the final URL, often the one with https:// or with (or without) www or a slash at the end.",
            "The receiver answered 401 Unauthorized, which is not a success.",
            "The endpoint asks for a login or blocks us. Let requests to it through without one and check their signature \
             instead.",
            "Nothing is at this path. Compare it with your server's routes, and check that the handler is deployed.",
            "The receiver says this endpoint is gone for good. Enter the new URL, or remove the webhook.",
            "The receiver limits how often we may call. Raise its limit for us; we slow down meanwhile.",
            "The receiver failed while handling the request. Look into its log at this time.",
            "The host name does not resolve to a public address.",
            "Check the spelling of the host name, and that it is in public DNS.",
            "The connection was refused: nothing listens on that port.",
            "Check host and port, that the server is running, and that its firewall lets us through.",
            "The TLS handshake failed: invalid peer certificate.",
            "Check the certificate: it must be valid, for this host name, with all intermediates.",
            "There was no complete answer within 15 seconds.",
            "Answer with 200 at once and do the work afterwards.",
        ] {
            for language in [Language::German, Language::Spanish] {
                assert_ne!(sentence.to_owned().said_in(language), sentence, "{language:?}");
            }
        }
    }

    #[test]
    fn what_nobody_knows_and_english_stay_as_they_are() {
        assert_eq!(german("Fresh words."), "Fresh words.");
        let sentence = "no events".to_owned();
        assert_eq!(sentence.clone().said_in(Language::English), sentence);
    }

    #[test]
    fn events_are_called_the_same_in_what_the_server_says() {
        for event in EventKind::every() {
            for language in Language::ALL {
                let title = words::event_title(Texts::of(language), event);
                assert_eq!(event.title().to_owned().said_in(language), title);
            }
            assert_eq!(words::event_meaning(Texts::of(Language::English), event), event.description());
        }
    }

    #[test]
    fn values_stand_where_the_placeholders_are() {
        assert_eq!(values("a {0} b {1}", "a x b y z"), Some(vec!["x", "y z"]));
        assert_eq!(values("{0} events", "12 events"), Some(vec!["12"]));
        assert_eq!(values("a", "a"), Some(vec![]));
        for (template, sentence) in
            [("a {0}", "a "), ("a {0} b", "a x c"), ("a", "ab"), ("{0} b", "x b c"), ("ä{0}ö", "äö")]
        {
            assert_eq!(values(template, sentence), None, "{template}: {sentence}");
        }
    }
}
