//! The page where those who run the server say how it is, and what everybody reads of it.

use groundswell_app::Language;
use groundswell_types::{Component, ComponentStatus, Impact, Progress, Role, Schedule};
use http::StatusCode;

use crate::memory::Memory;
use crate::site::Site;

const HERE: &str = "/settings/status";

const REPORT: &str = "intent=report&name=Deliveries+are+late&status=investigating&impact=major&message=We+look\
                      &component-events=&component-delivery=partial_outage&component-api=";

const ANNOUNCE: &str = "intent=announce&name=A+larger+disk&from=2026-08-01T10:00&until=2026-08-01T11:30\
                        &component=delivery&component=api&message=Wait";

#[tokio::test]
async fn an_incident_is_reported_continued_corrected_and_taken_away() {
    let site = Site::new(Memory::empty());
    site.get(HERE).await.shows(&["Nothing is open", "Report an incident", "Announce maintenance"]);
    let page = site.post_and_follow(HERE, REPORT).await;
    page.shows(&["Deliveries are late Investigating Major impact", "Concerns: Delivering", "We look"]);
    let incident = site.backend.state.lock().expect("not poisoned").incidents[0].clone();
    assert_eq!(incident.status_of(Component::Delivery), Some(ComponentStatus::PartialOutage));
    assert_eq!((incident.impact, incident.components.len()), (Impact::Major, 1));
    // Everybody reads it.
    let public = Site::new(Memory::default());
    public.backend.state.lock().expect("not poisoned").incidents = vec![incident.clone()];
    let address = format!("/status/incidents/{}", incident.id);
    public.get(&address).await.shows(&["Deliveries are late", "Investigating", "We look", "System Status"]);
    let page = public.get("/status").await;
    page.shows(&["Some of it fails", "Deliveries are late Investigating Major impact", "RSS"]);
    assert!(page.html.contains(&format!("href=\"{address}\"")), "{}", page.html);

    let id = format!("kind=incident&incident={}", incident.id);
    let correct =
        format!("intent=correct&{id}&name=Some+are+late&impact=minor&component-events=major_outage");
    let page = site.post_and_follow(HERE, &correct).await;
    page.shows(&["Some are late Investigating Minor impact", "Concerns: Accepting events"]);
    let resolve = format!("intent=update&{id}&status=resolved&message=It+is+mended");
    let page = site.post_and_follow(HERE, &resolve).await;
    page.shows(&["Nothing is open", "Over", "Some are late Resolved", "It is mended"]);
    assert_eq!(page.tags("value=\"update\"").len(), 0, "nothing more is said of it");
    site.post_and_follow(HERE, &format!("intent=delete&{id}")).await.shows(&["Nothing is open"]);
    assert!(site.backend.state.lock().expect("not poisoned").incidents.is_empty());
}

#[tokio::test]
async fn maintenance_is_announced_and_moved_in_utc() {
    let site = Site::new(Memory::empty());
    let page = site.post_and_follow(HERE, ANNOUNCE).await;
    page.shows(&[
        "A larger disk Announced Maintenance",
        "From 1 Aug 2026, 10:00:00 UTC until 1 Aug 2026, 11:30:00 UTC",
    ]);
    let work = site.backend.state.lock().expect("not poisoned").incidents[0].clone();
    assert_eq!(work.schedule, Some(Schedule { from: 1_785_578_400_000, until: 1_785_583_800_000 }));
    assert!(page.html.contains("value=\"2026-08-01T11:30\""), "the form has its times");
    assert_eq!(page.tags("name=\"component\" value=\"api\" checked").len(), 1);
    let id = format!("kind=maintenance&incident={}", work.id);
    let move_it =
        format!("intent=correct&{id}&name=A+disk&from=2026-08-02T10:00&until=2026-08-02T11:00&component=api");
    let page = site.post_and_follow(HERE, &move_it).await;
    page.shows(&["A disk Announced", "From 2 Aug 2026, 10:00:00 UTC", "Concerns: API"]);
    let begin = format!("intent=update&{id}&status=in_progress&message=Now");
    site.post_and_follow(HERE, &begin).await.shows(&["A disk In progress"]);
}

