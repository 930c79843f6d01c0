//! Editor links and the pages that they open inside of another product: what their cookie opens, and what it does not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use groundswell_types::ProgramId;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Client;
use crate::server::Server;

const HOST: &str = "https://app.example.com";

/// What came back.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A frame in a browser, which may have cookies of both kinds.
#[derive(Clone)]
struct Frame {
    address: String,
    cookies: Vec<String>,
    /// What the browser says of where requests come from.
    site: &'static str,
}

impl Frame {
    fn new(server: &Server) -> Self {
        let address = server.url()["http://".len()..].to_owned();
        Self { address, cookies: Vec::new(), site: "sec-fetch-site: same-origin\r\n" }
    }

    fn with(&self, cookie: &str) -> Self {
        let mut frame = self.clone();
        frame.cookies.push(cookie.to_owned());
        frame
    }

    /// Sends a request.
    fn begin(&self, method: &str, path: &str, (kind, body): (&str, &str)) -> TcpStream {
        let Self { address, cookies, site } = self;
        let browser = Browser { address: address.clone(), cookie: String::new() };
        let mut connection = browser.connect();
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {}\r\nconnection: close\r\n\
             accept-language: en\r\n{site}content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            cookies.join("; "),
            body.len(),
        )
        .expect("it listens");
        connection
    }

    fn send(&self, method: &str, path: &str, body: (&str, &str)) -> Answer {
        let mut answer = String::new();
        self.begin(method, path, body).read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, ("text/plain", ""))
    }

    fn form(&self, path: &str, form: &str) -> Answer {
        self.send("POST", path, ("application/x-www-form-urlencoded", form))
    }

    /// Calls a server function.
    fn call(&self, path: &str, arguments: &Value) -> Answer {
        self.send("POST", path, ("application/json", &arguments.to_string()))
    }
}

/// A link, without the server's address; and its id.
fn link(client: &Client, program: &str, body: &Value) -> (String, String) {
    let answer = client.post(&format!("/v2/campaign/{program}/editor-link"), body);
    assert_eq!(answer.status, 201, "{}", answer.text);
    let made = answer.json();
    let url = made["url"].as_str().expect("a URL");
    let path = &url[url.find("/embed").expect("its path")..];
    (path.to_owned(), made["id"].as_str().expect("an id").to_owned())
}

fn token(link: &str) -> &str {
    link.split_once("token=").expect("a token").1.split('&').next().expect("the token")
}

/// A frame in which a link to the program was opened.
fn opened(server: &Server, client: &Client, program: &str) -> Frame {
    let (link, _) = link(client, program, &json!({}));
    let frame = Frame::new(server);
    let answer = frame.form("/embed", &format!("token={}", token(&link)));
    assert_eq!(answer.status, 303, "{}", answer.body);
    frame.with(cookie(&answer))
}

fn cookie(answer: &Answer) -> &str {
    answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie")
}

fn start() -> Server {
    Server::with(&[("GROUNDSWELL_EMBED_ORIGINS", HOST)])
}

fn panel_of(program: &str) -> String {
    format!("/embed/programs/{program}/webhooks")
}

#[test]
fn a_link_shows_a_button_as_often_as_it_is_looked_at_and_opens_once() {
    let server = start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let (link, id) = link(&client, &program, &json!({ "theme": "dark", "label": "Ada of Acme" }));
    assert!(id.starts_with("edl_") && link.ends_with("&theme=dark"), "{id} {link}");
    let frame = Frame::new(&server);
    for _ in 0..3 {
        for (method, site) in [
            ("GET", "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-purpose: prefetch\r\n"),
            ("HEAD", ""),
        ] {
            let answer = Frame { site, ..frame.clone() }.send(method, &link, ("text/plain", ""));
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("set-cookie"), None);
            assert_eq!(answer.header("referrer-policy"), Some("strict-origin"));
            assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        }
    }
    let page = frame.get(&link);
    assert!(
        page.body.contains("data-theme=\"dark\"") && !page.body.contains("type=\"module\""),
        "{}",
        page.body
    );
    assert!(!page.body.contains("name=\"referrer\""), "nothing in the page overrides the header");

    let form = format!("token={}", token(&link));
    let answer = frame.form("/embed?theme=dark", &form);
    assert_eq!((answer.status, answer.header("location")), (303, Some(panel_of(&program).as_str())));
    let set = answer.header("set-cookie").expect("a cookie");
    assert!(set.starts_with("__Host-groundswell_editor="), "{set}");
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=None", "Partitioned", "Max-Age=43200"] {
        assert!(set.split("; ").any(|one| one == attribute), "{set}");
    }
    assert!(!set.contains(token(&link)), "a session has a token of its own");
    let panel = frame.with(cookie(&answer)).get(&panel_of(&program));
    assert_eq!(panel.status, 200);
    assert!(panel.body.contains("data-theme=\"dark\""), "the theme stays");

    let again = frame.form("/embed", &form);
    assert_eq!((again.status, again.header("set-cookie")), (409, None));
    assert!(again.body.contains("This link has been used or has expired."));
    assert!(!server.log().contains(token(&link)), "no token is in the log");
}

