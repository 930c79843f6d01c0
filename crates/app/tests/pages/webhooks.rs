//! The Webhooks panel.

use groundswell_types::Problem;
use groundswell_types::editor::SecretDraft;
use http::StatusCode;

use crate::memory::{Memory, live_row};
use crate::site::Site;

const PAGE: &str = "/programs/p1/options/webhooks";

/// The form as it is sent when nothing was typed, without the button.
const UNCHANGED: &str = "version=0&row=primary&url.primary=https%3A%2F%2Fexample.com%2Fwebhooks&enabled.primary=on\
    &event.primary=PARTICIPANT_REACHED_A_GOAL&event.primary=NEW_PARTICIPANT_ADDED\
    &event.primary=PARTICIPANT_FRAUD_STATUS_UPDATED&event.primary=CAMPAIGN_ENDED&secret.primary=&row=wh2\
    &url.wh2=https%3A%2F%2Fcrm.example.org%2Fhooks%2Fgroundswell%3Ftenant%3D42&enabled.wh2=on\
    &event.wh2=PARTICIPANT_REACHED_A_GOAL&secret.wh2=";

fn pressed(intent: &str) -> String {
    format!("{UNCHANGED}&intent={intent}")
}

#[tokio::test]
async fn webhooks_are_shown_with_how_they_are_doing() {
    let page = Site::new(Memory::full()).get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&["Working last success 26 Jul 2026, 12:04:05 UTC", "4 of 4 events · signed"]);
    page.shows(&["Failing 7 failures in a row, last 26 Jul 2026, 12:03:05 UTC", "12 waiting 3 parked"]);
    page.shows(&["next attempt 26 Jul 2026, 12:05:35 UTC"]);
    page.shows(&[
        "3 deliveries are parked.",
        "1 of 4 events · not signed",
        "Everything is published",
        "2 of 5",
    ]);
    assert_eq!(page.tags("value=\"https://example.com/webhooks\"").len(), 1);
    for said in [
        "Last 24 hours. Delivered: 3. Failed attempts: 0. Successful: 100%.",
        "No attempts in the last 24 hours",
    ] {
        assert_eq!(page.tags(&format!("aria-label=\"{said}\"")).len(), 1, "{said}");
    }
    // Affiliate programs have those, this one does not.
    assert!(!page.html.contains("NEW_PAYOUT_ISSUED"));
}

#[tokio::test]
async fn an_empty_panel_says_what_to_do() {
    let memory = Memory::full();
    memory.state.lock().expect("not poisoned").live.clear();
    Site::new(memory).get(PAGE).await.shows(&["No webhooks yet", "Add webhook"]);
}

#[tokio::test]
async fn a_form_that_changes_nothing_begins_no_draft() {
    let site = Site::new(Memory::full());
    assert_eq!(site.post(PAGE, &pressed("save")).await.ok().as_deref(), Some(PAGE));
    assert!(site.backend.state.lock().expect("not poisoned").draft.is_none());
}

#[tokio::test]
async fn what_is_typed_is_saved_and_published() {
    let site = Site::new(Memory::full());
    let typed = pressed("save")
        .replace("example.com%2Fwebhooks", "example.com%2Fnew")
        .replace("&enabled.primary=on", "");
    let page = site.post_and_follow(PAGE, &typed).await;
    page.shows(&[
        "Draft saved 26 Jul 2026, 12:04:05 UTC · 1 change",
        "Change the webhook https://example.com/new.",
    ]);
    assert!(page.tags("name=\"version\"")[0].contains("value=\"1\""));

    let typed = typed.replace("version=0", "version=1").replace("intent=save", "intent=publish");
    let page = site.post_and_follow(PAGE, &typed).await;
    page.shows(&["Published. Deliveries use these settings from now on.", "Everything is published", "Off"]);
    assert_eq!(site.backend.state.lock().expect("not poisoned").live[0].row.url, "https://example.com/new");
}

#[tokio::test]
async fn a_timeout_is_typed_saved_and_published_and_a_wrong_one_says_why() {
    let site = Site::new(Memory::full());
    let page = site.get(PAGE).await;
    let field = &page.tags("id=\"timeout-primary\"")[0];
    assert!(field.contains("value=\"\"") && field.contains("inputmode=\"numeric\""), "{field}");
    page.shows(&["Timeout in seconds", "from 1 to 30", "Leave it empty for the usual time"]);

    let typed = pressed("save").replace("secret.primary=", "secret.primary=&timeout.primary=+45+");
    let page = site.post_and_follow(PAGE, &typed).await;
    page.shows(&["Must be a whole number of seconds from 1 to 30."]);
    let field = &page.tags("id=\"timeout-primary\"")[0];
    assert!(field.contains("value=\"45\"") && field.contains("aria-invalid=\"true\""), "{field}");

    let typed = typed.replace("version=0", "version=1").replace("+45+", "20").replace("=save", "=publish");
    let page = site.post_and_follow(PAGE, &typed).await;
    page.shows(&["Everything is published"]);
    assert!(page.tags("id=\"timeout-primary\"")[0].contains("value=\"20\""));
    assert_eq!(site.backend.state.lock().expect("not poisoned").live[0].row.timeout, "20");
}

