//! How a product shows the webhook settings of its customers in its own pages.

use super::receivers::{example, file};
use crate::page::{About, Group};

pub const ABOUT: About = About {
    name: "embedding",
    title: "Embed the settings",
    description: "Show a program's webhook settings in a frame on a page of your own product, by single-use links.",
    group: Group::Guides,
};

/// The page's text.
pub fn text() -> String {
    let mut text = String::from(include_str!("../../text/embedding.md"));
    file(&mut text, "js", example!("embed-host/host.mjs"));
    text
}
