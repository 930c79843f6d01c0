//! Rules that no seed breaks by itself when something is broken on purpose: each catches a trace that breaks it, and none a
//! trace that does not.

use groundswell_engine::cluster::{Epoch, Lease, Shard};
use groundswell_engine::nodes::LEAD;
use groundswell_engine::store::{
    After, EndpointId, EndpointRecord, Pending, PendingKey, Target, WebhooksChange,
};
use groundswell_types::editor::ChangedBy;
use groundswell_types::{DeliveryId, EventId, ProgramId, WebhookHeaders, WebhookId};

use super::audit;
use crate::auditor::Rule;
use crate::several::plan::Several;
use crate::trace::{AcceptFact, Answer, ChangeFact, Entry, Fact, Hook, NodeFact, OutcomeFact};

const TTL_MS: i64 = 6_000;
const EVENT: EventId = EventId::from_number(1 << 40);
const DELIVERY: DeliveryId = DeliveryId::new(EVENT, 0);
const ENDPOINT: EndpointId = EndpointId(5);
const HOOK: Hook = Hook { number: 1, revision: 1 };

/// A trace that is being made up. The first node has all shards, leads, and has made a webhook.
struct Story {
    trace: Vec<Entry>,
    now_ms: i64,
}

impl Story {
    fn begin() -> Self {
        let mut story = Self { trace: Vec::new(), now_ms: 0 };
        story.take(1, 1);
        let change = WebhooksChange {
            program_id: ProgramId::parse("p").expect("an id"),
            version: 1,
            upserts: Vec::new(),
            deletes: Vec::new(),
            notices: Vec::new(),
            clears_draft: false,
            by: ChangedBy::Rest,
            at_ms: 0,
        };
        story.tell(1, Fact::Changed(Box::new(ChangeFact { upserts: vec![(HOOK, record())], change })));
        story
    }

    fn tell(&mut self, node: u32, fact: Fact) {
        self.now_ms += 1;
        self.trace.push(Entry { at_ms: self.now_ms, clock_ms: self.now_ms, life: node, fact });
    }

    fn take(&mut self, node: u32, epoch: i64) {
        let leases = Shard::all().map(|shard| Lease { shard, epoch: Epoch::new(epoch) }).collect();
        self.tell(node, Fact::OfNodes(NodeFact::Took(leases, TTL_MS)));
    }

    fn accept(&mut self, node: u32) {
        let targets = vec![Target { endpoint_id: ENDPOINT, is_parked: false }];
        let accept = AcceptFact { accepted_at_ms: 10, expires_at_ms: 1_000_000, targets };
        self.tell(node, Fact::Accepted { tag: 1, event: EVENT, accept: Box::new(accept) });
    }

    /// Begins to send it; the request, and when.
    fn request(&mut self, node: u32) -> (u64, i64) {
        let request = u64::try_from(self.trace.len()).expect("few");
        self.tell(node, Fact::Sent { request, event: EVENT, hook: HOOK });
        (request, self.now_ms)
    }

    /// What came of a request is written, as an attempt that was begun in this epoch.
    fn record(&mut self, (node, epoch): (u32, i64), request: (u64, i64), (number, status): (i64, u16)) {
        let (request, started_at_ms) = request;
        self.tell(node, Fact::Answered { request, answer: Answer { status, wait_until_ms: None } });
        let is_success = status == 200;
        let outcome = OutcomeFact {
            delivery: DELIVERY,
            endpoint: ENDPOINT,
            number,
            started_at_ms,
            duration_ms: 1,
            failure: None,
            status: Some(status),
            after: if is_success { After::Delivered } else { After::Retry(500 + number) },
            remove: vec![key(10), key(500 + number - 1)],
            insert: (!is_success).then(|| row(500 + number, number)),
        };
        self.tell(node, Fact::OfNodes(NodeFact::Outcome(Box::new(outcome), Epoch::new(epoch))));
    }

    /// Both.
    fn attempt(&mut self, of: (u32, i64), (number, status): (i64, u16)) {
        let request = self.request(of.0);
        self.record(of, request, (number, status));
    }

    fn breaches(self) -> Vec<Rule> {
        let mut several = Several::of(1);
        several.plan.config.lease_ms = TTL_MS;
        let mut rules: Vec<Rule> = audit(&several, &self.trace).into_iter().map(|one| one.rule).collect();
        rules.dedup();
        rules
    }
}

fn key(due_at_ms: i64) -> PendingKey {
    PendingKey { endpoint_id: ENDPOINT, due_at_ms, delivery_id: DELIVERY }
}

fn row(due_at_ms: i64, attempts: i64) -> Pending {
    Pending { key: key(due_at_ms), attempts, accepted_at_ms: 10, expires_at_ms: 1_000_000 }
}

