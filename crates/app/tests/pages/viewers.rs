//! What a viewer sees: everything, and no control that would be refused.

use groundswell_types::Role;
use groundswell_types::editor::{ChangedBy, FirstSteps, HistoryVersion};

use crate::memory::{Memory, NOW};
use crate::site::{Page, Site};

const READ_ONLY: &str = "You can see this and change nothing: your role is viewer.";

fn memory() -> Memory {
    let memory = Memory::full();
    {
        let mut state = memory.state.lock().expect("not poisoned");
        state.first_steps = Some(FirstSteps { done: Vec::new() });
        let version = |version| HistoryVersion {
            version,
            at: NOW,
            by: Some(ChangedBy::Editor),
            changes: Vec::new(),
            webhooks: 2,
            is_live: version == 2,
        };
        state.history = vec![version(2), version(1)];
    }
    memory
}

/// The same page for an editor and for a viewer.
async fn both(path: &str) -> (Page, Page) {
    let editor = Site::new(memory().seen_by(Some(Role::Editor))).get(path).await;
    let viewer = Site::new(memory().seen_by(Some(Role::Viewer))).get(path).await;
    (editor, viewer)
}

/// What only editors are shown: all of it is in the one page, and none in the other.
#[track_caller]
fn is_for_editors((editor, viewer): &(Page, Page), parts: &[&str]) {
    for part in parts {
        assert!(editor.main().contains(part), "an editor does not see {part}");
        assert!(!viewer.main().contains(part), "a viewer sees {part}");
    }
    viewer.shows(&[READ_ONLY, "An owner of the team can give you another."]);
    assert!(!editor.text().contains(READ_ONLY));
}

#[tokio::test]
async fn the_panel_is_there_to_be_read() {
    let pages = both("/programs/p1/options/webhooks").await;
    let controls = [
        "value=\"publish\"",
        "value=\"save\"",
        "value=\"add\"",
        "test:primary",
        "remove:primary",
        "generate:primary",
        "id=\"secret-primary\"",
        "value=\"end-first-steps\"",
        "href=\"/settings/notifications?campaign=p1\"",
    ];
    is_for_editors(&pages, &controls);
    let (editor, viewer) = &pages;
    assert_eq!(viewer.tags("name=\"intent\"").len(), 0, "nothing can be sent");
    let is_disabled = |page: &Page| page.tags("panel-fields")[0].contains(" disabled");
    assert!(is_disabled(viewer) && !is_disabled(editor));
    viewer.shows(&["Advanced webhook settings", "Custom headers", "Secret"]);
    assert!(viewer.main().contains("value=\"https://example.com/webhooks\""));
}

#[tokio::test]
async fn history_log_and_inbox_are_there_to_be_read() {
    let history = both("/programs/p1/options/webhooks/history").await;
    is_for_editors(&history, &["name=\"draft\""]);
    history.1.shows(&["Version 1", "Version 2"]);
    let log = both("/programs/p1/deliveries").await;
    is_for_editors(&log, &["id=\"selection\"", "resend=all", "name=\"delivery\""]);
    log.1.shows(&["Export"]);
    let asked = both("/programs/p1/deliveries?resend=all").await;
    is_for_editors(&asked, &["class=\"card resend-all\""]);
    let inbox = both("/programs/p1/inbox").await;
    is_for_editors(&inbox, &["value=\"use\"", "value=\"replace\"", "value=\"clear\""]);
    inbox.1.shows(&["https://groundswell.example/inbox/"]);
    let options = both("/programs/p1/options").await;
    is_for_editors(&options, &[]);
}

#[tokio::test]
async fn one_delivery_is_there_to_be_read() {
    let (editor, _) = both("/programs/p1/deliveries").await;
    let rows = editor.tags("id=\"row-dlv_");
    let ids: Vec<&str> =
        rows.iter().filter_map(|row| row.split("id=\"row-").nth(1)?.split('"').next()).collect();
    let mut has_seen_one = false;
    for id in ids {
        let (editor, viewer) = both(&format!("/programs/p1/deliveries?delivery={id}")).await;
        has_seen_one |= editor.main().contains("id=\"resend-one\"");
        assert!(!viewer.main().contains("id=\"resend-one\""));
    }
    assert!(has_seen_one, "an editor can send what has ended again");
}

#[tokio::test]
async fn a_viewer_makes_no_programs_and_somebody_in_no_team_is_told_so() {
    let (editor, viewer) = both("/").await;
    assert!(editor.main().contains("name=\"type\"") && !viewer.main().contains("name=\"type\""));
    viewer.shows(&["Bring a friend", "your role is viewer"]);
    let nobody = Site::new(Memory::empty().seen_by(None)).get("/").await;
    nobody.shows(&["You are in no team any more."]);
    assert!(!nobody.main().contains("name=\"type\""));
}
