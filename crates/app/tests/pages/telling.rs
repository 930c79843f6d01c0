//! Who gets e-mail about webhooks, and the page behind the link in it.

use groundswell_app::Language;
use groundswell_app::backend::telling::{Topic, Whose};
use groundswell_types::{RecipientState, Role};
use http::StatusCode;

use crate::memory::telling::{TOKEN, about_webhook, recipient};
use crate::memory::{Memory, State};
use crate::site::Site;

const NOTIFICATIONS: &str = "/settings/notifications";

fn with<T>(site: &Site, look: impl FnOnce(&mut State) -> T) -> T {
    look(&mut site.backend.state.lock().expect("not poisoned"))
}

#[tokio::test]
async fn the_page_says_who_gets_it_and_that_nobody_does_without_a_mail_server() {
    let site = Site::new(Memory::full());
    let page = site.get(NOTIFICATIONS).await;
    page.shows(&["Notifications", "This server sends no e-mail", "Nobody is named", "Bring a friend"]);
    with(&site, |state| {
        state.letters.sends_mail = true;
        state.letters.recipients =
            vec![recipient("ada", RecipientState::Invited), recipient("eve", RecipientState::Unsubscribed)];
    });
    let page = site.get(&format!("{NOTIFICATIONS}?campaign=p1")).await;
    page.shows(&["asked, has not answered yet", "does not want it", "named by Bo &lt;b&gt;, 26 Jul 2026"]);
    page.shows(&["Until somebody of these gets it, the owners of the team do."]);
    assert!(!page.html.contains("This server sends no e-mail"));
    assert!(!page.html.contains(".wasm"), "the page has no browser half");
    assert_eq!(page.tags("aria-label=\"Remove eve@example.com\"").len(), 1);
    let recipients = (0..10).map(|number| recipient(&format!("r{number}"), RecipientState::Member)).collect();
    with(&site, |state| state.letters.recipients = recipients);
    let page = site.get(NOTIFICATIONS).await;
    page.shows(&["gets it as long as they are in the team", "A webhook can have 10 recipients."]);
    assert_eq!(page.tags("name=\"email\"").len(), 1, "of the other webhook");
}

