//! Teams over the real binary: who is invited comes in, sees what their role says, and is out at once.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Client;
use crate::live::Stream;
use crate::server::Server;

/// Two teams with a program each, and an owner of the first.
struct House {
    server: Server,
    admin: Client,
    /// The programs of the first team and of the other.
    programs: [String; 2],
    other_team: String,
}

impl House {
    fn new() -> Self {
        let server = Server::start();
        let admin = server.client();
        let other_team = admin.post("/v2/teams", &json!({ "name": "Partners" })).ok();
        let other_team = other_team["id"].as_str().expect("an id").to_owned();
        let make = |team: &Value| {
            let program = json!({ "type": "REFERRAL", "name": "A program", "teamId": team });
            let made = admin.post("/v2/campaigns", &program).ok();
            made["id"].as_str().expect("an id").to_owned()
        };
        let programs = [make(&Value::Null), make(&json!(other_team))];
        Self { server, admin, programs, other_team }
    }

    /// The token of an invitation.
    fn invite(&self, team: &str, name: &str, role: &str) -> String {
        let invitation = json!({ "email": format!("{name}@example.com"), "role": role });
        let made = self.admin.post(&format!("/v2/teams/{team}/invitations"), &invitation).ok();
        let url = made["url"].as_str().expect("a link");
        url.split_once("/invitation?token=").expect("a token").1.to_owned()
    }

    /// Somebody new in a team, in a browser of their own.
    fn member(&self, team: &str, name: &str, role: &str) -> Browser {
        let token = self.invite(team, name, role);
        accept(&self.server, &format!("intent=new&token={token}&name={name}&password=apple+river+stone+lamp"))
    }

    /// The id of somebody in a team.
    fn id(&self, team: &str, name: &str) -> String {
        let members = self.admin.get(&format!("/v2/teams/{team}/members")).ok();
        let members = members["members"].as_array().expect("a list");
        let member = members.iter().find(|member| member["name"] == name).expect("they are in it");
        member["id"].as_str().expect("an id").to_owned()
    }

    /// A key of a team that can do everything there.
    fn admin_key(&self, program: &str) -> Client {
        let key = self
            .admin
            .post("/v2/api-keys", &json!({ "name": "k", "scopes": ["admin"], "campaignId": program }));
        self.admin.authorized_by(Some(&format!("Bearer {}", key.ok()["key"].as_str().expect("a key"))))
    }
}

/// Sends the form of an invitation from a browser that has no session.
fn accept(server: &Server, form: &str) -> Browser {
    let browser = Browser::signed_out(server);
    let answer = browser.post("/invitation", form);
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    Browser { cookie: cookie.split(';').next().expect("a cookie").to_owned(), ..browser }
}

/// The status of an answer.
fn status(answer: &str) -> u16 {
    answer["HTTP/1.1 ".len()..][..3].parse().expect("a status")
}

const FIRST: &str = "team_first";

#[test]
fn whoever_is_invited_comes_in_and_sees_the_team_and_no_other() {
    let house = House::new();
    let [own, other] = &house.programs;
    let token = house.invite(FIRST, "ada", "editor");
    let opened = Browser::signed_out(&house.server).page(&format!("/invitation?token={token}"));
    assert!(opened.contains("Join the team “My team”") && opened.contains("ada@example.com"), "{opened}");
    assert!(opened.contains("cache-control: private, no-store"), "{opened}");
    // Opening it, and a form that cannot be accepted, use nothing up.
    let weak = format!("intent=new&token={token}&name=ada&password=short");
    assert_eq!(status(&Browser::signed_out(&house.server).post("/invitation", &weak)), 422);
    let form = format!("intent=new&token={token}&name=ada&password=apple+river+stone+lamp");
    let ada = accept(&house.server, &form);
    let again = Browser::signed_out(&house.server).post("/invitation", &form);
    assert_eq!(status(&again), 409, "it was used");

    let programs = ada.page("/");
    assert!(programs.contains(own.as_str()) && !programs.contains(other.as_str()));
    for (path, wanted) in [("options/webhooks", 200), ("deliveries", 200), ("inbox", 200)] {
        assert_eq!(status(&ada.page(&format!("/programs/{own}/{path}"))), wanted, "{path}");
        let hidden = ada.page(&format!("/programs/{other}/{path}"));
        assert_eq!(status(&hidden), 404, "{path}");
    }
    assert_eq!(status(&ada.page("/settings/members")), 200);
    assert_eq!(status(&ada.page("/settings/api-keys")), 403);
    let members = house.admin.get("/v2/teams/team_first/members").ok();
    assert_eq!(members["members"][1]["email"], "ada@example.com");
    assert_eq!(members["members"][1]["role"], "editor");
}

