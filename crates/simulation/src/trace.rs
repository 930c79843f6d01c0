//! What happened, in order: the trace by which two runs are compared and which the auditor reads.

use std::fmt;

use groundswell_engine::cluster::{Epoch, Lease};
use groundswell_engine::store::{
    Accept, AttemptRecord, EndpointId, EndpointRecord, Forget, HealthRecord, MoveStep, Outcome, Pending,
    PendingKey, ResendBatch, WebhooksChange,
};
use groundswell_types::{DeliveryId, DeliveryState, EventId, FailureClass};

/// The number of an event as its producer counts them. It is in the event's content.
pub type Tag = u32;

/// The number of a webhook as its owner counts them, and how often its URL and secret were changed. Both are in
/// its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hook {
    pub number: u32,
    pub revision: u32,
}

/// A request on the network.
pub type RequestId = u64;

/// How a life of the engine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The power was cut.
    Crash,
    /// The store failed for good and the process exited.
    Fatal,
    /// It was stopped in order.
    Stopped,
}

/// What a receiver answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// It asked to wait until then, Unix milliseconds on the engine's clock.
    pub wait_until_ms: Option<i64>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// The engine starts on what is stored.
    Began,
    /// It does not run any more.
    Ended(End),
    /// A producer sends an event, for the first time or again.
    Submitted { tag: Tag, has_key: bool },
    /// A producer has its 2xx.
    Acknowledged { tag: Tag, event: EventId, is_duplicate: bool },
    /// A producer was told that its event was not taken.
    Declined { tag: Tag },
    /// On disk: an event with its deliveries.
    Accepted { tag: Tag, event: EventId, accept: Box<AcceptFact> },
    /// On disk: resends.
    Resent(Box<ResendBatch>),
    /// On disk: the outcome of an attempt, or an ending.
    Outcome(Box<OutcomeFact>),
    /// On disk: how an endpoint is doing.
    Health(EndpointId, HealthRecord),
    /// On disk: new settings of webhooks.
    Changed(Box<ChangeFact>),
    /// The change before this was answered: the engine goes by it from now on.
    Live,
    /// On disk: rows of a queue that stand elsewhere now, or nowhere; up to this one, or all that were meant.
    Moved(Box<MoveStep>, Option<PendingKey>),
    /// On disk: what retention removed.
    Forgotten(Box<Forget>),
    /// The engine begins to send.
    Sent { request: RequestId, event: EventId, hook: Hook },
    /// The receiver has the whole request.
    Arrived { request: RequestId, is_genuine: bool },
    /// The receiver sends its answer.
    Answered { request: RequestId, answer: Answer },
    /// At the end: what the log shows of a delivery.
    Shown { delivery: DeliveryId, state: DeliveryState, attempts: Vec<ShownAttempt> },
    /// At the end: a row that is still pending.
    Left(Pending),
    /// Where there are several nodes.
    OfNodes(NodeFact),
}

/// What happens with several nodes only; to the one whose number stands in the place of a life's, if to one.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeFact {
    /// In the database: these leases are its own, for so many milliseconds.
    Took(Vec<Lease>, i64),
    /// In the database: these last so many milliseconds from now.
    Renewed(Vec<Lease>, i64),
    /// In the database: these are given up, as far as it had them.
    Released(Vec<Lease>),
    /// On disk, as far as the epoch is the shard's: the outcome of an attempt that was begun in it, or an ending.
    Outcome(Box<OutcomeFact>, Epoch),
    /// It crashes; with it, nothing else is wrong, so it is measured how soon others go on.
    CrashesAlone,
    /// It cannot reach the database any more, or can again.
    Reaches(bool),
    /// It does nothing for so many milliseconds.
    Stops(i64),
    /// Nothing goes wrong from now on.
    Calm,
    /// What is submitted from now on is to be sent as soon as can be.
    Well,
    /// At the end: the log cannot be read.
    Unreadable,
}

/// What the auditor needs of an accept.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceptFact {
    pub accepted_at_ms: i64,
    pub expires_at_ms: i64,
    pub targets: Vec<groundswell_engine::store::Target>,
}

impl From<&Accept> for AcceptFact {
    fn from(accept: &Accept) -> Self {
        let Accept { accepted_at_ms, expires_at_ms, .. } = *accept;
        Self { accepted_at_ms, expires_at_ms, targets: accept.targets.clone() }
    }
}

/// What the auditor needs of an outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeFact {
    pub delivery: DeliveryId,
    pub endpoint: EndpointId,
    pub number: i64,
    pub started_at_ms: i64,
    pub duration_ms: i64,
    pub failure: Option<FailureClass>,
    pub status: Option<u16>,
    pub after: groundswell_engine::store::After,
    pub remove: Vec<PendingKey>,
    pub insert: Option<Pending>,
}

impl From<&Outcome> for OutcomeFact {
    fn from(Outcome { attempt, remove, insert }: &Outcome) -> Self {
        let AttemptRecord { delivery_id, endpoint_id, number, started_at_ms, duration_ms, .. } = *attempt;
        Self {
            delivery: delivery_id,
            endpoint: endpoint_id,
            number,
            started_at_ms,
            duration_ms,
            failure: attempt.failure,
            status: attempt.status_code,
            after: attempt.after,
            remove: remove.clone(),
            insert: *insert,
        }
    }
}

/// New settings, with what their URLs say.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeFact {
    pub upserts: Vec<(Hook, EndpointRecord)>,
    pub change: WebhooksChange,
}

/// An attempt as the log shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownAttempt {
    pub number: i64,
    pub started_at_ms: i64,
    pub possibly_sent_before: bool,
}

/// When it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Milliseconds since the world began.
    pub at_ms: i64,
    /// What the engine's clock said, Unix milliseconds.
    pub clock_ms: i64,
    /// Which life of the engine, counted from 1.
    pub life: u32,
    pub fact: Fact,
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, clock_ms, life, fact } = self;
        write!(formatter, "{at_ms:>12} {clock_ms} life {life}: {fact:?}")
    }
}
