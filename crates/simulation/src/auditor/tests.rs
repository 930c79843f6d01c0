//! Each rule catches a trace that breaks it, and none a trace that does not.

use groundswell_engine::store::{
    After, EndpointId, EndpointRecord, Forget, Pending, PendingKey, ResendBatch, ResendRecord, Target,
    WebhooksChange,
};
use groundswell_types::editor::ChangedBy;
use groundswell_types::{
    DeliveryId, DeliveryState, EventId, FailureClass, ProgramId, WebhookHeaders, WebhookId,
};

use super::{Rule, audit};
use crate::plan::{Plan, StorePlan};
use crate::trace::{AcceptFact, Answer, ChangeFact, End, Entry, Fact, Hook, OutcomeFact, ShownAttempt};

const EVENT: EventId = EventId::from_number(100);
const DELIVERY: DeliveryId = DeliveryId::new(EVENT, 0);
const ENDPOINT: EndpointId = EndpointId(5);
const HOOK: Hook = Hook { number: 1, revision: 1 };
const DEADLINE_MS: i64 = 1_000_000;

/// A trace that is being made up; each fact a millisecond after the one before.
struct Story {
    trace: Vec<Entry>,
    now_ms: i64,
    life: u32,
    retention_ms: i64,
}

fn plan(retention_ms: i64) -> Plan {
    let mut plan = Plan::of(1);
    plan.is_fair = true;
    plan.chaos_ms = 1_000;
    plan.store = StorePlan::quick();
    plan.config.retention_ms = retention_ms;
    plan
}

fn key(due_at_ms: i64) -> PendingKey {
    PendingKey { endpoint_id: ENDPOINT, due_at_ms, delivery_id: DELIVERY }
}

fn row(due_at_ms: i64, attempts: i64) -> Pending {
    Pending { key: key(due_at_ms), attempts, accepted_at_ms: 10, expires_at_ms: DEADLINE_MS }
}

fn outcome(number: i64, started_at_ms: i64, after: After) -> OutcomeFact {
    let insert = if let After::Retry(due_at_ms) = after { Some(row(due_at_ms, number)) } else { None };
    OutcomeFact {
        delivery: DELIVERY,
        endpoint: ENDPOINT,
        number,
        started_at_ms,
        duration_ms: 1,
        failure: (after != After::Delivered).then_some(FailureClass::Status),
        status: None,
        after,
        remove: vec![key(10)],
        insert,
    }
}

fn change() -> WebhooksChange {
    WebhooksChange {
        program_id: ProgramId::parse("p").expect("an id"),
        version: 1,
        upserts: Vec::new(),
        deletes: Vec::new(),
        notices: Vec::new(),
        clears_draft: false,
        by: ChangedBy::Rest,
        at_ms: 0,
    }
}

