//! The texts of the pages: all of them in `catalogue/`, and all that is there on a page.

use std::collections::BTreeSet;

use groundswell_catalogue::{Catalogue, SAID};

use crate::assert_none;
use crate::literal::{Literal, literals};
use crate::source::{Source, Tree};

/// Whose sentences pages show; nothing else in these files is a sentence, but what [`NOT_SHOWN`] names.
const SPEAKERS: [&str; 26] = [
    "crates/types/src/delivery/withheld.rs",
    "crates/types/src/headers.rs",
    "crates/types/src/name.rs",
    "crates/types/src/webhook.rs",
    "crates/engine/src/access.rs",
    "crates/engine/src/delivery/guard.rs",
    "crates/engine/src/delivery/guard/ranges.rs",
    "crates/engine/src/delivery/outcome.rs",
    "crates/engine/src/delivery/runtime/attempt.rs",
    "crates/engine/src/delivery/sender.rs",
    "crates/engine/src/delivery/writer/settings.rs",
    "crates/engine/src/drafts.rs",
    "crates/engine/src/drafts/headers.rs",
    "crates/engine/src/drafts/publish.rs",
    "crates/engine/src/drafts/rows.rs",
    "crates/engine/src/error.rs",
    "crates/engine/src/inbox/use_cases.rs",
    "crates/engine/src/people/invitations.rs",
    "crates/engine/src/people/team.rs",
    "crates/engine/src/programs.rs",
    "crates/engine/src/telling/recipients.rs",
    "crates/engine/src/test_deliveries.rs",
    "crates/engine/src/webhooks.rs",
    "crates/app/src/forms.rs",
    "crates/app/src/forms/panel.rs",
    "crates/app/src/forms/panel_form.rs",
];

/// What those files say to programs and operators only, and pieces of sentences, which the catalogue has whole.
const NOT_SHOWN: [&str; 23] = [
    // For REST and the log.
    "must have 1 to 100 characters",
    "API key",
    "There are 10,000 teams, and can be no more.",
    "member of the team",
    "the HTTP client cannot be set up",
    "a draft cannot be read: {error}",
    "test {id} cannot be read",
    "the input is not valid",
    "there is no such {0}",
    "the store failed",
    "This Idempotency-Key was used within the last 7 days with other content.",
    "can only be set to IN_PROGRESS or COMPLETE",
    "is required: this webhook is subscribed to no events",
    "is required: an http or https URL",
    // Names for programs that REST creates without one.
    "Referral program",
    "Affiliate program",
    // Pieces.
    " to {to}",
    " to {} with ",
    " with ",
    "The receiver redirected{target} with {shown}. Redirects are not followed.",
    " since {}",
    "The deadline passed while the endpoint was failing: nothing has succeeded{since}, in {} attempts.",
    "There was no complete answer within {seconds} {unit}.",
];

fn catalogue(tree: &Tree) -> Catalogue {
    match Catalogue::read(&tree.root.join("catalogue")) {
        Ok(catalogue) => catalogue,
        Err(error) => panic!("{error}"),
    }
}

/// What shows texts.
fn app(tree: &Tree) -> impl Iterator<Item = &Source> {
    tree.sources.iter().filter(|source| source.name.starts_with("crates/app/src/") && source.is_rust())
}

/// The literals of a file's code, without those of its unit tests.
fn of_code(source: &Source) -> Vec<Literal> {
    literals(&source.lines[..source.first_test_line()])
}

