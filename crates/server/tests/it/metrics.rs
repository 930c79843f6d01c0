//! What the server measures, as whoever collects metrics reads it.

use std::collections::BTreeMap;

use private_postgres::{Mode, Server as PostgreSql};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::{Answer, Call, Client};
use crate::receiver::{Reaction, Receiver};
use crate::server::{NO_BREAKER, QUICK_RETRY, Server, on};
use crate::waiting;

/// Series by name and labels, as they are written.
type Series = BTreeMap<String, i64>;

/// What these tests ask for are whole numbers; of others, the next one above.
#[expect(clippy::cast_possible_truncation, reason = "nothing here is as large")]
fn whole(value: &str) -> Option<i64> {
    value.parse::<f64>().ok().map(|value| value.ceil() as i64)
}

fn series(text: &str) -> Series {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value in {line}"));
            (name.to_owned(), whole(value).unwrap_or_else(|| panic!("no number in {line}")))
        })
        .collect()
}

fn scrape(client: &Client) -> Series {
    series(&client.get("/metrics").text)
}

/// Where the server says that metrics are, for those without a key.
fn own_url(server: &Server) -> String {
    let url = server.log().lines().find_map(|line| line.strip_prefix("Metrics are at ").map(str::to_owned));
    url.expect("it says where")
}

fn own_listener(server: &Server) -> Client {
    Client::new(own_url(server).strip_suffix("/metrics").expect("a path"), "").authorized_by(None)
}

#[test]
fn what_an_event_goes_through_is_counted() {
    let settings: Vec<_> = QUICK_RETRY.into_iter().chain([NO_BREAKER]).collect();
    let server = Server::with(&settings);
    let client = server.client();
    let receiver =
        Receiver::that(|request| Reaction::from(if request.number.is_multiple_of(2) { 500 } else { 200 }));
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    let before = scrape(&client);
    for number in 0..10 {
        client.join(&program, &format!("p{number}"));
    }
    assert_eq!(client.get(&format!("/v2/campaign/{program}/deliveries/0")).status, 404);
    let after = waiting::until("all are delivered", || {
        let now = scrape(&client);
        (now["groundswell_deliveries_ended_total{end=\"delivered\"}"] >= 10).then_some(now)
    });
    let grown = |name: &str| after[name] - before.get(name).copied().unwrap_or_default();
    assert_eq!(grown("groundswell_events_accepted_total"), 10);
    assert_eq!(grown("groundswell_attempts_total{outcome=\"success\"}"), 10);
    assert!(grown("groundswell_attempts_total{outcome=\"status\"}") >= 1);
    assert_eq!(grown("groundswell_attempts_total{outcome=\"tls\"}"), 0);
    assert_eq!(grown("groundswell_first_attempt_delay_seconds_count"), 10);
    assert!(grown("groundswell_commit_duration_seconds_count") >= 2);
    assert!(grown("groundswell_commit_rows_sum") >= 20);
    let requests = |labels: &str| grown(&format!("groundswell_http_requests_total{{{labels}}}"));
    assert_eq!(requests("route=\"/v2/campaign/{id}/events\",method=\"POST\",status=\"2xx\""), 10);
    let not_there = "route=\"/v2/campaign/{id}/deliveries/{delivery}\",method=\"GET\",status=\"4xx\"";
    assert_eq!(requests(not_there), 1);
    assert_eq!(after["groundswell_webhooks{breaker=\"closed\"}"], 1);
    assert_eq!(after["groundswell_slots"], 1024);
    assert_eq!(after["groundswell_ready"], 1);
    assert!(after["groundswell_process_resident_memory_bytes"] > 1_000_000);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(after[&format!("groundswell_build_info{{version=\"{version}\",database=\"sqlite\"}}")], 1);
}

#[test]
fn what_waits_is_told_apart_by_what_it_waits_for() {
    let server = Server::with(&[
        ("GROUNDSWELL_RETRY_BASE_MS", "100"),
        ("GROUNDSWELL_RETRY_FACTOR", "1"),
        ("GROUNDSWELL_BREAKER_FAILURES", "3"),
    ]);
    let client = server.client();
    let receiver = Receiver::that(|_| Reaction::from(500));
    let (failing, disabled) = (client.program("REFERRAL"), client.program("REFERRAL"));
    client.webhook(&failing, &receiver.url("/"), Value::Null);
    client.webhook(&disabled, &receiver.url("/"), json!({ "isEnabled": false }));
    for number in 0..4 {
        client.join(&failing, &format!("p{number}"));
        client.join(&disabled, &format!("p{number}"));
    }
    let pending = |state: &str| format!("groundswell_deliveries_pending{{state=\"{state}\"}}");
    let now = waiting::until("the breaker is open and everything was counted", || {
        let now = scrape(&client);
        (now[&pending("held")] == 4).then_some(now)
    });
    assert_eq!((now[&pending("parked")], now[&pending("waiting")]), (4, 0));
    assert_eq!(now["groundswell_webhooks{breaker=\"open\"}"], 1);
    assert_eq!(now["groundswell_webhooks{breaker=\"disabled\"}"], 1);
    assert_eq!(now["groundswell_oldest_due_age_seconds"], 0, "a failing receiver makes nobody late");
}

