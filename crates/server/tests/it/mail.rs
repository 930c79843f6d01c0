//! E-mail, from what happens to a webhook to the letter at a real mail server, and the link in it.

pub mod server;
mod sign_in_link;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Client;
use crate::ports;
use crate::receiver::{Reaction, Receiver};
use crate::server::{NO_BREAKER, QUICK_RETRY, Server};
use crate::waiting;
use server::{MailServer, PASSWORD, Speaks, USER};

const FROM: (&str, &str) = ("GROUNDSWELL_MAIL_FROM", "Groundswell <webhooks@example.com>");

/// Tries again soon, so that tests see it.
const SOON: (&str, &str) = ("GROUNDSWELL_MAIL_RETRY_BASE_MS", "200");

/// A server that sends through whatever listens on a port.
fn sending_to(port: u16, more: &[(&str, &str)]) -> Server {
    let url = format!("smtp://127.0.0.1:{port}");
    let mut settings = QUICK_RETRY.to_vec();
    settings.extend([("GROUNDSWELL_SMTP_URL", url.as_str()), FROM, SOON]);
    settings.extend(more);
    Server::with(&settings)
}

/// A program with a webhook that has a secret.
struct Ground {
    client: Client,
    program: String,
    path: String,
    secrets: usize,
}

impl Ground {
    fn new(server: &Server, receiver: &Receiver) -> Self {
        let client = server.client();
        let program = client.program("REFERRAL");
        let more = json!({ "name": "CRM", "secret": "the first of all secrets" });
        let webhook = client.webhook(&program, &receiver.url("/planted?key=planted"), more);
        let path = format!("/v2/campaign/{program}/webhooks/{webhook}");
        Self { client, program, path, secrets: 0 }
    }

    fn add(&self, email: &str) -> Value {
        let path = format!("{}/recipients", self.path);
        self.client.post(&path, &json!({ "email": email, "language": "de" })).ok()
    }

    fn state_of(&self, email: &str) -> String {
        let list = self.client.get(&format!("{}/recipients", self.path)).ok();
        let all = list["recipients"].as_array().expect("a list");
        let one = all.iter().find(|one| one["email"] == email).expect("is named");
        one["state"].as_str().expect("a state").to_owned()
    }

    /// Something that everybody who is named is told of.
    fn replace_secret(&mut self) {
        self.secrets += 1;
        let secret = format!("secret number {} of this webhook", self.secrets);
        self.client.patch(&self.path, &json!({ "secret": secret })).ok();
    }

    /// Names somebody who wants it.
    fn with_reader(self, server: &Server, mail: &MailServer, email: &str) -> Self {
        self.add(email);
        let token = token(&mail.wait_for_letters_to(email, 1)[0]);
        let page = Browser::signed_out(server).post("/notifications", &format!("token={token}&intent=want"));
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        assert_eq!(self.state_of(email), "confirmed");
        self
    }
}

/// Of the link in a letter's text.
fn token(letter: &Value) -> String {
    let text = letter["text"].as_str().expect("a text");
    let after = text.split_once("/notifications?token=").unwrap_or_else(|| panic!("no link: {text}")).1;
    after.split_whitespace().next().expect("a token").to_owned()
}

fn subjects(letters: &[Value]) -> Vec<&str> {
    letters.iter().map(|letter| letter["subject"].as_str().expect("a subject")).collect()
}