#[tokio::test]
async fn a_correction_leaves_times_as_they_were_that_the_form_shows_to_the_minute() {
    let site = Site::new(Memory::empty());
    site.post_and_follow(HERE, ANNOUNCE).await;
    let exact = Schedule { from: 1_785_578_412_345, until: 1_785_583_859_999 };
    let set =
        |site: &Site| site.backend.state.lock().expect("not poisoned").incidents[0].schedule = Some(exact);
    let is = |site: &Site| site.backend.state.lock().expect("not poisoned").incidents[0].schedule;
    set(&site);
    let page = site.get(HERE).await;
    assert!(
        page.html.contains("value=\"2026-08-01T10:00\"") && page.html.contains("value=\"2026-08-01T11:30\"")
    );
    let correct = |until: &str| {
        format!(
            "intent=correct&kind=maintenance&incident=inc_0000000000001&name=A+disk&from=2026-08-01T10:00&until={until}\
             &component=api"
        )
    };
    site.post_and_follow(HERE, &correct("2026-08-01T11:30")).await.shows(&["A disk Announced"]);
    assert_eq!(is(&site), Some(exact));
    site.post_and_follow(HERE, &correct("2026-08-01T11:31")).await;
    assert_eq!(is(&site), Some(Schedule { until: 1_785_583_860_000, ..exact }));
}

#[tokio::test]
async fn what_cannot_be_done_comes_back_as_it_was_typed() {
    let site = Site::new(Memory::empty());
    let wrong = "intent=announce&name=A+larger+disk&from=soon&until=&component=api&message=Wait";
    let page = site.post(HERE, wrong).await.expect_err("it comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Must be a date and a time."]);
    assert!(page.html.contains("value=\"A larger disk\""), "{}", page.html);
    let open = page.tags("details ").into_iter().filter(|tag| tag.contains(" open"));
    assert_eq!(open.count(), 1, "only that form is open");
    let unknown =
        site.post(HERE, "intent=update&kind=incident&incident=inc_1").await.expect_err("comes back");
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn of_an_open_incident_system_status_has_what_was_said_last_and_its_page_everything() {
    let site = Site::new(Memory::empty());
    site.post_and_follow(HERE, REPORT).await;
    let update = |number: usize| {
        format!(
            "intent=update&kind=incident&incident=inc_0000000000001&status=identified&message=Number+{number}+of+them"
        )
    };
    for number in 1..=2 {
        site.post_and_follow(HERE, &update(number)).await;
    }
    let page = site.get("/status").await;
    page.shows(&["Number 2 of them", "Number 1 of them", "We look"]);
    assert!(!page.html.contains("earlier update"));
    for number in 3..=4 {
        site.post_and_follow(HERE, &update(number)).await;
    }
    let page = site.get("/status").await;
    page.shows(&["Number 4 of them", "Number 3 of them", "Number 2 of them", "2 earlier updates"]);
    assert!(!page.html.contains("Number 1 of them") && !page.html.contains("We look"), "{}", page.html);
    site.get("/status/incidents/inc_0000000000001").await.shows(&["Number 1 of them", "We look"]);
}

#[tokio::test]
async fn only_those_who_run_the_server_see_the_page_and_the_way_to_it() {
    let link = "href=\"/settings/status\"";
    let owner = Site::new(Memory::empty());
    assert!(owner.get("/settings/members").await.html.contains(link));
    for role in [Role::Viewer, Role::Editor] {
        let site = Site::new(Memory::empty().seen_by(Some(role)));
        assert!(!site.get("/settings/members").await.html.contains(link));
        site.get(HERE).await.shows(&["Only those who run this server can do that"]);
        let refused = site.post(HERE, REPORT).await.expect_err("is refused");
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(site.backend.state.lock().expect("not poisoned").incidents.is_empty());
    }
}

#[tokio::test]
async fn what_the_server_says_itself_is_in_the_reader_s_language_and_what_was_typed_is_text() {
    let site = Site::new(Memory::empty());
    site.post_and_follow(HERE, ANNOUNCE).await;
    {
        let mut state = site.backend.state.lock().expect("not poisoned");
        let update = &mut state.incidents[0].updates[0];
        update.message = "The maintenance has begun.".to_owned();
        update.status = Progress::parse("in_progress").expect("a word");
        state.incidents[0].name = "<script>alert(1)</script>".to_owned();
    }
    let german = Site { language: Language::German, ..site };
    let page = german.get("/status/incidents/inc_0000000000001").await;
    page.shows(&["Die Wartung hat begonnen.", "Läuft", "&lt;script&gt;alert(1)&lt;/script&gt;"]);
}
