//! Signing in with a password at the real server: what browsers keep, what strangers learn, and what ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;
use ureq::http::Request;

use crate::browser::Browser;
use crate::passing_time::Sessions;
use crate::server::{QUICK_RETRY, Server};
use crate::server_sent;

pub const ADA: &str = "ada@example.com";
pub const PASSWORD: &str = "correct horse battery";

/// Tests come from many addresses.
pub const BEHIND_PROXY: (&str, &str) = ("GROUNDSWELL_TRUSTED_PROXIES", "127.0.0.0/8");

/// An answer to a form.
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    retry_after: Option<u64>,
    /// As a browser sends them back.
    pub cookies: String,
    pub page: String,
}

/// Posts a form from an address, with cookies.
pub fn post(server: &Server, path: &str, (fields, cookies, from): (&[(&str, &str)], &str, &str)) -> Answer {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None);
    let agent = config.build().new_agent();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let request = Request::builder()
        .method("POST")
        .uri(format!("{}{path}", server.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept-language", "en")
        .header("cookie", cookies)
        .header("x-forwarded-for", from)
        .body(form.finish())
        .expect("a request");
    let mut response = agent.run(request).expect("it answers");
    let text = |name| response.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned());
    let (location, retry_after) = (text("location"), text("retry-after"));
    let set = response.headers().get_all("set-cookie").iter();
    let set = set.filter_map(|value| value.to_str().expect("ASCII").split(';').next());
    Answer {
        status: response.status().as_u16(),
        location,
        retry_after: retry_after.map(|seconds| seconds.parse().expect("seconds")),
        cookies: set.collect::<Vec<_>>().join("; "),
        page: response.body_mut().read_to_string().expect("a page"),
    }
}

pub fn sign_in(server: &Server, (email, password): (&str, &str), (cookies, from): (&str, &str)) -> Answer {
    post(server, "/sign-in", (&[("email", email), ("password", password)], cookies, from))
}

/// Gives the first owner an address and a password; answers with the cookies of their browser.
pub fn with_password(server: &Server) -> String {
    let browser = Browser::signed_in(server);
    let fields = [("intent", "sign-in"), ("email", ADA), ("new-password", PASSWORD)];
    let answer = post(server, "/settings/account", (&fields, &browser.cookie, "192.0.2.1"));
    assert_eq!(answer.location.as_deref(), Some("/settings/account?done=sign-in"), "{}", answer.page);
    answer.cookies
}

