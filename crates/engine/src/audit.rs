//! The audit log: who did what, when, from where, to which program.
//!
//! A change and its record cannot always be one transaction: events and settings are committed by the writer, people by
//! others. So what is about to be done is noted first, and only then done. When that cannot be noted, nothing is done and
//! the call fails. Once it is known what came of it the note becomes a row of the log, or goes when nothing was changed.
//! A note that nobody comes back to, because the process ended or the database failed in between, becomes a row that says
//! `unclear`: at the next start of a process that is the only one, else after `CALL_MS`. So there is no change without exactly one row.
//!
//! Rows are not chained by hashes. Who can write to the database can compute a chain anew, so it would prove nothing but
//! to somebody who has kept its last link elsewhere; and whoever keeps something elsewhere keeps the exported rows.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use groundswell_types::editor::DraftSaved;
use groundswell_types::{
    AuditAction, AuditActor, AuditActorKind, AuditEntry, AuditId, AuditOutcome, CreatedApiKey, DeliveryView,
    Email, Erasure, Incident, Program, ProgramId, ResendJob, Team, TeamId, TestView, UserId, Webhook,
};

use crate::access::{Actor, EditorLink, Who};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::{AuditRecord, AuditSearch};

/// No call takes so long: what is noted longer ago has nobody who comes back to it. Ten minutes.
const CALL_MS: i64 = 600_000;

/// Entries are kept for 400 days: a year, and a month to look at it. The databases refuse to remove younger ones, so
/// a shorter time takes a migration.
pub(crate) const KEPT_MS: i64 = 400 * 86_400_000;

/// What is worth knowing about something that was done, besides what, by whom and where: ids, numbers and the addresses of
/// people who were invited or named to get e-mail, neither secrets nor anything of a participant's. So erasing a
/// participant's data has nothing to look for in the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    target: Option<String>,
    details: BTreeMap<String, String>,
}

#[expect(clippy::needless_pass_by_value, reason = "ids, numbers and words are named where they stand")]
impl Trace {
    /// Done to this.
    pub fn of(target: impl ToString) -> Self {
        Self { target: Some(target.to_string()), details: BTreeMap::new() }
    }

    /// With something else that is worth knowing.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.details.insert(name.to_owned(), value.to_string());
        self
    }

    /// Done to this, if nothing else was named.
    fn or_of(self, target: impl ToString) -> Self {
        Self { target: self.target.or_else(|| Some(target.to_string())), ..self }
    }
}

/// Something that somebody does or has done.
#[derive(Debug, Clone)]
pub struct Deed {
    pub action: AuditAction,
    /// Whose owners see it, each in an entry of their own that says nothing of the others; none is the server's operator alone.
    pub teams: Vec<TeamId>,
    pub program: Option<ProgramId>,
    pub trace: Trace,
}

/// Who does something and from where, as the log says it.
#[derive(Debug, Clone)]
pub struct By {
    pub actor: AuditActor,
    pub address: Option<String>,
}

impl By {
    /// Somebody by their name, as when they are only about to get an account.
    pub fn person(id: &UserId, name: &str, address: Option<IpAddr>) -> Self {
        let (id, name) = (Some(id.to_string()), name.to_owned());
        Self::of(AuditActor { kind: AuditActorKind::Person, id, name }, address)
    }

    /// Somebody nobody knows, as when a sign-in fails. Whoever records what they do bounds how often.
    pub fn unknown(address: Option<IpAddr>) -> Self {
        Self::of(AuditActor { kind: AuditActorKind::Unknown, id: None, name: String::new() }, address)
    }

    fn of(actor: AuditActor, address: Option<IpAddr>) -> Self {
        Self { actor, address: address.map(|address| address.to_string()) }
    }
}

impl From<&Actor> for By {
    fn from(actor: &Actor) -> Self {
        Self::of(actor.in_audit_log(), actor.address)
    }
}

impl From<&Arc<Actor>> for By {
    fn from(actor: &Arc<Actor>) -> Self {
        Self::from(&**actor)
    }
}

