//! `groundswell trigger`.

use serde_json::{Value, json};

use super::{on, run};
use crate::receiver::{Reaction, Receiver};
use crate::server::{ADMIN_KEY, Server};

#[test]
fn a_sample_with_overrides_reaches_the_webhook() {
    let server = Server::start();
    let receiver = Receiver::start();
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    let arguments = [
        "trigger",
        "new_participant_added",
        "--override",
        "email=ada@example.com",
        "--override=metadata.plan=gold",
        "--override=referralCount=7",
        "--follow",
    ];
    let said = on(&server, &arguments).ok();
    let request = receiver.answered(1).remove(0).request;
    let (id, data) = (request.webhook_id(), &request.json()["data"]);
    assert_eq!((&data["email"], &data["referralCount"]), (&json!("ada@example.com"), &json!(7)));
    assert_eq!((&data["metadata"]["plan"], &data["campaign"]["id"]), (&json!("gold"), &json!(program)));
    assert!(said.starts_with(&format!("NEW_PARTICIPANT_ADDED {id}: 1 delivery\n")), "{said}");
    assert!(said.contains(&format!("delivered → {} (attempt 1 after ", receiver.url("/"))), "{said}");
}

#[test]
fn following_tells_of_each_failed_attempt_and_fails_with_the_delivery() {
    let server = Server::start();
    let receiver = Receiver::that(|_| Reaction::from(500));
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    let ran = on(&server, &["trigger", "NEW_PARTICIPANT_ADDED", "--follow", "--timeout", "2"]);
    assert!(ran.out.contains("retrying → ") && ran.out.contains("500"), "{}", ran.out);
    ran.fails_saying(&["1 of 1 deliveries have not ended yet", "--timeout"]);
}

#[test]
fn a_repeat_with_a_key_is_recognised_at_any_time() {
    let server = Server::start();
    server.client().program("AFFILIATE");
    let arguments = ["trigger", "NEW_COMMISSION_ADDED", "--idempotency-key", "one", "--json"];
    let (first, second) = (on(&server, &arguments).json(), on(&server, &arguments).json());
    assert_eq!((&first["duplicate"], &second["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!(first["id"], second["id"]);
}

#[test]
fn what_is_wrong_says_what_to_do() {
    let server = Server::start();
    let trigger = ["trigger", "CAMPAIGN_ENDED"];
    on(&server, &trigger).fails_saying(&["There is no program yet", "Create one"]);
    let program = server.client().program("REFERRAL");
    on(&server, &["trigger", "CAMPAIGN_ENDED", "--override", "nmae.x=1"]).fails_saying(&[
        "no `nmae` in data",
        "Did you mean `name`",
        "The sample has:",
        "participantCount",
    ]);
    on(&server, &["trigger", "NEW_COMMISSION_ADDED"]).fails_saying(&["is no event of"]);
    on(&server, &["trigger", "CAMPAIGN_ENDED", "--program", "nowhere"])
        .fails_saying(&["There is no program `nowhere`", &program]);
    let other = server.client().program("REFERRAL");
    on(&server, &trigger).fails_saying(&["There are 2 programs", "--program", &program, &other]);

    run(&trigger, &[("GROUNDSWELL_URL", server.url())])
        .fails_saying(&["wants an API key", "GROUNDSWELL_API_KEY"]);
    let wrong = [("GROUNDSWELL_URL", server.url()), ("GROUNDSWELL_API_KEY", "gsk_wrong")];
    run(&trigger, &wrong).fails_saying(&["does not know the key in --api-key or GROUNDSWELL_API_KEY"]);
    let key = server.client().post("/v2/api-keys", &json!({ "name": "reader", "scopes": ["read"] })).ok();
    let key = key["key"].as_str().expect("a key");
    let reader =
        [("GROUNDSWELL_URL", server.url()), ("GROUNDSWELL_API_KEY", key), ("GROUNDSWELL_PROGRAM", &program)];
    run(&trigger, &reader).fails_saying(&["may not do that", "use one with that scope"]);

    let gone = Server::start();
    let url = gone.url().to_owned();
    drop(gone);
    let nobody = [("GROUNDSWELL_URL", url.as_str()), ("GROUNDSWELL_ADMIN_KEY", ADMIN_KEY)];
    run(&trigger, &nobody).fails_saying(&["connection refused", "groundswell serve", "--url"]);
    let receiver = Receiver::start();
    let url = receiver.url("");
    run(&trigger, &[("GROUNDSWELL_URL", url.as_str())]).fails_saying(&["no answer of Groundswell's"]);
    let ran = run(&["trigger", "CAMPAIGN_END"], &[]);
    assert!(ran.err.contains("Did you mean `CAMPAIGN_ENDED`?"), "{}", ran.err);
}
