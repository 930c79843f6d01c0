//! What the store keeps, as the engine's other modules see it. No SQL types here.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use groundswell_types::{
    ApiKey, Currency, DeliveryId, EventId, EventKind, FailureClass, HourCount, NoticeId, NoticeKind,
    ProgramId, ProgramStatus, ProgramType, RateLimit, ResendJobId, ResendState, RetentionDays, Scopes,
    Secret, SecretOverlap, TeamId, TestId, WebhookHeaders, WebhookId, WebhookName, WebhookTimeout,
};
use serde::{Deserialize, Serialize};

use super::cluster::SettingsVersion;
use super::emit::EmittedId;
use crate::cluster::Epoch;

/// The due time of what is parked: behind everything that is ever due.
pub const PARKED_DUE_MS: i64 = i64::MAX;

/// Bodies up to this size, in bytes, may wait in memory with their deliveries; larger ones are read before sending.
pub const SMALL_BODY: usize = 16 * 1024;

/// A webhook as storage, log and scheduler name it. Never used twice, unlike the public [`WebhookId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointId(pub i64);

/// A program.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramRecord {
    pub id: ProgramId,
    pub team_id: TeamId,
    pub name: String,
    pub kind: ProgramType,
    pub status: ProgramStatus,
    pub currency: Currency,
    pub created_at_ms: i64,
    /// Counts up with every change of the program's live webhooks; drafts remember which one they started from.
    pub webhooks_version: i64,
    /// How long its events are kept; none is what the configuration says.
    pub retention: Option<RetentionDays>,
}

/// What is changed about a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramChange {
    pub id: ProgramId,
    pub name: String,
    pub status: ProgramStatus,
    pub retention: Option<RetentionDays>,
}

/// A live webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointRecord {
    pub id: EndpointId,
    pub program_id: ProgramId,
    pub public_id: WebhookId,
    /// Checked when it was saved; checked again before each attempt.
    pub url: String,
    pub events: Vec<EventKind>,
    pub is_enabled: bool,
    pub auto_disabled: bool,
    pub secret: Option<Secret>,
    /// Orders a program's webhooks in lists.
    pub created_at_ms: i64,
    /// When it was last disabled, Unix milliseconds.
    pub parked_at_ms: Option<i64>,
    /// None is what the configuration says.
    pub timeout: Option<WebhookTimeout>,
    /// Added to each request.
    pub headers: WebhookHeaders,
    /// The secret before this one. There is none where there is no secret.
    pub old_secret: Option<Box<OldSecret>>,
    /// What people call it.
    pub name: Option<WebhookName>,
}

impl EndpointRecord {
    /// Whether requests of the two go to the same place, signed with the same secret and with the same headers.
    pub fn is_sent_like(&self, other: &Self) -> bool {
        self.url == other.url && self.secret == other.secret && self.headers == other.headers
    }

    /// The secrets a request is signed with at `now_ms`, Unix milliseconds, the newest first.
    pub fn valid_secrets(&self, now_ms: i64) -> impl Iterator<Item = &Secret> {
        self.secret.iter().chain(self.old_secret_at(now_ms).map(|old| &old.secret))
    }

    /// The old secret if it is valid at `now_ms`, Unix milliseconds. One that has ended stays until it is erased.
    pub fn old_secret_at(&self, now_ms: i64) -> Option<&OldSecret> {
        self.old_secret.as_deref().filter(|old| now_ms < old.ends_at_ms)
    }

    /// Has this secret from `now_ms` on, Unix milliseconds, and keeps the one before it valid for so long. Of two changes
    /// in a row the first one's old secret ends with the second: never more than two are valid. The secret it has
    /// already is no new one, so a repeated change neither prolongs nor loses an overlap that was asked for.
    pub fn replace_secret(&mut self, new: Option<Secret>, overlap: SecretOverlap, now_ms: i64) {
        let is_same = new.is_some() && new == self.secret;
        if overlap == SecretOverlap::None || new.is_none() {
            self.old_secret = None;
        } else if !is_same {
            let ends_at_ms = now_ms.saturating_add(overlap.milliseconds());
            let old = self.secret.take();
            self.old_secret =
                old.map(|secret| Box::new(OldSecret { secret, ends_at_ms, new_accepted_at_ms: None }));
        }
        self.secret = new;
    }
}

