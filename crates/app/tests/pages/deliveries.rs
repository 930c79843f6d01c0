//! The delivery log.

use groundswell_types::DeliveryState;
use http::StatusCode;

use crate::memory::{Memory, NOW, delivery};
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
    assert_eq!(page.tags("type=\"checkbox\" name=\"delivery\"").len(), DeliveryState::ALL.len());
    assert_eq!(page.tags("disabled value=\"dlv").len() + page.tags("form=\"selection\" aria-label").len(), 8);
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
    let page = site.get(&format!("{PAGE}?status=5xx&text=ada%40example.com&since=2026-07-26T12:04")).await;
    assert_eq!(page.tags("tr ").len(), 3);
    for value in ["value=\"5xx\"", "value=\"ada@example.com\"", "value=\"2026-07-26T12:04\""] {
        assert_eq!(page.tags(value).iter().filter(|tag| tag.starts_with("input ")).count(), 1, "{value}");
    }
    page.shows(&["From (UTC)", "Until (UTC)", "Clear"]);
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
async fn a_filter_that_makes_no_sense_says_why_and_stays() {
    let site = Site::new(Memory::full());
    let page = site.get(&format!("{PAGE}?since=2026-07-27T00:00&until=2026-07-26T00:00")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["“Until” must be later than “From”.", "Show all deliveries"]);
    assert_eq!(page.tags("value=\"2026-07-27T00:00\"").len(), 1);
}

#[tokio::test]
async fn a_search_that_takes_long_says_how_far_it_came() {
    let memory = Memory::full();
    memory.state.lock().expect("not poisoned").searched_until = Some(NOW);
    let site = Site::new(memory);
    let page = site.get(&format!("{PAGE}?text=nobody")).await;
    page.shows(&["Nothing found so far", "Searched back to 26 Jul 2026, 12:04:05 UTC .", "Search on"]);
    assert!(page.tags("rel=\"next\"")[0].contains(&format!("{PAGE}?text=nobody&amp;next=dlv_0000000000008")));
    site.get(&format!("{PAGE}?text=ada")).await.shows(&["Searched back to", "Search on"]);
}

#[tokio::test]
async fn one_is_sent_again_and_linked_with_its_original_both_ways() {
    let site = Site::new(Memory::full());
    let original = format!("{PAGE}?state=undeliverable&delivery=dlv_000000000001r");
    site.get(&original).await.shows(&["Undeliverable", "No further attempt follows.", "Resend"]);
    let location =
        site.post(&original, "intent=resend&delivery=dlv_000000000001r").await.ok().expect("works");
    assert!(location.starts_with(&format!("{PAGE}?state=undeliverable&delivery=dlv_")), "{location}");
    let page = site.get(&location).await;
    page.shows(&["Queued", "Resend of dlv_000000000001r"]);
    site.get(&original).await.shows(&["Undeliverable", "Resends dlv_"]);
    // It stands in the list as what it is.
    site.get(PAGE).await.shows(&["Queued New participant added Resend"]);
}

#[tokio::test]
async fn what_has_not_ended_is_not_sent_again() {
    let site = Site::new(Memory::full());
    let page = site.get(&format!("{PAGE}?delivery=dlv_0000000000010")).await;
    assert!(page.tags("id=\"resend-one\"").is_empty());
    let page = site.post(PAGE, "intent=resend&delivery=dlv_0000000000010").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["This delivery has not ended: it is retrying."]);
}

#[tokio::test]
async fn a_selection_is_sent_again() {
    let site = Site::new(Memory::full());
    let body =
        "intent=resend-selected&delivery=dlv_000000000000r&delivery=dlv_000000000001r&delivery=nonsense";
    let page = site.post_and_follow(&format!("{PAGE}?status=2xx"), body).await;
    page.shows(&["0 of 2 queued to be sent again.", "Stop"]);
    assert_eq!(page.tags("value=\"2xx\"").len(), 1, "the filter stays");
    let page = site.post(PAGE, "intent=resend-selected").await.expect_err("comes back");
    page.shows(&["Select deliveries that have ended first."]);
}