fn record(is_enabled: bool) -> EndpointRecord {
    EndpointRecord {
        id: ENDPOINT,
        program_id: ProgramId::parse("p").expect("an id"),
        public_id: WebhookId::parse("primary").expect("an id"),
        url: String::new(),
        events: Vec::new(),
        is_enabled,
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

impl Story {
    /// A webhook, and an event that is accepted for it at 10 and acknowledged.
    fn begin() -> Self {
        let mut story = Self { trace: Vec::new(), now_ms: 0, life: 1, retention_ms: i64::MAX };
        story.tell(Fact::Began);
        story.set(Hook { ..HOOK }, true, change());
        story.now_ms = 8;
        story.tell(Fact::Submitted { tag: 1, has_key: true });
        story.accept(1, EVENT);
        story.tell(Fact::Acknowledged { tag: 1, event: EVENT, is_duplicate: false });
        story
    }

    fn tell(&mut self, fact: Fact) {
        self.now_ms += 1;
        self.trace.push(Entry { at_ms: self.now_ms, clock_ms: self.now_ms, life: self.life, fact });
    }

    fn set(&mut self, hook: Hook, is_enabled: bool, change: WebhooksChange) {
        self.tell(Fact::Changed(Box::new(ChangeFact { upserts: vec![(hook, record(is_enabled))], change })));
        self.tell(Fact::Live);
    }

    fn accept(&mut self, tag: u32, event: EventId) {
        let targets = vec![Target { endpoint_id: ENDPOINT, is_parked: false }];
        let accept = AcceptFact { accepted_at_ms: 10, expires_at_ms: DEADLINE_MS, targets };
        self.tell(Fact::Accepted { tag, event, accept: Box::new(accept) });
    }

    fn send(&mut self, request: u64, status: Option<u16>) -> i64 {
        self.tell(Fact::Sent { request, event: EVENT, hook: HOOK });
        let sent_at_ms = self.now_ms;
        self.tell(Fact::Arrived { request, is_genuine: true });
        if let Some(status) = status {
            self.tell(Fact::Answered { request, answer: Answer { status, wait_until_ms: None } });
        }
        sent_at_ms
    }

    fn record(&mut self, outcome: OutcomeFact) {
        self.tell(Fact::Outcome(Box::new(outcome)));
    }

    /// Sent, answered, recorded.
    fn deliver(&mut self) {
        let sent_at_ms = self.send(1, Some(200));
        self.record(outcome(1, sent_at_ms, After::Delivered));
    }

    fn crash(&mut self) {
        self.tell(Fact::Ended(End::Crash));
        self.life += 1;
        self.tell(Fact::Began);
    }

    fn show(&mut self, state: DeliveryState, attempts: &[(i64, bool)]) {
        let shown = |(number, possibly_sent_before): &(i64, bool)| ShownAttempt {
            number: *number,
            started_at_ms: 0,
            possibly_sent_before: *possibly_sent_before,
        };
        let attempts = attempts.iter().map(shown).collect();
        self.tell(Fact::Shown { delivery: DELIVERY, state, attempts });
    }

    fn breaches(mut self) -> Vec<Rule> {
        self.tell(Fact::Ended(End::Stopped));
        let plan = plan(self.retention_ms);
        let mut rules: Vec<Rule> = audit(&plan, &self.trace).into_iter().map(|one| one.rule).collect();
        rules.dedup();
        rules
    }
}

#[test]
fn a_delivery_as_it_should_be_breaks_nothing() {
    let mut story = Story::begin();
    story.deliver();
    story.show(DeliveryState::Delivered, &[(1, false)]);
    assert_eq!(story.breaches(), []);
}

#[test]
fn a_retry_after_a_crash_that_says_so_breaks_nothing() {
    let mut story = Story::begin();
    story.send(1, Some(200));
    story.crash();
    let sent_at_ms = story.send(2, Some(200));
    story.record(outcome(1, sent_at_ms, After::Delivered));
    story.show(DeliveryState::Delivered, &[(1, true)]);
    assert_eq!(story.breaches(), []);
}

#[test]
fn an_acknowledgement_of_what_is_not_stored_is_noticed() {
    let mut story = Story::begin();
    story.deliver();
    let event = EventId::from_number(101);
    story.tell(Fact::Acknowledged { tag: 2, event, is_duplicate: false });
    assert_eq!(story.breaches(), [Rule::AcknowledgedIsStored]);
}

#[test]
fn an_event_that_is_stored_twice_is_noticed() {
    let mut story = Story::begin();
    story.deliver();
    let accept = AcceptFact { accepted_at_ms: 10, expires_at_ms: DEADLINE_MS, targets: Vec::new() };
    let event = EventId::from_number(101);
    story.tell(Fact::Accepted { tag: 1, event, accept: Box::new(accept) });
    assert_eq!(story.breaches(), [Rule::StoredOnce]);
}

#[test]
fn an_event_that_was_declined_and_stored_is_noticed() {
    let mut story = Story::begin();
    story.deliver();
    story.tell(Fact::Submitted { tag: 2, has_key: false });
    story.tell(Fact::Declined { tag: 2 });
    let accept = AcceptFact { accepted_at_ms: 10, expires_at_ms: DEADLINE_MS, targets: Vec::new() };
    story.tell(Fact::Accepted { tag: 2, event: EventId::from_number(101), accept: Box::new(accept) });
    assert_eq!(story.breaches(), [Rule::StoredOnce]);
}

#[test]
fn a_lost_row_is_noticed() {
    let mut story = Story::begin();
    let sent_at_ms = story.send(1, Some(500));
    story.record(OutcomeFact { insert: None, ..outcome(1, sent_at_ms, After::Retry(50)) });
    assert_eq!(story.breaches(), [Rule::RowsAreKept]);
}

#[test]
fn a_row_that_stays_behind_an_ending_is_noticed() {
    let mut story = Story::begin();
    let sent_at_ms = story.send(1, Some(200));
    story.record(OutcomeFact { remove: vec![key(11)], ..outcome(1, sent_at_ms, After::Delivered) });
    assert!(story.breaches().contains(&Rule::RowsAreKept));
}

#[test]
fn a_disk_that_holds_something_else_is_noticed() {
    let mut story = Story::begin();
    story.deliver();
    story.tell(Fact::Left(row(10, 0)));
    assert_eq!(story.breaches(), [Rule::RowsAreKept]);
}

#[test]
fn what_is_forgotten_while_it_waits_is_noticed() {
    let mut story = Story::begin();
    story.retention_ms = 1;
    story.tell(Fact::Forgotten(Box::new(Forget { events: vec![EVENT], ..Forget::default() })));
    story.deliver();
    assert_eq!(story.breaches(), [Rule::RowsAreKept]);
}

#[test]
fn an_attempt_after_the_end_is_noticed() {
    let mut story = Story::begin();
    story.deliver();
    story.send(2, Some(200));
    assert!(story.breaches().contains(&Rule::SentIsOpen));
}

#[test]
fn two_requests_at_once_are_noticed() {
    let mut story = Story::begin();
    story.tell(Fact::Sent { request: 7, event: EVENT, hook: HOOK });
    story.deliver();
    assert!(story.breaches().contains(&Rule::SentIsOpen));
}

#[test]
fn a_resend_of_what_has_not_ended_is_noticed() {
    let mut story = Story::begin();
    let resend = ResendRecord {
        id: DeliveryId::of_resend(EventId::from_number(200)),
        program_id: ProgramId::parse("p").expect("an id"),
        event_id: EVENT,
        original_id: DELIVERY,
        endpoint_id: ENDPOINT,
        accepted_at_ms: 12,
    };
    let pending = Pending { key: PendingKey { delivery_id: resend.id, ..key(12) }, ..row(12, 0) };
    story.tell(Fact::Resent(Box::new(ResendBatch {
        resends: vec![resend],
        pending: vec![pending],
        job: None,
    })));
    assert!(story.breaches().contains(&Rule::SentIsOpen));
}

#[test]
fn requests_to_what_is_disabled_or_elsewhere_are_noticed() {
    for (hook, is_enabled) in [(HOOK, false), (Hook { revision: 2, ..HOOK }, true)] {
        let mut story = Story::begin();
        story.set(hook, is_enabled, change());
        story.deliver();
        assert_eq!(story.breaches(), [Rule::SettingsHold]);
    }
}

#[test]
fn a_request_to_what_is_deleted_is_noticed() {
    let mut story = Story::begin();
    let change = WebhooksChange { deletes: vec![ENDPOINT], ..change() };
    story.tell(Fact::Changed(Box::new(ChangeFact { upserts: Vec::new(), change })));
    story.tell(Fact::Live);
    story.send(1, Some(200));
    assert!(story.breaches().contains(&Rule::SentIsOpen));
}

#[test]
fn a_wrong_signature_is_noticed() {
    let mut story = Story::begin();
    story.tell(Fact::Arrived { request: 9, is_genuine: false });
    story.deliver();
    assert_eq!(story.breaches(), [Rule::SignedRight]);
}

#[test]
fn a_record_of_what_was_never_sent_is_noticed() {
    let mut story = Story::begin();
    story.record(outcome(1, 50, After::Delivered));
    assert!(story.breaches().contains(&Rule::RecordsAreTrue));
}

#[test]
fn a_success_that_nobody_answered_is_noticed() {
    let mut story = Story::begin();
    let sent_at_ms = story.send(1, Some(500));
    story.record(outcome(1, sent_at_ms, After::Delivered));
    assert!(story.breaches().contains(&Rule::RecordsAreTrue));
}

#[test]
fn a_number_left_out_is_noticed() {
    let mut story = Story::begin();
    let sent_at_ms = story.send(1, Some(200));
    story.record(outcome(2, sent_at_ms, After::Delivered));
    assert!(story.breaches().contains(&Rule::RecordsAreTrue));
}

#[test]
fn an_ending_before_its_time_is_noticed() {
    let mut story = Story::begin();
    let sent_at_ms = story.send(1, Some(500));
    story.record(outcome(1, sent_at_ms, After::Undeliverable));
    assert_eq!(story.breaches(), [Rule::EndsForAReason]);
    let mut story = Story::begin();
    story.now_ms = DEADLINE_MS;
    story.record(outcome(0, 0, After::Undeliverable));
    assert_eq!(story.breaches(), [Rule::EndsForAReason], "its endpoint was never tried");
}

#[test]
fn an_attempt_without_a_record_is_noticed_unless_the_log_says_so() {
    let mut story = Story::begin();
    story.send(1, Some(200));
    story.crash();
    let sent_at_ms = story.send(2, Some(200));
    story.record(outcome(1, sent_at_ms, After::Delivered));
    story.show(DeliveryState::Delivered, &[(1, false)]);
    assert_eq!(story.breaches(), [Rule::UnknownIsSaid]);
}

#[test]
fn what_still_waits_in_the_end_is_noticed() {
    let mut story = Story::begin();
    story.tell(Fact::Left(row(10, 0)));
    assert_eq!(story.breaches(), [Rule::Drains]);
}

#[test]
fn a_log_that_shows_something_else_is_noticed() {
    let mut story = Story::begin();
    story.deliver();
    story.show(DeliveryState::Undeliverable, &[(1, false)]);
    assert_eq!(story.breaches(), [Rule::LogIsTrue]);
}

#[test]
fn a_wait_for_others_is_noticed() {
    let mut story = Story::begin();
    story.now_ms += 17_000;
    story.deliver();
    assert_eq!(story.breaches(), [Rule::Fair]);
}
