//! What those who watch a program are told after a commit. Nothing here is looked up when nobody watches.

use std::collections::BTreeSet;

use groundswell_types::{Change, ProgramId};

use super::Writer;
use crate::delivery::scheduler::FlowId;
use crate::store::{Batch, EndpointId, HealthRecord, ResendBatch, SettingsChange};

impl Writer {
    /// Events were accepted, attempts ended. Told also of what was not written: then nothing new is found.
    pub(super) fn tell_of_deliveries(&self, batch: &Batch) {
        let accepted = batch.accepts.iter().filter_map(|accept| self.flow(&accept.program_id));
        let ended = batch.outcomes.iter().filter_map(|outcome| self.flow_of(outcome.attempt.endpoint_id));
        self.changes.tell(accepted.chain(ended).map(|flow| (flow, Change::Deliveries)));
        if !self.nodes.leads() {
            let of_endpoint = |id| self.directory.endpoint(id).map(|one| one.record.program_id.clone());
            let ended = batch.outcomes.iter().filter_map(|outcome| of_endpoint(outcome.attempt.endpoint_id));
            let programs: BTreeSet<ProgramId> = ended.collect();
            let accepted = batch.accepts.iter().map(|accept| &accept.program_id);
            self.nodes.news(accepted.chain(&programs).map(|program| (program, Change::Deliveries)));
        }
        if self.nodes.served.is_shared() {
            return self.feeds.wake();
        }
        self.feeds.tell(batch.accepts.iter().map(|accept| (&accept.program_id, accept.event_id)));
    }

    /// Called before the directory knows. The time of another success is news about deliveries only.
    pub(super) fn tell_of_health(&self, changes: &[(EndpointId, HealthRecord)]) {
        let of_failures = |health: HealthRecord| HealthRecord { last_success_at_ms: None, ..health };
        let is_news = |id: EndpointId, after: HealthRecord| {
            of_failures(self.directory.health(id)) != of_failures(after)
        };
        let news = changes.iter().filter(|(id, after)| is_news(*id, *after));
        if !self.nodes.leads() {
            let programs: Vec<_> = news.clone().filter_map(|(id, _)| self.directory.endpoint(*id)).collect();
            self.nodes.news(programs.iter().map(|one| (&one.record.program_id, Change::Webhooks)));
        }
        self.changes.tell(news.filter_map(|(id, _)| Some((self.flow_of(*id)?, Change::Webhooks))));
    }

    /// Waiting deliveries of these endpoints were moved or cancelled.
    pub(super) fn tell_of_moved(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        let moved: Vec<_> = endpoints.into_iter().filter_map(|id| self.directory.endpoint(id)).collect();
        self.nodes.news(moved.iter().map(|one| (&one.record.program_id, Change::Deliveries)));
        self.changes.tell(moved.iter().map(|one| (one.flow, Change::Deliveries)));
    }

    /// Deliveries were queued again, or their job came on.
    pub(super) fn tell_of_resends(&self, batch: &ResendBatch) {
        let programs = batch.resends.iter().map(|resend| &resend.program_id);
        let programs = programs.chain(batch.job.iter().map(|job| &job.program_id));
        self.changes.tell(programs.filter_map(|id| Some((self.flow(id)?, Change::Deliveries))));
    }

    /// Called when the directory knows.
    pub(super) fn tell_of_settings(&self, change: &SettingsChange) {
        if let SettingsChange::CreateProgram(record) = change
            && let Some(flow) = self.flow(&record.id)
        {
            self.changes.know(flow, &record.team_id);
        }
        let (program, kinds): (_, &[Change]) = match change {
            SettingsChange::CreateProgram(record) => (&record.id, &[Change::Program]),
            SettingsChange::UpdateProgram(change) => (&change.id, &[Change::Program]),
            SettingsChange::Webhooks(change) if change.clears_draft => {
                (&change.program_id, &[Change::Webhooks, Change::Draft])
            }
            SettingsChange::Webhooks(change) => (&change.program_id, &[Change::Webhooks]),
            SettingsChange::OldSecret(change) => (&change.program_id, &[Change::Webhooks]),
        };
        self.changes.tell(kinds.iter().filter_map(|kind| Some((self.flow(program)?, *kind))));
    }

    fn flow(&self, program: &ProgramId) -> Option<FlowId> {
        self.directory.program(program).map(|entry| entry.flow)
    }

    fn flow_of(&self, endpoint: EndpointId) -> Option<FlowId> {
        self.directory.endpoint(endpoint).map(|endpoint| endpoint.flow)
    }
}
