//! The charts of the last 24 hours.

use serde_json::Value;

use crate::browser::Browser;
use crate::receiver::Receiver;
use crate::server::Server;
use crate::waiting;

#[test]
fn attempts_are_counted_at_once_and_over_an_orderly_stop() {
    let mut server = Server::start();
    let receiver = Receiver::that(|request| if request.number == 2 { 500.into() } else { 200.into() });
    let client = server.client();
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    let browser = Browser::signed_in(&server);
    for participant in ["p1", "p2", "p3"] {
        client.join(&program, participant);
    }
    let said = "Last 24 hours. Delivered: 3. Failed attempts: 1. Successful: 75%.";
    let panel = format!("/programs/{program}/options/webhooks");
    waiting::until("everything is delivered and counted", || {
        ["/", panel.as_str()].iter().all(|path| browser.page(path).contains(said)).then_some(())
    });
    server.terminate();
    assert!(server.wait(waiting::PATIENCE).success());
    server.restart();
    let browser = browser.at(&server);
    for path in ["/", panel.as_str()] {
        assert!(browser.page(path).contains(said), "{path}");
    }
    server.client().join(&program, "p4");
    waiting::until("what is new is added to what was stored", || {
        browser.page("/").contains("Delivered: 4. Failed attempts: 1. Successful: 80%.").then_some(())
    });
}
