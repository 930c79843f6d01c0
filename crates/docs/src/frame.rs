//! What stands around every page: the product's header, search and navigation, the page's own contents, the footer.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::markdown::Section;
use crate::page::{Group, Page};
use crate::search::{Found, Piece};

/// The navigation, and what else all pages have.
#[derive(Debug)]
pub struct Frame {
    links: Vec<Link>,
    style_sheet: Option<String>,
}

#[derive(Debug)]
struct Link {
    group: Group,
    title: &'static str,
    address: String,
}

/// A whole page.
struct Whole<'a> {
    title: &'a str,
    description: Option<&'a str>,
    /// The path of this page, if it is one of the navigation's.
    address: Option<&'a str>,
    markdown_address: Option<String>,
    query: &'a str,
    contents: &'a [Section],
    article: Markup,
}

impl Frame {
    /// The frame around these pages.
    pub fn new(pages: &[Page], style_sheet: Option<String>) -> Self {
        let link =
            |page: &Page| Link { group: page.about.group, title: page.about.title, address: page.address() };
        Self { links: pages.iter().map(link).collect(), style_sheet }
    }

    /// A page of the documentation.
    pub fn page(&self, page: &Page) -> String {
        let address = page.address();
        self.whole(&Whole {
            title: page.about.title,
            description: Some(page.about.description),
            address: Some(&address),
            markdown_address: Some(page.markdown_address()),
            query: "",
            contents: &page.sections,
            article: html! {
                (PreEscaped(&page.html))
                (self.neighbours(&address))
            },
        })
    }

    /// The answer to a search.
    pub fn search(&self, query: &str, found: &Found<'_>) -> String {
        let title =
            if query.trim().is_empty() { "Search".to_owned() } else { format!("Search: {}", query.trim()) };
        self.whole(&Whole {
            title: &title,
            description: None,
            address: None,
            markdown_address: None,
            query,
            contents: &[],
            article: results(query.trim(), found),
        })
    }

    /// The page for an address that has none.
    pub fn not_found(&self) -> String {
        let article = html! {
            h1 { "There is no such page" }
            p { "The address may be mistyped, or the page has moved. Search, or begin with " a href="/docs" { "Getting started" } "." }
        };
        let (title, contents) = ("Not found", &[][..]);
        self.whole(&Whole {
            title,
            description: None,
            address: None,
            markdown_address: None,
            query: "",
            contents,
            article,
        })
    }

    fn whole(&self, page: &Whole<'_>) -> String {
        let contents: Vec<_> = page.contents.iter().filter(|section| section.level == 2).collect();
        let whole = html! {
            (DOCTYPE)
            html lang="en" {
                (self.head(page))
                body {
                    a class="skip-link" href="#main" { "Skip to content" }
                    (header())
                    div class="docs" {
                        div class="docs-side" {
                            (search_form(page.query))
                            nav class="docs-nav" aria-label="Documentation" { (self.navigation(page.address)) }
                            (self.menus(page.address, &contents))
                        }
                        main id="main" tabindex="-1" {
                            article class="prose" { (page.article) }
                        }
                        @if contents.len() > 1 {
                            nav class="docs-toc" aria-label="On this page" {
                                p class="docs-nav-title" aria-hidden="true" { "On this page" }
                                (table_of_contents(&contents))
                            }
                        }
                    }
                    (footer(page.markdown_address.as_deref()))
                }
            }
        };
        whole.into_string()
    }

