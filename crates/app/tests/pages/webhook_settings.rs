//! The Webhooks panel: a webhook's headers, its old secret, its events; what was disabled; what two changed.

use groundswell_types::editor::{
    Conflict, DisabledStatus, FieldValue, HeaderDraft, HeaderState, OldSecretStatus, Side,
};
use groundswell_types::{Problem, SecretOverlap};
use http::StatusCode;

use crate::memory::{Memory, NOW};
use crate::site::Site;

const PAGE: &str = "/programs/p1/options/webhooks";

/// A form with one row that shows its headers, without the button.
const ROW: &str = "version=0&live=1&row=primary&url.primary=https%3A%2F%2Fexample.com%2Fwebhooks&enabled.primary=on\
    &event.primary=PARTICIPANT_REACHED_A_GOAL&overlap.primary=0&headers.primary=";

fn site(change: impl FnOnce(&mut crate::memory::State)) -> Site {
    let memory = Memory::full();
    change(&mut memory.state.lock().expect("not poisoned"));
    Site::new(memory)
}

fn header(key: &str, name: &str, state: HeaderState) -> HeaderDraft {
    HeaderDraft { key: key.to_owned(), name: name.to_owned(), value: None, state }
}

#[tokio::test]
async fn headers_are_shown_without_their_values_and_with_what_is_wrong() {
    let site = site(|state| {
        let row = &mut state.live[0];
        row.row.headers = Some(vec![
            header("live-x-api-key", "x-api-key", HeaderState::Kept),
            header("new-1", "host", HeaderState::Missing),
        ]);
        row.problems = vec![
            Problem::new(
                "/headers/1/name",
                "follows from the URL; remove it, and change the URL if it is to be another",
            ),
            Problem::new("/headers/1/value", "has no value; enter one, or remove the header"),
        ];
    });
    let page = site.get(PAGE).await;
    let names = page.tags("name=\"header-name.primary\"");
    assert!(
        names[0].contains("value=\"x-api-key\"") && names[0].contains("aria-invalid=\"false\""),
        "{names:?}"
    );
    assert!(names[1].contains("value=\"host\"") && names[1].contains("aria-invalid=\"true\""), "{names:?}");
    let values = page.tags("name=\"header-value.primary\"");
    assert!(values[0].contains("placeholder=\"••••••••\"") && values[0].contains("value=\"\""), "{values:?}");
    assert!(values[1].contains("aria-invalid=\"true\""), "{values:?}");
    page.shows(&["Follows from the URL; remove it", "Has no value; enter one, or remove the header."]);
    page.shows(&["A value is saved. Type another to replace it."]);
    assert_eq!(page.tags("aria-label=\"Remove header 2\"")[0].matches("unheader:primary:1").count(), 1);
}

#[tokio::test]
async fn headers_are_added_typed_and_removed_without_javascript() {
    let site = Site::new(Memory::full());
    let location = site.post(PAGE, &format!("{ROW}&intent=header:primary")).await.ok().expect("is added");
    assert_eq!(location, format!("{PAGE}?open=primary#webhook-primary"));
    let page = site.get(PAGE).await;
    let key = page.tags("name=\"header.primary\"");
    assert!(key[0].contains("value=\"new-0-0\""), "{key:?}");
    // Nobody had time to type a name yet.
    page.shows(&["Custom headers"]);

    let typed = "&header.primary=new-0-0&header-name.primary=x-api-key&header-value.primary=s3cret";
    let typed = format!("{ROW}{typed}&intent=save").replace("version=0", "version=1");
    let page = site.post_and_follow(PAGE, &typed).await;
    assert!(page.tags("name=\"header-name.primary\"")[0].contains("value=\"x-api-key\""));
    assert!(!page.html.contains("s3cret"), "a value never comes back");
    {
        let state = site.backend.state.lock().expect("not poisoned");
        assert_eq!(state.secrets, [("new-0-0".to_owned(), "s3cret".to_owned())]);
    }

    let gone = typed.replace("version=1", "version=2").replace("intent=save", "intent=unheader:primary:0");
    let page = site.post_and_follow(PAGE, &gone).await;
    assert_eq!(page.tags("name=\"header-name.primary\"").len(), 0);
}

#[tokio::test]
async fn a_header_that_could_not_be_saved_comes_back_without_its_value() {
    let site = Site::new(Memory::full());
    site.post(PAGE, &format!("{ROW}&intent=header:primary")).await.ok().expect("is saved");
    let typed = "&header.primary=new-1&header-name.primary=x-mine&header-value.primary=s3cret&intent=save";
    let page = site.post(PAGE, &format!("{ROW}{typed}")).await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.tags("name=\"header-name.primary\"").iter().any(|tag| tag.contains("value=\"x-mine\"")));
    assert!(!page.html.contains("s3cret"));
}

