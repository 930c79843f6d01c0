//! What the random sequences are made of: operations in small numbers, and the calls they become once it is known
//! what there is to refer to.

use std::collections::BTreeSet;

use groundswell_engine::store::{
    Accept, Batch, DraftRecord, EndpointRecord, HealthRecord, Idempotency, Move, MoveStep, Outcome,
    PARKED_DUE_MS, PendingKey, SettingsChange, Store, Target, WebhooksChange,
};
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Strategy, any as anything, prop_oneof};
use proptest::sample::subsequence;

use super::{ENDPOINTS, History, PROGRAMS, kind};
use crate::store::make;

#[derive(Debug, Clone)]
pub enum Operation {
    Commit { accepts: Vec<NewEvent>, outcomes: Vec<Attempted>, health: Vec<i64> },
    CreateProgram(i64),
    ChangeWebhooks(Webhooks),
    Move(Moving),
    SaveDraft { program: i64, version: i64 },
    DeleteDraft(i64),
}

#[derive(Debug, Clone)]
pub struct NewEvent {
    program: i64,
    targets: Vec<(i64, bool)>,
    /// Key, content, and how long the key has been valid.
    idempotency: Option<(u8, u8, i64)>,
    accepted_at_ms: i64,
    repeats_an_id: bool,
}

