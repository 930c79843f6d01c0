//! Changes of settings, and what follows from them: which rows move, what the runtime is told.
//!
//! A change is live once it is committed; the rows it concerns are moved afterwards, in steps. Only enabling waits for
//! that: what was there when a webhook was disabled is parked before anything is sent to it again.

use std::sync::Arc;
use std::time::Duration;

use groundswell_types::editor::ChangedBy;
use groundswell_types::{DeliveryId, EventId, NoticeKind, ProgramId};
use tokio::sync::oneshot;

use super::{Writer, WriterHandle};
use crate::clock::Stopwatch;
use crate::directory::{Directory, Endpoint};
use crate::error::EngineError;
use crate::nodes::Word;
use crate::store::{Batch, EndpointId, EndpointRecord, Move, NoticeRecord, SettingsChange, WebhooksChange};

/// Changes that wait for the end of a parking; when there are more, those that come wait before the writer.
pub(super) const MAX_HELD: usize = 64;

/// How often it is looked whether another node has parked what a change waits for.
const LOOK_AT_HELD: Duration = Duration::from_millis(100);

type DecideChange = Box<dyn FnOnce(&Directory) -> Result<SettingsChange, EngineError> + Send + Sync>;

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// What is to become of what is parked at a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedMove {
    /// It goes out, with this deadline, Unix milliseconds.
    Release {
        expires_at_ms: i64,
    },
    Discard,
}

/// Something asked for about a program's settings.
pub(super) struct SettingsJob {
    program: ProgramId,
    asked: Asked,
}

enum Asked {
    Change(DecideChange, Reply<SettingsChange>),
    /// Decided, and waiting until what it enables has been parked.
    Decided(SettingsChange, Reply<SettingsChange>),
    Parked(EndpointId, ParkedMove, Reply<()>),
    /// It cannot be delivered to, since then.
    Disable(EndpointId, NoticeKind, i64),
}

impl WriterHandle {
    /// Changes a program's settings: `decide` sees them as they are at that moment and says what to change. Returns the
    /// change once it is committed and live; rows may still be moved then.
    pub async fn change(
        &self,
        program: &ProgramId,
        decide: impl FnOnce(&Directory) -> Result<SettingsChange, EngineError> + Send + Sync + 'static,
    ) -> Result<SettingsChange, EngineError> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked::Change(Box::new(decide), reply);
        let job = SettingsJob { program: program.clone(), asked };
        self.settings.send(job).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }

    /// Disables a webhook that cannot be delivered to, as another node has found, since then; Unix milliseconds.
    pub async fn disable(
        &self,
        program: &ProgramId,
        found: (EndpointId, NoticeKind, i64),
    ) -> Result<(), EngineError> {
        let (endpoint, kind, at_ms) = found;
        let job = SettingsJob { program: program.clone(), asked: Asked::Disable(endpoint, kind, at_ms) };
        self.settings.send(job).await.map_err(|_| EngineError::Stopping)
    }

    /// Sends or discards what is parked at a webhook of a program. Returns once that has begun.
    pub async fn move_parked(
        &self,
        program: &ProgramId,
        endpoint: EndpointId,
        wanted: ParkedMove,
    ) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        let job = SettingsJob { program: program.clone(), asked: Asked::Parked(endpoint, wanted, reply) };
        self.settings.send(job).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }
}

impl Writer {
    /// Does what is asked for, or holds it back behind a change of the same program that is held back.
    pub(super) async fn take_up(&mut self, job: SettingsJob) {
        if self.held.iter().any(|held| held.program == job.program) {
            self.held.push(job);
            return;
        }
        // Whoever asked may be gone; it is done all the same.
        match job.asked {
            Asked::Change(decide, reply) => match decide(&self.directory) {
                Ok(change) => self.change_or_hold(job.program, change, reply).await,
                Err(error) => _ = reply.send(Err(error)),
            },
            Asked::Decided(mut change, reply) => {
                self.renumber(&mut change);
                self.change_or_hold(job.program, change, reply).await;
            }
            Asked::Parked(endpoint, wanted, reply) => self.move_parked((endpoint, wanted), reply).await,
            Asked::Disable(endpoint, kind, at_ms) => self.disable(endpoint, kind, at_ms).await,
        }
    }

    /// How long until it is looked again whether another node has parked what a change waits for; none when no change waits.
    pub(super) fn held_wait(&self) -> Option<Duration> {
        let is_others = !self.held.is_empty() && self.nodes.served.is_shared();
        is_others.then(|| LOOK_AT_HELD.saturating_sub(self.looked_at_held.elapsed()))
    }

