//! Questions to the documentation's search. Whatever is looked for is shown as text: the page has no tag more than with
//! letters in the place of it.

#![no_main]

use std::sync::LazyLock;

use groundswell_docs::{DeliverySettings, Docs, Settings};
use libfuzzer_sys::fuzz_target;

static DOCS: LazyLock<Docs> = LazyLock::new(|| {
    Docs::new(&Settings {
        public_url: "https://webhooks.example.com".to_owned(),
        style_sheet: None,
        delivery: DeliverySettings::default(),
        command: clap::Command::new("groundswell"),
        configuration: Vec::new(),
    })
});

fuzz_target!(|query: &str| {
    let page = DOCS.search(query);
    assert!(page.len() < 200_000, "{} bytes", page.len());
    // None of these is a letter, so none of them decides what is found.
    let harmless: String = query.chars().map(|c| if "<>\"'&".contains(c) { ' ' } else { c }).collect();
    let tags = |page: &str| page.matches('<').count();
    assert_eq!(tags(&page), tags(&DOCS.search(&harmless)), "{query:?}");
});
