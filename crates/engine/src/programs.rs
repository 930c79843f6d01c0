//! Use cases on programs.

use std::collections::HashMap;
use std::sync::Arc;

use groundswell_types::editor::ProgramSummary;
use groundswell_types::{
    Activity, Currency, Program, ProgramId, ProgramStatus, ProgramType, RetentionDays, TeamId,
    WebhooksByHealth,
};

use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::operations;
use crate::store::{EndpointId, ProgramChange, ProgramRecord, SettingsChange};

/// Of webhooks with attempts.
type Activities = HashMap<EndpointId, Activity>;

const MAX_NAME_CHARS: usize = 200;

/// What a new program is to be.
#[derive(Debug, Clone)]
pub struct NewProgram {
    pub kind: ProgramType,
    /// A name is made up when there is none.
    pub name: Option<String>,
    pub currency: Currency,
}

/// What is to change about a program.
#[derive(Debug, Clone, Default)]
pub struct ProgramPatch {
    pub name: Option<String>,
    pub status: Option<ProgramStatus>,
    /// `Some(None)` is what the server is set to.
    pub retention: Option<Option<RetentionDays>>,
}

impl ProgramPatch {
    /// What is given, by name.
    pub(crate) fn parts(&self) -> String {
        let parts = [
            ("name", self.name.is_some()),
            ("status", self.status.is_some()),
            ("retentionDays", self.retention.is_some()),
        ];
        parts
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Engine {
    /// The programs that are `wanted`, newest first.
    pub fn programs_that(&self, wanted: impl Fn(&ProgramRecord) -> bool) -> Vec<Program> {
        let all = self.directory.programs();
        all.iter().filter(|entry| wanted(&entry.record)).map(|entry| view(&entry.record)).collect()
    }

    /// One program.
    pub fn program(&self, id: &ProgramId) -> Result<Program, EngineError> {
        Ok(view(&self.program_entry(id)?.record))
    }

    /// Creates a program in the first team; it begins as a draft.
    pub async fn create_program(&self, new: NewProgram) -> Result<Program, EngineError> {
        self.create_program_in(TeamId::first(), new).await
    }

    /// Creates a program; it begins as a draft.
    pub async fn create_program_in(&self, team: TeamId, new: NewProgram) -> Result<Program, EngineError> {
        operations::refuse_to_make(new.kind)?;
        let now_ms = self.clock.now_ms();
        let name = match new.name {
            Some(name) => checked_name(&name)?,
            None => made_up_name(new.kind, now_ms),
        };
        let record = ProgramRecord {
            id: self.ids.program(),
            team_id: team,
            name,
            kind: new.kind,
            status: ProgramStatus::Draft,
            currency: new.currency,
            created_at_ms: now_ms,
            webhooks_version: 0,
            retention: None,
        };
        let program = view(&record);
        self.writer.change(&program.id, move |_| Ok(SettingsChange::CreateProgram(record))).await?;
        Ok(program)
    }

    /// Changes a program's name or status; the status only to running or ended.
    pub async fn patch_program(&self, id: &ProgramId, patch: ProgramPatch) -> Result<Program, EngineError> {
        let name = patch.name.map(|name| checked_name(&name)).transpose()?;
        if let Some(status) = patch.status
            && !matches!(status, ProgramStatus::InProgress | ProgramStatus::Complete)
        {
            return Err(EngineError::invalid("/status", "can only be set to IN_PROGRESS or COMPLETE"));
        }
        let program = id.clone();
        self.writer
            .change(id, move |directory| {
                let entry = directory.program(&program).ok_or(EngineError::NotFound("program"))?;
                Ok(SettingsChange::UpdateProgram(ProgramChange {
                    id: program,
                    name: name.unwrap_or_else(|| entry.record.name.clone()),
                    status: patch.status.unwrap_or(entry.record.status),
                    retention: patch.retention.unwrap_or(entry.record.retention),
                }))
            })
            .await?;
        self.program(id)
    }

    /// The programs that are `wanted` with the state of their webhooks, newest first.
    pub async fn program_summaries_that(
        &self,
        wanted: impl Fn(&ProgramRecord) -> bool + Send,
    ) -> Result<Vec<ProgramSummary>, EngineError> {
        let mut entries = self.directory.programs();
        entries.retain(|entry| wanted(&entry.record));
        let activity = self.activity_at(&entries).await?;
        let mut all = Vec::new();
        for entry in entries {
            all.push(self.summary(&entry, &activity).await?);
        }
        Ok(all)
    }

    /// How the webhooks of programs do.
    pub fn webhooks_by_health_that(&self, wanted: impl Fn(&ProgramRecord) -> bool) -> WebhooksByHealth {
        let mut counts = WebhooksByHealth::default();
        let entries = self.directory.programs();
        for endpoint in entries.iter().filter(|one| wanted(&one.record)).flat_map(|one| &one.endpoints) {
            let health = self.directory.health(endpoint.record.id);
            let count = if endpoint.record.auto_disabled {
                &mut counts.auto_disabled
            } else if !endpoint.record.is_enabled {
                &mut counts.off
            } else if health.consecutive_failures > 0 {
                &mut counts.failing
            } else if health.last_success_at_ms.is_some() {
                &mut counts.working
            } else {
                &mut counts.unused
            };
            *count += 1;
        }
        counts
    }

    /// One program with the state of its webhooks.
    pub async fn program_summary(&self, id: &ProgramId) -> Result<ProgramSummary, EngineError> {
        let entry = self.program_entry(id)?;
        let activity = self.activity_at(std::slice::from_ref(&entry)).await?;
        self.summary(&entry, &activity).await
    }

    /// The activity of all webhooks of these programs.
    async fn activity_at(&self, entries: &[Arc<ProgramEntry>]) -> Result<Activities, EngineError> {
        let endpoints = entries.iter().flat_map(|entry| &entry.endpoints);
        let ids: Vec<EndpointId> = endpoints.map(|endpoint| endpoint.record.id).collect();
        self.activity(&ids).await
    }

    async fn summary(
        &self,
        entry: &ProgramEntry,
        activities: &Activities,
    ) -> Result<ProgramSummary, EngineError> {
        let mut activity = Activity::default();
        for at_webhook in entry.endpoints.iter().filter_map(|endpoint| activities.get(&endpoint.record.id)) {
            activity.add(at_webhook);
        }
        let needs_attention = |endpoint: &&Arc<crate::directory::Endpoint>| {
            endpoint.record.auto_disabled
                || self.directory.health(endpoint.record.id).consecutive_failures > 0
        };
        Ok(ProgramSummary {
            program: view(&entry.record),
            webhooks: entry.endpoints.len(),
            needing_attention: entry.endpoints.iter().filter(needs_attention).count(),
            has_draft: self.store.draft(&entry.record.id).await?.is_some(),
            activity,
            may_edit: true,
        })
    }
}

/// The counters belong to the product that runs the program; it does not report them here, so they are zero.
pub(crate) fn view(record: &ProgramRecord) -> Program {
    Program {
        id: record.id.clone(),
        name: record.name.clone(),
        kind: record.kind,
        status: record.status,
        currency: record.currency.clone(),
        participant_count: 0,
        referral_count: 0,
        impression_count: 0,
        invite_count: 0,
        winner_count: 0,
        rewards: Vec::new(),
        retention_days: record.retention,
    }
}

fn checked_name(name: &str) -> Result<String, EngineError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(EngineError::invalid("/name", "must have 1 to 200 characters, without line breaks"));
    }
    Ok(name.to_owned())
}

/// "Referral program 2026-11-23".
fn made_up_name(kind: ProgramType, now_ms: i64) -> String {
    let label = match kind {
        ProgramType::Referral => "Referral program",
        ProgramType::Affiliate => "Affiliate program",
        ProgramType::Operations => operations::NAME,
    };
    format!("{label} {}", date(now_ms))
}

/// The UTC date of a time as `YYYY-MM-DD` (Howard Hinnant's civil-from-days).
fn date(now_ms: i64) -> String {
    let days = now_ms.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (now_ms, wanted) in
            [(0, "1970-01-01"), (951_782_400_000, "2000-02-29"), (1_795_392_000_000, "2026-11-23")]
        {
            assert_eq!(date(now_ms), wanted);
        }
    }
}
