//! The built-in receiver: what reaches it, from here and from outside, and what its checks say.

use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::server::{self, QUICK_RETRY, Server};
use crate::waiting;

/// A server that may reach public addresses only, so not itself; with a program and its inbox.
struct Fixture {
    server: Server,
    client: Client,
    program: String,
}

impl Fixture {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(more: &[(&str, &str)]) -> Self {
        let mut settings = QUICK_RETRY.to_vec();
        settings.push(("GROUNDSWELL_EGRESS_ALLOW", ""));
        settings.extend_from_slice(more);
        let server = Server::with(&settings);
        let client = server.client();
        let program = client.program("REFERRAL");
        Self { server, client, program }
    }

    fn path(&self) -> String {
        format!("/v2/campaign/{}/inbox", self.program)
    }

    fn inbox(&self) -> Value {
        self.client.get(&self.path()).ok()
    }

    fn url(&self) -> String {
        self.inbox()["url"].as_str().expect("an inbox has an address").to_owned()
    }

    /// The address without what is before its path, for the client.
    fn post_path(&self) -> String {
        let url = self.url();
        url[url.find("/inbox/").expect("the path of an inbox")..].to_owned()
    }

    fn send(&self, method: &str, body: &[u8]) -> Answer {
        let path = &self.post_path();
        self.client.authorized_by(None).send(Call { method, path, headers: &[], body })
    }

    /// What the inbox has got, newest first, once it is so much.
    fn requests(&self, count: usize) -> Vec<Value> {
        waiting::until(format!("{count} requests in the inbox"), || {
            let requests = self.inbox()["requests"].as_array().cloned().expect("a list");
            (requests.len() >= count).then_some(requests)
        })
    }

    fn detail(&self, request: &Value) -> Value {
        let id = request["id"].as_str().expect("a request has an id");
        self.client.get(&format!("{}/requests/{id}", self.path())).ok()
    }

    fn delivered(&self, event: &str) -> Value {
        waiting::until("the event is delivered", || {
            let delivery = self.client.delivery_of(&self.program, event);
            (delivery["state"] == "delivered").then_some(delivery)
        })
    }
}

#[test]
fn a_delivery_reaches_the_inbox_though_nothing_else_here_may_be_reached() {
    let fixture = Fixture::new();
    let url = fixture.url();
    assert!(url.starts_with(&format!("{}/inbox/", fixture.server.url())), "{url}");
    fixture.client.webhook(&fixture.program, &url, json!({ "secret": "hunter2" }));
    let event = fixture.client.join(&fixture.program, "p1");
    let delivery = fixture.delivered(&event);
    let response = &delivery["attemptLog"][0]["response"];
    assert_eq!(response["statusCode"], 200, "{delivery}");
    assert!(response["body"].as_str().is_some_and(|text| text.starts_with("Received.")), "{delivery}");
    let requests = fixture.requests(1);
    let request = &requests[0];
    assert_eq!((&request["isOwn"], &request["event"]), (&json!(true), &json!("NEW_PARTICIPANT_ADDED")));
    assert_eq!(request["webhookId"], event);
    let wanted = json!({ "webhookId": "primary", "product": "verified", "standard": "verified" });
    assert_eq!(request["signature"], wanted);
    let detail = fixture.detail(request);
    assert_eq!(detail["body"], delivery["body"], "the same bytes");
    assert!(!detail.to_string().contains("hunter2"));
}

/// A way in for exactly one URL must not be one for others of this server or this machine.
#[test]
fn nothing_but_the_exact_address_goes_past_the_guard() {
    let fixture = Fixture::new();
    let url = fixture.url();
    let base = fixture.server.url();
    let others = [
        format!("{url}/"),
        format!("{url}?a=b"),
        format!("{url}/../../v2/campaigns"),
        format!("{base}/inbox/{}", "0".repeat(32)),
        format!("{base}/inbox/"),
        format!("{base}/v2/campaigns"),
        url.replace("http://", "https://"),
        url.replace("http://", "http://user@"),
    ];
    let path = format!("/v2/campaign/{}/webhooks", fixture.program);
    for other in others {
        let answer = fixture.client.post(&path, &json!({ "payloadUrl": other }));
        assert_eq!(answer.refused(400, "BAD_REQUEST"), ["/payloadUrl"], "{other}");
    }
}

#[test]
fn a_replaced_address_leads_nowhere() {
    let fixture = Fixture::new();
    let (old, old_path) = (fixture.url(), fixture.post_path());
    fixture.client.webhook(&fixture.program, &old, Value::Null);
    let replaced = fixture.client.post(&format!("{}/address", fixture.path()), &json!({})).ok();
    assert_eq!(replaced["url"], fixture.url());
    assert_ne!(replaced["url"], old);
    let post = |path: &str| {
        let call = Call { method: "POST", path, headers: &[], body: b"{}" };
        fixture.client.authorized_by(None).send(call)
    };
    let (gone, unknown) = (post(&old_path), post("/inbox/nobody"));
    assert_eq!((gone.status, gone.text.as_str()), (404, "Not found.\n"));
    assert_eq!((unknown.status, &unknown.text), (404, &gone.text));
    let event = fixture.client.join(&fixture.program, "p1");
    waiting::until("the delivery is blocked", || {
        let delivery = fixture.client.delivery_of(&fixture.program, &event);
        (delivery["lastFailure"] == "blocked").then_some(())
    });
    assert_eq!(fixture.requests(0).len(), 0);
}