#[test]
fn a_stranger_is_asked_and_told_and_ends_it_with_one_click() {
    let (mail, receiver) = (MailServer::start(), Receiver::start());
    let server = sending_to(mail.port(), &[]);
    let mut ground = Ground::new(&server, &receiver);
    assert_eq!(ground.add("Eve@example.org")["state"], "invited");
    let question = mail.wait_for(1).remove(0);
    assert_eq!(question["to"], json!(["eve@example.org"]));
    assert_eq!(question["from"], "webhooks@example.com");
    assert_eq!(question["subject"], "Möchten Sie E-Mails zum Webhook CRM?");

    // Looking at the link decides nothing: mail servers and programs open links.
    let (token, stranger) = (token(&question), Browser::signed_out(&server));
    let page = stranger.page(&format!("/notifications?token={token}"));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("eve@example.org"), "{page}");
    assert!(
        page.contains("no-store") && page.to_lowercase().contains("referrer-policy: strict-origin"),
        "{page}"
    );
    assert_eq!(ground.state_of("eve@example.org"), "invited");
    ground.replace_secret();
    stranger.post("/notifications", &format!("token={token}&intent=want"));
    assert_eq!(ground.state_of("eve@example.org"), "confirmed");

    ground.replace_secret();
    let letter = mail.wait_for(2).remove(1);
    assert_eq!(letter["subject"], "Das Secret von CRM wurde ersetzt");
    assert_eq!(letter["headers"]["list-unsubscribe-post"], "List-Unsubscribe=One-Click");
    let url = format!("<{}/notifications?token={token}>", server.url());
    assert_eq!(letter["headers"]["list-unsubscribe"], url.as_str());
    for body in [&letter["text"], &letter["html"]] {
        let body = body.as_str().expect("a body");
        assert!(body.contains(&token) && body.contains(server.url()) && !body.contains("planted"), "{body}");
        assert!(!body.contains("secret number"), "{body}");
    }

    // As RFC 8058 has it: no cookie, no redirect, the token in the URL.
    let answer = stranger.post(&format!("/notifications?token={token}"), "List-Unsubscribe=One-Click");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(ground.state_of("eve@example.org"), "unsubscribed");
    stranger.post(&format!("/notifications?token={token}"), "List-Unsubscribe=One-Click");
    // The same in the encoding that the RFC prefers.
    stranger.post("/notifications", &format!("token={token}&intent=want"));
    assert_eq!(ground.state_of("eve@example.org"), "confirmed");
    let form =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let multipart = [("content-type", "multipart/form-data; boundary=b")];
    let head = stranger.ask(&format!("POST /notifications?token={token}"), &multipart, form);
    assert_eq!(head.status, 200);
    assert_eq!(ground.state_of("eve@example.org"), "unsubscribed");
    ground.replace_secret();
    ground = ground.with_reader(&server, &mail, "ada@example.org");
    ground.replace_secret();
    let told = mail.wait_for_letters_to("ada@example.org", 2);
    assert_eq!(told[1]["subject"], "Das Secret von CRM wurde ersetzt");
    // What was written while nobody had decided yet is told to those who have by then: two at most, and none of the last two.
    let to_stranger = mail.letters_to("eve@example.org");
    assert!((2..=3).contains(&to_stranger.len()), "{:?}", subjects(&to_stranger));

    // Whoever has a link that is no more gets nothing, so a program for e-mail is told that it is done.
    let unknown = stranger.post("/notifications?token=nobody-has-this", "List-Unsubscribe=One-Click");
    assert!(unknown.starts_with("HTTP/1.1 200"), "{unknown}");
    let unknown = stranger.post("/notifications", "token=nobody-has-this&intent=stop");
    assert!(unknown.starts_with("HTTP/1.1 409"), "{unknown}");
}

#[test]
fn a_mail_server_that_is_down_delays_and_loses_nothing_across_a_kill() {
    let port = ports::kept();
    let (mail, receiver) = (MailServer::on(port), Receiver::start());
    let mut server = sending_to(port, &[]);
    let mut ground = Ground::new(&server, &receiver).with_reader(&server, &mail, "ada@example.org");
    drop(mail);
    for _ in 0..5 {
        ground.replace_secret();
    }
    // Events are taken and delivered meanwhile.
    let event = ground.client.join(&ground.program, "p1");
    waiting::until("a delivery", || {
        let delivery = ground.client.delivery_of(&ground.program, &event);
        (delivery["state"] == "delivered").then_some(())
    });
    waiting::until("a warning", || {
        server.log().contains("the mail server does not take letters").then_some(())
    });
    server.kill();
    server.restart();
    let mail = MailServer::on(port);
    let letters = mail.wait_for(5);
    let ids: BTreeMap<&str, usize> = letters.iter().fold(BTreeMap::new(), |mut ids, letter| {
        *ids.entry(letter["headers"]["message-id"].as_str().expect("an id")).or_default() += 1;
        ids
    });
    assert_eq!(ids.len(), 5, "{ids:?}");
    // What was being sent when it was killed may come twice; here nothing was.
    assert!(ids.values().all(|count| *count == 1), "{ids:?}");
    for said in ["ada@example.org", "secret number"] {
        assert!(!server.log().contains(said), "{said} is in the log");
    }
}

