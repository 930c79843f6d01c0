//! What receivers can rely on: signatures, one id and one body for all attempts, the schedule of retries, and what
//! counts as success.

mod answers;
mod failing;
mod headers;
mod https;
mod overlaps;
mod resends;
mod retention;
mod retries;
mod settings;
mod signatures;
mod timeouts;

use serde_json::Value;

use crate::client::Client;
use crate::receiver::Receiver;
use crate::server::Server;
use crate::waiting;

/// A server with a program whose only webhook leads to a receiver.
struct Fixture {
    server: Server,
    client: Client,
    receiver: Receiver,
    program: String,
}

impl Fixture {
    fn new(receiver: Receiver) -> Self {
        Self::with(Server::start(), receiver, Value::Null)
    }

    /// `more` is how the webhook differs from an enabled one that gets new participants.
    fn with(server: Server, receiver: Receiver, more: Value) -> Self {
        let client = server.client();
        let program = client.program("REFERRAL");
        client.webhook(&program, &receiver.url("/hook"), more);
        Self { server, client, receiver, program }
    }

    fn webhook_path(&self) -> String {
        format!("/v2/campaign/{}/webhooks/primary", self.program)
    }

    fn patch(&self, change: &Value) {
        self.client.patch(&self.webhook_path(), change).ok();
    }

    /// Waits until the delivery of `event` is in `state`, and returns it in full.
    fn delivery_in(&self, state: &str, event: &str) -> Value {
        let mut last = Value::Null;
        let what = format!("the delivery of {event} is {state}");
        let mut found = None;
        waiting::until(&what, || {
            last = self.client.delivery_of(&self.program, event);
            if last["state"] == state {
                found = Some(last.clone());
            } else {
                assert!(!is_final(&last), "instead of {state}: {last:#}");
            }
            found.as_ref().map(|_| ())
        });
        found.expect("waited for it")
    }
}

/// Whether nothing can follow the state a delivery is in.
fn is_final(delivery: &Value) -> bool {
    ["delivered", "undeliverable", "cancelled"].iter().any(|state| delivery["state"] == *state)
}