fn record() -> EndpointRecord {
    EndpointRecord {
        id: ENDPOINT,
        program_id: ProgramId::parse("p").expect("an id"),
        public_id: WebhookId::parse("primary").expect("an id"),
        url: String::new(),
        events: Vec::new(),
        is_enabled: true,
        auto_disabled: false,
        secret: None,
        created_at_ms: 0,
        parked_at_ms: None,
        timeout: None,
        headers: WebhookHeaders::NONE,
        old_secret: None,
        name: None,
    }
}

#[test]
fn what_one_node_accepts_and_another_one_sends_breaks_nothing() {
    let mut story = Story::begin();
    story.accept(2);
    story.attempt((1, 1), (1, 500));
    story.attempt((1, 1), (2, 200));
    assert_eq!(story.breaches(), []);
}

#[test]
fn a_double_in_a_later_epoch_breaks_nothing_and_in_the_same_it_is_noticed() {
    let mut story = Story::begin();
    story.accept(1);
    story.request(1);
    story.now_ms += TTL_MS;
    story.take(2, 2);
    story.attempt((2, 2), (1, 200));
    assert_eq!(story.breaches(), []);

    let mut story = Story::begin();
    story.accept(1);
    story.request(1);
    story.attempt((1, 1), (1, 200));
    assert_eq!(story.breaches(), [Rule::SentIsOpen]);
}

#[test]
fn what_is_sent_by_a_node_without_the_shard_or_too_late_is_noticed() {
    let mut story = Story::begin();
    story.accept(1);
    story.request(2);
    story.attempt((1, 1), (1, 200));
    assert_eq!(story.breaches(), [Rule::SentUnderLease]);

    let mut story = Story::begin();
    story.accept(1);
    story.now_ms += TTL_MS;
    story.request(1);
    assert!(story.breaches().contains(&Rule::SentUnderLease));
}

#[test]
fn a_shard_that_is_taken_before_its_time_is_over_is_noticed() {
    let mut story = Story::begin();
    story.now_ms += TTL_MS - 100;
    story.take(2, 2);
    assert_eq!(story.breaches(), [Rule::OneOwner]);
}

#[test]
fn a_turn_that_is_decided_twice_is_noticed() {
    let mut story = Story::begin();
    story.accept(1);
    story.attempt((1, 1), (1, 500));
    story.attempt((1, 1), (1, 200));
    assert!(story.breaches().contains(&Rule::OneDecides));
}

#[test]
fn a_success_of_a_node_that_has_lost_the_shard_ends_the_delivery_and_nothing_else_of_it_counts() {
    let late = |status| {
        let mut story = Story::begin();
        story.accept(1);
        let request = story.request(1);
        story.now_ms += TTL_MS;
        story.take(2, 2);
        story.record((1, 1), request, (1, status));
        story
    };
    assert_eq!(late(200).breaches(), []);
    // A database that fences nothing has it wait for the node that is too late.
    let mut story = late(500);
    story.tell(0, Fact::Left(row(501, 1)));
    assert!(story.breaches().contains(&Rule::RowsAreKept));
}

#[test]
fn a_change_by_a_node_that_leads_no_more_is_noticed() {
    let mut story = Story::begin();
    let change = story.trace.last().expect("a change").fact.clone();
    story.now_ms += TTL_MS;
    let lead = Lease { shard: LEAD, epoch: Epoch::new(2) };
    story.tell(2, Fact::OfNodes(NodeFact::Took(vec![lead], TTL_MS)));
    story.tell(1, change);
    assert_eq!(story.breaches(), [Rule::OneLeads]);
}

#[test]
fn shards_that_nobody_takes_after_a_crash_are_noticed() {
    for (after_ms, wanted) in [(TTL_MS + 1_500, vec![]), (TTL_MS + 2_500, vec![Rule::ServedAgain])] {
        let mut story = Story::begin();
        story.tell(1, Fact::OfNodes(NodeFact::CrashesAlone));
        story.now_ms += after_ms;
        story.take(2, 2);
        story.now_ms += 5_000;
        story.tell(2, Fact::Began);
        assert_eq!(story.breaches(), wanted);
    }
}

#[test]
fn what_waits_while_nothing_is_wrong_is_noticed() {
    let waited = |waits_ms| {
        let mut story = Story::begin();
        story.tell(0, Fact::OfNodes(NodeFact::Well));
        story.accept(2);
        story.now_ms += waits_ms;
        story.take(1, 2);
        story.attempt((1, 2), (1, 200));
        story.breaches().into_iter().filter(|rule| *rule != Rule::OneOwner).collect::<Vec<_>>()
    };
    assert_eq!(waited(2_500), []);
    assert_eq!(waited(10_000), [Rule::FoundSoon]);
    assert_eq!(waited(65_000), [Rule::FoundInAMinute]);
}
