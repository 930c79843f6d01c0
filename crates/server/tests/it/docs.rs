//! The documentation as the server serves it: to everybody, compressed, kept by whoever has it, and about this server.

use groundswell_types::sample::{SampleProgram, sample_body};
use groundswell_types::{EventKind, ProgramType};
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::receiver::Receiver;
use crate::server::{QUICK_RETRY, Server};

fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    client.send(Call { method: "GET", path, headers, body: &[] })
}

#[test]
fn anybody_reads_the_documentation_and_nothing_is_loaded_from_elsewhere() {
    let server = Server::start();
    let nobody = server.client().authorized_by(None);
    for path in ["/docs", "/docs/events", "/docs/security", "/docs/examples", "/docs/delivery", "/docs/api"] {
        let page = get(&nobody, path, &[]);
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(page.header("content-language"), Some("en"), "{path}");
    }
    for (path, content_type) in [
        ("/llms.txt", "text/plain; charset=utf-8"),
        ("/docs/llms.txt", "text/plain; charset=utf-8"),
        ("/docs/getting-started.md", "text/markdown; charset=utf-8"),
    ] {
        let text = get(&nobody, path, &[]);
        assert_eq!((text.status, text.header("content-type")), (200, Some(content_type)), "{path}");
    }
    let missing = get(&nobody, "/docs/no/such/page", &[]);
    assert_eq!(missing.status, 404);
    assert!(missing.text.contains("There is no such page"), "{}", missing.text);
}

#[test]
fn the_pages_speak_of_this_server() {
    let server = Server::start();
    let page = get(&server.client(), "/docs/getting-started.md", &[]).text;
    assert!(page.contains(&format!("curl {}/v2/campaigns", server.url())), "{page}");
    // The retries of these tests are quick, and the page says so.
    let delivery = get(&server.client(), "/docs/delivery.md", &[]).text;
    assert!(QUICK_RETRY.contains(&("GROUNDSWELL_RETRY_BASE_MS", "100")));
    // So is the command line that of the very program.
    let commands = get(&server.client(), "/docs/cli.md", &[]).text;
    for command in ["serve", "migrate", "doctor", "listen", "deliveries resend"] {
        assert!(commands.contains(&format!("# groundswell {command} {{#")), "{command}: {commands}");
    }
    assert!(delivery.contains("| Wait after the first failed attempt | **100 ms** | 5 s |"), "{delivery}");
}

#[test]
fn the_configuration_page_has_every_setting_of_this_very_program() {
    let server = Server::start();
    let page = get(&server.client(), "/docs/configuration.md", &[]).text;
    for row in [
        "| `listen` `--listen <ADDRESS>` `GROUNDSWELL_LISTEN` | `127.0.0.1:3000` | Address and port to listen on;",
        "| `retry.base_ms` `--retry-base-ms <MS>` `GROUNDSWELL_RETRY_BASE_MS` | `5000` | Wait after the first failed",
        "| `delivery.slots` `--delivery-slots <COUNT>` `GROUNDSWELL_DELIVERY_SLOTS` | `1024` | Requests under way",
        "| `--secrets-key <KEY>` `GROUNDSWELL_SECRETS_KEY` | none | The key that secrets in the database",
    ] {
        assert!(page.contains(row), "no {row} in {page}");
    }
    let rows = page.lines().filter(|line| line.contains("`GROUNDSWELL_") && line.starts_with("| ")).count();
    assert!(rows > 30, "{rows} settings");
}

#[test]
fn a_page_that_is_known_is_not_sent_again() {
    let server = Server::start();
    let client = server.client();
    let plain = get(&client, "/docs/events", &[("accept-encoding", "identity")]);
    let tag = plain.header("etag").expect("a tag").to_owned();
    assert_eq!(plain.header("cache-control"), Some("public, no-cache"));
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let known = get(&client, "/docs/events", &[("accept-encoding", "identity"), ("if-none-match", &tag)]);
    assert_eq!((known.status, known.text.as_str(), known.header("etag")), (304, "", Some(tag.as_str())));
    let other =
        get(&client, "/docs/events", &[("accept-encoding", "identity"), ("if-none-match", "\"other\"")]);
    assert_eq!(other.status, 200);
    let compressed = client.try_send(Call {
        method: "HEAD",
        path: "/docs/events",
        headers: &[("accept-encoding", "gzip, br")],
        body: &[],
    });
    let compressed = compressed.expect("it answers");
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    assert_ne!(compressed.header("etag"), Some(tag.as_str()), "other bytes have another tag");
}

#[test]
fn the_search_answers_with_a_page() {
    let server = Server::start();
    let page = get(&server.client(), "/docs/search?q=new_participant_added", &[]);
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<a href=\"/docs/events#new_participant_added\">"), "{}", page.text);
    assert_eq!(get(&server.client(), "/docs/search", &[]).status, 200);
    let odd = get(&server.client(), "/docs/search?q=%3Cscript%3E&q=%FF", &[]);
    assert!(!odd.text.contains("<script>"), "{}", odd.text);
}

/// The bytes of a sample follow from the program it is about and from its time.
fn made_anew(body: &str) -> String {
    let event: Value = serde_json::from_str(body).expect("a body is JSON");
    let kind = EventKind::parse(event["event"].as_str().expect("a name")).expect("one of the seven");
    let program = if kind == EventKind::CampaignEnded { &event["data"] } else { &event["data"]["campaign"] };
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (id, name) = (text(&program["id"]), text(&program["name"]));
    let program_type =
        if program["type"] == "AFFILIATE" { ProgramType::Affiliate } else { ProgramType::Referral };
    let program = SampleProgram { id: &id, name: &name, kind: program_type, currency: "USD" };
    sample_body(kind, program, event["createdAt"].as_i64().expect("a time"))
}

#[test]
fn the_samples_are_the_bytes_that_test_sends() {
    let server = Server::start();
    let client = server.client();
    let page = get(&client, "/docs/events.md", &[]).text;
    let receiver = Receiver::start();
    for (at, kind) in EventKind::ALL.into_iter().enumerate() {
        let begin = format!("{{\"event\":\"{kind}\",");
        let shown = page.lines().find(|line| line.starts_with(&begin)).expect("the sample on one line");
        assert_eq!(shown, made_anew(shown), "{kind}");
        let program = client.program(if kind.fits(ProgramType::Referral) { "REFERRAL" } else { "AFFILIATE" });
        let webhook = client.webhook(&program, &receiver.url("/hook"), json!({ "events": [kind.name()] }));
        client.post(&format!("/v2/campaign/{program}/webhooks/{webhook}/test"), &json!({})).ok();
        let requests = receiver.requests();
        assert_eq!(requests.len(), at + 1);
        let sent = requests.last().expect("the test came").text();
        assert_eq!(sent, made_anew(sent), "{kind}");
    }
}