#[tokio::test]
async fn how_long_an_old_secret_stays_is_chosen_and_saved() {
    let site = Site::new(Memory::full());
    let page = site.get(PAGE).await;
    page.shows(&["When a new secret is published, the old one", "stays valid for 24 hours"]);
    let chosen = ROW.replace("overlap.primary=0", "overlap.primary=86400");
    let page = site.post_and_follow(PAGE, &format!("{chosen}&intent=save")).await;
    let choices = page.tags("name=\"overlap.primary\"");
    let chosen: Vec<_> = choices.iter().filter(|tag| tag.contains("checked")).collect();
    assert!(chosen.len() == 1 && chosen[0].contains("value=\"86400\""), "{choices:?}");
    let state = site.backend.state.lock().expect("not poisoned");
    let row = &state.draft.as_ref().expect("a draft").rows[0].row;
    assert_eq!(row.secret_overlap, Some(SecretOverlap::Day));
}

#[tokio::test]
async fn an_old_secret_says_until_when_and_is_ended_at_once() {
    let old = |new_accepted_at| Some(OldSecretStatus { ends_at: NOW + 3_600_000, new_accepted_at });
    for (accepted, said) in [
        (None, "No test was accepted with the new one alone yet."),
        (Some(NOW), "so your server does without the old one."),
    ] {
        let site = site(|state| {
            let live = state.live[0].live.as_mut().expect("is live");
            live.old_secret = old(accepted);
        });
        site.get(PAGE).await.shows(&["The secret before this one is valid until", said]);
        let page = site.post_and_follow(PAGE, &format!("{ROW}&intent=end:primary")).await;
        page.shows(&["The old secret has ended."]);
        assert!(!page.text().contains("is valid until"));
    }
}

#[tokio::test]
async fn every_event_has_an_example() {
    let page = Site::new(Memory::full()).get(PAGE).await;
    // Four events of a referral program at two webhooks.
    assert_eq!(page.html.matches("class=\"example\"").count(), 8);
    assert!(page.html.contains("CAMPAIGN_ENDED") && page.text().contains("\"firstName\""));
}

#[tokio::test]
async fn a_disabled_webhook_says_since_when_and_why_and_is_enabled_at_once() {
    let site = site(|state| {
        let row = &mut state.live[0];
        row.row.is_enabled = false;
        let live = row.live.as_mut().expect("is live");
        live.is_enabled = false;
        live.is_auto_disabled = true;
        let last_error = Some("The connection was refused: nothing listens on that port.".to_owned());
        live.disabled = Some(DisabledStatus { at: NOW, last_error });
    });
    let page = site.get(PAGE).await;
    page.shows(&["Disabled 26 Jul 2026, 12:04:05 UTC , because deliveries failed."]);
    page.shows(&["Last error: The connection was refused: nothing listens on that port.", "Enable"]);
    let form = ROW.replace("&enabled.primary=on", "");
    let page = site.post_and_follow(PAGE, &format!("{form}&intent=enable:primary")).await;
    page.shows(&["The webhook is enabled."]);
    assert!(!page.text().contains("Last error"));
}

#[tokio::test]
async fn what_two_changed_is_shown_with_both_values_and_decided() {
    for (intent, side) in [("mine", Side::Mine), ("theirs", Side::Theirs)] {
        let site = Site::new(Memory::full());
        site.post(PAGE, &format!("{ROW}&intent=save")).await.ok().expect("is saved");
        site.backend.state.lock().expect("not poisoned").conflicts = vec![Conflict {
            key: "primary".to_owned(),
            url: "https://example.com/mine".to_owned(),
            mine: FieldValue::Url("https://example.com/mine".to_owned()),
            theirs: FieldValue::Url("https://example.com/rest".to_owned()),
        }];
        let page = site.get(PAGE).await;
        page.shows(&["This draft and what is live both changed the same."]);
        page.shows(&["In this draft", "https://example.com/mine", "Live now", "https://example.com/rest"]);
        let form = ROW.replace("version=0", "version=1");
        let page = site.post_and_follow(PAGE, &format!("{form}&intent={intent}")).await;
        assert!(!page.text().contains("both changed the same"));
        assert_eq!(site.backend.state.lock().expect("not poisoned").resolved, [side]);
    }
}

#[tokio::test]
async fn a_name_is_typed_and_shown_at_its_row() {
    let site = Site::new(Memory::full());
    let page = site.post_and_follow(PAGE, &format!("{ROW}&name.primary=+The+%3CCRM%3E+&intent=save")).await;
    assert!(
        page.tags("name=\"name.primary\"")[0].contains("value=\"The &lt;CRM"),
        "{:?}",
        page.tags("name=\"name.primary\"")
    );
    assert!(page.html.contains("<p class=\"webhook-name\">The &lt;CRM&gt;"));
}
