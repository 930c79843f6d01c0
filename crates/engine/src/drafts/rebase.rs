//! A draft, and what became live after it was begun: put together where they do not touch, shown where they do.
//!
//! A draft is made from a version of what is live, its base. While that is still live, the draft is what it says. Later, what
//! REST or another publication changed since is taken into it; only what both changed is a conflict.

use groundswell_types::ProgramId;
use groundswell_types::editor::{
    Conflict, DraftRow, DraftSaved, FieldValue, Merged, Seen, Side, merge, merge_for_theirs,
};

use super::history::{rows_of, then};
use super::rows::{self, RESTORED_PREFIX, StoredRow};
use super::{CHANGED_MEANWHILE, LIVE_CHANGED};
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::DraftRecord;

/// A draft on top of what is live now.
pub(super) struct Rebased {
    /// What both changed is as in the draft.
    pub stored: Vec<StoredRow>,
    pub conflicts: Vec<Conflict>,
}

impl Engine {
    /// The draft on top of what is live; what is live when there is none.
    pub(super) async fn rebased(
        &self,
        entry: &ProgramEntry,
        draft: Option<&DraftRecord>,
    ) -> Result<Rebased, EngineError> {
        let Some(draft) = draft else {
            return Ok(Rebased { stored: rows::of_live(entry), conflicts: Vec::new() });
        };
        let stored = rows::read(draft)?;
        if draft.base_version == entry.record.webhooks_version {
            return Ok(Rebased { stored, conflicts: Vec::new() });
        }
        let base = self.base(entry, draft.base_version).await?;
        let Merged { rows, conflicts } =
            merge(&base, &views(&rows::of_live(entry), entry), &views(&stored, entry));
        Ok(Rebased { stored: rows::merge(rows, &stored, entry)?, conflicts })
    }

    /// What a draft with those rows is based on when it is saved: what was seen live, if nothing in the rows is still to be
    /// decided against it.
    pub(super) async fn base_of(
        &self,
        entry: &ProgramEntry,
        (draft, stored): (Option<&DraftRecord>, &[StoredRow]),
        seen: Seen,
    ) -> Result<i64, EngineError> {
        let live_version = entry.record.webhooks_version;
        let seen_version = seen.live_version.unwrap_or(live_version);
        let Some(draft) = draft.filter(|draft| draft.base_version != live_version) else {
            return Ok(seen_version);
        };
        if seen_version != live_version {
            return Ok(draft.base_version);
        }
        let base = self.base(entry, draft.base_version).await?;
        let merged = merge(&base, &views(&rows::of_live(entry), entry), &views(stored, entry));
        Ok(if merged.conflicts.is_empty() { live_version } else { draft.base_version })
    }

    /// Decides all conflicts of a draft for one side. The rest of the draft stays.
    pub async fn resolve_conflicts(
        &self,
        program: &ProgramId,
        seen: Seen,
        side: Side,
    ) -> Result<DraftSaved, EngineError> {
        let entry = self.program_entry(program)?;
        let draft = self.store.draft(program).await?.filter(|draft| draft.version == seen.draft_version);
        let draft = draft.ok_or_else(|| EngineError::Conflict(CHANGED_MEANWHILE.to_owned()))?;
        if seen.live_version.is_some_and(|seen| seen != entry.record.webhooks_version) {
            return Err(EngineError::Conflict(LIVE_CHANGED.to_owned()));
        }
        let before = rows::read(&draft)?;
        let base = self.base(&entry, draft.base_version).await?;
        let (live, mine) = (views(&rows::of_live(&entry), &entry), views(&before, &entry));
        let rows = match side {
            Side::Theirs => merge_for_theirs(&base, &live, &mine),
            Side::Mine => merge(&base, &live, &mine).rows,
        };
        let mut stored = rows::merge(rows, &before, &entry)?;
        if side == Side::Mine {
            let gone = merge(&base, &live, &mine).conflicts.into_iter();
            let gone = gone.filter(|conflict| conflict.theirs == FieldValue::Removed);
            for conflict in gone {
                stored.extend(before.iter().find(|row| row.key == conflict.key).map(as_new));
            }
        }
        let base_version = entry.record.webhooks_version;
        self.put_draft(&entry, DraftRecord { base_version, ..draft }, stored).await
    }

    /// The rows that a draft was made from.
    async fn base(&self, entry: &ProgramEntry, version: i64) -> Result<Vec<DraftRow>, EngineError> {
        let records = self.store.publications(&entry.record.id, version, 1).await?;
        let webhooks = records.into_iter().next().map(|record| record.published.webhooks).unwrap_or_default();
        let then = then(&webhooks, entry);
        Ok(views(&rows_of(&webhooks, &then), &then))
    }
}

fn views(stored: &[StoredRow], entry: &ProgramEntry) -> Vec<DraftRow> {
    stored.iter().map(|row| row.view(entry)).collect()
}

/// A row whose webhook is gone, as one of a new webhook.
fn as_new(row: &StoredRow) -> StoredRow {
    let number = row.key.trim_start_matches(rows::LIVE_PREFIX);
    StoredRow { key: format!("{RESTORED_PREFIX}{number}"), ..row.clone() }
}
