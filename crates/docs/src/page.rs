//! A page: its place among the others, and its text.

use crate::markdown::{self, Rendered, Section};

/// The groups of the side navigation, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// From nothing to events that arrive.
    Guides,
    /// To look things up in.
    Reference,
}

impl Group {
    /// All, in order.
    pub const ALL: [Self; 2] = [Self::Guides, Self::Reference];

    /// What people read.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Guides => "Guides",
            Self::Reference => "Reference",
        }
    }
}

/// What a page is beside its text.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Its name in addresses.
    pub name: &'static str,
    /// What it is called in the navigation.
    pub title: &'static str,
    /// What it has, in a sentence.
    pub description: &'static str,
    /// Where it stands.
    pub group: Group,
}

/// A page, rendered.
#[derive(Debug)]
pub struct Page {
    pub about: About,
    /// The text.
    pub markdown: String,
    /// The text as HTML.
    pub html: String,
    /// The parts of the text; the first is the page's beginning.
    pub sections: Vec<Section>,
}

/// The page that is at `/docs` itself.
const FIRST: &str = "getting-started";

impl Page {
    /// Renders a text.
    pub fn new(about: About, markdown: String) -> Self {
        let Rendered { html, sections } = markdown::render(&markdown);
        Self { about, markdown, html, sections }
    }

    /// Its path.
    pub fn address(&self) -> String {
        if self.about.name == FIRST { "/docs".to_owned() } else { format!("/docs/{}", self.about.name) }
    }

    /// The path of its text.
    pub fn markdown_address(&self) -> String {
        format!("/docs/{}.md", self.about.name)
    }
}