    fn head(&self, page: &Whole<'_>) -> Markup {
        html! {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · Groundswell docs" }
                @if let Some(description) = page.description { meta name="description" content=(description); }
                @if let Some(style_sheet) = &self.style_sheet { link rel="stylesheet" href=(style_sheet); }
                link rel="icon" type="image/svg+xml" href="/favicon.svg";
                @if let Some(address) = &page.markdown_address {
                    link rel="alternate" type="text/markdown" href=(address);
                }
            }
        }
    }

    /// Where there is no room for columns, both lists are behind buttons. They are in the page twice, and one of the two is
    /// never displayed, since a closed `details` cannot be shown open by a style sheet in every browser.
    fn menus(&self, here: Option<&str>, contents: &[&Section]) -> Markup {
        html! {
            div class="docs-menus" {
                details class="docs-menu docs-pages" {
                    summary class="button" { "All pages" }
                    nav class="docs-nav" aria-label="Documentation" { (self.navigation(here)) }
                }
                @if contents.len() > 1 {
                    details class="docs-menu" {
                        summary class="button" { "On this page" }
                        nav class="docs-nav" aria-label="On this page" { (table_of_contents(contents)) }
                    }
                }
            }
        }
    }

    fn navigation(&self, here: Option<&str>) -> Markup {
        html! {
            @for group in Group::ALL {
                p class="docs-nav-title" { (group.title()) }
                ul {
                    @for link in self.links.iter().filter(|link| link.group == group) {
                        li {
                            a href=(link.address) aria-current=[(here == Some(link.address.as_str())).then_some("page")] {
                                (link.title)
                            }
                        }
                    }
                }
            }
        }
    }

    /// The pages before and after.
    fn neighbours(&self, here: &str) -> Markup {
        let at = self.links.iter().position(|link| link.address == here);
        let before = at.and_then(|at| at.checked_sub(1)).and_then(|at| self.links.get(at));
        let after = at.and_then(|at| self.links.get(at + 1));
        html! {
            nav class="docs-neighbours" aria-label="Next and previous page" {
                @if let Some(link) = before {
                    a href=(link.address) rel="prev" { span { "Previous" } (link.title) }
                }
                @if let Some(link) = after {
                    a href=(link.address) rel="next" { span { "Next" } (link.title) }
                }
            }
        }
    }
}

/// The header of the editor, so that both are one product.
fn header() -> Markup {
    html! {
        header class="header" {
            a href="/" class="header-brand" {
                svg class="header-mark" viewBox="0 0 24 24" aria-hidden="true" {
                    path d="M2 15c3.2 0 3.2-6 6.6-6 3.6 0 3.4 6 6.8 6 3.3 0 3.3-6 6.6-6" {}
                    path d="M2 20c3.2 0 3.2-4 6.6-4 3.6 0 3.4 4 6.8 4 3.3 0 3.3-4 6.6-4" {}
                }
                span class="header-name" { "Groundswell" }
            }
            nav class="header-nav" aria-label="Main" {
                a href="/" { "Programs" }
                a href="/settings/members" { "Settings" }
                a href="/docs" aria-current="true" { "Docs" }
            }
        }
    }
}

fn search_form(query: &str) -> Markup {
    html! {
        form class="docs-search" role="search" action="/docs/search" method="get" {
            input class="input" type="search" name="q" value=(query) aria-label="Search the docs"
                placeholder="Search" autocomplete="off" maxlength="200";
            button class="button icon-only" type="submit" aria-label="Search" {
                svg class="icon" viewBox="0 0 16 16" aria-hidden="true" {
                    path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14" {}
                }
            }
        }
    }
}

fn table_of_contents(sections: &[&Section]) -> Markup {
    html! {
        ul {
            @for section in sections {
                @if let Some(anchor) = &section.anchor {
                    li { a href=(format!("#{anchor}")) { (section.title) } }
                }
            }
        }
    }
}

fn footer(markdown_address: Option<&str>) -> Markup {
    html! {
        footer class="footer docs-footer" {
            ul {
                @if let Some(address) = markdown_address { li { a href=(address) { "This page as Markdown" } } }
                li { a href="/llms.txt" { "llms.txt" } }
                li { a href="/status" { "System Status" } }
            }
        }
    }
}

fn results(query: &str, found: &Found<'_>) -> Markup {
    let hits = &found.hits;
    let summary = match hits.len() {
        _ if query.is_empty() => {
            "Type what you are looking for: an event, a field, a header, a word.".to_owned()
        }
        0 => format!("Nothing has “{query}” in it. Try fewer or other words, or look through the pages."),
        _ if !found.has_all => {
            format!("No place has all the words of “{query}”. These have some of them, the best first.")
        }
        1 => format!("One place has “{query}” in it."),
        count => format!("{count} places have “{query}” in them, the best first."),
    };
    html! {
        h1 { "Search" }
        p { (summary) }
        @if !hits.is_empty() {
            ol class="docs-hits" {
                @for hit in hits {
                    li {
                        h2 { a href=(hit.address) { (hit.title) } }
                        p class="docs-hit-page" { (hit.page) }
                        p {
                            @for piece in &hit.snippet {
                                @match piece {
                                    Piece::Plain(text) => (text),
                                    Piece::Mark(text) => mark { (text) },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