#[tokio::test]
async fn somebody_is_named_and_named_no_longer() {
    let site = Site::in_language(Memory::full(), Language::German);
    let form = "campaign=p1&webhook=primary&intent=add&email=Eve%40Example.com";
    let leads_to = site.post(NOTIFICATIONS, form).await.ok();
    assert_eq!(leads_to.as_deref(), Some("/settings/notifications?campaign=p1"));
    let form = "campaign=p1&webhook=primary&intent=remove&recipient=rcp_eve";
    site.post(NOTIFICATIONS, form).await.ok().expect("it is done");
    let done = with(&site, |state| state.letters.done.clone());
    assert_eq!(done, ["eve@example.com for primary in de", "no rcp_eve for primary"]);
    let form = "campaign=p1&webhook=primary&intent=add&email=nobody";
    let page = site.post(NOTIFICATIONS, form).await.expect_err("it comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let form = "campaign=p1&webhook=primary&intent=dance";
    assert_eq!(site.post(NOTIFICATIONS, form).await.expect_err("comes back").status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn owners_set_up_operational_webhooks_and_others_see_nothing_of_them() {
    let site = Site::new(Memory::full().seen_by(Some(Role::Owner)));
    let page = site.get(NOTIFICATIONS).await;
    page.shows(&["Operational webhooks", "Set up operational webhooks"]);
    let leads_to = site.post(NOTIFICATIONS, "intent=operations").await.ok();
    assert_eq!(leads_to.as_deref(), Some("/programs/ops_first/options/webhooks"));
    let page = site.get(NOTIFICATIONS).await;
    assert_eq!(page.tags("href=\"/programs/ops_first/options/webhooks\"").len(), 1);
    assert_eq!(page.tags("href=\"/programs/ops_first/deliveries\"").len(), 1);
    // Who is told by e-mail of what happens to them is chosen as for any program; the audit log knows them, too.
    let page = site.get(&format!("{NOTIFICATIONS}?campaign=ops_first")).await;
    assert_eq!(page.status, StatusCode::OK);
    let page_of_log = site.get("/settings/audit-log?campaign=ops_first").await;
    for page in [page, page_of_log] {
        assert_eq!(page.tags("value=\"ops_first\" selected").len(), 1, "{}", page.html);
    }
    let site = Site::new(Memory::full().seen_by(Some(Role::Editor)));
    assert!(!site.get(NOTIFICATIONS).await.html.contains("Operational webhooks"));
}

#[tokio::test]
async fn viewers_see_nobodys_address_and_no_link_to_the_page() {
    let site = Site::new(Memory::full().seen_by(Some(Role::Viewer)));
    site.get(NOTIFICATIONS).await.shows(&["Viewers only look."]);
    for (role, links) in [(Role::Viewer, 0), (Role::Editor, 1), (Role::Owner, 1)] {
        let site = Site::new(Memory::full().seen_by(Some(role)));
        let page = site.get("/settings/sessions").await;
        assert_eq!(page.tags("href=\"/settings/notifications\"").len(), links, "{role}");
    }
}

#[tokio::test]
async fn the_link_shows_a_form_and_only_the_form_decides() {
    let site = Site::new(Memory::default());
    with(&site, |state| state.letters.topic = Some(about_webhook(RecipientState::Invited)));
    let link = format!("/notifications?token={TOKEN}");
    let page = site.get(&link).await;
    page.shows(&[
        "The webhook CRM of the program Acme &lt;b&gt;, for eve@example.com.",
        "Bo &lt;b&gt; wants you to be told",
    ]);
    page.shows(&["I want these e-mails", "No e-mail about this webhook", "No e-mail about any webhook"]);
    assert_eq!(with(&site, |state| state.letters.done.len()), 0);

    for (intent, wish, shown) in [
        ("want", "These", "You get e-mail when something is wrong with it."),
        ("stop", "NotThese", "You get no e-mail about it."),
        ("stop-all", "None", "You get no e-mail about it."),
    ] {
        let page = site.post("/notifications", &format!("token={TOKEN}&intent={intent}")).await;
        let page = page.expect_err("the answer is the page");
        assert_eq!(page.status, StatusCode::OK);
        page.shows(&[shown]);
        assert_eq!(with(&site, |state| state.letters.done.last().cloned()).as_deref(), Some(wish));
    }
    for form in ["token=unknown&intent=stop".to_owned(), format!("token={TOKEN}&intent=dance")] {
        let page = site.post("/notifications", &form).await.expect_err("the answer is the page");
        assert!(page.status.is_client_error(), "{form}");
    }
    site.get("/notifications?token=unknown").await.shows(&["This link leads nowhere any more"]);
}

#[tokio::test]
async fn who_is_named_no_longer_can_still_say_no() {
    let site = Site::new(Memory::default());
    with(&site, |state| state.letters.topic = Some(Topic::Gone { state: RecipientState::Invited }));
    let page = site.get(&format!("/notifications?token={TOKEN}")).await;
    page.shows(&["E-mail about a webhook, for eve@example.com.", "or you are no longer named"]);
    page.shows(&["No e-mail about this webhook", "No e-mail about any webhook"]);
    assert!(!page.html.contains("value=\"want\""), "nobody names them");
    let page = site.post("/notifications", &format!("token={TOKEN}&intent=stop")).await;
    page.expect_err("the answer is the page").shows(&["You get no e-mail about it."]);
}

#[tokio::test]
async fn whoever_reads_an_address_says_whether_it_is_that_of_the_account() {
    let site = Site::new(Memory::default());
    let topic = Topic::Account { name: "Bo <b>".to_owned(), whose: Whose::Unknown };
    with(&site, |state| state.letters.topic = Some(topic));
    let page = site.get(&format!("/notifications?token={TOKEN}")).await;
    page.shows(&["E-mail of an account", "the e-mail address of the account of Bo &lt;b&gt; here."]);
    page.shows(&["Is it your address and your account?", "Yes, both are mine", "Nothing about this account"]);
    for (intent, shown) in [
        ("want", "It is confirmed that the address is yours."),
        ("stop", "Nothing about this account is sent to the address."),
    ] {
        let page = site.post("/notifications", &format!("token={TOKEN}&intent={intent}")).await;
        page.expect_err("the answer is the page").shows(&[shown]);
    }
}

#[tokio::test]
async fn one_click_with_a_link_that_is_no_more_is_as_good_as_done() {
    let site = Site::new(Memory::default());
    let page = site.post("/notifications?token=unknown", "List-Unsubscribe=One-Click").await;
    assert_eq!(page.expect_err("the answer is the page").status, StatusCode::OK);
}