/// The other kind there is; how invitations and resets do it, their own tests say.
#[test]
fn a_link_that_signs_in_shows_a_button_as_often_as_it_is_looked_at_and_opens_once() {
    let server = start();
    let made = server.client().post("/v2/sign-in-links", &json!({})).ok();
    let url = made["url"].as_str().expect("a URL");
    let link = &url[url.find("/sign-in").expect("its path")..];
    let frame = Frame::new(&server);
    for method in ["GET", "HEAD", "GET"] {
        let answer = frame.send(method, link, ("text/plain", ""));
        assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
        assert_eq!(answer.header("referrer-policy"), Some("strict-origin"));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    }
    let form = format!("token={}", token(link));
    let first = frame.form("/sign-in", &form);
    assert_eq!(first.status, 303);
    assert!(first.header("set-cookie").is_some());
    let again = frame.form("/sign-in", &form);
    assert_eq!((again.status, again.header("set-cookie")), (409, None));
    // The server prints a link of its own when it is first started.
    assert!(!server.log().contains(token(link)));
}

#[test]
fn only_the_embedded_pages_can_be_framed_and_only_by_those_that_are_named() {
    let server = start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let (link, _) = link(&client, &program, &json!({}));
    let frame = opened(&server, &client, &program);
    let panel = panel_of(&program);
    for path in [link.as_str(), "/embed", &panel, &format!("{panel}/history"), &panel_of("none")] {
        let answer = frame.get(path);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.ends_with(&format!("; frame-ancestors {HOST}")), "{path}: {policy}");
        assert_eq!(answer.header("x-frame-options"), None, "{path}");
    }
    let owner = Browser::signed_in(&server);
    let own = Frame::new(&server).with(&owner.cookie);
    for path in [
        "/",
        "/sign-in",
        "/settings/api-keys",
        &format!("/programs/{program}/options/webhooks"),
        "/docs",
        "/healthz",
        "/embedded",
    ] {
        let answer = own.get(path);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    }

    let closed = Server::start();
    let answer = Frame::new(&closed).get("/embed?token=x");
    assert!(
        answer.header("content-security-policy").is_some_and(|it| it.ends_with("frame-ancestors 'none'"))
    );
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
}

#[test]
fn the_cookie_sets_up_webhooks_of_its_program() {
    let server = start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let frame = opened(&server, &client, &program);
    let panel = panel_of(&program);
    let saved = frame.form(&panel, "version=0&live=0&row=new-1&url.new-1=http%3A%2F%2F127.0.0.1%3A8099%2Fhook&enabled.new-1=on&event.new-1=NEW_PARTICIPANT_ADDED&intent=publish");
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, Some(format!("{panel}?done=published").as_str())),
        "{}",
        saved.body
    );
    let webhooks = client.get(&format!("/v2/campaign/{program}/webhooks")).ok();
    assert_eq!(webhooks["webhooks"][0]["payloadUrl"], "http://127.0.0.1:8099/hook");
    assert_eq!(frame.get(&format!("{panel}/history")).status, 200);
    for function in ["get_panel", "get_program", "get_examples"] {
        let answer = frame.call(&format!("/embed/_fn/{function}"), &json!({ "id": program }));
        assert_eq!(answer.status, 200, "{function}: {}", answer.body);
    }
    let tested =
        frame.call("/embed/_fn/test_webhook", &json!({ "id": program, "row_key": "primary", "event": null }));
    assert!([200, 404].contains(&tested.status), "{}", tested.body);
}

