//! All pages of a usual server, and what can be read off HTML without a browser.

use std::sync::LazyLock;

use groundswell_docs::{DeliverySettings, Docs, Settings};

pub static DOCS: LazyLock<Docs> = LazyLock::new(|| {
    Docs::new(&Settings {
        public_url: "https://webhooks.example.com".to_owned(),
        style_sheet: Some("/pkg/groundswell.css".to_owned()),
        delivery: DeliverySettings::default(),
        command: command(),
        configuration: Vec::new(),
    })
});

/// A command line such as the server has.
pub fn command() -> clap::Command {
    clap::Command::new("groundswell").subcommand(clap::Command::new("serve").about("Serves the pages."))
}

/// A document's text.
pub fn text(path: &str) -> &'static str {
    let document = DOCS.document(path).unwrap_or_else(|| panic!("{path} is there"));
    std::str::from_utf8(&document.plain).expect("it is text")
}

/// The paths of all pages.
pub fn pages() -> Vec<&'static str> {
    let is_page =
        |path: &&str| DOCS.document(path).is_some_and(|page| page.content_type.starts_with("text/html"));
    let mut pages: Vec<&str> = DOCS.paths().filter(is_page).collect();
    pages.sort_unstable();
    pages
}

/// The values of an attribute, in order.
pub fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!(" {name}=\"");
    html.match_indices(&begin).filter_map(|(at, _)| html[at + begin.len()..].split('"').next()).collect()
}

/// What people read: without tags, white space in one piece.
pub fn words(html: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' => is_tag = false,
            c if !is_tag => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