#[tokio::test]
async fn all_that_match_are_counted_first_and_can_be_stopped() {
    let site = Site::new(Memory::full());
    let page = site.get(&format!("{PAGE}?event=NEW_PARTICIPANT_ADDED")).await;
    let question = format!("{PAGE}?event=NEW_PARTICIPANT_ADDED&amp;resend=all");
    assert_eq!(page.tags(&question).len(), 1);
    let page = site.get(&question.replace("&amp;", "&")).await;
    page.shows(&["3 deliveries that have ended match.", "Resend 3 deliveries", "Cancel"]);
    assert!(site.backend.state.lock().expect("not poisoned").jobs.is_empty(), "nothing is sent by looking");
    let page = site.post_and_follow(&question.replace("&amp;", "&"), "intent=resend-all").await;
    page.shows(&["0 of 3 queued to be sent again."]);
    // Whoever comes by sees what runs.
    let page = site.get(PAGE).await;
    page.shows(&["0 of 3 queued to be sent again.", "Stop"]);
    let page = site.post_and_follow(PAGE, "intent=stop&job=rsj_0000000000001").await;
    page.shows(&["Stopped after 0 of 3.", "Dismiss"]);
    assert!(!site.get(PAGE).await.text().contains("Stopped"));
    // What still waits is not sent again.
    assert!(site.get(&format!("{PAGE}?state=held")).await.tags("resend=all").is_empty());
    site.get(&format!("{PAGE}?text=nobody&resend=all"))
        .await
        .shows(&["Nothing that matches can be sent again"]);
    let page = site.post(PAGE, "intent=nonsense").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_export_is_of_the_filter() {
    let site = Site::new(Memory::full());
    let page = site.get(&format!("{PAGE}?state=delivered&delivery=dlv_0000000000010")).await;
    for format in ["csv", "ndjson"] {
        let url = format!("{PAGE}/export?format={format}&amp;state=delivered\"");
        assert_eq!(page.tags(&url).len(), 1, "{url}");
    }
}

#[tokio::test]
async fn the_ways_lead_to_the_deliveries_before_and_after() {
    let site = Site::new(Memory::full());
    let page = site.get(&format!("{PAGE}?delivery=dlv_0000000000010")).await;
    let ids = [page.tags("id=\"go-previous\"")[0].to_owned(), page.tags("id=\"go-next\"")[0].to_owned()];
    assert!(
        ids[0].contains("delivery=dlv_") && ids[1].contains("delivery=dlv_") && ids[0] != ids[1],
        "{ids:?}"
    );
}

#[tokio::test]
async fn what_has_no_time_of_its_own_says_what_it_waits_for() {
    for (state, wanted) in [
        (
            DeliveryState::Held,
            "Waits until the endpoint works again. It is tried next 26 Jul 2026, 12:04:10 UTC .",
        ),
        (DeliveryState::Parked, "The webhook is off. Nothing is sent until it is on again."),
        (DeliveryState::Sending, "An attempt is on its way."),
        (DeliveryState::Cancelled, "No further attempt follows."),
    ] {
        let memory = Memory::full();
        let one = delivery(0, state);
        let id = one.delivery.id;
        memory.state.lock().expect("not poisoned").deliveries = vec![one];
        let page = Site::new(memory).get(&format!("{PAGE}?delivery={id}")).await;
        let text = page.text();
        let timeline = text.split(" Timeline ").nth(1).and_then(|rest| rest.split(" Body ").next());
        assert!(timeline.is_some_and(|timeline| timeline.contains(wanted)), "{state:?}: {timeline:?}");
    }
}

#[tokio::test]
async fn a_long_body_is_folded_and_a_short_one_is_not() {
    for (members, folds) in [(3, 0), (40, 1)] {
        let memory = Memory::full();
        let mut one = delivery(0, DeliveryState::Waiting);
        let id = one.delivery.id;
        let list: Vec<String> = (0..members).map(|number| format!("\"m{number}\":{number}")).collect();
        one.body = format!("{{{}}}", list.join(","));
        one.request = None;
        memory.state.lock().expect("not poisoned").deliveries = vec![one];
        let page = Site::new(memory).get(&format!("{PAGE}?delivery={id}")).await;
        assert_eq!(page.tags("class=\"code-fold\"").len(), folds, "{members}");
        assert!(page.html.contains(&format!("\"m{}\": {}", members - 1, members - 1)), "all of it is there");
    }
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
    page.shows(&["Accepted 26 Jul 2026, 12:04:05 UTC", "webhook-timestamp 1785067445"]);
    page.shows(&[
        "webhook-signature: &lt;value of webhook-signature&gt;",
        "-H 'content-type: application/json'",
    ]);
    page.shows(&["\"referralCount\": 1e+21", "As sent", "Back to the list"]);
    let page = site.get(&format!("{PAGE}?delivery=dlv_00000000000zz")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

/// Asked twice, what the browser is told may be another moment's than what the page shows, and it cannot take the page over.
#[tokio::test]
async fn what_stands_beside_the_list_is_asked_for_once() {
    let site = Site::new(Memory::full());
    let asked = || std::mem::take(&mut site.backend.state.lock().expect("not poisoned").asked);
    site.get(&format!("{PAGE}?delivery=dlv_000000000001r")).await.shows(&["Resend"]);
    assert_eq!(asked(), ["delivery"]);
    site.get(&format!("{PAGE}?resend=all")).await;
    assert_eq!(asked(), ["count"]);
    let request = site.backend.state.lock().expect("not poisoned").inbox[0].request.id;
    site.get(&format!("/programs/p1/inbox?request={request}")).await;
    assert_eq!(asked(), ["request"]);
}
