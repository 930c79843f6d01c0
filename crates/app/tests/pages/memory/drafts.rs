//! Drafts: what is shown of one, how it is saved, what it would change.

use groundswell_app::failure::Failure;
use groundswell_types::editor::{
    DraftRow, DraftSaved, HeaderState, Panel, PanelRow, ProgramSummary, SecretDraft,
};
use groundswell_types::{InvalidTimeout, Problem, ProgramId, WebhookTimeout};

use super::{NOW, State};

impl State {
    pub(super) fn panel(&self, id: &ProgramId) -> Result<Panel, Failure> {
        let ProgramSummary { program, may_edit, .. } = self.program(id)?.clone();
        Ok(self.draft.clone().map_or_else(
            || Panel {
                program,
                rows: self.live.clone(),
                draft_version: 0,
                draft_saved_at: None,
                changes: Vec::new(),
                live_version: 1,
                conflicts: Vec::new(),
                may_edit,
            },
            |draft| {
                let live = |key: &str| self.live.iter().find(|live| live.row.key == key)?.live.clone();
                let rows = draft.rows.into_iter().map(|row| PanelRow { live: live(&row.row.key), ..row });
                Panel { conflicts: self.conflicts.clone(), rows: rows.collect(), may_edit, ..draft }
            },
        ))
    }

    pub(super) fn save(&mut self, id: &ProgramId, rows: Vec<DraftRow>) -> Result<DraftSaved, Failure> {
        let before = self.panel(id)?;
        let known = |key: &str| before.rows.iter().find(|row| row.row.key == key);
        let mut rows = rows;
        for header in rows.iter_mut().flat_map(|row| row.headers.iter_mut().flatten()) {
            if let Some(value) = header.value.take() {
                self.secrets.push((header.key.clone(), value.0));
                header.state = HeaderState::New;
            }
        }
        let rows: Vec<PanelRow> = rows
            .into_iter()
            .map(|row| PanelRow {
                problems: problems(&row),
                live: self
                    .live
                    .iter()
                    .find(|live| live.row.key == row.key)
                    .and_then(|live| live.live.clone()),
                row: DraftRow {
                    secret: known(&row.key).map_or(SecretDraft::None, |known| known.row.secret),
                    name: row.name.or_else(|| known(&row.key).and_then(|known| known.row.name.clone())),
                    secret_overlap: row
                        .secret_overlap
                        .or_else(|| known(&row.key).and_then(|known| known.row.secret_overlap)),
                    headers: row
                        .headers
                        .or_else(|| known(&row.key).and_then(|known| known.row.headers.clone())),
                    ..row
                },
            })
            .collect();
        Ok(self.keep(before, rows))
    }

    pub(super) fn keep(&mut self, before: Panel, rows: Vec<PanelRow>) -> DraftSaved {
        self.versions += 1;
        let changes = changes(&self.live, &rows);
        let saved = DraftSaved {
            version: self.versions,
            saved_at: NOW,
            problems: rows.iter().map(|row| row.problems.clone()).collect(),
            changes: changes.clone(),
        };
        let draft_saved_at = Some(NOW);
        self.draft = Some(Panel { rows, draft_version: self.versions, draft_saved_at, changes, ..before });
        saved
    }
}

fn problems(row: &DraftRow) -> Vec<Problem> {
    if row.url.is_empty() {
        vec![Problem::new("/url", "enter the URL that is to receive events")]
    } else if !row.url.starts_with("http") {
        vec![Problem::new("/url", "must start with https:// or http://")]
    } else if !row.timeout.is_empty() && WebhookTimeout::parse(&row.timeout).is_err() {
        vec![Problem::new("/timeout", InvalidTimeout.to_string())]
    } else {
        Vec::new()
    }
}

fn changes(live: &[PanelRow], rows: &[PanelRow]) -> Vec<String> {
    let mut changes = Vec::new();
    for row in rows {
        match live.iter().find(|old| old.row.key == row.row.key) {
            None => changes.push(format!("Add the webhook {}.", row.row.url)),
            Some(old) if old.row != row.row => changes.push(format!("Change the webhook {}.", row.row.url)),
            Some(_) => {}
        }
    }
    for old in live {
        if !rows.iter().any(|row| row.row.key == old.row.key) {
            changes.push(format!("Remove the webhook {}.", old.row.url));
        }
    }
    changes
}
