//! `llms.txt`: what there is to read, for programs that read (<https://llmstxt.org>).

use std::fmt::Write as _;

use crate::page::{Group, Page};

/// Where it is found.
pub const ADDRESSES: [&str; 2] = ["/llms.txt", "/docs/llms.txt"];

/// The list of all pages as Markdown.
pub fn text(pages: &[Page], public_url: &str) -> String {
    let mut text = String::from(
        "# Groundswell\n\n\
         > Groundswell sends a referral or affiliate program's events to webhooks, signed, at least once, with retries for \
         days. Producers post events over REST; receivers get JSON by POST; webhooks are set up in the Program Editor \
         or over REST.\n",
    );
    for group in Group::ALL {
        let _ = write!(text, "\n## {}\n\n", group.title());
        for page in pages.iter().filter(|page| page.about.group == group) {
            let _ = writeln!(
                text,
                "- [{}]({public_url}{}): {}",
                page.about.title,
                page.markdown_address(),
                page.about.description
            );
        }
    }
    text
}
