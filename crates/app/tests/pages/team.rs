//! The page of members, invitations, and the choice of a team.

use groundswell_app::failure::Failure;
use groundswell_app::forms::{self, Answer, Post};
use groundswell_app::{Language, Viewer};
use groundswell_types::{Role, TeamId, WayIn};
use http::StatusCode;

use crate::memory::Memory;
use crate::site::{Page, Site};

const MEMBERS: &str = "/settings/members";

async fn members(site: &Site) -> Page {
    site.get("/settings/members").await
}

fn done(site: &Site) -> Vec<String> {
    site.backend.state.lock().expect("not poisoned").team.done.clone()
}

#[tokio::test]
async fn owners_see_who_is_in_the_team_and_can_change_it() {
    let site = Site::new(Memory::empty());
    let page = members(&site).await;
    page.shows(&["Ada You", "Bo &lt;b&gt;", "bo@example.com · since 26 Jul 2026", "You decide who is in it"]);
    page.shows(&["Leave the team…", "Remove…", "Invite somebody", "Rename the team…"]);
    assert_eq!(page.tags("value=\"role\"").len(), 3);
    assert!(page.html.contains("aria-label=\"Role of Cy\""));
    for (form, wanted) in
        [("intent=role&user=bo&role=owner", "bo becomes owner"), ("intent=remove&user=cy", "cy is removed")]
    {
        assert_eq!(site.post(MEMBERS, form).await.ok().as_deref(), Some(MEMBERS));
        assert_eq!(done(&site).last().map(String::as_str), Some(wanted));
    }
    let left = site.post(MEMBERS, "intent=remove&user=ada").await;
    assert_eq!(left.ok().as_deref(), Some("/"), "there is no page of members for who has left");
    assert_eq!(site.post(MEMBERS, "intent=rename&name=Crew").await.ok().as_deref(), Some(MEMBERS));
    members(&site).await.shows(&["The team “Crew”."]);
    let unknown = site.post(MEMBERS, "intent=role&user=bo&role=god").await.expect_err("it comes back");
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn everybody_else_sees_who_is_in_the_team_and_can_leave() {
    for role in [Role::Viewer, Role::Editor] {
        let site = Site::new(Memory::empty().seen_by(Some(role)));
        let page = members(&site).await;
        page.shows(&["Bo &lt;b&gt;", "Cy", "Viewer", "Leave the team…", "Owners decide who is in it"]);
        for absent in
            ["Remove…", "Invite somebody", "Rename the team", "value=\"role\"", "/settings/api-keys\" rel"]
        {
            assert!(!page.main().contains(absent), "{role}: {absent}");
        }
        assert_eq!(page.tags("<form").len() + page.tags("form method").len(), 1, "only to leave");
    }
}

#[tokio::test]
async fn an_invitations_link_is_shown_in_the_answer_that_makes_it_and_never_again() {
    let site = Site::new(Memory::empty());
    let made = site.post(MEMBERS, "intent=invite&email=Dee@example.com&role=viewer").await;
    let made = made.expect_err("the page itself");
    assert_eq!(made.status, StatusCode::OK);
    made.shows(&["The invitation of dee@example.com is ready.", "It can be used once, within 7 days."]);
    assert!(made.html.contains("value=\"https://groundswell.example/invitation?token=good\""));
    let page = members(&site).await;
    page.shows(&["Invited by Ada; can be accepted until 2 Aug 2026"]);
    assert!(!page.html.contains("token=good"));
    site.post(MEMBERS, "intent=take-back&invitation=inv_1").await.ok().expect("leads back");
    assert!(!members(&site).await.html.contains("Invited by"));

    let typed = site.post(MEMBERS, "intent=invite&email=nonsense&role=owner").await.expect_err("comes back");
    assert_eq!(typed.status, StatusCode::UNPROCESSABLE_ENTITY);
    typed.shows(&["ust be an e-mail address such as ada@example.com"]);
    assert!(typed.html.contains("value=\"nonsense\""));
}

fn invited(way: Option<WayIn>) -> Site {
    let memory = Memory::default();
    memory.state.lock().expect("not poisoned").team.way = way;
    Site::new(memory)
}

async fn invitation(site: &Site, token: &str) -> Page {
    site.get(&format!("/invitation?token={token}")).await
}

#[tokio::test]
async fn an_invitation_shows_whose_it_is_and_accepts_only_by_its_form() {
    let site = invited(Some(WayIn::NewAccount));
    let page = invitation(&site, "good").await;
    page.shows(&["Join the team “Growth”", "Ada has invited dee@example.com.", "Your role: Editor."]);
    page.shows(&["Your name", "Choose a password"]);
    assert!(done(&site).is_empty(), "opening it accepts nothing");
    let form = b"token=good&intent=new&name=Dee&password=a+long+one";
    let post = Post { path: "/invitation", query: "", body: form, language: Language::English };
    let Answer::SignedIn { location, set_cookies } = forms::submit(site.backend.as_ref(), post).await else {
        panic!("does not redirect")
    };
    assert_eq!(location, "/");
    assert_eq!(set_cookies, ["session=new", "device=new"]);
    assert_eq!(done(&site), ["Dee comes with a long one"]);
}

#[tokio::test]
async fn who_has_an_account_comes_with_it() {
    let named = |name: &str| name.to_owned();
    let site = invited(Some(WayIn::SignIn));
    let page = invitation(&site, "good").await;
    page.shows(&["This address has an account here.", "Sign in and join"]);
    assert!(!page.html.contains("name=\"name\""), "nobody makes a second account of an address");
    site.post("/invitation", "token=good&intent=sign-in&password=secret").await.ok().expect("joins");
    assert_eq!(done(&site), ["signs in with secret"]);

    let site = invited(Some(WayIn::OwnAccount { name: named("Ada") }));
    invitation(&site, "good").await.shows(&["You are signed in as Ada, and join with this account."]);
    site.post("/invitation", "token=good&intent=join").await.ok().expect("joins");
    assert_eq!(done(&site), ["joins"]);

    let site = invited(Some(WayIn::IsMember { name: named("Ada") }));
    let page = invitation(&site, "good").await;
    page.shows(&["You are signed in as Ada, and in this team already.", "Sign out"]);
    assert!(!page.main().contains("name=\"token\""));
}

#[tokio::test]
async fn what_cannot_be_accepted_says_why_and_keeps_what_was_typed_but_the_password() {
    let site = invited(Some(WayIn::NewAccount));
    site.backend.state.lock().expect("not poisoned").failure =
        Some(Failure::Invalid(vec![groundswell_types::Problem::new("/password", "is too short")]));
    let page = site.post("/invitation", "token=good&intent=new&name=Dee&password=short").await;
    let page = page.expect_err("it comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["s too short"]);
    assert!(page.html.contains("value=\"Dee\"") && page.html.contains("value=\"good\""));
    assert!(!page.html.contains("value=\"short\""));
    for token in ["", "used"] {
        let page = invitation(&site, token).await;
        page.shows(&["This invitation has been used."]);
        assert!(!page.main().contains("<form"));
    }
}

#[tokio::test]
async fn who_is_in_several_teams_sees_which_and_chooses() {
    let memory = Memory::full();
    let other = TeamId::parse("team_b").expect("an id");
    let teams = vec![(TeamId::first(), "Growth".to_owned()), (other.clone(), "Partners & co".to_owned())];
    let viewer = Viewer {
        name: "Ada".to_owned(),
        role: Some(Role::Editor),
        teams,
        team: Some(other),
        needs_password: false,
    };
    memory.state.lock().expect("not poisoned").viewer = Some(viewer);
    let site = Site::new(memory);
    let page = site.get("/").await;
    assert!(page.html.contains("aria-label=\"Team: Partners &amp; co\""), "{}", page.html);
    assert!(page.html.contains("value=\"team_b\" aria-current=\"true\""));
    assert_eq!(site.post("/team", "team=team_first").await.ok().as_deref(), Some("/"));
    assert_eq!(done(&site), ["looks at team_first"]);
    let one = Site::new(Memory::full()).get("/").await;
    assert!(!one.html.contains("header-team"), "one team needs no choice");
}
