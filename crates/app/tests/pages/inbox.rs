//! The inbox, and the checklist of first steps.

use groundswell_types::SchemeCheck;
use groundswell_types::editor::{FirstStep, FirstSteps};
use http::StatusCode;

use crate::memory::Memory;
use crate::site::Site;

const PAGE: &str = "/programs/p1/inbox";
const WEBHOOKS: &str = "/programs/p1/options/webhooks";

#[tokio::test]
async fn the_address_is_shown_and_requests_are_listed_newest_first() {
    let page = Site::new(Memory::full()).get(PAGE).await;
    page.shows(&["https://groundswell.example/inbox/0123456789abcdefghjkmnpqrstvwxy0"]);
    page.shows(&["9 requests", "Not verified", "POST without an event", "from outside", "Not signed"]);
    page.shows(&["Verified New participant added 26 Jul 2026, 12:04:05 UTC · delivery · 54 bytes"]);
    assert_eq!(page.tags("class=\"inbox-request\"").len(), SchemeCheck::ALL.len());
    let links = page.tags("inbox-request-title");
    assert!(links[0].contains(&format!("{PAGE}?request=inr_0000000000009")), "{links:?}");
}

#[tokio::test]
async fn an_empty_inbox_says_what_to_do() {
    let memory = Memory::full();
    memory.state.lock().expect("not poisoned").inbox.clear();
    let page = Site::new(memory).get(PAGE).await;
    page.shows(&["Nothing has come yet", "Use this URL in a webhook", "post anything to it"]);
    assert!(!page.html.contains("value=\"clear\""));
}

#[tokio::test]
async fn a_request_says_for_each_scheme_whether_it_is_genuine_and_why_not() {
    let site = Site::new(Memory::full());
    let open = async |number: usize| site.get(&format!("{PAGE}?request=inr_000000000000{number}")).await;
    for (number, words) in [
        (1, "GrowSurf-Signature Verified: it fits the secret and the body, and it is fresh."),
        (2, "No webhook of this program had the inbox’s URL"),
        (3, "Set or generate one under Advanced webhook settings"),
        (4, "The header is missing, though a secret was set."),
        (5, "Standard Webhooks A header is not of the documented form"),
        (6, "its time was more than five minutes away"),
        (7, "the body was changed on its way"),
        (8, "it was signed with another secret"),
        (9, "It was signed with another secret, or the body was changed."),
    ] {
        let page = open(number).await;
        page.shows(&[words, "authorization", "••••", "\"NEW_PARTICIPANT_ADDED\"", "Back to the requests"]);
    }
    open(1).await.shows(&["Checked with the secret of the webhook primary", "delivery (POST)"]);
    let gone = site.get(&format!("{PAGE}?request=inr_00000000000zz")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_address_is_put_into_a_row_of_the_draft() {
    let site = Site::new(Memory::full());
    let location = site.post(PAGE, "intent=use").await.ok();
    assert_eq!(location, Some(format!("{WEBHOOKS}?open=new-inbox#webhook-new-inbox")));
    let page = site.get(WEBHOOKS).await;
    assert!(
        page.html.contains("value=\"https://groundswell.example/inbox/0123456789abcdefghjkmnpqrstvwxy0\"")
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_said_on_the_page() {
    let memory = Memory::full();
    {
        let mut state = memory.state.lock().expect("not poisoned");
        let row = state.live[0].clone();
        state.live = vec![row; 5];
    }
    let page = Site::new(memory).post(PAGE, "intent=use").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["A program can have 5 webhooks.", "Requests"]);
}

#[tokio::test]
async fn the_address_is_replaced_and_the_inbox_cleared() {
    let site = Site::new(Memory::full());
    assert_eq!(site.post(PAGE, "intent=replace").await.as_deref().ok(), Some(PAGE));
    site.get(PAGE).await.shows(&["0123456789abcdefghjkmnpqrstvwxy1"]);
    assert_eq!(site.post(PAGE, "intent=clear").await.as_deref().ok(), Some(PAGE));
    site.get(PAGE).await.shows(&["Nothing has come yet"]);
    let page = site.post(PAGE, "intent=other").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_checklist_shows_what_is_done_until_it_is_sent_away() {
    let memory = Memory::full();
    let done = vec![FirstStep::AddUrl, FirstStep::Test];
    memory.state.lock().expect("not poisoned").first_steps = Some(FirstSteps { done });
    let site = Site::new(memory);
    let page = site.get(WEBHOOKS).await;
    page.shows(&[
        "First steps",
        "2 of 5 done",
        "Add a URL (done)",
        "Choose events (to do)",
        "Send a test (done)",
    ]);
    page.shows(&["Publish (to do)", "Verify the signature (to do)", "Open the inbox"]);
    site.get("/programs/p1/options").await.shows(&["First steps: 2 of 5 done"]);
    let location = site.post("/programs/p1/options", "intent=end-first-steps").await.ok();
    assert_eq!(location.as_deref(), Some(WEBHOOKS));
    for path in [WEBHOOKS, "/programs/p1/options"] {
        assert!(!site.get(path).await.html.contains("First steps"), "{path}");
    }
}
