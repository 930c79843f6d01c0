//! Signing in through an OpenID provider, and everything that must not be a way in.

pub mod provider;

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::receiver::{Reaction, Reply};
use crate::server::Server;
use provider::{Answers, CLIENT, Provider, SECRET};

const CALLBACK: &str = "/sign-in/provider/callback";

struct Answer {
    status: u16,
    head: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no location: {}", self.head))
    }

    /// What the browser is to keep by that name.
    fn cookie(&self, name: &str) -> Option<&str> {
        let set = self.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        set.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.starts_with(name))
    }
}

fn start(provider: &Provider) -> Server {
    let issuer = provider.issuer();
    Server::with(&[
        ("GROUNDSWELL_OIDC_ISSUER", &issuer),
        ("GROUNDSWELL_OIDC_CLIENT_ID", CLIENT),
        ("GROUNDSWELL_OIDC_CLIENT_SECRET", SECRET),
    ])
}

fn send(server: &Server, (method, path): (&str, &str), cookies: &[&str], form: &str) -> Answer {
    let browser = Browser::signed_out(server);
    let mut connection = browser.connect();
    let cookies: Vec<&str> = cookies.iter().filter(|cookie| !cookie.is_empty()).copied().collect();
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        browser.address,
        cookies.join("; "),
        form.len(),
    )
    .expect("it listens");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers");
    let head = answer.split("\r\n\r\n").next().expect("a head").to_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head }
}

/// Presses the button: the cookie, and where it leads.
fn begin(server: &Server, session: &str, form: &str) -> (String, String) {
    let answer = send(server, ("POST", "/sign-in/provider"), &[session], form);
    assert_eq!(answer.status, 200, "{}", answer.head);
    let refresh = answer.header("refresh").expect("it leads on").strip_prefix("0; url=").expect("a URL");
    (answer.cookie("groundswell_provider_sign_in").expect("a cookie").to_owned(), refresh.to_owned())
}

/// Comes back to that address of the provider's choice.
fn come_back(server: &Server, address: &str, cookies: &[&str]) -> Answer {
    let path = address.strip_prefix(server.url()).expect("it leads back here");
    let answer = send(server, ("GET", path), cookies, "");
    assert_eq!(answer.status, 303, "{}", answer.head);
    assert_eq!(answer.cookie("groundswell_provider_sign_in"), Some("groundswell_provider_sign_in="));
    answer
}

/// The whole way with these cookies; what becomes of it.
fn sign_in(server: &Server, provider: &Provider) -> Answer {
    let (cookie, address) = begin(server, "", "");
    come_back(server, &provider.say_yes(&address), &[&cookie])
}

/// Connects the first owner's account.
fn connect(server: &Server, provider: &Provider) {
    let browser = Browser::signed_in(server);
    let (cookie, address) = begin(server, &browser.cookie, "intent=connect");
    let answer = come_back(server, &provider.say_yes(&address), &[&cookie, &browser.cookie]);
    assert_eq!(answer.location(), "/settings/account?done=provider");
    assert_eq!(answer.cookie("groundswell_session"), None, "the session goes on");
}

#[track_caller]
fn refused(answer: &Answer, why: &str) {
    assert_eq!(answer.location(), format!("/sign-in?provider={why}"));
    assert_eq!(answer.cookie("groundswell_session"), None, "no session");
}

#[track_caller]
fn signed_in(server: &Server, answer: &Answer) {
    leads_to(server, answer, "/");
}

/// Somebody is signed in, and led there.
#[track_caller]
fn leads_to(server: &Server, answer: &Answer, location: &str) {
    assert_eq!(answer.location(), location);
    let cookie = answer.cookie("groundswell_session").expect("a session").to_owned();
    let viewer = Browser { cookie, ..Browser::signed_out(server) }.call("/_fn/get_viewer", &json!({}));
    assert!(viewer.contains("Owner"), "{viewer}");
}