#[test]
fn while_the_database_is_away_only_what_it_would_have_to_count_is_missing() {
    let postgres = PostgreSql::start();
    let (name, url) = on(&postgres);
    let server = Server::with(&[(name, &url), ("GROUNDSWELL_METRICS_LISTEN", "127.0.0.1:0")]);
    let own = own_listener(&server);
    let pending = "groundswell_deliveries_pending{state=\"waiting\"}";
    let now = scrape(&own);
    assert_eq!((now["groundswell_ready"], now.get(pending)), (1, Some(&0)));
    postgres.stop(Mode::Immediate);
    let away =
        waiting::until("it is told that nothing can be accepted, and nothing that is not known", || {
            // The count from before is given for some seconds.
            let answer = own.get("/metrics");
            assert_eq!(answer.status, 200, "{}", answer.text);
            let now = series(&answer.text);
            (now["groundswell_ready"] == 0 && !now.contains_key(pending)).then_some(now)
        });
    for name in [
        "groundswell_slots",
        "groundswell_delivery_heartbeat_age_seconds",
        "groundswell_events_accepted_total",
    ] {
        assert!(away.contains_key(name), "{name} is missing: {away:?}");
    }
    postgres.start_again();
    waiting::until("the database is asked again", || {
        let now = scrape(&own);
        (now["groundswell_ready"] == 1 && now.get(pending) == Some(&0)).then_some(())
    });
}

#[test]
fn no_series_names_anybody_and_every_one_has_a_help_and_a_base_unit() {
    let server = Server::with(&[("GROUNDSWELL_METRICS_LISTEN", "127.0.0.1:0")]);
    let client = server.client();
    let receiver = Receiver::start();
    let program = client.program("REFERRAL");
    let webhook = client.webhook(&program, &receiver.url("/some/hidden/path"), Value::Null);
    client.join(&program, "somebody");
    receiver.answered(1);
    assert_eq!(client.get("/not/there/at-all").status, 404);
    assert_eq!(Browser::signed_out(&server).ask("BREW /coffee", &[], "").status, 404);
    let answer = own_listener(&server).get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let port = receiver.port().to_string();
    for secret in [&program, &webhook, "somebody", "hidden", &port, "at-all", "coffee", "BREW"] {
        assert!(!answer.text.contains(secret), "{secret} is in the metrics");
    }
    for name in series(&answer.text).keys() {
        let base = name.split('{').next().expect("a name");
        assert!(base.starts_with("groundswell_"), "{name}");
        assert!(
            !["_ms", "_millis", "_kb", "_mb", "_minutes", "_percent"].iter().any(|unit| base.contains(unit))
        );
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| base.strip_suffix(end));
        let family = of_histogram.unwrap_or(base);
        assert!(answer.text.contains(&format!("# HELP {family} ")), "{name} has no help");
        let is_counter = answer.text.contains(&format!("# TYPE {family} counter"));
        assert_eq!(is_counter, base.ends_with("_total"), "{name}");
    }
}

#[test]
fn metrics_are_for_the_admin_key_and_for_whoever_reaches_their_own_listener() {
    let server = Server::with(&[("GROUNDSWELL_METRICS_LISTEN", "127.0.0.1:0")]);
    let client = server.client();
    assert_eq!(client.get("/metrics").status, 200);
    let stranger = client.authorized_by(None);
    stranger.get("/metrics").refused(401, "UNAUTHORIZED");
    let own = own_listener(&server);
    let read = |client: &Client| -> Answer { client.get("/metrics") };
    assert_eq!(read(&own).status, 200);
    assert_eq!(own.get("/v2/campaigns").status, 404, "nothing else is there");
    assert_eq!(own.get("/").status, 404);
    let post = Call { method: "POST", path: "/metrics", headers: &[], body: b"{}" };
    assert_eq!(own.send(post).status, 405, "whoever posts here learns nothing");
    // The harness allows deliveries to loopback, but none goes there.
    let program = client.program("REFERRAL");
    let url = own_url(&server);
    let tested = json!({ "payloadUrl": url, "events": ["NEW_PARTICIPANT_ADDED"] });
    let webhook = client.post(&format!("/v2/campaign/{program}/webhooks"), &tested);
    let why = if webhook.status == 200 {
        let id = webhook.ok()["id"].as_str().expect("an id").to_owned();
        client.post(&format!("/v2/campaign/{program}/webhooks/{id}/test"), &json!({})).text
    } else {
        webhook.text
    };
    assert!(why.contains("this server"), "{why}");
}