#[derive(Debug, Clone)]
pub struct Attempted {
    /// Which of the pending rows ever seen.
    row: usize,
    /// How much later it is due again, if it failed.
    retry: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Webhooks {
    program: i64,
    version_step: i64,
    upserts: Vec<(i64, usize)>,
    deletes: Vec<i64>,
    clears_draft: bool,
}

/// A step of a move, not always from the beginning.
#[derive(Debug, Clone)]
pub struct Moving {
    endpoint: i64,
    kind: usize,
    /// Up to which event what is parked is meant, and which delivery is not to go out before its retry.
    event: i64,
    /// Which of the pending rows ever seen the step before looked at last.
    after: Option<usize>,
    limit: usize,
}

pub fn any() -> impl Strategy<Value = Operation> {
    let commit = (vec(new_event(), 0..12), vec(attempted(), 0..6), some_endpoints())
        .prop_map(|(accepts, outcomes, health)| Operation::Commit { accepts, outcomes, health });
    prop_oneof![
        10 => commit,
        2 => PROGRAMS.prop_map(Operation::CreateProgram),
        3 => webhooks().prop_map(Operation::ChangeWebhooks),
        6 => moving().prop_map(Operation::Move),
        1 => (PROGRAMS, 1..4_i64).prop_map(|(program, version)| Operation::SaveDraft { program, version }),
        1 => PROGRAMS.prop_map(Operation::DeleteDraft),
    ]
}

fn some_endpoints() -> impl Strategy<Value = Vec<i64>> {
    subsequence(ENDPOINTS.collect::<Vec<_>>(), 0..=2)
}

fn new_event() -> impl Strategy<Value = NewEvent> {
    let targets = vec((ENDPOINTS, weighted(0.2)), 0..4);
    let idempotency = of((0..4_u8, 0..2_u8, 0..40_i64));
    (PROGRAMS, targets, idempotency, 1000..1050_i64, weighted(0.01)).prop_map(
        |(program, targets, idempotency, accepted_at_ms, repeats_an_id)| NewEvent {
            program,
            targets,
            idempotency,
            accepted_at_ms,
            repeats_an_id,
        },
    )
}

fn attempted() -> impl Strategy<Value = Attempted> {
    (anything::<usize>(), of(0..90_i64)).prop_map(|(row, retry)| Attempted { row, retry })
}

fn webhooks() -> impl Strategy<Value = Webhooks> {
    let upserts = vec((ENDPOINTS, 0..3_usize), 0..3);
    (PROGRAMS, -1..3_i64, upserts, subsequence(vec![1, 2], 0..=1), weighted(0.3)).prop_map(
        |(program, version_step, upserts, deletes, clears_draft)| Webhooks {
            program,
            version_step,
            upserts,
            deletes,
            clears_draft,
        },
    )
}

fn moving() -> impl Strategy<Value = Moving> {
    let after = of(anything::<usize>());
    (ENDPOINTS, 0..5_usize, 1..40_i64, after, 1..6_usize)
        .prop_map(|(endpoint, kind, event, after, limit)| Moving { endpoint, kind, event, after, limit })
}

/// A call of the trait with everything filled in.
#[derive(Debug)]
pub enum Call {
    Commit(Batch),
    Apply(SettingsChange),
    Move(MoveStep),
    SaveDraft(DraftRecord, Option<i64>),
    DeleteDraft(i64),
}

impl Call {
    /// What the store answers.
    pub async fn make(&self, store: &dyn Store) -> String {
        match self {
            Self::Commit(batch) => kind(store.commit(batch).await),
            Self::Apply(change) => kind(store.apply(change).await),
            Self::Move(step) => kind(store.move_pending(step).await),
            Self::SaveDraft(draft, over) => kind(store.save_draft(draft, *over).await),
            Self::DeleteDraft(program) => kind(store.delete_draft(&make::program(*program)).await),
        }
    }
}

impl Operation {
    pub fn call(self, history: &History) -> Call {
        match self {
            Self::Commit { accepts, outcomes, health } => {
                let accepts =
                    (history.highest_event + 1..).zip(accepts).map(|(id, event)| event.accept(id)).collect();
                let outcomes = outcomes.iter().filter_map(|outcome| outcome.outcome(history)).collect();
                let health = health.into_iter().map(|id| (make::endpoint(id), health_of(id))).collect();
                Call::Commit(Batch { accepts, outcomes, health, ..Batch::default() })
            }
            Self::CreateProgram(number) => {
                Call::Apply(SettingsChange::CreateProgram(make::program_record(number)))
            }
            Self::ChangeWebhooks(webhooks) => Call::Apply(SettingsChange::Webhooks(webhooks.change(history))),
            Self::Move(moving) => Call::Move(moving.step(history)),
            Self::SaveDraft { program, version } => {
                let draft = DraftRecord {
                    program_id: make::program(program),
                    version,
                    base_version: 0,
                    rows_json: "[]".to_owned(),
                    saved_at_ms: version,
                };
                Call::SaveDraft(draft, (version > 1).then(|| version - 1))
            }
            Self::DeleteDraft(program) => Call::DeleteDraft(program),
        }
    }
}

fn health_of(endpoint: i64) -> HealthRecord {
    HealthRecord {
        consecutive_failures: endpoint,
        last_failure_at_ms: (endpoint % 2 == 0).then_some(endpoint),
        last_success_at_ms: Some(9),
        ..HealthRecord::default()
    }
}

impl NewEvent {
    fn accept(self, id: i64) -> Accept {
        let id = if self.repeats_an_id { 1.max(id - 1) } else { id };
        let target = |(id, is_parked)| Target { endpoint_id: make::endpoint(id), is_parked };
        Accept {
            program_id: make::program(self.program),
            accepted_at_ms: self.accepted_at_ms,
            targets: self.targets.into_iter().map(target).collect(),
            idempotency: self.idempotency.map(|(key, content, valid_ms)| Idempotency {
                key: format!("key{key}"),
                content_hash: [content; 32],
                valid_since_ms: self.accepted_at_ms - valid_ms,
            }),
            ..make::accept(id, &[])
        }
    }
}

impl Attempted {
    /// Names all places where the row may stand by now, as the writer does: a delivery never has two rows.
    fn outcome(&self, history: &History) -> Option<Outcome> {
        let pending = history.seen.get(self.row % history.seen.len().max(1))?;
        let outcome = match self.retry {
            Some(wait_ms) => make::retried(pending, pending.accepted_at_ms + wait_ms),
            None => make::delivered(pending),
        };
        let places = [pending.key.due_at_ms, PARKED_DUE_MS, pending.accepted_at_ms];
        let remove = places.map(|due_at_ms| PendingKey { due_at_ms, ..pending.key });
        Some(Outcome { remove: remove.into(), ..outcome })
    }
}

impl Moving {
    fn step(self, history: &History) -> MoveStep {
        let endpoint_id = make::endpoint(self.endpoint);
        let before = make::delivery(self.event, 0);
        let kind = match self.kind {
            0 => Move::Park,
            1 => Move::Release { before, expires_at_ms: 70_000 },
            2 => Move::Discard { before },
            3 => Move::Advance { now_ms: make::ACCEPTED_AT_MS + 10, except: BTreeSet::from([before]) },
            _ => Move::Delete,
        };
        let seen = self.after.and_then(|row| history.seen.get(row % history.seen.len().max(1)));
        let after = seen.map(|row| PendingKey { endpoint_id, ..row.key });
        // Behind the end there is nothing, and that is not asked for.
        let after = after.filter(|key| key.due_at_ms < PARKED_DUE_MS);
        MoveStep { endpoint_id, kind, after, limit: self.limit }
    }
}

impl Webhooks {
    fn change(self, history: &History) -> WebhooksChange {
        let place = usize::try_from(self.program - 1).expect("programs count from 1");
        let stored = history.versions.get(place).copied().unwrap_or(0);
        let version = stored + self.version_step;
        let upsert = |(number, public_id): (i64, usize)| EndpointRecord {
            program_id: make::program(self.program),
            url: format!("https://example.com/{number}/{version}"),
            headers: make::headers(&[("x-version", &*version.to_string())][..usize::from(version % 3 == 0)]),
            old_secret: (version % 5 == 0).then(|| Box::new(make::old_secret(version))),
            name: (version % 7 == 0).then(|| make::name(&format!("number {version}"))),
            timeout: (version % 2 == 0).then(|| make::timeout(1 + version % 30)),
            ..make::endpoint_record(number, ["primary", "wh_a", "wh_b"][public_id])
        };
        WebhooksChange {
            program_id: make::program(self.program),
            upserts: self.upserts.into_iter().map(upsert).collect(),
            deletes: self.deletes.into_iter().map(make::endpoint).collect(),
            clears_draft: self.clears_draft,
            ..make::change(version)
        }
    }
}
