//! `groundswell deliveries`.

use serde_json::{Value, json};

use super::on;
use crate::receiver::{Reaction, Receiver};
use crate::server::Server;
use crate::waiting;

#[test]
fn deliveries_are_listed_shown_and_sent_again() {
    let server = Server::start();
    let receiver = Receiver::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    assert_eq!(on(&server, &["deliveries", "list"]).ok(), "No deliveries.\n");
    for participant in ["ann", "bob", "eve"] {
        client.join(&program, participant);
    }
    waiting::until("all are delivered", || {
        (client.deliveries(&program, "?state=delivered").len() == 3).then_some(())
    });
    let table = on(&server, &["deliveries", "list", "--state", "delivered", "--since", "1h"]).ok();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert!(rows[0].starts_with("ACCEPTED (UTC)") && rows[0].ends_with("TO"), "{table}");
    assert!(
        rows[1..].iter().all(|row| row.contains(" delivered ") && row.ends_with(&receiver.url("/"))),
        "{table}"
    );
    let first = on(&server, &["deliveries", "list", "--limit", "2", "--json"]).json();
    let next = first["nextId"].as_str().expect("there are more");
    let second = on(&server, &["deliveries", "list", "--next-id", next, "--json"]).json();
    assert_eq!(
        (first["deliveries"].as_array().map(Vec::len), second["deliveries"].as_array().map(Vec::len)),
        (Some(2), Some(1))
    );
    assert_eq!(on(&server, &["deliveries", "list", "--until", "1h"]).ok(), "No deliveries.\n");

    let of_bob = on(&server, &["deliveries", "list", "--text", "bob", "--json"]).json();
    let id = of_bob["deliveries"][0]["id"].as_str().expect("an id");
    let shown = on(&server, &["deliveries", "show", id]).ok();
    for words in [id, "NEW_PARTICIPANT_ADDED", "attempt 1 at ", ": 200 in ", r#""data":{"id":"bob"}"#] {
        assert!(shown.contains(words), "no `{words}` in {shown}");
    }
    assert_eq!(on(&server, &["deliveries", "show", id, "--json"]).json()["id"], id);

    let said = on(&server, &["deliveries", "resend", id]).ok();
    assert!(said.starts_with(&format!("{id} is queued again as dlv_")), "{said}");
    let again = receiver.answered(4).remove(3).request;
    assert_eq!(again.json()["data"]["id"], "bob");
    on(&server, &["deliveries", "show", "dlv_nonsense"]).fails_saying(&["There is no such delivery"]);
}

#[test]
fn many_are_counted_first_and_sent_again_when_that_is_wanted() {
    let server = Server::with(&[("GROUNDSWELL_RETRY_BASE_MS", "1"), ("GROUNDSWELL_RETRY_DEADLINE_MS", "50")]);
    let receiver = Receiver::that(|_| Reaction::from(400));
    let client = server.client();
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    client.join(&program, "ann");
    client.join(&program, "bob");
    waiting::until("both are given up", || {
        (client.deliveries(&program, "?state=undeliverable").len() == 2).then_some(())
    });
    receiver.behave(|_| Reaction::from(200));
    let resend = ["deliveries", "resend", "--state", "undeliverable", "--event", "NEW_PARTICIPANT_ADDED"];
    assert_eq!(on(&server, &resend).ok(), "2 deliveries match. --yes sends them again.\n");
    let job = on(&server, &[&resend[..], &["--yes", "--json"]].concat()).json();
    assert_eq!(job["total"], json!(2));
    waiting::until("both are delivered", || {
        (client.deliveries(&program, "?state=delivered").len() == 2).then_some(())
    });
    on(&server, &["deliveries", "resend"]).fails_saying(&["not clear which", "--state"]);
    on(&server, &["deliveries", "resend", "dlv_1", "--state", "delivered"]).fails_saying(&["not both"]);
    on(&server, &["deliveries", "list", "--since", "soon"]).fails_saying(&["`soon` is no time", "2d"]);
    let ran = on(&server, &["deliveries", "list", "--state", "undelivered"]);
    assert!(
        ran.err.contains("Did you mean `undeliverable`?") || ran.err.contains("Did you mean `delivered`?"),
        "{}",
        ran.err
    );
}
