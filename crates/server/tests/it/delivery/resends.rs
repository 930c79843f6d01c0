//! Sending again what has ended: one, a selection, all that match.

use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver};
use crate::server::{NO_BREAKER, Server};
use crate::waiting;

/// What fails is undeliverable at once.
fn hasty() -> Server {
    Server::with(&[("GROUNDSWELL_RETRY_DEADLINE_MS", "1"), NO_BREAKER])
}

impl Fixture {
    fn resends(&self) -> String {
        format!("/v2/campaign/{}/resends", self.program)
    }

    fn finished(&self, job: &Value) -> Value {
        let path = format!("{}/{}", self.resends(), job["id"].as_str().expect("an id"));
        let mut last = Value::Null;
        waiting::until("the job ends", || {
            last = self.client.get(&path).ok();
            (last["state"] != "running").then_some(())
        });
        last
    }
}

fn undeliverable(count: usize) -> (Fixture, Vec<String>) {
    let fixture = Fixture::with(hasty(), Receiver::that(|_| Reaction::from(500)), Value::Null);
    let events: Vec<String> =
        (0..count).map(|number| fixture.client.join(&fixture.program, &format!("p{number}"))).collect();
    let filter = json!({ "state": "undeliverable", "dryRun": true });
    waiting::until("all are undeliverable", || {
        let counted = fixture.client.post(&fixture.resends(), &filter).ok();
        (counted["total"] == count).then_some(())
    });
    fixture.receiver.behave(|_| Reaction::from(200));
    (fixture, events)
}

#[test]
fn a_resend_is_a_delivery_of_its_own_with_the_same_bytes_and_webhook_id() {
    let (fixture, events) = undeliverable(1);
    let original = fixture.client.delivery_of(&fixture.program, &events[0]);
    let path =
        format!("/v2/campaign/{}/deliveries/{}", fixture.program, original["id"].as_str().expect("an id"));
    let answer = fixture.client.post(&format!("{path}/resend"), &Value::Null);
    assert_eq!(answer.status, 202);
    let resend = answer.json();
    assert_eq!((&resend["resendOf"], &resend["eventId"]), (&original["id"], &json!(events[0])));
    assert_ne!(resend["id"], original["id"]);

    let path_of_resend =
        format!("/v2/campaign/{}/deliveries/{}", fixture.program, resend["id"].as_str().expect("an id"));
    waiting::until("the resend is delivered", || {
        (fixture.client.get(&path_of_resend).ok()["state"] == "delivered").then_some(())
    });
    let requests = fixture.receiver.requests();
    let (first, last) = (&requests[0], requests.last().expect("some"));
    assert_eq!((last.webhook_id(), &last.body), (first.webhook_id(), &first.body));

    let after = fixture.client.get(&path).ok();
    assert_eq!((&after["state"], &after["resends"]), (&json!("undeliverable"), &json!([resend["id"]])));
    let log = fixture.client.deliveries(&fixture.program, "");
    let ids: Vec<&Value> = log.iter().map(|delivery| &delivery["id"]).collect();
    assert_eq!(ids, [&resend["id"], &original["id"]], "both are in the log, the newest first");
}

#[test]
fn what_has_not_ended_is_not_resent() {
    let fixture = Fixture::with(Server::start(), Receiver::that(|_| Reaction::from(500)), Value::Null);
    let event = fixture.client.join(&fixture.program, "p1");
    fixture.delivery_in("retrying", &event);
    let id = fixture.client.delivery_of(&fixture.program, &event)["id"].clone();
    let path = format!("/v2/campaign/{}/deliveries/{}/resend", fixture.program, id.as_str().expect("an id"));
    assert_eq!(fixture.client.post(&path, &Value::Null).status, 409);
    let missing = format!("/v2/campaign/{}/deliveries/dlv_000000000000z/resend", fixture.program);
    assert_eq!(fixture.client.post(&missing, &Value::Null).status, 404);
}

#[test]
fn all_that_match_are_counted_and_then_sent_in_the_background() {
    let (fixture, _) = undeliverable(130);
    let delivered = fixture.client.join(&fixture.program, "fine");
    fixture.delivery_in("delivered", &delivered);
    let filter = json!({ "state": "undeliverable", "dryRun": true });
    let counted = fixture.client.post(&fixture.resends(), &filter);
    assert_eq!((counted.status, counted.json()), (200, json!({ "total": 130 })));

    let before = fixture.receiver.requests().len();
    let begun = fixture.client.post(&fixture.resends(), &json!({ "state": "undeliverable" }));
    assert_eq!(begun.status, 202);
    let ended = fixture.finished(&begun.json());
    assert_eq!(
        (&ended["state"], &ended["total"], &ended["queued"]),
        (&json!("done"), &json!(130), &json!(130))
    );
    waiting::until("all are sent again", || {
        (fixture.receiver.requests().len() - before == 130).then_some(())
    });
    let listed = fixture.client.get(&fixture.resends()).ok();
    assert_eq!(listed["resends"], json!([ended]));
}