#[tokio::test]
async fn a_webhook_is_added_with_all_events_and_five_are_enough() {
    let site = Site::new(Memory::full());
    let location = site.post(PAGE, &pressed("add")).await.ok().expect("is added");
    assert_eq!(location, format!("{PAGE}#webhook-new-0-2"));
    let page = site.get(PAGE).await;
    page.shows(&["Not published yet", "3 of 5", "4 of 4 events · not signed"]);
    // Nobody had time to type a URL yet.
    assert!(!page.text().contains("enter the URL"));

    site.backend.state.lock().expect("not poisoned").draft = None;
    let more = ["a", "b", "c"].map(|key| format!("&row={key}&url.{key}=https://{key}.example"));
    let five = pressed("add") + &more.concat();
    let page = site.post(PAGE, &five).await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["A program has at most 5 webhooks. Remove one to add another."]);
    assert_eq!(page.tags("value=\"https://c.example\"").len(), 1, "what was typed is still there");
    assert!(page.tags("id=\"add-webhook\"")[0].contains("aria-disabled=\"true\""));
    assert!(!page.tags("id=\"add-webhook\"")[0].contains(" disabled"));
}

#[tokio::test]
async fn a_webhook_is_removed_and_the_draft_discarded() {
    let site = Site::new(Memory::full());
    let page = site.post_and_follow(PAGE, &pressed("remove:wh2")).await;
    page.shows(&["1 of 5", "Remove the webhook https://crm.example.org"]);
    let page = site.post_and_follow(PAGE, "intent=discard").await;
    page.shows(&["2 of 5", "Everything is published"]);
}

#[tokio::test]
async fn events_can_be_ticked_all_or_none() {
    let site = Site::new(Memory::full());
    let page = site.post_and_follow(PAGE, &pressed("none:primary")).await;
    page.shows(&["0 of 4 events · signed", "Nothing selected means nothing is sent."]);
    let cleared = UNCHANGED.replace("version=0", "version=1").replace("event.primary", "x");
    let page = site.post_and_follow(PAGE, &format!("{cleared}&intent=all:primary")).await;
    page.shows(&["4 of 4 events · signed"]);
}

