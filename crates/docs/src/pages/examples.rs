//! The files in `examples/`, which the tests run, and what stands beside them, as they are.

use std::fmt::Write as _;

use super::receivers::{self, example, file};
use crate::markdown::slug;
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
    text.push_str(
        "\n## Scenarios {#scenarios}\n\nWhat people build most, complete and with a real database.\n\n",
    );
    readme(&mut text, "points-system", example!("points-system/README.md").1);
    file(&mut text, "python", example!("points-system/app.py"));
    readme(&mut text, "user-table", example!("user-table/README.md").1);
    file(&mut text, "js", example!("user-table/app.mjs"));
    text.push_str("\n## Producers {#producers}\n\nWhat sends events: your own code, if Groundswell is to tell others.\n\n");
    readme(&mut text, "producer-curl", example!("producer-curl/README.md").1);
    file(&mut text, "sh", example!("producer-curl/send.sh"));
    readme(&mut text, "producer-rust", example!("producer-rust/README.md").1);
    file(&mut text, "rust", example!("producer-rust/src/main.rs"));
    file(&mut text, "rust", example!("producer-rust/src/order.rs"));
    readme(&mut text, "producer-sql", example!("producer-sql/README.md").1);
    file(&mut text, "sql", example!("producer-sql/setup.sql"));
    file(&mut text, "sql", example!("producer-sql/join.sql"));
    text
}

/// What stands beside an example, two levels down, its headings with anchors of their own.
fn readme(text: &mut String, anchor: &str, readme: &str) {
    let mut is_code = false;
    for line in readme.lines() {
        is_code ^= line.starts_with("```");
        let heading = if is_code {
            None
        } else {
            line.split_once("# ").filter(|(level, _)| level.trim_matches('#').is_empty())
        };
        let _ = match heading {
            Some(("", title)) => write!(text, "### {title} {{#{anchor}}}"),
            Some((level, title)) => write!(text, "##{level}# {title} {{#{anchor}-{}}}", slug(title)),
            None => write!(text, "{line}"),
        };
        text.push('\n');
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_an_example_go_below_those_of_the_page_and_comments_stay() {
        let mut text = String::new();
        readme(&mut text, "shop", "# A shop\n\n## What to look at\n\n```sh\n# Look\n## at\n```\n");
        assert_eq!(
            text,
            "### A shop {#shop}\n\n#### What to look at {#shop-what-to-look-at}\n\n```sh\n# Look\n## at\n```\n\n"
        );
    }
}
