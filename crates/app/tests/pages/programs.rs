//! Programs, signing in, the step Options, and what stands in for a page that cannot be shown.

use groundswell_app::failure::Failure;
use groundswell_types::ProgramType;
use http::StatusCode;

use crate::memory::{Memory, summary};
use crate::site::Site;

#[tokio::test]
async fn nobody_sees_a_page_without_signing_in() {
    let site = Site::new(Memory::default());
    for path in ["/", "/programs/p1/options", "/programs/p1/options/webhooks", "/programs/p1/deliveries"] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
        page.shows(&["Sign in", "Sign in to see this."]);
        assert!(!page.html.contains("Sign out"), "{path}");
    }
}

#[tokio::test]
async fn opening_a_link_uses_nothing_up_and_pressing_the_button_signs_in() {
    let site = Site::new(Memory::default());
    let page = site.get("/sign-in?token=good").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.tags("name=\"token\"").len(), 1);
    assert_eq!(site.get("/").await.status, StatusCode::UNAUTHORIZED);

    let refused = site.post("/sign-in", "token=old").await.expect_err("comes back");
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows(&["This sign-in link has been used or has expired."]);

    assert_eq!(site.post("/sign-in", "token=good").await.ok().as_deref(), Some("/"));
    let page = site.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.html.contains("Sign out"));
    assert_eq!(site.post("/sign-out", "").await.ok().as_deref(), Some("/sign-in"));
    assert_eq!(site.get("/").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn programs_are_listed_with_the_state_of_their_webhooks() {
    let memory = Memory::full();
    memory.state.lock().expect("not poisoned").programs[0].has_draft = true;
    let page = Site::new(memory).get("/").await;
    page.shows(&["Bring a friend", "Referral · In progress", "2 of 5 webhooks, 1 needs attention"]);
    page.shows(&["Unpublished draft", "Partners", "No webhooks yet"]);
    // Charts say in words what they show.
    let said = "Last 24 hours. Delivered: 117. Failed attempts: 3. Successful: 97%.";
    assert_eq!(page.tags(&format!("aria-label=\"{said}\"")).len(), 2);
    assert_eq!(page.tags("aria-label=\"97% of attempts successful\"").len(), 2);
}

#[tokio::test]
async fn the_first_program_is_asked_for() {
    let site = Site::new(Memory::empty());
    let page = site.get("/").await;
    page.shows(&["No programs yet"]);
    assert_eq!(page.tags("details ").iter().filter(|tag| tag.contains(" open")).count(), 1);

    let location = site.post("/", "name=Partners&type=AFFILIATE").await;
    assert_eq!(location.ok().as_deref(), Some("/programs/p1/options"));
    site.get("/programs/p1/options").await.shows(&[
        "Partners",
        "Affiliate",
        "Set up integrations",
        "Webhooks",
    ]);
}

#[tokio::test]
async fn a_program_that_cannot_be_created_comes_back_as_it_was_typed() {
    let site = Site::new(Memory::full());
    let page = site.post("/", "name=+%22A%22+%26+B+&type=NONE").await.expect_err("comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Choose referral or affiliate."]);
    assert_eq!(page.tags("value=\"&quot;A&quot; &amp; B\"").len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_failed_has_a_request_id() {
    let site = Site::new(Memory::full());
    for path in ["/nothing", "/programs/none/options", "/programs/a%20b/options", "/programs/none/deliveries"]
    {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        page.shows(&["Not found"]);
    }
    let request_id = Some("req_17".to_owned());
    site.backend.state.lock().expect("not poisoned").failure = Some(Failure::Internal { request_id });
    for path in ["/", "/programs/p1/options", "/programs/p1/options/webhooks", "/programs/p1/deliveries"] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        page.shows(&["Something went wrong on our side.", "req_17", "the number below"]);
    }
    let busy = "The server's database does not answer at the moment. Try again in a few seconds.";
    site.backend.state.lock().expect("not poisoned").failure = Some(Failure::Refused(busy.to_owned()));
    let page = site.get("/").await;
    page.shows(&[busy]);
    assert!(!page.text().contains("the number below"), "there is none");
}

#[tokio::test]
async fn what_people_typed_is_text_everywhere() {
    let memory = Memory::full();
    let name = "<script>alert(1)</script>\u{2028}</title>";
    memory.state.lock().expect("not poisoned").programs = vec![summary("p1", name, ProgramType::Referral)];
    let site = Site::new(memory);
    for path in ["/", "/programs/p1/options", "/programs/p1/options/webhooks", "/programs/p1/deliveries"] {
        let page = site.get(path).await;
        assert!(!page.html.contains("<script>alert"), "{path}");
        assert!(!page.html.contains("</script>\u{2028}"), "{path}");
        assert_eq!(page.html.matches("</title>").count(), 1, "{path}");
    }
}
