//! What is too old goes; what still waits stays.

use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver};
use crate::server::{NO_BREAKER, Server};
use crate::waiting;

#[test]
fn old_deliveries_are_forgotten_and_waiting_ones_are_kept() {
    let server = Server::with(&[("GROUNDSWELL_RETENTION_MS", "3000"), NO_BREAKER]);
    let receiver =
        Receiver::that(|request| Reaction::from(if request.text().contains("stuck") { 500 } else { 200 }));
    let fixture = Fixture::with(server, receiver, Value::Null);
    let stuck = fixture.client.join(&fixture.program, "stuck");
    for number in 0..150 {
        fixture.client.join(&fixture.program, &format!("p{number}"));
    }
    waiting::until("only what waits is left", || {
        let log = fixture.client.deliveries(&fixture.program, "?limit=100");
        (log.len() == 1 && log[0]["eventId"] == json!(stuck)).then_some(())
    });
    let delivery = fixture.client.delivery_of(&fixture.program, &stuck);
    assert_eq!(delivery["state"], "retrying", "{delivery:#}");
    fixture.receiver.behave(|_| Reaction::from(200));
    fixture.patch(&json!({ "secret": "new" }));
    waiting::until("it goes once it was delivered", || {
        fixture.client.deliveries(&fixture.program, "").is_empty().then_some(())
    });
    // Ids go on above what was forgotten, and everything works on.
    let later = fixture.client.join(&fixture.program, "later");
    assert!(later > stuck);
    fixture.receiver.request_about("later");
}

#[test]
fn what_is_parked_for_too_long_is_cancelled_and_the_owner_is_warned_before() {
    let server = Server::with(&[("GROUNDSWELL_RETENTION_MS", "6000")]);
    let fixture = Fixture::with(server, Receiver::start(), json!({ "isEnabled": false }));
    let event = fixture.client.join(&fixture.program, "p1");
    fixture.delivery_in("parked", &event);
    let notices =
        || fixture.client.get(&format!("/v2/campaign/{}/notices", fixture.program)).ok()["notices"].clone();
    waiting::until("the owner is warned", || {
        let notices = notices();
        let all = notices.as_array().expect("a list");
        assert!(all.len() <= 1, "{notices}");
        all.first().map(|notice| assert_eq!(notice["kind"], "parked_expiring"))
    });
    fixture.delivery_in("parked", &event);
    waiting::until("it is cancelled, and then forgotten", || {
        fixture.client.deliveries(&fixture.program, "").is_empty().then_some(())
    });
}
