//! Settings as people and their tools give them: wrong, empty, or taken by somebody else.

use std::net::TcpListener;

use serde_json::Value;

use super::run;

#[test]
fn a_value_that_cannot_be_read_is_told_with_its_name_and_with_what_could_be() {
    for (variable, value, words) in [
        (
            "GROUNDSWELL_LISTEN",
            "localhost:3000",
            "--listen is `localhost:3000`; it must be an address and a port",
        ),
        ("GROUNDSWELL_METRICS_LISTEN", "9464", "such as 127.0.0.1:3000 or 0.0.0.0:3000"),
        ("GROUNDSWELL_RETRY_BASE_MS", "5s", "a whole number of milliseconds without a unit, such as 5000"),
        ("GROUNDSWELL_RETRY_FACTOR", "three", "--retry-factor is `three`; it must be a number"),
        ("GROUNDSWELL_BREAKER_FAILURES", "ten", "it must be a whole number\n"),
        ("GROUNDSWELL_TOTAL_TIMEOUT_MS", "-1", "of milliseconds"),
        ("GROUNDSWELL_DELIVERY_SLOTS", "-1", "above zero"),
        ("GROUNDSWELL_MAIL_DIGEST_MS", "1h", "of milliseconds"),
        ("GROUNDSWELL_NODE_LEASE_MS", "15s", "of milliseconds"),
        ("GROUNDSWELL_ALLOW_CORE_DUMPS", "1", "true or false"),
        ("GROUNDSWELL_LOG_FORMAT", "xml", "human or json"),
    ] {
        let environment = [(variable, value)];
        for command in ["serve", "check-config", "migrate"] {
            run(&[command], &environment).fails_saying(&[variable, words]);
        }
        let doctor = run(&["doctor", "--json"], &environment);
        let said: Value = serde_json::from_str(&doctor.out).expect("JSON");
        assert_eq!((doctor.code, &said["checks"][0]["level"]), (Some(1), &Value::from("fail")), "{said}");
    }
    run(&["check-config", "--listen", "localhost"], &[]).fails_saying(&["--listen is `localhost`"]);
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let help = run(&["check-config", "--help"], &[]).ok();
    let variables: Vec<&str> =
        help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).collect();
    assert!(variables.len() > 40 && variables.contains(&"GROUNDSWELL_SECRETS_KEY"), "{variables:?}");
    let empty: Vec<(&str, &str)> = variables.iter().map(|variable| (*variable, "")).collect();
    assert_eq!(run(&["check-config"], &empty).ok(), run(&["check-config"], &[]).ok());
    let said = run(&["health"], &[("GROUNDSWELL_URL", "")]).err;
    assert!(said.contains("http://127.0.0.1:3000"), "{said}");
}

#[test]
fn an_address_that_is_taken_is_told_with_how_to_take_another() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let database = format!("sqlite://{}/g.db", directory.path().display());
    let serve = |arguments: &[&str]| run(&[&["serve", "--database-url", &database], arguments].concat(), &[]);
    serve(&["--listen", &address]).fails_saying(&[
        &format!("cannot listen on {address}: Address already in use"),
        "stop what listens there, or choose another with --listen or GROUNDSWELL_LISTEN",
    ]);
    serve(&["--listen", "127.0.0.1:0", "--metrics-listen", &address])
        .fails_saying(&["for metrics: ", "--metrics-listen or GROUNDSWELL_METRICS_LISTEN"]);
}