#[tokio::test]
async fn a_test_shows_what_was_sent_and_what_came_back() {
    let site = Site::new(Memory::full());
    let location = site.post(PAGE, &pressed("test:primary:CAMPAIGN_ENDED")).await.ok().expect("is tested");
    assert_eq!(location, format!("{PAGE}?test=test_0000000000000&row=primary#webhook-primary"));
    let page = site.get(location.split('#').next().expect("a path")).await;
    page.shows(&["200 in 87 ms", "Program ended", "Your server accepted the test.", "OK"]);
    page.shows(&["Sent to https://example.com/webhooks, signed with the secret of this row."]);
    page.shows(&["curl -i -X POST", "Request", "Response", "cURL"]);
    assert!(
        site.backend.state.lock().expect("not poisoned").draft.is_none(),
        "testing what is live begins no draft"
    );
    // A result that is no longer kept is no failure of the page.
    assert_eq!(site.get(&format!("{PAGE}?test=test_0000000000009&row=primary")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_test_that_fails_says_what_to_do() {
    let site = Site::new(Memory::full());
    let down = pressed("test:primary").replace("example.com", "down.example");
    let page = site.post_and_follow(PAGE, &down).await;
    page.shows(&["No answer after 87 ms", "Nobody answers at this address.", "Start your server"]);

    let wrong =
        pressed("test:primary").replace("version=0", "version=1").replace("https%3A%2F%2Fexample", "example");
    let page = site.post(PAGE, &wrong).await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Must start with https:// or http://."]);
}

#[tokio::test]
async fn what_cannot_be_published_says_why_at_its_place() {
    let site = Site::new(Memory::full());
    let typed = pressed("publish").replace("https%3A%2F%2Fcrm.example.org", "crm.example.org");
    let page = site.post(PAGE, &typed).await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&[
        "Some of what was entered cannot be used.",
        "Must start with https:// or http://.",
        "Draft saved",
    ]);
    let urls = page.tags("name=\"url.");
    assert!(
        urls[0].contains("aria-invalid=\"false\"") && urls[1].contains("aria-invalid=\"true\""),
        "{urls:?}"
    );
}

#[tokio::test]
async fn a_draft_that_was_changed_elsewhere_is_not_overwritten() {
    let site = Site::new(Memory::full());
    site.post(PAGE, &pressed("remove:wh2")).await.ok().expect("is saved");
    let mine = pressed("save").replace("example.com%2Fwebhooks", "example.com%2Fmine");
    let page = site.post(PAGE, &mine).await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["This draft was changed elsewhere.", "Show the other draft", "Save mine over it"]);
    assert_eq!(page.tags("value=\"https://example.com/mine\"").len(), 1);
    // Whoever presses Save now has been told, and the form carries the newer number.
    assert!(page.tags("name=\"version\"")[0].contains("value=\"1\""));
}

#[tokio::test]
async fn a_secret_is_set_and_never_comes_back() {
    let site = Site::new(Memory::full());
    let typed = pressed("secret:wh2").replace("secret.wh2=", "secret.wh2=correct+horse");
    let page = site.post_and_follow(PAGE, &typed).await;
    page.shows(&["A new secret is saved in this draft.", "1 of 4 events · signed"]);
    assert!(!page.html.contains("correct horse"));
    let secrets = site.backend.state.lock().expect("not poisoned").secrets.clone();
    assert_eq!(secrets, [("wh2".to_owned(), "correct horse".to_owned())]);

    let page = site.post_and_follow(PAGE, &pressed("unsecret:wh2").replace("version=0", "version=1")).await;
    page.shows(&["The secret will be removed when you publish."]);
    let page = site.post_and_follow(PAGE, &pressed("keep:wh2").replace("version=0", "version=2")).await;
    page.shows(&["There is a secret. Every request is signed with it."]);
}

#[tokio::test]
async fn a_typed_secret_is_saved_by_whatever_button_is_pressed() {
    let site = Site::new(Memory::full());
    let typed = pressed("publish").replace("secret.wh2=", "secret.wh2=correct+horse");
    site.post_and_follow(PAGE, &typed).await.shows(&["Published."]);
    let state = site.backend.state.lock().expect("not poisoned");
    assert_eq!(state.secrets.len(), 1);
    assert_eq!(state.live[1].row.secret, SecretDraft::New);
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_says_why() {
    let site = Site::new(Memory::full());
    let typed = pressed("secret:wh2").replace("secret.wh2=", "secret.wh2=whsec_short");
    let page = site.post(PAGE, &typed).await.expect_err("comes back");
    page.shows(&["Starts with whsec_, so the rest must be base64 of 24 to 64 bytes."]);
    assert!(!page.html.contains("whsec_short"));
}

#[tokio::test]
async fn a_generated_secret_is_offered_in_its_field() {
    let site = Site::new(Memory::full());
    let location = site.post(PAGE, &pressed("generate:wh2")).await.ok().expect("redirects");
    assert!(!location.contains("whsec_"), "secrets are not for URLs");
    let page = site.get(location.split('#').next().expect("a path")).await;
    let field = page.tags("name=\"secret.wh2\"");
    assert!(field[0].contains("value=\"whsec_"), "{field:?}");
    page.shows(&["Generated for you, and not saved yet"]);
}

#[tokio::test]
async fn parked_deliveries_are_sent_or_discarded() {
    for intent in ["send:wh2", "drop:wh2"] {
        let site = Site::new(Memory::full());
        let page = site.post_and_follow(PAGE, &pressed(intent)).await;
        assert!(!page.text().contains("parked"), "{intent}");
    }
}

#[tokio::test]
async fn what_was_given_up_is_said_and_leads_to_the_log() {
    let memory = Memory::full();
    if let Some(live) = &mut memory.state.lock().expect("not poisoned").live[1].live {
        live.activity.hours[22].undeliverable = 4;
    }
    let page = Site::new(memory).get(PAGE).await;
    page.shows(&["4 deliveries were given up in the last 24 hours."]);
    let log = "/deliveries?state=undeliverable&amp;webhook=wh2";
    for link in [format!("{log}\""), format!("{log}&amp;resend=all\"")] {
        assert_eq!(page.tags(&link).len(), 1, "{link}");
    }
}

#[tokio::test]
async fn problems_of_a_saved_draft_are_shown_when_it_is_opened_again() {
    let memory = Memory::full();
    {
        let mut state = memory.state.lock().expect("not poisoned");
        let mut row = live_row("primary", "ftp://example.com");
        row.problems = vec![Problem::new("/url", "must start with https:// or http://")];
        state.live = vec![row];
    }
    Site::new(memory).get(PAGE).await.shows(&["Must start with https:// or http://."]);
}
