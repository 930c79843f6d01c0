//! The page of System Status.

use groundswell_app::Language;

use crate::memory::Memory;
use crate::site::Site;

#[tokio::test]
async fn anybody_sees_how_the_server_is_and_has_been() {
    let page = Site::new(Memory::empty().seen_by_nobody()).get("/status").await;
    page.shows(&["Everything works", "as of 26 Jul 2026", "Accepting events", "Retry queue", "90 days ago"]);
    page.shows(&["within 2 ms", "25 ms", "98.61% available", "1 h", "2,310 deliveries were waiting then"]);
    assert!(!page.html.contains("Your webhooks"));
    // A bar for each day of each component, and a line for each day that anything is known of.
    assert_eq!(page.tags("class=\"none\"").len(), 5 * 87 + 1);
    assert_eq!(page.tags("class=\"major\"").len(), 5 + 1);
    assert_eq!(page.tags("scope=\"row\"").len(), 3);
    assert_eq!(page.html.matches("<td>down 1 h").count(), 5);
    assert!(page.html.contains("aria-label=\"API: interrupted on 1 of the 3 days"));
    assert!(page.html.contains("no data"));
}

#[tokio::test]
async fn whoever_is_signed_in_sees_their_webhooks_beside_it() {
    let page = Site::new(Memory::empty()).get("/status").await;
    page.shows(&["Your webhooks", "Working 3", "Failing 1", "Everything works"]);
}

#[tokio::test]
async fn the_page_is_in_every_language() {
    for (language, wanted) in [
        (Language::German, ["Systemstatus", "Alles funktioniert", "98,61 % verfügbar", "ohne Störung"]),
        (
            Language::Spanish,
            ["Estado del sistema", "Todo funciona", "98,61 % disponible", "sin interrupciones"],
        ),
    ] {
        let page = Site::in_language(Memory::empty().seen_by_nobody(), language).get("/status").await;
        page.shows(&wanted);
    }
}