/// What a server function answers.
fn function(browser: &Browser, name: &str, body: &Value) -> u16 {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
    let request = agent.post(format!("http://{}/_fn/{name}", browser.address));
    let request = request.header("content-type", "application/json").header("cookie", &browser.cookie);
    request.send(body.to_string()).expect("it answers").status().as_u16()
}

#[test]
fn a_role_counts_for_the_next_request_and_a_removal_for_what_is_open() {
    let house = House::new();
    let [program, _] = &house.programs;
    let ada = house.member(FIRST, "ada", "viewer");
    let member = format!("/v2/teams/team_first/members/{}", house.id(FIRST, "ada"));
    let save = json!({ "id": program, "seen": { "draftVersion": 0 }, "rows": [] });
    let form = "intent=add&version=0&live=0";
    let panel = format!("/programs/{program}/options/webhooks");
    let page = ada.page(&panel);
    assert!(page.contains("your role is viewer") && !page.contains("value=\"publish\""));
    assert_eq!(function(&ada, "get_panel", &json!({ "id": program })), 200);
    assert_eq!(function(&ada, "save_draft", &save), 403);
    assert_eq!(status(&ada.post(&panel, form)), 403);
    assert_eq!(status(&ada.post("/", "name=x&type=REFERRAL")), 403);
    assert_eq!(status(&ada.post("/settings/members", "intent=invite&email=x@example.com&role=owner")), 403);

    house.admin.patch(&member, &json!({ "role": "editor" })).ok();
    assert!(ada.page(&panel).contains("value=\"publish\""));
    assert_eq!(function(&ada, "save_draft", &save), 200);
    assert_eq!(
        status(
            &ada.post(
                "/settings/members",
                &format!("intent=role&user={}&role=owner", house.id(FIRST, "ada"))
            )
        ),
        403
    );

    let (mut one, mut all) = (
        Stream::standing(&ada, &format!("/programs/{program}/live")),
        Stream::standing(&ada, "/programs/live"),
    );
    // A role that still sees goes on to be told.
    house.admin.patch(&member, &json!({ "role": "viewer" })).ok();
    house.admin.patch(&format!("/v2/campaign/{program}"), &json!({ "name": "Hooli" })).ok();
    one.tells(&["program"]);
    all.tells(&["program"]);
    house.admin.delete(&member).ok();
    assert_eq!(one.next(), None, "out of the team, nothing of it is told");
    assert_eq!(status(&ada.page(&panel)), 404);
    assert_eq!(function(&ada, "get_panel", &json!({ "id": program })), 404);
    assert_eq!(status(&ada.page(&format!("/programs/{program}/deliveries/export?format=csv"))), 404);
    assert_eq!(status(&ada.page(&format!("/programs/{program}/live"))), 404);
    assert!(ada.page("/").contains("You are in no team any more."));
}

/// The device that a browser is told to be.
fn device_of(answer: &str) -> Option<&str> {
    let cookies = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: groundswell_device="));
    cookies.filter_map(|cookie| cookie.split(';').next()).find(|token| !token.is_empty())
}

