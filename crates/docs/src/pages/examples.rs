//! The files in `examples/`, which the tests run, as they are.

use super::receivers;
use crate::page::{About, Group};

pub const ABOUT: About = About {
    name: "examples",
    title: "Examples",
    description: "Receivers in many languages, a points system, a user table, and producers: complete files that are tested.",
    group: Group::Guides,
};

/// The page's text.
pub fn text() -> String {
    let mut text = String::from(include_str!("../../text/examples.md"));
    receivers::whole(&mut text);
    text
}
