//! Every link leads somewhere, and so do those of the editor.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use groundswell_types::EventKind;

use crate::page::{DOCS, attributes, pages, text};

/// What the server has at other places.
fn is_the_servers(path: &str) -> bool {
    let schema = path.strip_prefix("/v2/schemas/").and_then(|rest| rest.strip_suffix(".json"));
    schema.is_some_and(|name| EventKind::parse(name).is_some())
        || [
            "/",
            "/settings/account",
            "/settings/api-keys",
            "/settings/members",
            "/settings/status",
            "/status",
            "/favicon.svg",
            "/pkg/groundswell.css",
            "/v2/openapi.json",
        ]
        .contains(&path)
}

/// Whether a link on the page `from` leads somewhere.
fn leads(link: &str, from: &str) -> bool {
    if link.starts_with("https://") || link.starts_with("http://127.0.0.1:") {
        return true;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let path = if path.is_empty() { from } else { path };
    if is_the_servers(path) {
        return anchor.is_none();
    }
    match anchor {
        None => DOCS.document(path).is_some(),
        Some("main") => true,
        Some(anchor) => DOCS.document(path).is_some() && attributes(text(path), "id").contains(&anchor),
    }
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    for page in pages() {
        let html = text(page);
        let links = attributes(html, "href").into_iter().chain(attributes(html, "src"));
        let broken: Vec<_> = links.filter(|link| !leads(link, page)).collect();
        assert!(broken.is_empty(), "{page} leads to nothing with {broken:?}");
    }
}

#[test]
fn an_anchor_is_on_its_page_once() {
    for page in pages() {
        let mut seen = HashSet::new();
        let twice: Vec<_> = attributes(text(page), "id").into_iter().filter(|id| !seen.insert(*id)).collect();
        assert!(twice.is_empty(), "{page} has more than one of {twice:?}");
    }
}

#[test]
fn every_event_has_the_anchor_that_the_panel_links_to() {
    for event in EventKind::ALL {
        assert!(leads(&format!("/docs/events#{}", event.name().to_lowercase()), "/"), "{event}");
    }
}

#[test]
fn what_the_editor_links_to_is_there() {
    let mut links = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src"), &mut links);
    assert!(links.contains("/docs") && links.contains("/docs/security"), "{links:?}");
    let broken: Vec<_> = links.iter().filter(|link| !leads(link, "/")).collect();
    assert!(broken.is_empty(), "the editor leads to nothing with {broken:?}");
}

/// The addresses of pages of the documentation in string literals; a literal that goes on with a placeholder counts up to
/// its anchor, whose values the test above has.
fn collect(directory: &Path, links: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("the sources are there") {
        let path = entry.expect("the sources are readable").path();
        if path.is_dir() {
            collect(&path, links);
            continue;
        }
        let source = fs::read_to_string(&path).expect("sources are text");
        for (at, _) in source.match_indices("\"/docs") {
            let link = source[at + 1..].split('"').next().expect("a literal ends");
            links.insert(link.split("#{").next().expect("a text has a beginning").to_owned());
        }
    }
}

#[test]
fn the_texts_that_programs_read_lead_to_the_same_places() {
    for page in pages() {
        let name = if page == "/docs" { "/docs/getting-started" } else { page };
        let markdown = text(&format!("{name}.md"));
        let links = markdown.match_indices("](").filter_map(|(at, _)| markdown[at + 2..].split(')').next());
        let broken: Vec<_> =
            links.filter(|link| link.starts_with(['/', '#']) && !leads(link, page)).collect();
        assert!(broken.is_empty(), "{name}.md leads to nothing with {broken:?}");
    }
}