#[test]
fn a_browser_that_accepted_an_invitation_signs_in_while_others_guess() {
    let house = House::new();
    let stranger = Browser::signed_out(&house.server);
    let form = |intent: &str, token: &str| {
        format!("intent={intent}&token={token}&name=ada&password=apple+river+stone+lamp")
    };
    let new = stranger.post("/invitation", &form("new", &house.invite(FIRST, "ada", "owner")));
    let again =
        stranger.post("/invitation", &form("sign-in", &house.invite(&house.other_team, "ada", "viewer")));
    let signed_in = stranger.post("/sign-in", "email=ada@example.com&password=apple+river+stone+lamp");
    let session = signed_in.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a session");
    let session = session.split(';').next().expect("a cookie").to_owned();
    let third = house.admin.post("/v2/teams", &json!({ "name": "Third" })).ok();
    let token = house.invite(third["id"].as_str().expect("an id"), "ada", "viewer");
    let joined = Browser { cookie: session, ..Browser::signed_out(&house.server) };
    let joined = joined.post("/invitation", &form("join", &token));
    let devices = [&new, &again, &joined].map(|answer| device_of(answer).expect("a device").to_owned());

    let wrong = "email=ada@example.com&password=not+this+one";
    for _ in 0..10 {
        assert_eq!(status(&stranger.post("/sign-in", wrong)), 401);
    }
    let right = "email=ada@example.com&password=apple+river+stone+lamp";
    assert_eq!(status(&stranger.post("/sign-in", right)), 429);
    for device in &devices {
        let cookie = format!("groundswell_device={device}");
        let known = Browser { cookie, ..Browser::signed_out(&house.server) };
        assert_eq!(status(&known.post("/sign-in", right)), 303);
    }
    // A browser that is known is known to an invitation as well.
    let fourth = house.admin.post("/v2/teams", &json!({ "name": "Fourth" })).ok();
    let token = house.invite(fourth["id"].as_str().expect("an id"), "ada", "viewer");
    assert!(
        status(&stranger.post("/invitation", &form("sign-in", &token))) >= 400,
        "a stranger is locked out"
    );
    let cookie = format!("groundswell_device={}", devices[0]);
    let known = Browser { cookie, ..Browser::signed_out(&house.server) };
    assert_eq!(status(&known.post("/invitation", &form("sign-in", &token))), 303);
}

#[test]
fn a_list_of_programs_is_told_of_its_own_team_alone_and_follows_the_choice_of_another() {
    let house = House::new();
    let [own, other] = &house.programs;
    let ada = house.member(FIRST, "ada", "viewer");
    let eve = house.member(&house.other_team, "eve", "viewer");
    let mut list = Stream::standing(&ada, "/programs/live");
    let mut others = Stream::standing(&eve, "/programs/live");
    let rename = |program: &str, name: &str| {
        house.admin.patch(&format!("/v2/campaign/{program}"), &json!({ "name": name })).ok();
    };
    // What is told of the other team's program would come before the own one's webhook.
    rename(other, "Hooli");
    others.tells(&["program"]);
    let webhook = json!({ "payloadUrl": "https://example.com/", "events": [], "isEnabled": false });
    house.admin.post(&format!("/v2/campaign/{own}/webhooks"), &webhook).ok();
    assert_eq!(list.next(), Some(json!(["webhooks"])), "told of another team's program");
    let made = json!({ "type": "REFERRAL", "name": "New", "teamId": house.other_team });
    let made = house.admin.post("/v2/campaigns", &made).ok();
    others.tells(&["program"]);
    rename(made["id"].as_str().expect("an id"), "Newer");
    others.tells(&["program"]);
    house.admin.patch(&format!("/v2/campaign/{own}/webhooks/primary"), &json!({ "name": "n" })).ok();
    assert_eq!(list.next(), Some(json!(["webhooks"])), "told of a program that was made for others");

    // In another window she looks at the other team, and the list there is about that one from now on.
    let token = house.invite(&house.other_team, "ada", "viewer");
    assert_eq!(status(&ada.post("/invitation", &format!("intent=join&token={token}"))), 303);
    let everything = json!(["program", "webhooks", "draft", "deliveries", "inbox"]);
    assert_eq!(list.next(), Some(everything), "joining leads to the team's programs");
    rename(own, "Raviga");
    rename(other, "Aviato");
    assert_eq!(list.next(), Some(json!(["program"])));
}