#[test]
fn no_letter_is_sent_while_the_database_cannot_keep_that_it_was() {
    let (mail, receiver) = (MailServer::start(), Receiver::start());
    let server = sending_to(mail.port(), &[]);
    let ground = Ground::new(&server, &receiver);
    let db = Connection::open(server.database()).expect("it opens");
    db.busy_timeout(Duration::from_secs(10)).expect("it can be set");
    for write in ["UPDATE", "DELETE"] {
        let refuse = format!(
            "CREATE TRIGGER no_{write} BEFORE {write} ON mail_outbox BEGIN SELECT RAISE(ABORT, 'no room'); END"
        );
        db.execute_batch(&refuse).expect("it is refused from now on");
    }
    ground.add("ada@example.org");
    waiting::until("several tries", || {
        (server.log().matches("the outbox could not be worked on").count() >= 3).then_some(())
    });
    assert_eq!(mail.letters().len(), 0);
    db.execute_batch("DROP TRIGGER no_UPDATE; DROP TRIGGER no_DELETE").expect("it can be written again");
    mail.wait_for(1);
    waiting::until("an empty outbox", || {
        let waiting = db.query_row("SELECT COUNT(*) FROM mail_outbox", [], |row| row.get::<_, i64>(0));
        (waiting.expect("it is counted") == 0).then_some(())
    });
    assert_eq!(mail.letters().len(), 1);
}

#[test]
fn a_kill_while_letters_go_out_repeats_one_at_most() {
    let (mail, receiver) = (MailServer::start(), Receiver::start());
    let mut server = sending_to(mail.port(), &[]);
    let mut ground = Ground::new(&server, &receiver).with_reader(&server, &mail, "ada@example.org");
    for _ in 0..20 {
        ground.replace_secret();
    }
    // The question is the first of them.
    mail.wait_for(3);
    server.kill();
    server.restart();
    mail.wait_for(21);
    waiting::until("an empty outbox", || {
        let ids: BTreeMap<String, usize> = mail.letters().iter().fold(BTreeMap::new(), |mut ids, letter| {
            *ids.entry(letter["headers"]["message-id"].to_string()).or_default() += 1;
            ids
        });
        let repeated: usize = ids.values().map(|count| count - 1).sum();
        assert!(repeated <= 1, "{ids:?}");
        (ids.len() == 21).then_some(())
    });
}

#[test]
fn tls_and_passwords_are_spoken_and_what_is_not_trusted_gets_nothing() {
    for speaks in [Speaks::StartTls, Speaks::Tls] {
        let (mail, receiver) = (MailServer::that(0, speaks), Receiver::start());
        let (scheme, behind) = if speaks == Speaks::Tls { ("smtps", "") } else { ("smtp", "?tls=required") };
        let url = |password: &str| format!("{scheme}://{USER}:{password}@127.0.0.1:{}{behind}", mail.port());
        let right = PASSWORD.replace('@', "%40");
        let authority = mail.authority();
        let authority = authority.to_str().expect("a path");
        let mut server = Server::with(&[("GROUNDSWELL_SMTP_URL", &url(&right)), FROM, SOON]);
        let ground = Ground::new(&server, &receiver);
        ground.add("ada@example.org");
        waiting::until("a warning", || server.log().contains("TLS failed").then_some(()));
        assert_eq!(mail.letters().len(), 0, "nobody vouches for it");

        // A wrong password is the operator's to mend: nothing is thrown away.
        server.set("SSL_CERT_FILE", authority);
        server.set("GROUNDSWELL_SMTP_URL", &url("planted-wrong"));
        server.kill();
        server.restart();
        waiting::until("a warning", || server.log().contains("it answered 535").then_some(()));
        server.set("GROUNDSWELL_SMTP_URL", &url(&right));
        server.kill();
        server.restart();
        let letter = mail.wait_for(1).remove(0);
        assert_eq!((&letter["secure"], &letter["user"]), (&json!(true), &json!(USER)));
        let log = server.log();
        assert!(!log.contains("planted") && !log.contains("ada@example.org"), "{log}");
    }
}