#[test]
fn what_was_sent_again_and_has_arrived_is_left_out_by_a_filter_and_sent_when_it_is_named() {
    let (fixture, events) = undeliverable(3);
    let id = |event: &String| {
        let all = fixture.client.deliveries(&fixture.program, "");
        let original = all.iter().find(|one| one["eventId"] == **event && one["resendOf"].is_null());
        original.expect("is in the log")["id"].clone()
    };
    let queued = |selection: &Value| {
        let ended = fixture.finished(&fixture.client.post(&fixture.resends(), selection).ok());
        assert_eq!(ended["state"], "done");
        ended["queued"].clone()
    };
    let counted = |filter: &Value| fixture.client.post(&fixture.resends(), filter).ok()["total"].clone();
    let (all, count) =
        (json!({ "state": "undeliverable" }), json!({ "state": "undeliverable", "dryRun": true }));
    let named = json!({ "deliveries": [id(&events[1])] });
    assert_eq!(queued(&named), 1);
    assert_eq!(counted(&count), 2, "it has arrived, or is on its way");
    assert_eq!(queued(&all), 2);
    assert_eq!(counted(&count), 0);
    assert_eq!(queued(&named), 1);
    waiting::until("what has arrived can be sent again as before", || {
        (counted(&json!({ "state": "delivered", "dryRun": true })) == 4).then_some(())
    });
}

#[test]
fn a_selection_is_sent_and_nothing_else() {
    let (fixture, events) = undeliverable(5);
    let id = |event: &String| fixture.client.delivery_of(&fixture.program, event)["id"].clone();
    let selection = json!({ "deliveries": [id(&events[1]), id(&events[3]), "dlv_000000000000z"] });
    let before = fixture.receiver.requests().len();
    let ended = fixture.finished(&fixture.client.post(&fixture.resends(), &selection).ok());
    assert_eq!((&ended["state"], &ended["queued"]), (&json!("done"), &json!(2)));
    waiting::until("both are sent", || (fixture.receiver.requests().len() - before == 2).then_some(()));
    let again: Vec<String> =
        fixture.receiver.requests()[before..].iter().map(|request| request.webhook_id().to_owned()).collect();
    assert!(again.contains(&events[1]) && again.contains(&events[3]), "{again:?}");
}

#[test]
fn a_job_can_be_stopped_and_survives_a_restart() {
    let (mut fixture, _) = undeliverable(260);
    let begun = fixture.client.post(&fixture.resends(), &json!({ "state": "undeliverable" })).ok();
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    let ended = fixture.finished(&begun);
    assert_eq!((&ended["state"], &ended["queued"]), (&json!("done"), &json!(260)), "each once");

    let path = format!("{}/{}", fixture.resends(), ended["id"].as_str().expect("an id"));
    assert_eq!(fixture.client.delete(&path).json(), ended, "what has ended stays as it is");
    let begun = fixture.client.post(&fixture.resends(), &json!({ "state": "undeliverable" })).ok();
    let path = format!("{}/{}", fixture.resends(), begun["id"].as_str().expect("an id"));
    let stopped = fixture.client.delete(&path).ok();
    assert_ne!(stopped["state"], "running");
    assert_eq!(fixture.client.get(&path).ok(), stopped);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let fixture = Fixture::new(Receiver::start());
    let refused = |body: &Value| fixture.client.post(&fixture.resends(), body).refused(400, "BAD_REQUEST");
    for body in [
        json!({ "state": "waiting" }),
        json!({ "since": 5, "until": 5 }),
        json!({ "deliveries": [] }),
        json!({ "deliveries": null }),
        json!({ "deliveries": ["dlv_000000000000z"], "state": "delivered" }),
        json!({ "sate": "delivered" }),
        json!({ "state": "gone" }),
        json!([]),
    ] {
        refused(&body);
    }
    let everything_wrong = json!({
        "deliveries": ["dlv_000000000000z", 5, "no id"],
        "state": "gone",
        "sate": 1,
        "status": "5x",
        "until": "now",
        "dryRun": null,
    });
    assert_eq!(
        refused(&everything_wrong),
        ["/sate", "/deliveries/1", "/deliveries/2", "/state", "/status", "/until", "/dryRun"]
    );
    // Nothing at all is not everything.
    assert_eq!(fixture.client.post_text(&fixture.resends(), "", &[]).refused(400, "BAD_REQUEST"), [""]);
    let whole_numbers = json!({ "dryRun": true, "since": 0.0, "text": null, "webhookId": null });
    assert_eq!(fixture.client.post(&fixture.resends(), &whole_numbers).ok(), json!({ "total": 0 }));
}