#[test]
fn a_further_team_is_joined_with_the_account_there_is_and_chosen_in_the_head() {
    let house = House::new();
    let [first, other] = &house.programs;
    let ada = house.member(FIRST, "ada", "owner");
    let elsewhere = Browser { cookie: ada.cookie.clone(), ..Browser::signed_out(&house.server) };
    let token = house.invite(&house.other_team, "ada", "viewer");
    // With nobody's session and no password it is nothing; with another's account it is not theirs.
    let stranger = Browser::signed_out(&house.server);
    let page = stranger.page(&format!("/invitation?token={token}"));
    assert!(page.contains("This address has an account here.") && !page.contains("name=\"name\""));
    let takeover = format!("intent=new&token={token}&name=ada&password=another+long+password");
    assert_eq!(status(&stranger.post("/invitation", &takeover)), 409);
    assert_eq!(status(&stranger.post("/invitation", &format!("intent=join&token={token}"))), 401);
    let wrong = format!("intent=sign-in&token={token}&password=not+this+one+surely");
    assert!(status(&stranger.post("/invitation", &wrong)) >= 400);
    let bob = house.member(FIRST, "bob", "viewer");
    assert_eq!(status(&bob.post("/invitation", &format!("intent=join&token={token}"))), 409);

    let form = format!("intent=sign-in&token={token}&password=apple+river+stone+lamp");
    let joined = accept(&house.server, &form);
    assert_eq!(status(&elsewhere.page("/settings/members")), 401, "other sessions end");
    let page = joined.page("/");
    assert!(page.contains("aria-label=\"Team: Partners\""), "{page}");
    assert!(page.contains(other.as_str()) && !page.contains(first.as_str()));
    // A program of the other team opens by its link, with the role there.
    assert!(joined.page(&format!("/programs/{first}/options/webhooks")).contains("value=\"publish\""));
    assert!(!joined.page(&format!("/programs/{other}/options/webhooks")).contains("value=\"publish\""));
    assert_eq!(status(&joined.post("/team", "team=team_first")), 303);
    assert!(joined.page("/").contains(first.as_str()));
    assert_eq!(status(&joined.post("/team", "team=team_nobodys")), 404);
}

#[test]
fn a_teams_key_reaches_its_own_team_alone_and_only_the_operator_makes_teams() {
    let house = House::new();
    let owner = house.member(&house.other_team, "owner", "owner");
    let made = owner.post("/settings/api-keys", "intent=create&name=k&scope=admin");
    let key = made.split("value=\"gsk_").nth(1).expect("a key").split('"').next().expect("a key");
    let key = house.admin.authorized_by(Some(&format!("Bearer gsk_{key}")));
    let teams = key.get("/v2/teams").ok();
    assert_eq!(teams["teams"].as_array().map(Vec::len), Some(1));
    assert_eq!(teams["teams"][0]["name"], "Partners");
    key.post("/v2/teams", &json!({ "name": "Mine" })).refused(403, "FORBIDDEN");
    let own = format!("/v2/teams/{}", house.other_team);
    assert_eq!(key.patch(&own, &json!({ "name": "Crew" })).ok()["name"], "Crew");
    assert_eq!(key.get(&format!("{own}/members")).ok()["members"].as_array().map(Vec::len), Some(1));
    let new = json!({ "email": "Dee@Example.com", "role": "viewer" });
    let invited = key.post(&format!("{own}/invitations"), &new).ok();
    assert_eq!((&invited["email"], &invited["invitedBy"]), (&json!("dee@example.com"), &json!("k")));
    let listed = key.get(&format!("{own}/invitations")).ok();
    assert_eq!(listed["invitations"].as_array().map(Vec::len), Some(1));
    assert!(listed["invitations"][0].get("url").is_none());
    let invitation = format!("{own}/invitations/{}", invited["id"].as_str().expect("an id"));
    // The other team's things are not there for it.
    for path in ["/v2/teams/team_first/members", "/v2/teams/team_none/members"] {
        let answer = key.get(path);
        assert_eq!(answer.json()["message"], "There is no such team.");
        answer.refused(404, "NOT_FOUND");
    }
    key.post("/v2/teams/team_first/invitations", &new).refused(404, "NOT_FOUND");
    key.post("/v2/campaigns", &json!({ "type": "REFERRAL", "teamId": "team_first" }))
        .refused(404, "NOT_FOUND");
    key.delete(&invitation).ok();
    key.delete(&invitation).refused(404, "NOT_FOUND");
    let last = format!("{own}/members/{}", house.id(&house.other_team, "owner"));
    key.delete(&last).refused(409, "CONFLICT");
    key.patch(&last, &json!({ "role": "viewer" })).refused(409, "CONFLICT");
    key.patch(&last, &json!({ "role": "god" })).refused(400, "BAD_REQUEST");
    let of_program = house.admin_key(&house.programs[1]);
    of_program.get(&format!("{own}/members")).refused(403, "FORBIDDEN");
}