#[test]
fn who_the_mail_server_refuses_gets_nothing_and_the_others_get_theirs() {
    let (mail, receiver) = (MailServer::start(), Receiver::start());
    let server = sending_to(mail.port(), &[]);
    let ground = Ground::new(&server, &receiver);
    for email in ["refused@example.org", "policy@example.org", "later@example.org", "ada@example.org"] {
        ground.add(email);
    }
    assert_eq!(mail.wait_for(1)[0]["to"], json!(["ada@example.org"]));
    waiting::until("a warning", || server.log().contains("the mail server refused a letter").then_some(()));
    waiting::until("more tries", || (server.log().matches("it answered 451").count() >= 2).then_some(()));
    // What may be for the operator to mend is kept, though the code is the same.
    waiting::until("more tries", || (server.log().matches("it answered 550").count() >= 3).then_some(()));
    assert_eq!(server.log().matches("the mail server refused a letter").count(), 1);
    for name in ["refused@", "policy@", "later@"] {
        assert!(!server.log().contains(name), "{}", server.log());
    }
    // What is no address never gets there.
    for email in ["a@b.c>\r\nRCPT TO:<eve@example.org", "a@b.c\r\nBcc: eve@example.org", "a b@example.org"] {
        let path = format!("{}/recipients", ground.path);
        ground.client.post(&path, &json!({ "email": email })).refused(400, "BAD_REQUEST");
    }
}

#[test]
fn undeliverable_deliveries_are_one_letter_with_their_number() {
    let (mail, receiver) = (MailServer::start(), Receiver::start());
    let more =
        [("GROUNDSWELL_MAIL_DIGEST_MS", "3000"), ("GROUNDSWELL_RETRY_DEADLINE_MS", "1000"), NO_BREAKER];
    let server = sending_to(mail.port(), &more);
    let ground = Ground::new(&server, &receiver).with_reader(&server, &mail, "ada@example.org");
    receiver.behave(|_| Reaction::from(500));
    let events: Vec<String> =
        (0..7).map(|number| ground.client.join(&ground.program, &format!("p{number}"))).collect();
    for event in &events {
        waiting::until("it is given up", || {
            let delivery = ground.client.delivery_of(&ground.program, event);
            (delivery["state"] == "undeliverable").then_some(())
        });
    }
    let count = |letter: &Value| {
        let subject = letter["subject"].as_str().expect("a subject");
        subject.split(' ').next().and_then(|count| count.parse::<usize>().ok()).expect("a number")
    };
    let letters = waiting::until("all are told of", || {
        let letters = mail.letters().split_off(1);
        (letters.iter().map(count).sum::<usize>() >= events.len()).then_some(letters)
    });
    assert_eq!(letters.iter().map(count).sum::<usize>(), events.len(), "{:?}", subjects(&letters));
    assert!(letters.len() <= 2, "one for each period: {:?}", subjects(&letters));
    let log = format!(
        "{}/programs/{}/deliveries?state=undeliverable&webhook=primary",
        server.url(),
        ground.program
    );
    assert!(letters[0]["text"].as_str().expect("a text").contains(&log), "{:#}", letters[0]);
}

#[test]
fn a_new_browser_is_told_of_and_a_known_one_is_not() {
    let mail = MailServer::start();
    let server = sending_to(mail.port(), &[]);
    let browser = Browser::signed_in(&server);
    let form = "intent=sign-in&email=ada%40example.com&new-password=correct+horse+battery&present-password=";
    let answer = browser.post("/settings/account", form);
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let device = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    let known = device.filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ");
    let sign_in = |cookie: String, path: &str, form: &str| {
        let browser = Browser { cookie, ..Browser::signed_out(&server) };
        let answer = browser.post(path, form);
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    };
    let credentials = "email=ada%40example.com&password=correct+horse+battery";
    // It could be anybody's address. Until whoever reads it says whose it is, a question is all that it gets.
    sign_in(String::new(), "/sign-in", credentials);
    let question = mail.wait_for(1).remove(0);
    assert_eq!(question["subject"], "Is this your e-mail address?");
    let signed_in = Browser { cookie: known.clone(), ..Browser::signed_out(&server) };
    assert!(signed_in.page("/settings/account").contains("Not confirmed yet"));
    let link = format!("token={}", token(&question));
    let stranger = Browser::signed_out(&server);
    let page = stranger.page(&format!("/notifications?{link}"));
    assert!(page.contains("ada@example.com") && page.contains("Is it your address"), "{page}");
    let page = stranger.post("/notifications", &format!("{link}&intent=want"));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("the address is yours"), "{page}");
    sign_in(known.clone(), "/sign-in", credentials);
    sign_in(String::new(), "/sign-in", credentials);
    let letter = mail.wait_for(2).remove(1);
    assert_eq!(
        (&letter["to"], &letter["subject"]),
        (&json!(["ada@example.com"]), &json!("New sign-in to your account"))
    );
    assert!(letter["text"].as_str().expect("a text").contains("127.0.0.1"), "{letter:#}");
    assert!(letter["headers"]["list-unsubscribe"].is_null(), "{letter:#}");
    let link = server.client().post("/v2/sign-in-links", &json!({})).ok();
    let token = link["url"].as_str().expect("a URL").split_once("token=").expect("a token").1.to_owned();
    sign_in(known, "/sign-in", &format!("token={token}"));
    sign_in("x=y".to_owned(), "/sign-in", credentials);
    assert_eq!(mail.wait_for(3).len(), 3);
}

