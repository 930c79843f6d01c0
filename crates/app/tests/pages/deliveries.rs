//! The delivery log.

use groundswell_types::DeliveryState;
use http::StatusCode;

use crate::memory::{Memory, delivery};
use crate::site::Site;

const PAGE: &str = "/programs/p1/deliveries";

#[tokio::test]
async fn deliveries_are_listed_with_word_and_answer() {
    let page = Site::new(Memory::full()).get(PAGE).await;
    page.shows(&[
        "Waiting",
        "Sending",
        "Delivered",
        "Retrying",
        "Held",
        "Parked",
        "Undeliverable",
        "Cancelled",
    ]);
    page.shows(&["New participant added primary example.com/webhooks 1 500 26 Jul 2026, 12:04:05 UTC"]);
    assert_eq!(page.tags("tr ").len(), DeliveryState::ALL.len());
}

#[tokio::test]
async fn an_empty_log_says_why_and_a_filtered_one_too() {
    let memory = Memory::full();
    memory.state.lock().expect("not poisoned").deliveries.clear();
    let site = Site::new(memory);
    site.get(PAGE).await.shows(&["No deliveries yet", "Set up webhooks"]);
    site.get(&format!("{PAGE}?state=held")).await.shows(&["No delivery matches", "show all deliveries"]);
}

#[tokio::test]
async fn the_filter_is_the_url() {
    let site = Site::new(Memory::full());
    let page = site.get(&format!("{PAGE}?state=retrying&event=&webhook=primary")).await;
    assert_eq!(page.tags("tr ").len(), 1);
    let chosen: Vec<_> = page.tags("option ").into_iter().filter(|tag| tag.contains("selected")).collect();
    assert_eq!(chosen, ["option value=\"retrying\" selected", "option value=\"primary\" selected"]);
    // A webhook that is gone stays chosen, or the empty list would look like all there is.
    let page = site.get(&format!("{PAGE}?webhook=gone")).await;
    page.shows(&["No delivery matches", "gone"]);
}

#[tokio::test]
async fn the_next_page_begins_where_this_one_ends() {
    let memory = Memory::full();
    let many = (0..51).rev().map(|index| delivery(index, DeliveryState::Delivered)).collect();
    memory.state.lock().expect("not poisoned").deliveries = many;
    let site = Site::new(memory);
    let page = site.get(PAGE).await;
    assert_eq!(page.tags("tr ").len(), 50);
    let next = page.tags("rel=\"next\"");
    assert!(next[0].contains(&format!("{PAGE}?next=dlv_0000000000008")), "{next:?}");
    let page = site.get(&format!("{PAGE}?next=dlv_0000000000008")).await;
    assert_eq!(page.tags("tr ").len(), 1);
    page.shows(&["Newest"]);
}

#[tokio::test]
async fn one_delivery_is_shown_with_everything() {
    let site = Site::new(Memory::full());
    let page = site.get(&format!("{PAGE}?delivery=dlv_0000000000010")).await;
    page.shows(&["Retrying", "The last attempt failed. There will be another.", "dlv_0000000000010"]);
    page.shows(&[
        "Next attempt 26 Jul 2026, 12:04:10 UTC",
        "3 attempts to come if all fail",
        "1 min 4 s after",
    ]);
    page.shows(&["#1 500", "132 ms", "The receiver answered 500.", "content-type"]);
    page.shows(&["\"referralCount\": 1e+21", "As sent", "Back to the list"]);
    let page = site.get(&format!("{PAGE}?delivery=dlv_00000000000zz")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}