/// A secret that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldSecret {
    pub secret: Secret,
    /// Nothing is signed with it from then on, Unix milliseconds.
    pub ends_at_ms: i64,
    /// When a test, which is signed with the new secret alone, was last answered 2xx, Unix milliseconds.
    pub new_accepted_at_ms: Option<i64>,
}

/// How an endpoint has been doing; survives restarts. What changes it is in `delivery/breaker.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealthRecord {
    /// Attempts that failed since the last success.
    pub consecutive_failures: i64,
    pub last_failure_at_ms: Option<i64>,
    pub last_success_at_ms: Option<i64>,
    /// Different deliveries that failed since the last success; the first [`FAILING_DELIVERIES`] of them.
    pub failing: [Option<DeliveryId>; FAILING_DELIVERIES],
    /// The first failure after the last success, Unix milliseconds.
    pub failing_since_ms: Option<i64>,
    /// Since when the breaker is open, Unix milliseconds.
    pub opened_at_ms: Option<i64>,
    /// Probes that failed since the breaker opened.
    pub failed_probes: i64,
    /// When the open breaker lets the next probe through, Unix milliseconds.
    pub next_probe_at_ms: Option<i64>,
    /// Nothing is sent before this, because the receiver asked for it, Unix milliseconds.
    pub paused_until_ms: Option<i64>,
    /// Warnings given to the owner since the last success.
    pub warnings: i64,
}

/// So many different deliveries must have failed before an endpoint counts as failing.
pub const FAILING_DELIVERIES: usize = 3;

/// A delivery that repeats another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendRecord {
    pub id: DeliveryId,
    pub program_id: ProgramId,
    pub event_id: EventId,
    /// The delivery that is repeated.
    pub original_id: DeliveryId,
    pub endpoint_id: EndpointId,
    pub accepted_at_ms: i64,
}

/// Resends to be committed, with their pending rows and the job that makes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResendBatch {
    pub resends: Vec<ResendRecord>,
    /// One for each resend, in order.
    pub pending: Vec<Pending>,
    /// The job's new state.
    pub job: Option<ResendJobRecord>,
}

/// Many resends, made in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendJobRecord {
    pub id: ResendJobId,
    pub program_id: ProgramId,
    /// A `ResendSelection` as JSON.
    pub selection: String,
    pub state: ResendState,
    pub total: i64,
    pub done: i64,
    /// Deliveries up to this one have not been looked at yet.
    pub cursor: DeliveryId,
    pub created_at_ms: i64,
    pub ended_at_ms: Option<i64>,
}

/// What retention removes in one step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forget {
    /// Events, with their resends. One that has a resend that is not among `deliveries` stays.
    pub events: Vec<EventId>,
    /// Their deliveries, resends included: the attempts of these go.
    pub deliveries: Vec<DeliveryId>,
    /// Pending rows that were parked for too long.
    pub parked: Vec<PendingKey>,
    /// Idempotency keys, tests and notices from before these times, Unix milliseconds; at most `limit` of each.
    pub keys_before_ms: Option<i64>,
    pub tests_before_ms: Option<i64>,
    pub notices_before_ms: Option<i64>,
    /// Counts of hours before this one, oldest first; at most `limit`.
    pub hours_before: Option<i64>,
    /// Tests, notices and resend jobs of this program only, from before this time, Unix milliseconds.
    pub of_program: Option<(ProgramId, i64)>,
    pub limit: usize,
}

