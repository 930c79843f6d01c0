//! One trace shows an event's way, at a collector that speaks OTLP.

use std::collections::HashMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::Value;

use crate::browser::Browser;
use crate::client::Call;
use crate::receiver::{Reaction, Receiver};
use crate::server::{QUICK_RETRY, Server};
use crate::waiting;

/// What a client that traces sends: its trace, and its span.
const TRACEPARENT: (&str, &str) = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

const ACCEPT: &str = "POST /v2/campaign/{id}/events";

fn collected(collector: &Receiver) -> Vec<Span> {
    let requests = collector.requests();
    let exports = requests.iter().map(|request| {
        assert_eq!(request.path, "/v1/traces");
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        ExportTraceServiceRequest::decode(&request.body[..]).expect("OTLP")
    });
    exports
        .flat_map(|export| export.resource_spans)
        .flat_map(|of_resource| of_resource.scope_spans)
        .flat_map(|of_scope| of_scope.spans)
        .collect()
}

fn text(span: &Span, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        Any::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn settings(collector: &Receiver) -> Vec<(&'static str, String)> {
    let own = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url("")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        ("OTEL_SERVICE_NAME", "webhooks-of-the-tests".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
    ];
    QUICK_RETRY.into_iter().map(|(name, value)| (name, value.to_owned())).chain(own).collect()
}

fn start(settings: &[(&'static str, String)]) -> Server {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::with(&settings)
}

fn submit(server: &Server, program: &str, headers: &[(&str, &str)]) -> crate::client::Answer {
    let path = format!("/v2/campaign/{program}/events");
    let body = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;
    server.client().send(Call { method: "POST", path: &path, headers, body })
}

#[test]
fn one_trace_shows_accept_commit_every_attempt_and_every_outcome_and_goes_on_from_the_callers() {
    let collector = Receiver::start();
    let server = start(&settings(&collector));
    let receiver = Receiver::that(|request| Reaction::from(if request.number == 1 { 503 } else { 200 }));
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    let answer = submit(&server, &program, &[TRACEPARENT]);
    assert_eq!(answer.status, 202);
    let event = answer.json()["id"].as_str().expect("an id").to_owned();
    let trace = waiting::until("both outcomes are in the trace", || {
        let mut spans = collected(&collector);
        spans.retain(|span| hex(&span.trace_id) == "0af7651916cd43dd8448eb211c80319c");
        (spans.iter().filter(|span| span.name == "outcome").count() == 2).then_some(spans)
    });
    let by_id: HashMap<&[u8], &Span> = trace.iter().map(|span| (&span.span_id[..], span)).collect();
    let named = |name: &str| trace.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [accept] = named(ACCEPT)[..] else { panic!("one request: {trace:#?}") };
    assert_eq!(hex(&accept.parent_span_id), "b7ad6b7169203331", "the caller's span is its parent");
    assert_eq!(text(accept, "http.response.status_code").as_deref(), Some("202"));
    assert_eq!(text(accept, "groundswell.request.id").as_deref(), answer.header("x-request-id"));
    let [commit] = named("commit")[..] else { panic!("one commit: {trace:#?}") };
    assert_eq!(commit.parent_span_id, accept.span_id);
    assert_eq!(text(commit, "groundswell.event.id"), Some(event.clone()));
    let mut attempts = named("attempt");
    attempts.sort_by_key(|attempt| text(attempt, "groundswell.attempt.number"));
    let told: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            assert_eq!(attempt.parent_span_id, commit.span_id);
            assert_eq!(text(attempt, "groundswell.event.id"), Some(event.clone()));
            assert!(attempt.start_time_unix_nano <= attempt.end_time_unix_nano);
            (text(attempt, "groundswell.attempt.number"), text(attempt, "http.response.status_code"))
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(number, status)| (number.as_deref(), status.as_deref())).collect();
    assert_eq!(told, [(Some("1"), Some("503")), (Some("2"), Some("200"))]);
    let mut outcomes: Vec<_> = named("outcome")
        .iter()
        .map(|outcome| {
            let attempt = by_id[&outcome.parent_span_id[..]];
            assert_eq!(attempt.name, "attempt");
            (text(attempt, "groundswell.attempt.number"), text(outcome, "groundswell.outcome"))
        })
        .collect();
    outcomes.sort();
    let outcomes: Vec<_> =
        outcomes.iter().map(|(number, after)| (number.as_deref(), after.as_deref())).collect();
    assert_eq!(outcomes, [(Some("1"), Some("retry")), (Some("2"), Some("delivered"))]);
    for request in receiver.requests() {
        assert_eq!(request.header("traceparent"), None, "receivers are told nothing of it");
    }
}

#[test]
fn a_repeated_event_leaves_what_is_still_to_come_in_the_first_ones_trace() {
    let collector = Receiver::start();
    let server = start(&settings(&collector));
    let receiver = Receiver::that(|_| Reaction::from(503));
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    let key = ("idempotency-key", "one and the same");
    let first = submit(&server, &program, &[TRACEPARENT, key]);
    assert_eq!(first.status, 202);
    receiver.answered(1);
    let again = ("traceparent", "00-0af7651916cd43dd8448eb211c80319e-b7ad6b7169203331-01");
    let repeated = submit(&server, &program, &[again, key]);
    assert_eq!(repeated.json()["id"], first.json()["id"], "{}", repeated.text);
    receiver.behave(|_| Reaction::from(200));
    let spans = waiting::until("it is delivered, and the repeated request is told of", || {
        let spans = collected(&collector);
        let is_end = |span: &Span| text(span, "groundswell.outcome").as_deref() == Some("delivered");
        let is_repeated = |span: &Span| span.name == ACCEPT && hex(&span.trace_id).ends_with("319e");
        (spans.iter().any(is_end) && spans.iter().any(is_repeated)).then_some(spans)
    });
    let of = |end: &'static str| spans.iter().filter(move |span| hex(&span.trace_id).ends_with(end));
    assert_eq!(of("319e").map(|span| &*span.name).collect::<Vec<_>>(), [ACCEPT], "nothing was committed");
    let attempts = spans.iter().filter(|span| span.name == "attempt");
    assert_eq!(of("319c").filter(|span| span.name == "attempt").count(), attempts.count());
}

#[test]
fn a_caller_that_does_not_trace_is_not_traced_and_without_one_a_part_of_all_is() {
    let collector = Receiver::start();
    let server = start(&settings(&collector));
    let program = server.client().program("REFERRAL");
    let brew = format!("BREW /v2/campaign/{program}/events");
    assert!(Browser::signed_out(&server).ask(&brew, &[], "").status >= 400);
    let unsampled = ("traceparent", "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00");
    assert_eq!(submit(&server, &program, &[unsampled]).status, 202);
    assert_eq!(submit(&server, &program, &[]).status, 202);
    let spans = waiting::until("the other event is committed in its own trace", || {
        let spans = collected(&collector);
        spans.iter().any(|span| span.name == "commit").then_some(spans)
    });
    assert_eq!(spans.iter().filter(|span| span.name == ACCEPT).count(), 1);
    assert!(spans.iter().all(|span| hex(&span.trace_id) != "0af7651916cd43dd8448eb211c80319d"));
    let accept = spans.iter().find(|span| span.name == ACCEPT).expect("found above");
    assert!(accept.parent_span_id.is_empty(), "it begins its trace");
    let invented =
        spans.iter().find(|span| span.name == "HTTP /v2/campaign/{id}/events").expect("it is traced");
    assert_eq!(
        text(invented, "http.request.method").as_deref(),
        Some("_OTHER"),
        "a stranger's words are in no trace"
    );
    assert!(
        spans.iter().all(|span| !span.name.contains("/readyz")),
        "machines that ask whether we run are not traced"
    );
}

#[test]
fn after_a_restart_a_delivery_goes_on_without_its_trace_and_others_are_traced() {
    let collector = Receiver::start();
    let mut server = start(&settings(&collector));
    let receiver = Receiver::that(|_| Reaction::from(500));
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    assert_eq!(submit(&server, &program, &[TRACEPARENT]).status, 202);
    receiver.answered(1);
    server.terminate();
    assert!(server.wait(std::time::Duration::from_secs(30)).success());
    let before = collected(&collector);
    assert!(
        before.iter().any(|span| span.name == "outcome"),
        "the last spans are sent when it stops: {before:#?}"
    );
    receiver.behave(|_| Reaction::from(200));
    let attempts = |spans: &[Span]| {
        spans.iter().filter(|span| span.name == "attempt" && hex(&span.trace_id).ends_with("319c")).count()
    };
    server.restart();
    receiver.until("the first event arrives", |exchanges| {
        exchanges.iter().any(|one| one.answered.is_some_and(|answered| answered.status == 200)).then_some(())
    });
    assert_eq!(submit(&server, &program, &[]).status, 202);
    let after = waiting::until("the second event is traced to its end", || {
        let spans = collected(&collector);
        let is_end = |span: &Span| text(span, "groundswell.outcome").as_deref() == Some("delivered");
        spans.iter().any(is_end).then_some(spans)
    });
    assert_eq!(attempts(&after), attempts(&before));
}

#[test]
fn a_collectors_password_is_sent_and_never_logged() {
    let collector = Receiver::start();
    let mut settings = settings(&collector);
    let with_password = collector.url("").replace("http://", "http://otlp:pl%40nted-password@");
    for (name, value) in
        [("OTEL_EXPORTER_OTLP_ENDPOINT", with_password.as_str()), ("GROUNDSWELL_LOG", "trace")]
    {
        settings.retain(|(known, _)| *known != name);
        settings.push((name, value.to_owned()));
    }
    let server = start(&settings);
    server.client().program("REFERRAL");
    let sent = waiting::until("traces are sent", || collector.requests().first().cloned());
    // Of `otlp:pl@nted-password`.
    assert_eq!(sent.header("authorization"), Some("Basic b3RscDpwbEBudGVkLXBhc3N3b3Jk"));
    let log = server.log();
    for spelling in ["pl%40nted-password", "pl@nted-password", "b3RscDpwbEBudGVkLXBhc3N3b3Jk"] {
        assert!(!log.contains(spelling), "{spelling}");
    }
}
