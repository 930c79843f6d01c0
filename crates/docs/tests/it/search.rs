//! The search, by the page that answers it.

use crate::page::{DOCS, attributes, words};

/// The addresses of what is found, the best first.
fn found(query: &str) -> Vec<String> {
    let page = DOCS.search(query);
    let Some((_, hits)) = page.split_once("<ol class=\"docs-hits\">") else { return Vec::new() };
    let hits = hits.split("</ol>").next().expect("a list ends");
    attributes(hits, "href").into_iter().map(str::to_owned).collect()
}

#[test]
fn an_events_name_leads_to_the_event() {
    for query in
        ["new_participant_added", "NEW_PARTICIPANT_ADDED", "new participant added", "  new  particip "]
    {
        assert_eq!(found(query)[0], "/docs/events#new_participant_added", "{query}");
    }
    assert_eq!(found("campaign_ended")[0], "/docs/events#campaign_ended");
}

#[test]
fn a_header_a_field_and_a_word_are_found() {
    assert_eq!(found("webhook-signature")[0], "/docs/security#webhook-signature");
    assert!(found("referredBy").contains(&"/docs/events#participant".to_owned()));
    assert!(found("retry")[0].starts_with("/docs/delivery"));
    assert_eq!(found("getting started")[0], "/docs");
}

#[test]
fn sections_with_all_words_come_alone_and_else_those_with_any() {
    let both = found("constant time");
    assert!(both.iter().all(|address| address.starts_with("/docs/")), "{both:?}");
    assert!(words(&DOCS.search("constant time")).contains("have “constant time” in them"));
    assert!(!found("raw zzzzz").is_empty());
    assert!(words(&DOCS.search("raw zzzzz")).contains("No place has all the words of “raw zzzzz”."));
    assert!(found("zzzzz").is_empty());
}

#[test]
fn what_was_looked_for_is_marked_and_stays_in_the_field() {
    let page = DOCS.search("deduplicate");
    assert!(page.contains("<mark>Deduplicate</mark>") || page.contains("<mark>deduplicate</mark>"), "{page}");
    assert!(page.contains("value=\"deduplicate\""));
    assert!(page.contains("<title>Search: deduplicate · Groundswell docs</title>"));
}

#[test]
fn a_search_for_nothing_says_what_to_do() {
    assert!(words(&DOCS.search("  ")).contains("Type what you are looking for"));
    assert!(words(&DOCS.search("zzzzz")).contains("Nothing has “zzzzz” in it."));
}

#[test]
fn what_is_typed_is_text() {
    let page = DOCS.search("\"><script>alert(1)</script>");
    assert!(!page.contains("<script>"), "{page}");
    assert!(DOCS.search(&"ä".repeat(5_000)).contains("</html>"));
}
