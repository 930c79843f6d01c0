//! A network with receivers on it that do what their phase says. Keeps the one promise of a transport: an answer, or
//! what went wrong, within the time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_engine::clock::Stopwatch;
use groundswell_engine::delivery::outcome::Exchange;
use groundswell_engine::delivery::sender::{Exchanged, MAX_RESPONSE_BODY, Outgoing};
use groundswell_engine::delivery::transport::Transport;
use groundswell_types::signature::{StandardHeaders, verify_product, verify_standard};
use groundswell_types::{EventId, FailureClass, Secret};
use rand::Rng;

use crate::plan::{Behaviour, Sabotage};
use crate::trace::{Answer, Fact, Hook, RequestId};
use crate::world::{OWN_HEADER, World, read_url, secret_of};

/// The network.
pub(crate) struct Network {
    pub(crate) world: Arc<World>,
}

/// What a receiver does with one request.
struct Reply {
    /// Whether the request gets to it.
    is_read: bool,
    /// How long it takes; more than the time there is means that there is no answer.
    wait_ms: u64,
    result: Result<u16, (FailureClass, &'static str)>,
    retry_after_s: Option<i64>,
    is_endless: bool,
}

impl Reply {
    const fn failed(is_read: bool, class: FailureClass, detail: &'static str) -> Self {
        Self { is_read, wait_ms: 1, result: Err((class, detail)), retry_after_s: None, is_endless: false }
    }