#[test]
fn whoever_has_connected_their_account_signs_in_through_the_provider() {
    let provider = Provider::start();
    let server = start(&provider);
    refused(&sign_in(&server, &provider), "not-invited");
    let asks = "Set your e-mail address and a password";
    assert!(Browser::signed_in(&server).page("/").contains(asks));
    connect(&server, &provider);
    assert!(!Browser::signed_in(&server).page("/").contains(asks), "there is another way in");
    for _ in 0..2 {
        signed_in(&server, &sign_in(&server, &provider));
    }
    assert_eq!(provider.asked("/keys"), 1, "what it says of itself is asked for once");
    // The subject alone says who it is.
    provider
        .answer(|answers| answers.claims = json!({ "email": "other@example.com", "email_verified": false }));
    signed_in(&server, &sign_in(&server, &provider));
    provider.answer(|answers| {
        answers.claims = json!({ "sub": "eve", "email": "ada@example.com", "email_verified": true });
    });
    refused(&sign_in(&server, &provider), "not-invited");
    let log = server.log();
    assert!(!log.contains(SECRET) && !log.contains("an-access-token") && !log.contains("code-"), "{log}");
}

#[test]
fn nobody_comes_back_who_did_not_go_in_this_browser_and_once() {
    let provider = Provider::start();
    let server = start(&provider);
    connect(&server, &provider);
    let (cookie, address) = begin(&server, "", "");
    let back = provider.say_yes(&address);
    let (other, other_address) = begin(&server, "", "");
    let other_back = provider.say_yes(&other_address);
    let forged = format!("{cookie}A");
    let without_state = back.split("&state").next().expect("a code");
    for (back, cookies) in [
        (back.as_str(), vec![]),
        (&back, vec![other.as_str()]),
        (&other_back, vec![&cookie]),
        (&back, vec![&forged]),
        (without_state, vec![&cookie]),
        (&format!("{without_state}&state="), vec![&cookie]),
    ] {
        refused(&come_back(&server, back, &cookies), "not-under-way");
    }
    assert_eq!(provider.asked("/token"), 1, "no code is brought that nobody here has asked for");
    signed_in(&server, &come_back(&server, &back, &[&cookie]));
    // The provider takes a code once.
    refused(&come_back(&server, &back, &[&cookie]), "failed");
    // Another's code with one's own state does not fit what the sign-in began with.
    let state = back.split_once("&state=").expect("a state").1;
    let code = other_back.split('&').next().expect("a code");
    provider.answer(|answers| answers.claims = json!({ "nonce": "of-another-sign-in" }));
    let (cookie, address) = begin(&server, "", "");
    refused(&come_back(&server, &provider.say_yes(&address), &[&cookie]), "failed");
    refused(&come_back(&server, &format!("{code}&state={state}"), &[&cookie]), "not-under-way");
}

#[test]
fn an_id_token_that_does_not_hold_signs_nobody_in() {
    let provider = Provider::start();
    let server = start(&provider);
    connect(&server, &provider);
    let claims: [(Value, &str); 7] = [
        (json!({ "iss": "https://other.example" }), "Invalid issuer"),
        (json!({ "aud": "another-client" }), "Invalid audiences"),
        (json!({ "aud": [CLIENT, "another-client"] }), "Invalid audiences"),
        (json!({ "exp": 1_700_000_000 }), "Expired"),
        (json!({ "nonce": "another" }), "Invalid nonce"),
        (json!({ "nonce": null }), "Invalid nonce"),
        (json!({ "nonce": "" }), "Invalid nonce"),
    ];
    let refuse = |answers: Answers, why: &str| {
        provider.answer(|own| *own = answers);
        let before = server.log().len();
        refused(&sign_in(&server, &provider), "failed");
        let said = server.log().split_off(before);
        assert!(said.contains("the ID token does not hold") && said.contains(why), "{why}: {said}");
    };
    for (claims, why) in claims {
        refuse(Answers { claims, ..Answers::default() }, why);
    }
    let by_somebody_else: fn(&str) -> String = |token| {
        let (signed, _) = token.rsplit_once('.').expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 64]))
    };
    // With the client secret as key it would be signed by whoever knows that.
    let with_secret: fn(&str) -> String = |token| with_head(token, &json!({ "alg": "HS256" }));
    for (forge, why) in [
        (unsigned as fn(&str) -> String, "Signature verification failed"),
        (with_secret, "Disallowed signature algorithm"),
        (by_somebody_else, "Signature verification failed"),
    ] {
        refuse(Answers { forged: Some(forge), ..Answers::default() }, why);
    }
    provider.answer(|answers| *answers = Answers::default());
    signed_in(&server, &sign_in(&server, &provider));
}

fn unsigned(token: &str) -> String {
    let unsigned = with_head(token, &json!({ "alg": "none" }));
    format!("{}.", unsigned.rsplit_once('.').expect("a signature").0)
}

