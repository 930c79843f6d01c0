//! The documentation that the server serves under `/docs`: public, without scripts, made once.
//!
//! Every page is a text in Markdown. Some are written by hand (`text/`), some are made from what the code itself uses:
//! the events and their fields from `groundswell_types`, the delivery contract from the file its tests are held
//! against, the examples from the files that are run. From the same text come the page, its sections in the search, and
//! what is served at `/docs/<page>.md`, so they cannot say different things. How they are sent is the server's business.

mod document;
mod frame;
mod llms;
mod markdown;
mod page;
mod pages;
mod picture;
mod search;
mod settings;

use std::collections::HashMap;

pub use document::Document;
pub use settings::{DeliverySettings, Setting, Settings};

use frame::Frame;
use page::Page;
use search::Index;

/// All pages, rendered.
#[derive(Debug)]
pub struct Docs {
    documents: HashMap<String, Document>,
    frame: Frame,
    index: Index,
}

impl Docs {
    /// Renders all pages.
    pub fn new(settings: &Settings) -> Self {
        let pages: Vec<Page> = pages::all(settings);
        let frame = Frame::new(&pages, settings.style_sheet.clone());
        let mut documents: HashMap<String, Document> = picture::documents().collect();
        for page in &pages {
            documents.insert(page.address(), Document::html(frame.page(page)));
            documents.insert(page.markdown_address(), Document::markdown(page.markdown.clone()));
        }
        for address in llms::ADDRESSES {
            let text = llms::text(&pages, &settings.public_url);
            documents.insert(address.to_owned(), Document::plain_text(text));
        }
        Self { documents, index: Index::new(&pages), frame }
    }

    /// What is at the path of a request, if anything is.
    pub fn document(&self, path: &str) -> Option<&Document> {
        self.documents.get(path)
    }

    /// The paths of everything there is but the search.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// The page that answers a search.
    pub fn search(&self, query: &str) -> String {
        self.frame.search(query, &self.index.find(query))
    }

    /// The page for an address that has none.
    pub fn not_found(&self) -> String {
        self.frame.not_found()
    }
}
