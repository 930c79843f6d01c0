//! `groundswell verify`, on requests as they came.

use serde_json::json;

use super::{run, run_with};
use crate::receiver::Receiver;
use crate::server::Server;

#[test]
fn a_request_is_verified_and_what_happened_to_its_body_is_recognised() {
    let server = Server::start();
    let receiver = Receiver::start();
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), json!({ "secret": "my secret" }));
    server.client().join(&program, "ann");
    let request = receiver.answered(1).remove(0).request;
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let mut arguments = vec!["verify", "--secret", "my secret"];
    for header in &headers {
        arguments.extend(["--header", header]);
    }
    let good = run_with(&request.body, &arguments).ok();
    assert_eq!(good, "right GrowSurf-Signature\nright webhook-signature\n");

    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("body.json");
    let pretty = serde_json::to_string_pretty(&request.json()).expect("JSON");
    std::fs::write(&file, pretty).expect("a new file");
    let path = file.to_str().expect("a plain path");
    let bad = run(&[&arguments[..], &[path]].concat(), &[]);
    assert_eq!((bad.code, bad.err.as_str()), (Some(1), ""));
    assert_eq!(bad.out.matches("WRONG ").count(), 2, "{}", bad.out);
    assert_eq!(bad.out.matches("parsed and printed again").count(), 2, "{}", bad.out);

    arguments[2] = "another secret";
    let other = run_with(&request.body, &[&arguments[..], &["--json"]].concat());
    assert_eq!(other.code, Some(1));
    let said: serde_json::Value = serde_json::from_str(&other.out).expect("JSON");
    assert_eq!((&said["verified"], &said["signatures"][1]["right"]), (&json!(false), &json!(false)));
    run_with(b"{}", &["verify", "--secret", "s", "--header", "content-type: text/plain"])
        .fails_saying(&["None of the headers is a signature", "webhook-id"]);
    run(&["verify", "--secret", "s", "--header", "a: b", "/nowhere/body"], &[])
        .fails_saying(&["cannot be read from /nowhere/body"]);
}