fn with_head(token: &str, head: &Value) -> String {
    let mut parts = token.splitn(2, '.');
    parts.next().expect("a head");
    format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), parts.next().expect("claims"))
}

#[test]
fn a_provider_with_new_keys_is_asked_for_them() {
    let provider = Provider::start();
    let server = start(&provider);
    connect(&server, &provider);
    provider.answer(|answers| (answers.signs, answers.shows) = (2, 2));
    signed_in(&server, &sign_in(&server, &provider));
    assert_eq!(provider.asked("/keys"), 2);
    provider.answer(|answers| answers.signs = 3);
    refused(&sign_in(&server, &provider), "failed");
    assert_eq!(provider.asked("/keys"), 3, "once for each that it does not show");
}

#[test]
fn an_address_counts_only_when_the_provider_has_verified_it() {
    let provider = Provider::start();
    let server = start(&provider);
    for (claims, user_info, why) in [
        (json!({ "email": "ada@example.com", "email_verified": false }), json!({}), "no-verified-email"),
        (json!({ "email": "ada@example.com" }), json!({}), "no-verified-email"),
        (json!({}), json!({ "email": "ada@example.com" }), "no-verified-email"),
        (json!({}), json!({ "email": "ada@example.com", "email_verified": true }), "not-invited"),
        (json!({}), json!({ "sub": "eve", "email": "ada@example.com", "email_verified": true }), "failed"),
    ] {
        provider.answer(|answers| *answers = Answers { claims, user_info, ..Answers::default() });
        refused(&sign_in(&server, &provider), why);
    }
}

#[test]
fn a_provider_that_misbehaves_is_a_sentence_and_no_redirect_is_followed() {
    let provider = Provider::start();
    let server = start(&provider);
    let elsewhere = format!("{}/elsewhere", provider.issuer());
    let large = Reply { body: vec![b' '; 300 * 1024], ..Reply::status(200) };
    for token in [
        Reaction::Answer(Reply::status(307).header("location", elsewhere)),
        Reaction::Answer(large),
        Reaction::Answer(Reply::status(200)),
        Reaction::Answer(Reply::status(500)),
        Reaction::HangUp,
    ] {
        provider.answer(|answers| answers.token = Some(token));
        refused(&sign_in(&server, &provider), "failed");
    }
    assert_eq!(provider.asked("/elsewhere"), 0);
    let (cookie, address) = begin(&server, "", "");
    let state = provider::query_of(address.split_once('?').expect("a query").1)["state"].clone();
    let denied = format!("{}{CALLBACK}?error=access_denied&state={state}", server.url());
    refused(&come_back(&server, &denied, &[&cookie]), "declined");
    let other = format!("{}{CALLBACK}?code=a&iss=https%3A%2F%2Fother.example&state={state}", server.url());
    refused(&come_back(&server, &other, &[&cookie]), "failed");
}

#[test]
fn a_provider_that_is_another_or_sends_elsewhere_unencrypted_is_none() {
    for metadata in [
        json!({ "issuer": "https://other.example" }),
        json!({ "jwks_uri": "http://192.0.2.1/keys" }),
        json!({ "authorization_endpoint": null }),
    ] {
        let provider = Provider::start();
        provider.answer(|answers| answers.metadata = metadata);
        let server = start(&provider);
        let answer = send(&server, ("POST", "/sign-in/provider"), &[], "");
        refused(&answer, "unreachable");
        // It is not asked again at once.
        refused(&send(&server, ("POST", "/sign-in/provider"), &[], ""), "unreachable");
        assert_eq!(provider.asked("/.well-known/openid-configuration"), 1);
    }
}

#[test]
fn an_account_is_connected_only_by_the_session_that_began_it() {
    let provider = Provider::start();
    let server = start(&provider);
    let browser = Browser::signed_in(&server);
    let (cookie, address) = begin(&server, &browser.cookie, "intent=connect");
    let back = provider.say_yes(&address);
    refused(&come_back(&server, &back, &[&cookie]), "not-under-way");
    let (cookie, address) = begin(&server, &browser.cookie, "intent=connect");
    let other = Browser::signed_in(&server);
    let back = provider.say_yes(&address);
    refused(&come_back(&server, &back, &[&cookie, &other.cookie]), "not-under-way");
    refused(&sign_in(&server, &provider), "not-invited");
}