    /// After the end of a parking.
    pub(super) async fn take_up_held(&mut self) {
        for job in std::mem::take(&mut self.held) {
            self.take_up(job).await;
        }
    }

    async fn change_or_hold(
        &mut self,
        program: ProgramId,
        change: SettingsChange,
        reply: Reply<SettingsChange>,
    ) {
        if self.enables_what_is_being_parked(&change) || self.enables_what_others_park(&change).await {
            if self.held.is_empty() {
                self.looked_at_held = Stopwatch::start();
            }
            self.held.push(SettingsJob { program, asked: Asked::Decided(change, reply) });
            return;
        }
        let moves = self.moves_after(&change).len();
        let result = self.commit_change(change).await;
        if result.is_ok() {
            self.make_first_steps(moves).await;
        }
        let _ = reply.send(result);
    }

    /// What waits at most webhooks is moved in one step: then it is done when the caller hears of it.
    async fn make_first_steps(&mut self, moves: usize) {
        for _ in 0..moves {
            self.step().await;
        }
    }

    async fn move_parked(&mut self, (endpoint, wanted): (EndpointId, ParkedMove), reply: Reply<()>) {
        // What another node has parked may have a higher id, if its clock is ahead.
        let newest = match self.store.highest_event_id().await {
            Ok(newest) => newest,
            Err(error) => {
                let _ = reply.send(Err(self.note(error)));
                return;
            }
        };
        let kind = match self.parked_move(endpoint, wanted, newest) {
            Ok(kind) => kind,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        if self.nodes.served.has(endpoint) {
            self.begin(endpoint, kind);
            self.make_first_steps(1).await;
            let _ = reply.send(Ok(()));
            return;
        }
        let nodes = Arc::clone(&self.nodes);
        self.nodes.spawn(async move {
            let told = nodes.say_to_owner(endpoint, &Word::Move(endpoint, kind)).await;
            let told = told.inspect_err(|error| tracing::warn!(%error, "a node was not told what to move"));
            let _ = reply.send(told.map_err(|_| EngineError::Away));
        });
    }

    fn parked_move(
        &self,
        endpoint: EndpointId,
        wanted: ParkedMove,
        newest: Option<EventId>,
    ) -> Result<Move, EngineError> {
        let live = self.directory.endpoint(endpoint).ok_or(EngineError::NotFound("webhook"))?;
        if !self.moves.has_room(endpoint) {
            return Err(EngineError::Overloaded);
        }
        // Ids only grow, so this is above everything that is parked now.
        let own = self.ids.event();
        let beyond = newest.map_or(own, |newest| EventId::from_number(newest.number() + 1).max(own));
        let before = DeliveryId::new(beyond, 0);
        match wanted {
            ParkedMove::Release { .. } if !live.record.is_enabled => {
                Err(EngineError::Refused("Turn the webhook on and publish before sending.".to_owned()))
            }
            ParkedMove::Release { expires_at_ms } => Ok(Move::Release { before, expires_at_ms }),
            ParkedMove::Discard => Ok(Move::Discard { before }),
        }
    }

    /// The writer itself may have disabled another webhook of the program since.
    fn renumber(&self, change: &mut SettingsChange) {
        if let SettingsChange::Webhooks(change) = change
            && let Some(entry) = self.directory.program(&change.program_id)
        {
            change.version = change.version.max(entry.record.webhooks_version + 1);
        }
    }

    fn enables_what_is_being_parked(&self, change: &SettingsChange) -> bool {
        let SettingsChange::Webhooks(WebhooksChange { upserts, .. }) = change else { return false };
        upserts.iter().any(|record| record.is_enabled && self.moves.is_parking(record.id))
    }

    /// Commits a change, makes it live, tells the runtime, and begins what moves.
    async fn commit_change(&mut self, mut change: SettingsChange) -> Result<SettingsChange, EngineError> {
        self.notice_secrets(&mut change);
        self.store.apply(&change).await.map_err(|error| self.failed(error))?;
        let moves = self.moves_after(&change);
        let mut renewed = match &change {
            SettingsChange::Webhooks(WebhooksChange { upserts, .. }) => self.renewed(upserts),
            _ => Vec::new(),
        };
        self.directory.take_over(&change);
        self.reset_health(&renewed).await;
        self.tell_of_settings(&change);
        renewed.retain(|id| self.nodes.served.has(*id));
        self.follow_settings(moves, renewed).await;
        self.nodes.settings_changed();
        Ok(change)
    }

    /// What a change that is not yet taken over moves here.
    fn moves_after(&self, change: &SettingsChange) -> Vec<(EndpointId, Move)> {
        let SettingsChange::Webhooks(WebhooksChange { deletes, upserts, .. }) = change else {
            return Vec::new();
        };
        let mut moves = self.moves_of(deletes, upserts);
        moves.retain(|(id, _)| self.nodes.served.has(*id));
        moves
    }

    /// What settings that are not yet taken over move: rows of webhooks that are deleted, and that are disabled.
    pub(super) fn moves_of(
        &self,
        deletes: &[EndpointId],
        upserts: &[EndpointRecord],
    ) -> Vec<(EndpointId, Move)> {
        let was_enabled = |id| self.directory.endpoint(id).is_some_and(|before| before.record.is_enabled);
        let disabled = upserts.iter().filter(|record| !record.is_enabled && was_enabled(record.id));
        let deletes = deletes.iter().map(|id| (*id, Move::Delete));
        deletes.chain(disabled.map(|record| (record.id, Move::Park))).collect()
    }

    /// Disables a webhook that cannot be delivered to; what waits for it is parked.
    pub(super) async fn disable(&mut self, endpoint: EndpointId, kind: NoticeKind, now_ms: i64) {
        let Some(endpoint) = self.directory.endpoint(endpoint).filter(|one| one.record.is_enabled) else {
            return;
        };
        let Some(entry) = self.directory.program(&endpoint.record.program_id) else { return };
        let record = EndpointRecord { is_enabled: false, auto_disabled: true, ..endpoint.record.clone() };
        tracing::info!(webhook.id = %record.public_id, program.id = %record.program_id, kind = kind.as_str(), "disabled");
        let since_ms = self.directory.health(record.id).failing_since_ms.unwrap_or(now_ms);
        let notice = self.notice(&endpoint, kind, (since_ms, now_ms));
        let change = crate::webhooks::change(&entry, now_ms, |change| {
            change.by = ChangedBy::Server;
            change.upserts.push(record);
            change.notices.push(notice);
        });
        // A failure is noted; the next attempt that ends so tries again.
        let _ = self.commit_change(change).await;
    }

    /// Whoever owns a webhook is told when it gets another secret, whoever gave it that.
    fn notice_secrets(&self, change: &mut SettingsChange) {
        let SettingsChange::Webhooks(WebhooksChange { upserts, notices, at_ms, .. }) = change else { return };
        for record in upserts {
            let before = self.directory.endpoint(record.id);
            let is_replaced =
                |one: &Endpoint| one.record.secret.is_some() && one.record.secret != record.secret;
            if let Some(before) = before.filter(|one| is_replaced(one)) {
                notices.push(self.notice(&before, NoticeKind::SecretReplaced, (*at_ms, *at_ms)));
            }
        }
    }

    pub(super) fn notice(
        &self,
        endpoint: &Endpoint,
        kind: NoticeKind,
        (since_ms, at_ms): (i64, i64),
    ) -> NoticeRecord {
        NoticeRecord {
            id: self.ids.notice(),
            program_id: endpoint.record.program_id.clone(),
            endpoint_id: endpoint.record.id,
            kind,
            at_ms,
            since_ms,
        }
    }

    /// Webhooks that will be enabled and have a new URL, secret or headers, or were disabled, when these settings are not yet
    /// taken over.
    pub(super) fn renewed(&self, upserts: &[EndpointRecord]) -> Vec<EndpointId> {
        let is_renewed = |record: &EndpointRecord| {
            self.directory
                .endpoint(record.id)
                .is_some_and(|before| !before.record.is_enabled || !before.record.is_sent_like(record))
        };
        upserts.iter().filter(|one| one.is_enabled && is_renewed(one)).map(|record| record.id).collect()
    }

    /// With new settings, failing starts anew.
    pub(super) async fn reset_health(&self, endpoints: &[EndpointId]) {
        let health: Vec<_> = endpoints.iter().map(|id| (*id, self.directory.health(*id).renewed())).collect();
        if health.is_empty() {
            return;
        }
        let batch = Batch { health, ..Batch::default() };
        if let Err(error) = self.store.commit(&batch).await {
            self.failed(error);
        }
        self.directory.set_health(&batch.health);
    }
}