/// The functions of pages, with arguments that would do, and what the holder of a link is answered.
fn functions(program: &str) -> Vec<(&'static str, Value, u16)> {
    let filter = json!({});
    vec![
        ("get_programs", json!({}), 403),
        ("get_deliveries", json!({ "id": program, "query": { "filter": filter, "limit": 1 } }), 403),
        ("get_delivery", json!({ "id": program, "delivery": "dlv_1sj7e4k9v2w0c" }), 403),
        ("get_inbox", json!({ "id": program }), 403),
        ("end_first_steps", json!({ "id": program }), 403),
        ("get_log_news", json!({ "id": program, "shown": [], "filter": null }), 403),
        ("resend", json!({ "id": program, "delivery": "dlv_1sj7e4k9v2w0c" }), 403),
        ("get_resend_jobs", json!({ "id": program }), 403),
    ]
}

#[test]
fn the_cookie_opens_nothing_else() {
    let server = start();
    let client = server.client();
    let (program, other) = (client.program("REFERRAL"), client.program("REFERRAL"));
    let frame = opened(&server, &client, &program);

    // Where people are known by their session it is nobody's.
    let panel = format!("/programs/{program}/options/webhooks");
    for path in ["/settings/api-keys", &panel, &format!("/programs/{program}/live"), "/programs/live"] {
        assert_eq!(frame.get(path).status, 401, "{path}");
    }
    for path in [
        format!("/programs/{program}/deliveries"),
        format!("/programs/{program}/inbox"),
        format!("/programs/{program}/deliveries/export?format=csv"),
    ] {
        // An export leads to where one signs in.
        assert!([401, 303].contains(&frame.get(&path).status), "{path}");
    }
    assert_eq!(frame.form(&panel, "intent=discard").status, 401);
    assert_eq!(frame.get(&format!("/v2/campaign/{program}/webhooks")).status, 401);
    assert_eq!(frame.call("/_fn/get_panel", &json!({ "id": program })).status, 401);

    // Where it counts, it is for one program and one thing.
    for (function, arguments, status) in functions(&program) {
        let answer = frame.call(&format!("/embed/_fn/{function}"), &arguments);
        assert_eq!(answer.status, status, "{function}: {}", answer.body);
    }
    let none = "no-such-program";
    assert!(ProgramId::parse(none).is_ok());
    for stranger in [other.as_str(), none] {
        assert_eq!(frame.get(&panel_of(stranger)).status, 404, "{stranger}");
        assert_eq!(frame.get(&format!("/embed/programs/{stranger}/live")).status, 404, "{stranger}");
        assert_eq!(frame.form(&panel_of(stranger), "intent=discard").status, 404, "{stranger}");
        let answer = frame.call("/embed/_fn/get_panel", &json!({ "id": stranger }));
        assert_eq!((answer.status, answer.body.as_str()), (404, "\"NotFound\""), "{stranger}");
    }
    for path in [
        "/embed/settings/api-keys",
        "/embed/programs",
        "/embed/programs/live",
        &format!("/embed/programs/{program}/deliveries"),
        &format!("/embed/programs/{program}/deliveries/export?format=csv"),
    ] {
        assert_eq!(frame.get(path).status, 404, "{path}");
    }
    assert_eq!(frame.form("/embed/sign-out", "").status, 404);
}

#[test]
fn neither_of_two_sessions_in_one_browser_gets_into_the_others_pages() {
    let server = start();
    let client = server.client();
    let (program, other) = (client.program("REFERRAL"), client.program("REFERRAL"));
    let owner = Browser::signed_in(&server);
    let only_owner = Frame::new(&server).with(&owner.cookie);
    // Somebody who is signed in has no more in a frame than anybody.
    assert_eq!(only_owner.get(&panel_of(&program)).status, 401);
    assert_eq!(only_owner.call("/embed/_fn/get_panel", &json!({ "id": program })).status, 401);
    assert_eq!(only_owner.get(&format!("/embed/programs/{program}/live")).status, 401);

    let both = opened(&server, &client, &program).with(&owner.cookie);
    assert_eq!(both.get(&panel_of(&program)).status, 200);
    assert_eq!(both.get(&panel_of(&other)).status, 404, "the owner's session does not count here");
    assert_eq!(both.call("/embed/_fn/get_programs", &json!({})).status, 403);
    let page = both.get(&panel_of(&program));
    assert!(!page.body.contains("Sign out") && !page.body.contains("Owner"), "nothing of the owner is on it");
    assert_eq!(
        both.get(&format!("/programs/{other}/options/webhooks")).status,
        200,
        "nor does the link's elsewhere"
    );

    // Opening a link leaves who is signed in signed in.
    let (link, _) = link(&client, &other, &json!({}));
    let answer = both.form("/embed", &format!("token={}", token(&link)));
    assert_eq!(answer.status, 303);
    assert_eq!(answer.head.matches("set-cookie").count(), 1);
    assert_eq!(only_owner.get("/settings/api-keys").status, 200);
    assert_eq!(both.get(&panel_of(&program)).status, 401, "the frame's session before is over");
}