#[test]
fn whoever_wanted_to_go_somewhere_is_led_there_and_nowhere_else() {
    let provider = Provider::start();
    let server = start(&provider);
    connect(&server, &provider);
    let way = |next: &str| {
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        let (cookie, address) = begin(&server, "", &form);
        (cookie, provider.say_yes(&address))
    };
    let long = format!("/programs/{}", "p".repeat(2_000));
    for (next, location) in [
        ("/programs/p1/deliveries?state=held", "/programs/p1/deliveries?state=held"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/sign-in?next=/", "/"),
        ("/sign-out", "/"),
        (&long, "/"),
    ] {
        let (cookie, back) = way(next);
        leads_to(&server, &come_back(&server, &back, &[&cookie]), location);
    }
    // Where somebody is led is sealed with the rest: the way back cannot say another.
    let (cookie, back) = way("/programs/p1/inbox");
    let answer = come_back(&server, &format!("{back}&next=/programs/p2/inbox"), &[&cookie]);
    leads_to(&server, &answer, "/programs/p1/inbox");
    provider.answer(|answers| answers.token = Some(500.into()));
    let (cookie, back) = way("/programs/p1/inbox");
    let answer = come_back(&server, &back, &[&cookie]);
    assert_eq!(answer.location(), "/sign-in?provider=failed&next=%2Fprograms%2Fp1%2Finbox");
}

#[test]
fn an_account_with_a_password_is_connected_by_it_alone_and_disconnected_again() {
    let provider = Provider::start();
    let server = start(&provider);
    let set = "intent=sign-in&email=owner@example.com&new-password=apple+river+stone+lamp&present-password=";
    let set = send(&server, ("POST", "/settings/account"), &[&Browser::signed_in(&server).cookie], set);
    let session = set.cookie("groundswell_session").expect("a session").to_owned();
    let connect = |password: &str| {
        let form = format!("intent=connect&present-password={password}");
        send(&server, ("POST", "/sign-in/provider"), &[&session], &form)
    };
    let wrong = connect("not+this+one");
    assert_eq!((wrong.status, wrong.location()), (303, "/settings/account?provider=wrong-password"));
    assert_eq!(wrong.cookie("groundswell_provider_sign_in"), None, "nothing is under way");
    assert_eq!(connect("").location(), "/settings/account?provider=wrong-password");
    assert_eq!(provider.asked("/.well-known/openid-configuration"), 0);

    let form = "intent=connect&present-password=apple+river+stone+lamp";
    let (cookie, address) = begin(&server, &session, form);
    let answer = come_back(&server, &provider.say_yes(&address), &[&cookie, &session]);
    assert_eq!(answer.location(), "/settings/account?done=provider");
    signed_in(&server, &sign_in(&server, &provider));
    let page = Browser { cookie: session.clone(), ..Browser::signed_out(&server) }.page("/settings/account");
    assert!(page.contains("value=\"disconnect-provider\"") && !page.contains("value=\"connect\""), "{page}");

    let ended = send(&server, ("POST", "/settings/account"), &[&session], "intent=disconnect-provider");
    assert_eq!((ended.status, ended.location()), (303, "/settings/account?done=no-provider"));
    refused(&sign_in(&server, &provider), "not-invited");
    for _ in 0..8 {
        assert_eq!(connect("not+this+one").location(), "/settings/account?provider=wrong-password");
    }
    let locked = connect("apple+river+stone+lamp");
    assert_eq!(locked.location(), "/settings/account?provider=too-many-guesses");
    // Whoever is not signed in is asked to sign in there.
    let signed_out = send(&server, ("POST", "/sign-in/provider"), &[], "intent=connect&present-password=x");
    assert_eq!((signed_out.status, signed_out.location()), (303, "/settings/account"));
}

#[test]
fn without_a_provider_there_is_no_way_there() {
    let server = Server::start();
    assert_eq!(send(&server, ("POST", "/sign-in/provider"), &[], "").status, 404);
    assert_eq!(send(&server, ("GET", CALLBACK), &[], "").status, 404);
    assert!(!Browser::signed_out(&server).page("/sign-in").contains("/sign-in/provider"));
}

#[test]
fn the_secret_is_nowhere_to_be_read() {
    let provider = Provider::start();
    let server = start(&provider);
    connect(&server, &provider);
    let page = Browser::signed_out(&server).page("/sign-in");
    assert!(!page.contains(SECRET));
    assert!(!server.log().contains(SECRET));
}