    const fn answered(status: u16, wait_ms: u64) -> Self {
        Self { is_read: true, wait_ms, result: Ok(status), retry_after_s: None, is_endless: false }
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, outgoing: Outgoing<'_>) -> Exchanged {
        let world = &self.world;
        let watch = Stopwatch::start();
        let Some((host, hook)) = read_url(outgoing.url.as_str()) else {
            return failed((FailureClass::Dns, "There is no such host."), watch);
        };
        let Ok(event) = EventId::parse(outgoing.id) else {
            // A test delivery: it is judged where it is asked for, and no receiver's business here.
            return answered(200, None, watch);
        };
        let request = world.next_request();
        world.note(Fact::Sent { request, event, hook });
        if world.plan.sabotage == Some(Sabotage::SendsTwice) && world.happens(0.2) {
            world.note(Fact::Sent { request: world.next_request(), event, hook });
        }
        world.power().point().await;
        world.pause(0..=3).await;
        world.power().point().await;
        let reply = self.reply(host, &outgoing);
        let usual = Duration::from_millis(world.plan.config.sending.total_timeout_ms);
        let timeout = outgoing.timeout.unwrap_or(usual);
        let rest = timeout.saturating_sub(watch.elapsed());
        let exchanged = tokio::time::timeout(rest, self.exchange(request, (hook, &outgoing), (reply, watch)));
        let exchanged = exchanged.await.unwrap_or_else(|_| {
            failed((FailureClass::Timeout, "There was no complete answer within the time."), watch)
        });
        world.power().point().await;
        if world.plan.sabotage == Some(Sabotage::InventsSuccess) && world.happens(0.05) {
            return answered(200, None, watch);
        }
        exchanged
    }
}

impl Network {
    async fn exchange(
        &self,
        request: RequestId,
        (hook, outgoing): (Hook, &Outgoing<'_>),
        (reply, watch): (Reply, Stopwatch),
    ) -> Exchanged {
        let world = &self.world;
        if reply.is_read {
            world.note(Fact::Arrived { request, is_genuine: is_genuine(hook, outgoing, world.clock_ms()) });
        }
        world.pause(reply.wait_ms..=reply.wait_ms).await;
        world.power().point().await;
        let status = match reply.result {
            Ok(status) => status,
            Err(why) => return failed(why, watch),
        };
        let wait_until_ms = reply.retry_after_s.map(|seconds| world.clock_ms() + seconds * 1_000);
        world.note(Fact::Answered { request, answer: Answer { status, wait_until_ms } });
        world.pause(0..=3).await;
        let retry_after = reply.retry_after_s.map(|seconds| {
            if world.happens(0.5) {
                seconds.to_string()
            } else {
                http_date(world.clock_ms() + seconds * 1_000)
            }
        });
        let exchanged = answered(status, retry_after, watch);
        if reply.is_endless {
            let body = Bytes::from(vec![b'x'; MAX_RESPONSE_BODY]);
            return Exchanged { body, is_truncated: true, ..exchanged };
        }
        exchanged
    }

    /// What the host does now.
    fn reply(&self, host: usize, outgoing: &Outgoing<'_>) -> Reply {
        let world = &self.world;
        let plan = world.plan.hosts.get(host).map_or(Behaviour::Well, |host| host.behaviour(world.now_ms()));
        let is_poisonous = outgoing.body.windows(8).any(|part| part == b"poisoned");
        world.draw(|rng| {
            let behaviour = if plan == Behaviour::Flaps { Behaviour::random(rng) } else { plan };
            if world.is_calm() {
                return Reply::answered(204, rng.random_range(1..50));
            }
            match behaviour {
                Behaviour::Well | Behaviour::Flaps if is_poisonous => Reply::answered(500, 5),
                Behaviour::Well | Behaviour::Flaps => {
                    Reply::answered(rng.random_range(200..206), rng.random_range(1..200))
                }
                Behaviour::Slow => Reply::answered(200, rng.random_range(2_000..20_000)),
                Behaviour::Hangs => Reply::answered(200, 86_400_000),
                Behaviour::Refuses => {
                    Reply::failed(false, FailureClass::Connect, "The connection was refused.")
                }
                Behaviour::Resets => {
                    Reply::failed(rng.random_bool(0.5), FailureClass::Broken, "The connection was closed.")
                }
                Behaviour::Fails(status) => Reply::answered(status, rng.random_range(1..200)),
                Behaviour::Gone => Reply::answered(410, 5),
                Behaviour::Overloaded { status, retry_after_s } => {
                    Reply { retry_after_s, ..Reply::answered(status, 5) }
                }
                Behaviour::Endless => Reply { is_endless: true, ..Reply::answered(200, 50) },
            }
        })
    }
}

/// Whether both signatures fit the webhook's secret of that revision, and its own header is there as it was then.
fn is_genuine(hook: Hook, outgoing: &Outgoing<'_>, now_ms: i64) -> bool {
    // The clock may jump while a request is on its way; old requests are not the question here.
    const TOLERANCE_MS: i64 = 2 * crate::plan::MAX_JUMP_MS;
    let text = secret_of(hook);
    let Ok(secret) = Secret::parse(&text) else { return false };
    if !outgoing.own.iter().any(|(name, value)| name == OWN_HEADER && value == &text) {
        return false;
    }
    let (Some(standard), Some(product)) = (&outgoing.headers.standard, &outgoing.headers.product) else {
        return false;
    };
    let headers =
        StandardHeaders { id: outgoing.id, timestamp: &outgoing.headers.timestamp, signature: standard };
    let in_seconds = (now_ms / 1_000, TOLERANCE_MS / 1_000);
    verify_standard(&secret, headers, &outgoing.body, in_seconds).is_ok()
        && verify_product(&secret, product, &outgoing.body, (now_ms, TOLERANCE_MS)).is_ok()
}

fn http_date(at_ms: i64) -> String {
    let since_epoch = Duration::from_millis(at_ms.max(0).unsigned_abs());
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since_epoch)
}

fn answered(status: u16, retry_after: Option<String>, watch: Stopwatch) -> Exchanged {
    Exchanged {
        exchange: Exchange::Answer { status, location: None, content_type: None },
        status: Some(status),
        head: String::new(),
        body: Bytes::new(),
        is_truncated: false,
        is_restricted: false,
        retry_after,
        duration_ms: watch.elapsed_ms(),
    }
}

fn failed((class, detail): (FailureClass, &str), watch: Stopwatch) -> Exchanged {
    Exchanged {
        exchange: Exchange::Failure { class, detail: detail.to_owned() },
        status: None,
        ..answered(0, None, watch)
    }
}