/// Somebody with these cookies.
pub fn browser(server: &Server, cookies: &str) -> Browser {
    Browser { cookie: cookies.to_owned(), ..Browser::signed_out(server) }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn a_password_is_set_after_the_first_link_and_signs_in_again() {
    let server = Server::start();
    let first = Browser::signed_in(&server);
    assert!(first.page("/").contains("Set your e-mail address and a password"));
    let fields = [("intent", "sign-in"), ("email", ADA), ("new-password", PASSWORD)];
    let set = post(&server, "/settings/account", (&fields, &first.cookie, "192.0.2.1"));
    assert_eq!(set.status, 303);
    assert_eq!(status(&first.page("/")), "401", "the session has another token now");
    let own = browser(&server, &set.cookies);
    assert!(!own.page("/").contains("Set your e-mail address and a password"));
    own.post("/sign-out", "");
    assert_eq!(status(&own.page("/")), "401");

    let fields = [("email", ADA), ("password", PASSWORD), ("next", "/settings/sessions")];
    let answer = post(&server, "/sign-in", (&fields, "", "192.0.2.1"));
    assert_eq!((answer.status, answer.location.as_deref()), (303, Some("/settings/sessions")));
    let page = browser(&server, &answer.cookies).page("/settings/sessions");
    assert!(page.contains("This browser"), "{page}");
    for secret in [PASSWORD, answer.cookies.split(['=', ';']).nth(1).expect("a token")] {
        assert!(!server.log().contains(secret), "the log has a secret");
    }
}

#[test]
fn a_page_for_people_asks_to_sign_in_and_leads_back() {
    let server = Server::start();
    let page = Browser::signed_out(&server).page("/programs/p1/deliveries?state=held");
    assert_eq!(status(&page), "401");
    assert!(page.contains("name=\"next\" value=\"/programs/p1/deliveries?state=held\""), "{page}");
    assert!(page.contains("type=\"password\"") && !page.contains(".wasm"));
    let page = Browser::signed_out(&server).page("/settings/account");
    assert!(page.starts_with("HTTP/1.1 401 ") && page.contains("value=\"/settings/account\""), "{page}");
    let page = Browser::signed_out(&server).page("/");
    assert!(page.starts_with("HTTP/1.1 401 ") && page.contains("type=\"password\""), "{page}");
}

#[test]
fn nobody_learns_whose_addresses_are_known() {
    let server = Server::with(&[&QUICK_RETRY[..], &[BEHIND_PROXY]].concat());
    with_password(&server);
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for number in 0..9 {
        for (email, times) in [(ADA, &mut known), ("bob@example.com", &mut unknown)] {
            let began = Instant::now();
            let answer = sign_in(&server, (email, "wrong"), ("", &format!("198.51.{number}.1")));
            times.push(began.elapsed());
            assert_eq!((answer.status, answer.cookies.as_str()), (401, ""));
            let page = answer.page.replace(email, "somebody");
            assert!(page.contains("E-mail address and password do not match."), "{page}");
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let ratio = median(&mut known) / median(&mut unknown);
    assert!((0.5..2.0).contains(&ratio), "known {known:?}, unknown {unknown:?}");
}

#[test]
fn a_locked_account_is_shut_for_strangers_and_open_for_its_owners_browser_and_links() {
    let server = Server::with(&[&QUICK_RETRY[..], &[BEHIND_PROXY]].concat());
    let cookies = with_password(&server);
    let device = cookies.split("; ").find(|cookie| cookie.contains("device")).expect("a device's cookie");
    let far = |number: usize| format!("198.51.{number}.1");
    for number in 0..10 {
        assert_eq!(sign_in(&server, (ADA, "wrong"), ("", &far(number))).status, 401);
    }
    for password in ["wrong", PASSWORD] {
        let locked = sign_in(&server, (ADA, password), ("", &far(20)));
        assert_eq!((locked.status, locked.cookies.as_str()), (429, ""));
        assert!(locked.retry_after.is_some_and(|seconds| (1..=1_800).contains(&seconds)));
        assert!(
            locked.page.contains("Try again in") && locked.page.contains("sign-in link"),
            "{}",
            locked.page
        );
    }
    assert_eq!(sign_in(&server, (ADA, PASSWORD), (device, &far(21))).status, 303);
    let link = server.client().post("/v2/sign-in-links", &json!({ "email": ADA })).ok();
    let (_, token) = link["url"].as_str().expect("a URL").split_once("token=").expect("a token");
    assert_eq!(post(&server, "/sign-in", (&[("token", token)], "", &far(22))).status, 303);
}

#[test]
fn whoever_has_forgotten_a_password_sets_another_by_a_link_and_who_came_long_ago_signs_in_again_first() {
    const OTHER: &str = "staple of another kind";
    let server = Server::start();
    with_password(&server);
    let by_link = Browser::signed_in(&server);
    assert!(!by_link.page("/settings/account").contains("present-password"), "there is none to type");
    let fields = [("intent", "sign-in"), ("email", ADA), ("new-password", OTHER)];
    let set = post(&server, "/settings/account", (&fields, &by_link.cookie, "192.0.2.1"));
    assert_eq!(set.status, 303, "{}", set.page);
    assert_eq!(sign_in(&server, (ADA, PASSWORD), ("", "192.0.2.2")).status, 401);
    let by_password = sign_in(&server, (ADA, OTHER), ("", "192.0.2.2")).cookies;
    let by_password = browser(&server, &by_password);
    assert!(by_password.page("/settings/account").contains("present-password"));

    let sessions = Sessions::of(&server);
    sessions.lose_passwords();
    sessions.began_earlier_by(3_600_001);
    let page = by_password.page("/settings/account");
    assert!(page.contains("more than an hour ago") && !page.contains("new-password"), "{page}");
    let refused = post(&server, "/settings/account", (&fields, &by_password.cookie, "192.0.2.1"));
    assert_eq!(refused.status, 403);
    assert!(refused.page.contains("more than an hour ago"), "{}", refused.page);
}

#[test]
fn a_server_that_starts_again_before_anybody_came_has_one_first_link() {
    let mut server = Server::start();
    server.kill();
    server.restart();
    let log = server.log();
    let links = log.split("/sign-in?token=").skip(1);
    let tokens: Vec<&str> = links.filter_map(|rest| rest.split_whitespace().next()).collect();
    let [earlier, later] = tokens[..] else { panic!("{log}") };
    assert_eq!(post(&server, "/sign-in", (&[("token", earlier)], "", "192.0.2.1")).status, 409);
    assert_eq!(post(&server, "/sign-in", (&[("token", later)], "", "192.0.2.1")).status, 303);
}

#[test]
fn a_link_is_made_for_somebody_of_the_team() {
    let server = Server::start();
    with_password(&server);
    let client = server.client();
    client.post("/v2/sign-in-links", &json!({ "email": "Ada@Example.com" })).ok();
    client.post("/v2/sign-in-links", &json!({ "email": null })).ok();
    client.post_text("/v2/sign-in-links", "", &[]).ok();
    client.post("/v2/sign-in-links", &json!({ "email": "bob@example.com" })).refused(404, "NOT_FOUND");
    let pointers = client.post("/v2/sign-in-links", &json!({ "email": "bob" })).refused(400, "BAD_REQUEST");
    assert_eq!(pointers, ["/email"]);
}

#[test]
fn a_planted_session_is_not_taken_and_a_right_one_is_replaced() {
    let server = Server::start();
    with_password(&server);
    let planted = "groundswell_session=planted";
    let first = sign_in(&server, (ADA, PASSWORD), (planted, "192.0.2.1"));
    assert!(!first.cookies.contains("planted"));
    assert_eq!(status(&browser(&server, planted).page("/")), "401");
    let second = sign_in(&server, (ADA, PASSWORD), (&first.cookies, "192.0.2.1"));
    assert_eq!(second.status, 303);
    assert_eq!(status(&browser(&server, &first.cookies).page("/")), "401");
    assert_eq!(status(&browser(&server, &second.cookies).page("/")), "200");
}

#[test]
fn an_ended_session_loses_its_pages_and_its_streams_at_once() {
    let server = Server::start();
    let cookies = with_password(&server);
    let (own, other) = (browser(&server, &cookies), sign_in(&server, (ADA, PASSWORD), ("", "192.0.2.1")));
    let other = browser(&server, &other.cookies);
    let mut stream = other.connect();
    let Browser { address, cookie } = &other;
    write!(stream, "GET /programs/live HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\n\r\n")
        .expect("it listens");
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).expect("it answers"), 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");

    let answer = own.post("/settings/sessions", "intent=end-others");
    assert_eq!(status(&answer), "303", "{answer}");
    while server_sent::line(&mut stream).is_some() {}
    assert_eq!(status(&other.page("/")), "401");
    assert_eq!(status(&own.page("/")), "200");
}

#[test]
fn a_flood_of_wrong_passwords_is_turned_away_and_the_server_goes_on() {
    let server = Server::with(&[&QUICK_RETRY[..], &[BEHIND_PROXY]].concat());
    let cookies = with_password(&server);
    let count = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (server, count) = (&server, &count);
            scope.spawn(move || {
                for number in 0..100 {
                    let email = format!("nobody{worker}-{number}@example.com");
                    let answer = sign_in(server, (&email, "wrong"), ("", &format!("203.0.113.{worker}")));
                    assert!([401, 429, 503].contains(&answer.status), "{}", answer.status);
                    count.fetch_add(usize::from(answer.status == 401), std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    let looked_at = count.into_inner();
    assert!((50..=101).contains(&looked_at), "neighbours have a hundred tries together, not {looked_at}");
    assert_eq!(sign_in(&server, (ADA, PASSWORD), (&cookies, "203.0.113.1")).status, 303);
}