#[test]
fn a_mail_server_that_says_nothing_does_not_keep_the_server_from_stopping() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let receiver = Receiver::start();
    let mut server = sending_to(silent.local_addr().expect("bound").port(), &[]);
    let ground = Ground::new(&server, &receiver);
    ground.add("ada@example.org");
    let (_connection, _) = silent.accept().expect("it connects");
    let began = Instant::now();
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn without_a_mail_server_nobody_is_asked_and_the_page_says_so() {
    let receiver = Receiver::start();
    let server = Server::start();
    let ground = Ground::new(&server, &receiver);
    let path = format!("{}/recipients", ground.path);
    ground.client.post(&path, &json!({ "email": "eve@example.org" })).refused(409, "CONFLICT");
    let browser = Browser::signed_in(&server);
    let page = browser.page(&format!("/settings/notifications?campaign={}", ground.program));
    assert!(page.contains("GROUNDSWELL_SMTP_URL"), "{page}");
}

#[test]
fn operational_webhooks_are_signed_and_no_report_leads_to_the_next() {
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let server = Server::with(&QUICK_RETRY);
    let mut ground = Ground::new(&server, &other);
    let operations = ground.client.post("/v2/operations", &json!({})).ok();
    assert_eq!(operations["type"], "OPERATIONS");
    let id = operations["id"].as_str().expect("an id").to_owned();
    assert_eq!(ground.client.post("/v2/operations", &json!({})).ok()["id"], operations["id"], "one a team");
    let more = json!({
        "events": ["WEBHOOK_SECRET_REPLACED", "NEW_SIGN_IN"],
        "secret": "the secret of operational webhooks",
    });
    let webhook = ground.client.webhook(&id, &receiver.url("/operations"), more);
    // What is about an operational webhook itself is not told to it.
    let path = format!("/v2/campaign/{id}/webhooks/{webhook}");
    ground.client.patch(&path, &json!({ "secret": "another secret of operational webhooks" })).ok();
    ground.replace_secret();
    let requests = waiting::until("the report".to_owned(), || {
        let requests = receiver.requests();
        (!requests.is_empty()).then_some(requests)
    });
    let request = &requests[0];
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(
        (&body["event"], &body["data"]["notice"]),
        (&json!("WEBHOOK_SECRET_REPLACED"), &json!("secret_replaced"))
    );
    assert_eq!(body["data"]["webhook"]["label"], "CRM");
    assert_eq!(body["data"]["campaign"]["id"], json!(ground.program));
    let secret =
        groundswell_types::Secret::parse("another secret of operational webhooks").expect("a secret");
    let signature = request.headers.iter().find(|(name, _)| name == "growsurf-signature").expect("is signed");
    groundswell_types::signature::verify_product(&secret, &signature.1, &request.body, (0, i64::MAX))
        .expect("with the webhook's secret");
    ground.replace_secret();
    let requests = waiting::until("the second report".to_owned(), || {
        let requests = receiver.requests();
        (requests.len() >= 2).then_some(requests)
    });
    assert_eq!(requests.len(), 2, "two secrets of another webhook were replaced, and its own told nobody");
    assert!(requests.iter().all(|one| !one.body.windows(7).any(|part| part == b"planted")));
    let list = ground.client.get("/v2/campaigns").ok();
    let listed =
        list["campaigns"].as_array().expect("a list").iter().any(|one| one["id"] == operations["id"]);
    assert!(!listed, "{list}");
    let forged = json!({ "event": "NEW_SIGN_IN", "data": { "user": { "id": "usr_eve" } } });
    let refused = ground.client.post(&format!("/v2/campaign/{id}/events"), &forged);
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(ground.client.post("/v2/campaigns", &json!({ "type": "OPERATIONS" })).status, 400);
}
