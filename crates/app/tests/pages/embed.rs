//! Pages inside of another product.

use async_trait::async_trait;
use groundswell_app::backend::{EmbedBackend, Opened};
use groundswell_app::failure::Failure;
use http::StatusCode;

use crate::memory::Memory;
use crate::site::{Page, Site};

/// The token of the one editor link there is, which works for ever.
const TOKEN: &str = "good";

#[async_trait]
impl EmbedBackend for Memory {
    async fn open_editor_link(&self, token: &str) -> Result<Opened, Failure> {
        let state = self.state.lock().expect("not poisoned");
        match state.programs.first() {
            Some(program) if token == TOKEN => {
                let program = program.program.id.clone();
                Ok(Opened { set_cookie: "editor=session".to_owned(), program })
            }
            _ => Err(Failure::Refused(
                "This link has been used or has expired. Go back to where you found it and open it anew."
                    .to_owned(),
            )),
        }
    }
}

const PANEL: &str = "/embed/programs/p1/webhooks";
const HISTORY: &str = "/embed/programs/p1/webhooks/history";

/// Where the page's links and forms lead.
fn ways(page: &Page) -> Vec<String> {
    let attributes = ["href=\"", "action=\""];
    let values = attributes.iter().flat_map(|attribute| page.html.split(attribute).skip(1));
    values.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_panel_and_its_history_stand_alone() {
    let memory = Memory::full();
    let site = Site::new(memory);
    for path in [PANEL, HISTORY] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.tags("<header").is_empty() && page.tags("<footer").is_empty(), "{path}");
        for way in ways(&page) {
            let is_within = way.starts_with("/embed/programs/p1/webhooks");
            let is_file = way.starts_with("/pkg/") || way == "/favicon.svg";
            assert!(
                is_within || is_file || way.starts_with('#') || way.starts_with("/docs"),
                "{path}: {way}"
            );
        }
    }
    let panel = site.get(PANEL).await;
    assert!(panel.html.matches("href=\"/docs").count() > 1);
    for link in panel.html.split("<a ").skip(1).filter(|link| link.starts_with("href=\"/docs")) {
        assert!(link.split('>').next().is_some_and(|tag| tag.contains("target=\"_blank\"")), "{link:.80}");
    }
}

#[tokio::test]
async fn what_the_panels_form_does_leads_back_to_where_it_is() {
    let site = Site::new(Memory::full());
    assert_eq!(site.post(PANEL, "intent=discard").await.ok().as_deref(), Some(PANEL));
    let row = "version=0&row=primary&url.primary=https%3A%2F%2Fexample.com%2Fother&enabled.primary=on&event.primary=CAMPAIGN_ENDED";
    let test = site.post(PANEL, &format!("{row}&intent=test%3Aprimary")).await;
    let test = test.unwrap_or_else(|page| panic!("{}", page.html));
    assert!(test.starts_with(&format!("{PANEL}?test=")), "{test}");
    let draft = site
        .backend
        .state
        .lock()
        .expect("not poisoned")
        .draft
        .as_ref()
        .map_or(0, |draft| draft.draft_version);
    let restored = site.post(HISTORY, &format!("version=1&draft={draft}")).await.ok().expect("a redirect");
    assert_eq!(restored, format!("{PANEL}?done=restored"));
}

#[tokio::test]
async fn a_link_shows_a_button_and_its_form_opens_the_panel() {
    let site = Site::new(Memory::full());
    let page = site.get("/embed?token=a%22b&theme=dark").await;
    page.shows(&["This opens the webhook settings of your program.", "Open webhook settings"]);
    assert_eq!(page.tags("value=\"a&quot;b\"").len(), 1);
    assert_eq!(page.tags("action=\"/embed?theme=dark\"").len(), 1);
    assert!(page.tags("<script").is_empty() && page.tags("<header").is_empty());

    assert_eq!(site.post("/embed", &format!("token={TOKEN}")).await.ok().as_deref(), Some(PANEL));
    let refused = site.post("/embed", "token=used").await.expect_err("a page");
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows(&["This link has been used or has expired."]);
    assert!(refused.tags("<form").is_empty(), "there is nothing to press again");
}

#[tokio::test]
async fn who_has_no_session_is_told_where_to_get_one() {
    let memory = Memory::full();
    memory.state.lock().expect("not poisoned").failure = Some(Failure::SignedOut);
    let page = Site::new(memory).get(PANEL).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    page.shows(&["Go back to the product that you came from"]);
    assert!(!page.html.contains("/sign-in"));
}