#[test]
fn other_sites_make_the_holder_of_a_link_do_nothing() {
    let server = start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let frame = opened(&server, &client, &program);
    let own = format!("origin: {}\r\n", server.url());
    let own: &'static str = String::leak(own);
    for (site, status) in [
        ("sec-fetch-site: cross-site\r\n", 403),
        ("sec-fetch-site: same-site\r\n", 403),
        ("origin: https://app.example.com\r\n", 403),
        ("origin: null\r\n", 403),
        // Whoever says nothing is no browser that could be protected.
        ("", 403),
        (own, 303),
        ("sec-fetch-site: same-origin\r\norigin: null\r\n", 303),
    ] {
        let frame = Frame { site, ..frame.clone() };
        assert_eq!(frame.form(&panel_of(&program), "intent=discard").status, status, "{site}");
        let function = frame.call("/embed/_fn/discard_draft", &json!({ "id": program })).status;
        assert_eq!(function, if status == 303 { 200 } else { 403 }, "{site}");
        assert_eq!(frame.form("/embed", "token=x").status, if status == 303 { 409 } else { 403 }, "{site}");
    }
    let stream = Frame { site: "sec-fetch-site: cross-site\r\nsec-fetch-mode: cors\r\n", ..frame };
    assert_eq!(stream.get(&format!("/embed/programs/{program}/live")).status, 403);
}

#[test]
fn a_revoked_key_takes_its_sessions_and_their_streams_along() {
    let server = start();
    let admin = server.client();
    let program = admin.program("REFERRAL");
    let key = admin
        .post("/v2/api-keys", &json!({ "name": "Host", "scopes": ["webhooks"], "campaignId": program }))
        .ok();
    let host = admin.authorized_by(Some(&format!("Bearer {}", key["key"].as_str().expect("a key"))));
    let frame = opened(&server, &host, &program);
    let (unused, _) = link(&host, &program, &json!({}));
    let (ended, id) = link(&host, &program, &json!({}));
    host.delete(&format!("/v2/campaign/{program}/editor-link/{id}")).ok();
    host.delete(&format!("/v2/campaign/{program}/editor-link/{id}")).refused(404, "NOT_FOUND");
    assert_eq!(frame.form("/embed", &format!("token={}", token(&ended))).status, 409);

    let live = format!("/embed/programs/{program}/live");
    let mut stream = BufReader::new(frame.begin("GET", &live, ("text/plain", "")));
    let mut said = String::new();
    while !said.contains("data: []") {
        assert_ne!(stream.read_line(&mut said).expect("it stands"), 0, "{said}");
    }
    admin.delete(&format!("/v2/api-keys/{}", key["id"].as_str().expect("an id"))).ok();
    // It would go on for ever.
    stream.read_to_string(&mut said).expect("it ends");
    assert_eq!(frame.get(&panel_of(&program)).status, 401);
    assert_eq!(frame.form("/embed", &format!("token={}", token(&unused))).status, 409);
}

#[test]
fn without_https_no_links_are_made_that_browsers_keep_no_cookie_from() {
    let server = Server::with(&[("GROUNDSWELL_PUBLIC_URL", "http://webhooks.example.com")]);
    let client = server.client();
    let program = client.program("REFERRAL");
    let path = format!("/v2/campaign/{program}/editor-link");
    client.post(&path, &json!({})).refused(409, "CONFLICT");
    let https = Server::with(&[("GROUNDSWELL_PUBLIC_URL", "https://webhooks.example.com")]);
    let client = https.client();
    let program = client.program("REFERRAL");
    let answer =
        client.post(&format!("/v2/campaign/{program}/editor-link"), &json!({ "theme": null, "label": null }));
    assert_eq!(answer.status, 201);
    let url = answer.json()["url"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with("https://webhooks.example.com/embed?token=") && !url.contains("theme"), "{url}");
    for body in [json!({ "theme": "pink" }), json!({ "label": "x".repeat(101) }), json!({ "label": 1 })] {
        client.post(&format!("/v2/campaign/{program}/editor-link"), &body).refused(400, "BAD_REQUEST");
    }
}
