//! What the webhooks were before.

use groundswell_types::editor::{ChangedBy, HistoryVersion};
use http::StatusCode;

use crate::memory::{Memory, NOW, State};
use crate::site::Site;

const PAGE: &str = "/programs/p1/options/webhooks/history";

fn version(version: i64, by: Option<ChangedBy>) -> HistoryVersion {
    let changes = vec![format!("Add https://example.com/{version} with 1 event.")];
    HistoryVersion { version, at: NOW, by, changes, webhooks: 2, is_live: false }
}

fn site(change: impl FnOnce(&mut State)) -> Site {
    let memory = Memory::full();
    change(&mut memory.state.lock().expect("not poisoned"));
    Site::new(memory)
}

#[tokio::test]
async fn versions_say_who_changed_what_and_when() {
    let site = site(|state| {
        state.history = vec![
            HistoryVersion { is_live: true, changes: Vec::new(), ..version(4, Some(ChangedBy::Editor)) },
            version(3, Some(ChangedBy::Rest)),
            version(2, Some(ChangedBy::Server)),
            version(1, None),
        ];
    });
    let page = site.get(PAGE).await;
    page.shows(&["Version 4", "26 Jul 2026, 12:04:05 UTC · by the owner, in the editor · 2 webhooks"]);
    page.shows(&["Only a secret or the value of a header changed", "Live now"]);
    page.shows(&["Version 3", "over the REST API", "Add https://example.com/3 with 1 event."]);
    page.shows(&["by the server, because deliveries failed", "by whom was not noted yet"]);
    // What is live need not be restored.
    assert_eq!(page.tags("name=\"version\"").len(), 3);
    site.get("/programs/p1/options/webhooks").await.shows(&["History"]);
}

#[tokio::test]
async fn an_empty_history_says_so_and_a_long_one_has_pages() {
    Site::new(Memory::full()).get(PAGE).await.shows(&["No history yet"]);
    let site = site(|state| state.history = (1..=25).rev().map(|number| version(number, None)).collect());
    let page = site.get(PAGE).await;
    page.shows(&["Version 25", "Version 6", "Older versions"]);
    assert_eq!(page.tags("?before=6\"").len(), 1);
    let page = site.get(&format!("{PAGE}?before=6")).await;
    page.shows(&["Version 5", "Version 1"]);
    assert!(!page.text().contains("Older versions"));
}

#[tokio::test]
async fn a_version_is_restored_and_one_that_is_too_late_is_not() {
    let site = site(|state| state.history = vec![version(2, None), version(1, None)]);
    let page = site.post_and_follow(PAGE, "version=1&draft=0").await;
    page.shows(&["The version is your draft now."]);
    assert_eq!(site.backend.state.lock().expect("not poisoned").restored, [(1, 0)]);

    let page = site.post(PAGE, "version=1&draft=7").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["The draft was changed meanwhile.", "Version 1"]);
    let page = site.post(PAGE, "version=x&draft=0").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn restoring_over_a_draft_asks_first() {
    let site = site(|state| state.history = vec![version(2, None)]);
    assert!(!site.get(PAGE).await.text().contains("Restoring replaces it."));
    site.post("/programs/p1/options/webhooks", "version=0&row=a&url.a=https://a.example&intent=save")
        .await
        .ok()
        .expect("is saved");
    let page = site.get(PAGE).await;
    page.shows(&["There is a draft that is not published. Restoring replaces it."]);
    assert!(page.tags("name=\"draft\"")[0].contains("value=\"1\""));
}