#[test]
fn anybody_with_the_address_can_post_and_reads_plain_text() {
    let fixture = Fixture::new();
    let taken = fixture.send("POST", b"hello");
    assert_eq!(taken.status, 200);
    assert_eq!(taken.header("content-type"), Some("text/plain; charset=utf-8"));
    let about = fixture.send("GET", b"");
    assert!(about.status == 200 && about.text.contains("POST"), "{about:?}");
    let refused = fixture.send("DELETE", b"");
    assert_eq!(refused.status, 405);
    assert!(refused.header("allow").is_some_and(|methods| methods.contains("POST")));
    let requests = fixture.requests(1);
    assert_eq!(requests.len(), 1, "only what was posted is kept");
    assert_eq!((&requests[0]["isOwn"], &requests[0]["event"]), (&json!(false), &Value::Null));
    assert_eq!(requests[0]["signature"]["standard"], "noWebhook");
    assert_eq!(fixture.detail(&requests[0])["body"], "hello");
    fixture.client.delete(&format!("{}/requests", fixture.path())).ok();
    assert_eq!(fixture.requests(0).len(), 0);
}

#[test]
fn bodies_and_numbers_have_their_limits() {
    let fixture = Fixture::new();
    assert_eq!(fixture.send("POST", &vec![b'x'; 65_536]).status, 200);
    let refused = fixture.send("POST", &vec![b'x'; 65_537]);
    assert_eq!((refused.status, refused.text.as_str()), (413, "An inbox takes bodies of up to 64 KiB.\n"));
    let mut taken = 0;
    let refused = loop {
        let answer = fixture.send("POST", b"{}");
        match answer.status {
            200 => taken += 1,
            _ => break answer,
        }
        assert!(taken < 10_000, "nothing is ever refused");
    };
    assert!(taken > 20, "only {taken} were taken");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert!(fixture.requests(1).len() <= 100);
}

#[test]
fn the_checks_say_why_a_signature_is_not_right() {
    let fixture = Fixture::new();
    fixture.client.webhook(&fixture.program, &fixture.url(), json!({ "secret": "hunter2" }));
    fixture.client.join(&fixture.program, "p1");
    let genuine = fixture.detail(&fixture.requests(1)[0]);
    let headers = genuine["headers"].as_array().expect("a list");
    let pair = |header: &Value| {
        let text = |name: &str| header[name].as_str().expect("a text").to_owned();
        (text("name"), text("value"))
    };
    let headers: Vec<(String, String)> = headers.iter().map(pair).collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let body = genuine["body"].as_str().expect("a text");
    let replay = |headers: &[(&str, &str)], body: &str| {
        let path = &fixture.post_path();
        let call = Call { method: "POST", path, headers, body: body.as_bytes() };
        assert_eq!(fixture.client.authorized_by(None).send(call).status, 200);
        let check = fixture.inbox()["requests"][0]["signature"].clone();
        ["product", "standard"].map(|scheme| check[scheme].as_str().expect("a word").to_owned())
    };
    assert_eq!(replay(&headers, body), ["verified"; 2]);
    assert_eq!(replay(&headers, &body.replace("p1", "p2")), ["bodyChanged"; 2]);
    assert_eq!(replay(&[], body), ["missing"; 2]);
    fixture
        .client
        .patch(&format!("/v2/campaign/{}/webhooks/primary", fixture.program), &json!({ "secret": "other" }))
        .ok();
    assert_eq!(replay(&headers, body), ["wrongSecret"; 2]);
    fixture
        .client
        .patch(&format!("/v2/campaign/{}/webhooks/primary", fixture.program), &json!({ "secret": null }))
        .ok();
    assert_eq!(replay(&headers, body), ["noSecret"; 2]);
}

/// The requests are in a file of their own, or in a table beside the others.
fn an_inbox_survives_a_crash(more: &[(&str, &str)]) {
    let mut settings = vec![("GROUNDSWELL_PUBLIC_URL", "https://hooks.example.com/base/")];
    settings.extend_from_slice(more);
    let mut fixture = Fixture::with(&settings);
    let url = fixture.url();
    assert!(url.starts_with("https://hooks.example.com/base/inbox/"), "{url}");
    fixture.client.webhook(&fixture.program, &url, json!({ "secret": "hunter2" }));
    let event = fixture.client.join(&fixture.program, "p1");
    let before = fixture.requests(1);
    assert_eq!(before[0]["signature"]["standard"], "verified");
    fixture.delivered(&event);
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    assert_eq!(fixture.url(), url);
    assert_eq!(fixture.requests(1), before);
    fixture.client.join(&fixture.program, "p2");
    assert_eq!(fixture.requests(2).len(), 2);
}

#[test]
fn an_inbox_survives_a_crash_on_sqlite() {
    an_inbox_survives_a_crash(&[]);
}

#[test]
fn an_inbox_survives_a_crash_on_postgres() {
    let (name, url) = server::on(private_postgres::Server::shared());
    an_inbox_survives_a_crash(&[(name, &url)]);
}