impl Forget {
    /// What goes of events and deliveries when these are all resends of the events. One that the caller did not know of was made
    /// since it looked, and waits: its event stays, with all that is the event's.
    pub(super) fn over(&self, resends: &[(DeliveryId, EventId)]) -> (Vec<EventId>, Vec<DeliveryId>) {
        let (mut events, mut deliveries) = (self.events.clone(), self.deliveries.clone());
        // Mostly there are none.
        if !resends.is_empty() {
            let known: HashSet<&DeliveryId> = self.deliveries.iter().collect();
            let (old, new): (Vec<_>, Vec<_>) =
                resends.iter().copied().partition(|(id, _)| known.contains(id));
            let old: HashMap<DeliveryId, EventId> = old.into_iter().collect();
            let stay: HashSet<EventId> = new.into_iter().map(|(_, event)| event).collect();
            events.retain(|event| !stay.contains(event));
            deliveries.retain(|id| !stay.contains(&old.get(id).copied().unwrap_or_else(|| id.event())));
        }
        (events, deliveries)
    }
}

/// What came of an endpoint's attempts within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourRecord {
    pub endpoint_id: EndpointId,
    /// Counted from the beginning of 1970.
    pub hour: i64,
    pub count: HourCount,
}

/// Something a webhook's owner is to be told; kept so that notifications can be sent from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRecord {
    pub id: NoticeId,
    pub program_id: ProgramId,
    pub endpoint_id: EndpointId,
    pub kind: NoticeKind,
    pub at_ms: i64,
    /// Since when the endpoint has been failing, or parked, Unix milliseconds.
    pub since_ms: i64,
}

/// The process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootRecord {
    pub at_ms: i64,
    /// Whether the process before it had stopped in order.
    pub is_clean: bool,
}

/// A queue may have deliveries whose deadline has passed while they were held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    pub endpoint_id: EndpointId,
    /// Deadlines up to this, Unix milliseconds.
    pub expires_by_ms: i64,
    /// Only deliveries accepted up to this: the endpoint was tried after that.
    pub accepted_by_ms: i64,
    /// Unattempted deliveries that expire by then were due up to this.
    pub due_by_ms: i64,
    pub limit: usize,
}

/// An event goes to at most this many webhooks: a delivery id has room for no more, the last slot being the resends'.
pub const MAX_TARGETS: usize = 7;

/// One event to be committed, with the webhooks it goes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Accept {
    pub event_id: EventId,
    pub program_id: ProgramId,
    pub kind: EventKind,
    pub occurred_at_ms: i64,
    pub accepted_at_ms: i64,
    /// No attempt is made after this, Unix milliseconds.
    pub expires_at_ms: i64,
    /// The rendered envelope.
    pub body: Bytes,
    /// At most [`MAX_TARGETS`]; the place in this list is the delivery's slot.
    pub targets: Vec<Target>,
    pub idempotency: Option<Idempotency>,
}

/// One webhook an event is accepted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub endpoint_id: EndpointId,
    /// Disabled webhooks get their deliveries parked.
    pub is_parked: bool,
}

/// An idempotency key and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// 1 to 255 bytes.
    pub key: String,
    /// SHA-256 of the rendered event, data and given createdAt.
    pub content_hash: [u8; 32],
    /// Keys accepted before this are forgotten, Unix milliseconds.
    pub valid_since_ms: i64,
}

/// What became of an [`Accept`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Event and pending rows are committed.
    New,
    /// The key was used before with the same content: nothing was written.
    Duplicate {
        /// The event of the first answer.
        event_id: EventId,
        /// The number of deliveries of the first answer.
        deliveries: i64,
    },
    /// The key was used before with other content: nothing was written. What was emitted is kept as rejected.
    Conflict,
    /// It was emitted, and waits no longer ([`Batch::emitted`]): nothing was written.
    Taken,
}

/// Where a pending delivery stands in its endpoint's queue. This is the primary key of `pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PendingKey {
    pub endpoint_id: EndpointId,
    /// Unix milliseconds, or [`PARKED_DUE_MS`].
    pub due_at_ms: i64,
    pub delivery_id: DeliveryId,
}

/// A delivery that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    pub key: PendingKey,
    /// Attempts made so far.
    pub attempts: i64,
    pub accepted_at_ms: i64,
    pub expires_at_ms: i64,
}