/// What a use case answers with, and what of it belongs into the log.
pub trait Traced {
    /// Adds what is known now that it is done.
    fn traced(&self, trace: Trace) -> Trace;

    /// Whether anything was changed. Nothing is recorded of what was as it was wanted, or could not be done.
    fn has_changed(&self) -> bool {
        true
    }

    /// The program it is, when it has just been made.
    fn program(&self) -> Option<&ProgramId> {
        None
    }
}

impl Traced for () {
    fn traced(&self, trace: Trace) -> Trace {
        trace
    }
}

impl Traced for DraftSaved {
    fn traced(&self, trace: Trace) -> Trace {
        trace.with("draft", self.version)
    }
}

/// An answer of which nothing belongs into the log: a link, a token.
#[derive(Debug)]
pub struct Unsaid<T>(pub T);

impl<T> Traced for Unsaid<T> {
    fn traced(&self, trace: Trace) -> Trace {
        trace
    }
}

/// How many deliveries.
impl Traced for i64 {
    fn traced(&self, trace: Trace) -> Trace {
        trace.with("deliveries", self)
    }
}

/// An address: whoever knows it can post.
impl Traced for String {
    fn traced(&self, trace: Trace) -> Trace {
        trace
    }
}

/// Who is not named any more.
impl Traced for Email {
    fn traced(&self, trace: Trace) -> Trace {
        trace.with("email", self)
    }
}

impl Traced for Webhook {
    fn traced(&self, trace: Trace) -> Trace {
        trace.or_of(&self.id)
    }
}

impl Traced for TestView {
    fn traced(&self, trace: Trace) -> Trace {
        trace.with("test", self.id).with("event", self.event)
    }
}

impl Traced for DeliveryView {
    fn traced(&self, trace: Trace) -> Trace {
        trace.with("delivery", self.id)
    }
}

impl Traced for ResendJob {
    fn traced(&self, trace: Trace) -> Trace {
        trace.or_of(self.id).with("deliveries", self.total)
    }
}

impl Traced for Erasure {
    fn traced(&self, trace: Trace) -> Trace {
        trace.or_of(self.id)
    }
}

impl Traced for Incident {
    fn traced(&self, trace: Trace) -> Trace {
        trace.or_of(self.id)
    }
}

impl Traced for Program {
    fn traced(&self, trace: Trace) -> Trace {
        trace.or_of(&self.id)
    }

    fn program(&self) -> Option<&ProgramId> {
        Some(&self.id)
    }
}

impl Traced for Team {
    fn traced(&self, trace: Trace) -> Trace {
        trace.or_of(&self.id)
    }
}

/// Its token opens it, so nobody else is told.
impl Traced for EditorLink {
    fn traced(&self, trace: Trace) -> Trace {
        trace.or_of(&self.id)
    }
}

impl Traced for CreatedApiKey {
    fn traced(&self, trace: Trace) -> Trace {
        trace.or_of(&self.view.id)
    }
}

impl Actor {
    /// Who it is, for the log.
    pub fn in_audit_log(&self) -> AuditActor {
        match &self.who {
            Who::Operator => {
                AuditActor { kind: AuditActorKind::Operator, id: None, name: "Operator".to_owned() }
            }
            Who::Key(key) => {
                AuditActor { kind: AuditActorKind::Key, id: Some(key.id.clone()), name: key.name.clone() }
            }
            Who::Person(person) => {
                let id = Some(person.id.to_string());
                AuditActor { kind: AuditActorKind::Person, id, name: person.name.clone() }
            }
            Who::Link(holder) => {
                let (id, name) = (Some(holder.id.clone()), holder.label.clone().unwrap_or_default());
                AuditActor { kind: AuditActorKind::Link, id, name }
            }
        }
    }
}