/// A missing text does not compile; one too many would stay for ever.
#[test]
fn every_text_of_the_catalogue_is_shown() {
    let tree = Tree::read();
    let lines: Vec<&String> = app(&tree).flat_map(|source| &source.lines).collect();
    let is_used = |method: &String| {
        let call = format!("{method}(");
        lines.iter().any(|line| {
            line.match_indices(&call)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let unused: Vec<_> = catalogue(&tree).methods().filter(|method| !is_used(method)).collect();
    assert_none("no page shows these texts of catalogue/; remove them in every language:", &unused);
}

#[test]
fn pages_take_their_words_from_the_catalogue() {
    let tree = Tree::read();
    let mut offences = Vec::new();
    for source in app(&tree) {
        for literal in of_code(source).iter().filter(|literal| is_for_people(literal)) {
            offences.push(format!("{}:{}: {}", source.name, literal.line, literal.text));
        }
    }
    assert_none("put these into catalogue/, in every language:", &offences);
}

/// Whether a literal stands where a page shows text, or is a sentence.
fn is_for_people(literal: &Literal) -> bool {
    /// Names, examples and keys that are the same in every language.
    const SAME_EVERYWHERE: [&str; 10] = [
        "Groundswell",
        "https://example.com/webhooks",
        "x-api-key",
        "Español",
        "j",
        "k",
        "Enter",
        "r",
        "c",
        "5xx",
    ];
    const SHOWN_ATTRIBUTES: [&str; 6] = ["label=", "title=", "placeholder=", "alt=", "text=", "word="];
    let Literal { text, before, .. } = literal;
    if !text.contains(char::is_alphabetic) || SAME_EVERYWHERE.contains(&text.as_str()) {
        return false;
    }
    // After a tag or a block of a view, perhaps in a block of its own, and not after the arrow of a match.
    let place = before.strip_suffix('{').unwrap_or(before);
    let is_in_view = (place.ends_with('>') && !place.ends_with("=>") && !place.ends_with("->"))
        || (place.ends_with('}') && place.contains('<'));
    let is_shown = SHOWN_ATTRIBUTES.iter().any(|attribute| before.ends_with(attribute));
    let is_said_to_programmers = ["expect(", "reason=", "#[error("].iter().any(|end| before.ends_with(end));
    is_in_view || is_shown || (is_sentence(text) && !is_said_to_programmers)
}

/// Begins with a capital letter, and goes on with another word.
fn is_sentence(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').filter(|word| word.starts_with(char::is_alphabetic)).collect();
    text.starts_with(char::is_uppercase) && words.len() > 1
}

/// A sentence that stands there in another way than in the catalogue would stay English on every page.
#[test]
fn the_catalogue_has_what_the_server_says_to_pages() {
    let tree = Tree::read();
    let known: BTreeSet<String> = catalogue(&tree)
        .texts(0)
        .iter()
        .filter(|((area, _), _)| area == SAID)
        .map(|(_, text)| nameless(&text.shown()))
        .collect();
    let mut offences = Vec::new();
    for name in SPEAKERS {
        let source = tree.sources.iter().find(|source| source.name == name);
        let source = source.unwrap_or_else(|| panic!("{name} is not there any more"));
        for literal in of_code(source).iter().filter(|literal| is_said(literal)) {
            let said = nameless(&literal.text);
            if !known.contains(&said) && !known.contains(&format!("{said}.")) {
                offences.push(format!("{name}:{}: {}", literal.line, literal.text));
            }
        }
    }
    assert_none("pages show these; add them to catalogue/*/said.toml:", &offences);
}

/// Their English is nowhere in one piece: it is put together there, or comes from the crate `url`.
const PUT_TOGETHER: [&str; 12] = [
    "redirected",
    "redirected_to",
    "deadline",
    "deadline_since",
    "late",
    "late_one",
    "empty_host",
    "bad_name",
    "bad_port",
    "bad_v4",
    "bad_v6",
    "bad_character",
];

#[test]
fn the_catalogue_has_nothing_that_the_server_does_not_say() {
    let tree = Tree::read();
    let speaks = |source: &&Source| {
        let crates = [
            "crates/types/src/",
            "crates/engine/src/",
            "crates/app/src/forms",
            "crates/server/src/backend.rs",
        ];
        source.is_rust() && crates.iter().any(|name| source.name.starts_with(name))
    };
    let literals: BTreeSet<String> =
        tree.sources.iter().filter(speaks).flat_map(of_code).map(|literal| nameless(&literal.text)).collect();
    let catalogue = catalogue(&tree);
    let said = catalogue
        .texts(0)
        .iter()
        .filter(|((area, key), _)| area == SAID && !PUT_TOGETHER.contains(&key.as_str()));
    let is_said = |text: &str| {
        literals.contains(text) || text.strip_suffix('.').is_some_and(|it| literals.contains(it))
    };
    let unsaid = said.filter(|(_, text)| !is_said(&nameless(&text.shown())));
    let unsaid: Vec<_> = unsaid.map(|((_, key), text)| format!("{key}: {}", text.shown())).collect();
    assert_none("nothing says these any more; remove them from catalogue/*/said.toml:", &unsaid);
}

/// Whether a literal of one of the [`SPEAKERS`] is a sentence, whole or to go on with.
fn is_said(literal: &Literal) -> bool {
    let Literal { text, before, .. } = literal;
    let is_for_others = ["expect(", "reason=", "matches!("].iter().any(|end| before.ends_with(end))
        || ["debug!(", "info!(", "warn!(", "error!("].iter().any(|log| before.contains(log));
    let has_words = nameless(text).contains(char::is_alphabetic);
    text.contains(' ') && has_words && !is_for_others && !NOT_SHOWN.contains(&text.as_str())
}

/// A sentence whose placeholders have no names, as format strings and the catalogue call them differently.
fn nameless(text: &str) -> String {
    let mut parts = text.split('{');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str("{}");
        whole.push_str(part.split_once('}').map_or(part, |(_, words)| words));
    }
    whole
}