/// What one attempt came to, as it is logged for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    pub delivery_id: DeliveryId,
    pub endpoint_id: EndpointId,
    /// 1 for the first; 0 for an ending without an attempt.
    pub number: i64,
    pub started_at_ms: i64,
    pub duration_ms: i64,
    /// `None` is success.
    pub failure: Option<FailureClass>,
    pub status_code: Option<u16>,
    /// What happened, in plain words; empty for a success.
    pub message: String,
    /// The response's headers as `name: value` lines, capped.
    pub response_head: String,
    /// The response's body, at most 16 KiB.
    pub response_body: Bytes,
    pub is_response_truncated: bool,
    /// Whether it came from where only the operator's `egress.allow` lets this server send to.
    pub is_response_restricted: bool,
    pub after: After,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It succeeded, nothing follows.
    Delivered,
    /// The next attempt is due then, Unix milliseconds.
    Retry(i64),
    /// No further attempt is made.
    Undeliverable,
    /// Ended because its webhook is gone or it was discarded.
    Cancelled,
    /// What followed was for another node to say, which had taken the delivery over meanwhile.
    Fenced,
}

/// The outcome of an attempt, to be committed. Outcomes of a batch take effect in order. A delivery has at most one
/// pending row, so `remove` names wherever it may stand before `insert` puts it elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub attempt: AttemptRecord,
    /// Pending rows to delete: where the delivery stands or, when its endpoint was parked meanwhile, may stand.
    pub remove: Vec<PendingKey>,
    /// The pending row to write in their stead.
    pub insert: Option<Pending>,
}

/// One transaction of the hot path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    pub accepts: Vec<Accept>,
    pub outcomes: Vec<Outcome>,
    /// New values, one per endpoint.
    pub health: Vec<(EndpointId, HealthRecord)>,
    pub notices: Vec<NoticeRecord>,
    /// Of each outcome, the shard's epoch in which the attempt began; empty where only one process can have the database.
    pub epochs: Vec<Epoch>,
    /// Of each accept, what it was emitted as, if any was. That ends with this; what waits no longer is not accepted.
    pub emitted: Vec<Option<EmittedId>>,
    /// The settings that it was decided by; none where only one process can have the database.
    pub settings: Option<SettingsVersion>,
    /// What this node accepts later has higher ids; none where only one process can have the database.
    pub settled: Option<EventId>,
}

impl Batch {
    /// Whether it would be another one under other settings, and nothing would put it right afterwards: where events go, and
    /// what stands still until somebody sends it. What is parked too late is parked by the move that follows the change.
    pub fn goes_by_settings(&self) -> bool {
        let parks = |outcome: &Outcome| outcome.insert.is_some_and(|row| row.key.due_at_ms == PARKED_DUE_MS);
        !self.accepts.is_empty() || self.outcomes.iter().any(parks)
    }
}

/// A committed event without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    pub id: EventId,
    pub program_id: ProgramId,
    pub kind: EventKind,
    pub occurred_at_ms: i64,
    pub accepted_at_ms: i64,
    /// In slot order.
    pub targets: Vec<EndpointId>,
}

/// A logged test delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRecord {
    pub id: TestId,
    pub program_id: ProgramId,
    pub started_at_ms: i64,
    /// A `TestView` as JSON.
    pub view_json: String,
}

/// A key for the REST API. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// `key_…`
    pub id: String,
    pub team_id: TeamId,
    pub name: String,
    /// SHA-256 of the key.
    pub key_hash: [u8; 32],
    pub scopes: Scopes,
    /// The one program it is good for.
    pub program_id: Option<ProgramId>,
    pub rate_limit: Option<RateLimit>,
    /// The end of its text; `None` for keys from before it was kept.
    pub ends_with: Option<String>,
    pub created_at_ms: i64,
    pub last_used_at_ms: Option<i64>,
}

impl ApiKeyRecord {
    /// As people and programs see it.
    pub fn view(self) -> ApiKey {
        ApiKey {
            id: self.id,
            name: self.name,
            scopes: self.scopes,
            campaign_id: self.program_id,
            rate_limit: self.rate_limit,
            ends_with: self.ends_with,
            created_at: self.created_at_ms,
            last_used_at: self.last_used_at_ms,
        }
    }
}
