//! What the pages say.

use std::fs;
use std::path::Path;

use groundswell_docs::{DeliverySettings, Docs, Settings};
use groundswell_types::EventKind;

use crate::page::{DOCS, attributes, command, pages, text, words};

#[test]
fn every_page_has_one_first_heading_a_title_and_its_place_in_the_navigation() {
    for page in pages() {
        let html = text(page);
        assert_eq!(html.matches("<h1").count(), 1, "{page}");
        assert!(html.contains("· Groundswell docs</title>"), "{page}");
        // Once for each width.
        assert_eq!(html.matches("aria-current=\"page\"").count(), 2, "{page}");
        assert!(html.contains("<a class=\"skip-link\" href=\"#main\">"), "{page}");
        assert!(!html.contains("<script") && !html.contains(" style=\""), "{page} loads something");
        assert!(
            !html.contains("{{server}}") && !html.contains("{{verifying}}"),
            "{page} has a place that was not filled"
        );
    }
    assert!(pages().len() >= 5);
}

#[test]
fn headings_go_down_one_level_at_a_time() {
    for page in pages() {
        let mut before = 0;
        let html = text(page);
        for (at, _) in html.match_indices("<h") {
            let Some(level) = html[at + 2..].chars().next().and_then(|c| c.to_digit(10)) else { continue };
            assert!(level <= before + 1, "{page}: {}", &html[at..(at + 80).min(html.len())]);
            before = level;
        }
    }
}

#[test]
fn pictures_have_a_description_and_their_size() {
    let html = text("/docs");
    let pictures = html.matches("<img").count();
    assert!(pictures >= 2);
    assert_eq!(html.matches("width=\"1920\"").count(), pictures);
    assert!(attributes(html, "alt").iter().all(|alt| alt.len() > 40));
    let picture = DOCS.document("/docs/webhooks-panel.png").expect("it is served");
    assert_eq!((picture.content_type, picture.gzip.is_none()), ("image/png", true));
}

/// The sentences come from the table that names a test for each of them.
#[test]
fn the_delivery_page_has_every_sentence_of_the_contract() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/tests/tidy/contract.txt");
    let table = fs::read_to_string(table).expect("the table is there");
    let page = words(text("/docs/delivery"));
    let sentences: Vec<_> = table.lines().filter(|line| !line.starts_with(['#', ' '])).collect();
    assert!(sentences.len() > 40);
    for sentence in sentences {
        let sentence = sentence.replace(['`', '*'], "");
        assert!(page.contains(&sentence), "not on the page: {sentence}");
    }
}

#[test]
fn the_events_page_has_every_event_and_the_word_for_each_program() {
    let page = words(text("/docs/events"));
    for event in EventKind::ALL {
        assert!(page.contains(event.name()) && page.contains(event.description()), "{event}");
    }
}

#[test]
fn documents_are_smaller_compressed_and_told_apart_by_their_tags() {
    let tags: std::collections::HashSet<_> =
        pages().into_iter().map(|page| &DOCS.document(page).expect("it is there").etag).collect();
    assert_eq!(tags.len(), pages().len());
    let events = DOCS.document("/docs/events").expect("it is there");
    let gzip = events.gzip.as_ref().expect("it can be compressed");
    assert!(gzip.len() * 4 < events.plain.len());
}

#[test]
fn without_a_built_site_there_are_pages_without_style() {
    let docs = Docs::new(&Settings {
        public_url: "http://127.0.0.1:3000".to_owned(),
        style_sheet: None,
        delivery: DeliverySettings::default(),
        command: command(),
        configuration: Vec::new(),
    });
    let page = docs.document("/docs").expect("it is there");
    let page = std::str::from_utf8(&page.plain).expect("text");
    assert!(!page.contains("stylesheet") && page.contains("curl http://127.0.0.1:3000/v2/campaigns"));
}

#[test]
fn llms_txt_lists_every_page_with_its_address() {
    let list = text("/llms.txt");
    assert_eq!(list, text("/docs/llms.txt"));
    assert!(list.starts_with("# Groundswell\n\n> "), "{list}");
    for page in pages() {
        let name = if page == "/docs" { "/docs/getting-started" } else { page };
        assert!(list.contains(&format!("](https://webhooks.example.com{name}.md): ")), "{page}");
        assert!(text(&format!("{name}.md")).starts_with("# "), "{name}");
    }
}