impl Engine {
    /// Records what somebody has done, or has tried to do, at once. For what is no change that could be begun and fail:
    /// sign-ins, exports. Fails when it cannot be recorded.
    pub async fn record(&self, by: impl Into<By> + Send, deed: Deed) -> Result<(), EngineError> {
        let records = self.audit_records(&by.into(), deed);
        Ok(self.store.record_audit(&records).await?)
    }

    /// Whose owners see what somebody does for themselves: all teams that they are in, the one they came into first first.
    pub(crate) async fn teams_of(&self, user: &UserId) -> Result<Vec<TeamId>, EngineError> {
        let memberships = self.store.memberships(user).await?;
        Ok(memberships.into_iter().map(|membership| membership.team_id).collect())
    }

    /// Somebody who is known only by their id, as when their session begins.
    pub(crate) async fn by_user(&self, user: &UserId, address: Option<IpAddr>) -> Result<By, EngineError> {
        let name = self.store.user(user).await?.map(|user| user.name).unwrap_or_default();
        Ok(By::person(user, &name, address))
    }

    /// Does something that changes things, and leaves a record of it: see the module.
    pub async fn recorded<T: Traced>(
        &self,
        by: impl Into<By> + Send,
        deed: Deed,
        work: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError> {
        let mut records = self.audit_records(&by.into(), deed);
        self.store.begin_audit(&records).await?;
        let result = work.await;
        let settled = match &result {
            Ok(answer) if answer.has_changed() => {
                for record in &mut records {
                    complete(record, answer);
                }
                self.store.end_audit(&records).await
            }
            Err(EngineError::Unclear | EngineError::Store(_) | EngineError::Stopping) => {
                for record in &mut records {
                    record.outcome = AuditOutcome::Unclear;
                }
                self.store.end_audit(&records).await
            }
            Ok(_) | Err(_) => {
                let ids: Vec<_> = records.iter().map(|record| record.id).collect();
                self.store.drop_audit(&ids).await
            }
        };
        if let Err(error) = settled {
            // What was done is done, and the note that it was begun is on the disk: it becomes a row of its own accord.
            let id = records[0].id;
            tracing::error!(%error, audit.id = %id, "the audit log could not be written; the entry follows");
        }
        result
    }

    /// A part of the audit log, newest first.
    pub(crate) async fn audit_log(&self, search: &AuditSearch) -> Result<Vec<AuditEntry>, EngineError> {
        let records = self.store.audit_log(search).await?;
        Ok(records.into_iter().map(AuditRecord::entry).collect())
    }

    /// Makes entries of what has been begun and nobody comes back to, and forgets entries that are too old, at most `limit`;
    /// says whether there may be more of them.
    pub(crate) async fn keep_audit(&self, limit: usize) -> Result<bool, EngineError> {
        let now_ms = self.clock.now_ms();
        let before = id::first_at(now_ms.saturating_sub(CALL_MS));
        self.store.settle_audit(AuditId::from_number(before.number())).await?;
        Ok(self.store.forget_audit(now_ms.saturating_sub(KEPT_MS), limit).await? >= limit as u64)
    }

    /// What the log says of a deed: an entry for each team.
    pub(crate) fn audit_records(
        &self,
        by: &By,
        Deed { action, teams, program, trace }: Deed,
    ) -> Vec<AuditRecord> {
        let record = |team_id| AuditRecord {
            id: self.ids.audit(),
            at_ms: self.clock.now_ms(),
            team_id,
            program_id: program.clone(),
            actor: by.actor.clone(),
            address: by.address.clone(),
            action,
            target: trace.target.clone(),
            details: trace.details.clone(),
            outcome: AuditOutcome::Done,
        };
        if teams.is_empty() { vec![record(None)] } else { teams.into_iter().map(Some).map(record).collect() }
    }
}

/// Adds what is known now that it is done.
fn complete(record: &mut AuditRecord, answer: &impl Traced) {
    let trace = Trace { target: record.target.take(), details: std::mem::take(&mut record.details) };
    Trace { target: record.target, details: record.details } = answer.traced(trace);
    record.program_id = answer.program().cloned().or(record.program_id.take());
}
