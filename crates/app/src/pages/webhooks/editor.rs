//! The panel's state: what is typed, what the server knows of it, and what is shown about both.

use groundswell_types::editor::{Conflict, DraftRow, DraftSaved, Merged, Panel, PanelRow, Seen, merge};
use groundswell_types::{EventKind, Problem, Program, ProgramId};
use leptos::prelude::*;

use super::Loaded;
use super::row_state::{Row, Test};
use super::saving::Progress;
use super::undo::Undo;
use crate::failure::Failure;
use crate::returned::Returned;
use crate::texts::texts;
use crate::words;

/// Where what is typed stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saving {
    /// On the server.
    Saved,
    /// About to be sent, or on its way.
    Pending,
    /// Not on the server, and nothing will happen by itself.
    Failed(Failure),
    /// Not on the server, because there the draft is another one by now.
    Conflict,
}

/// The panel. A handle: all copies are the same panel.
#[derive(Clone, Copy)]
pub struct Editor {
    pub program: StoredValue<Program>,
    /// Whether the viewer may change anything.
    pub may_edit: bool,
    pub rows: RwSignal<Vec<Row>>,
    /// The draft's number.
    pub version: RwSignal<i64>,
    pub saved_at: RwSignal<Option<i64>>,
    /// What publishing would change.
    pub changes: RwSignal<Vec<String>>,
    /// The number of what is live.
    pub live_version: RwSignal<i64>,
    /// What the draft and what is live both changed.
    pub conflicts: RwSignal<Vec<Conflict>>,
    /// What was typed here and saved elsewhere.
    pub clashes: RwSignal<Vec<Conflict>>,
    /// The rows as the server had them last.
    pub known: StoredValue<Vec<DraftRow>>,
    pub saving: RwSignal<Saving>,
    /// Why the last thing asked of the whole panel was not done.
    pub failure: RwSignal<Option<Failure>>,
    /// What was done, for everybody to see and for screen readers to say.
    pub said: RwSignal<String>,
    /// What was done last, as long as it can be undone.
    pub undo: RwSignal<Option<Undo>>,
    /// A sample of each event the program can have, as JSON.
    pub examples: StoredValue<Vec<(EventKind, String)>>,
    /// How far saving is.
    pub progress: StoredValue<Progress>,
}

impl Editor {
    /// The panel as it was loaded, or as it came back from a form that could not be saved.
    pub fn new(loaded: Loaded, returned: Option<Returned>) -> Self {
        let Panel {
            program,
            rows,
            draft_version,
            draft_saved_at,
            changes,
            live_version,
            conflicts,
            may_edit,
        } = loaded.panel;
        let known = rows.iter().map(|row| row.row.clone()).collect();
        let said = loaded.done.map_or("", |done| words::done(texts(), done));
        let editor = Self {
            program: StoredValue::new(program),
            may_edit,
            rows: RwSignal::new(rows.into_iter().map(Row::new).collect()),
            version: RwSignal::new(draft_version),
            saved_at: RwSignal::new(draft_saved_at),
            changes: RwSignal::new(changes),
            live_version: RwSignal::new(live_version),
            conflicts: RwSignal::new(conflicts),
            clashes: RwSignal::new(Vec::new()),
            known: StoredValue::new(known),
            saving: RwSignal::new(Saving::Saved),
            failure: RwSignal::new(None),
            said: RwSignal::new(said.to_owned()),
            undo: RwSignal::new(None),
            examples: StoredValue::new(loaded.examples),
            progress: StoredValue::new(Progress::new()),
        };
        if let Some((key, test)) = loaded.test
            && let Some(row) = editor.row(&key)
        {
            row.test.set(Test::Done(test));
        }
        if let Some((key, secret)) = loaded.generated
            && let Some(row) = editor.row(&key)
        {
            row.typed_secret().generated.set(Some(secret));
            row.is_open.set(true);
        }
        if let Some(row) = loaded.open.and_then(|key| editor.row(&key)) {
            row.is_open.set(true);
        }
        if let Some(returned) = returned {
            editor.take_returned(returned);
        }
        editor
    }

    fn take_returned(self, returned: Returned) {
        if let Some(typed) = returned.rows {
            self.take_typed(typed);
            self.mark_dirty();
            self.saving.set(match &returned.failure {
                Failure::Conflict(_) => Saving::Conflict,
                failure => Saving::Failed(failure.clone()),
            });
        }
        match (returned.row_key.and_then(|key| self.row(&key)), returned.failure) {
            (Some(row), failure) => row.show(failure),
            (None, Failure::Conflict(_)) if self.saving.get_untracked() == Saving::Conflict => {}
            (None, failure) => self.show(failure),
        }
    }

    /// Puts rows in the place of those that are here. Who is here already stays the same row, which the page shows.
    fn take_typed(self, typed: Vec<DraftRow>) {
        let rows = typed.into_iter().map(|typed| match self.row(&typed.key) {
            Some(row) => {
                self.owned(|| row.take_typed(&typed));
                row
            }
            None => self.owned(|| Row::new(PanelRow { row: typed, problems: Vec::new(), live: None })),
        });
        let rows: Vec<Row> = rows.collect();
        let keys = |rows: &[Row]| rows.iter().map(|row| row.key.get_value()).collect::<Vec<_>>();
        if self.rows.with_untracked(|old| keys(old) != keys(&rows)) {
            self.rows.set(rows);
        }
    }

    /// The program's id.
    pub fn id(self) -> ProgramId {
        self.program.with_value(|program| program.id.clone())
    }

    /// The row with that key.
    pub fn row(self, key: &str) -> Option<Row> {
        self.rows.with_untracked(|rows| rows.iter().find(|row| row.key.with_value(|own| own == key)).copied())
    }

    /// The position of a row, from 1, as people count.
    pub fn number(self, row: Row) -> usize {
        self.rows.with(|rows| rows.iter().position(|other| other.key == row.key).map_or(0, |index| index + 1))
    }

    /// Whether the person has left the page, so that nothing of the panel may be touched.
    pub fn is_gone(self) -> bool {
        self.rows.is_disposed()
    }

    /// What is typed in all rows now.
    pub fn draft(self) -> Vec<DraftRow> {
        self.rows.with_untracked(|rows| rows.iter().map(|row| row.draft()).collect())
    }

    /// Takes over what a save came to.
    pub fn take_saved(self, saved: DraftSaved) {
        self.version.set(saved.version);
        self.saved_at.set(Some(saved.saved_at));
        self.changes.set(saved.changes);
        for (row, problems) in self.rows.get_untracked().into_iter().zip(saved.problems) {
            row.problems.set(problems);
        }
        if !self.is_dirty() {
            self.saving.set(Saving::Saved);
        }
    }

    /// Shows the panel as the server has it, whatever was typed.
    pub fn take_panel(self, panel: Panel) {
        let rows = rows_of(&panel);
        self.take(panel, rows);
    }

    /// Shows those rows, and of the panel as the server has it all that is not typed.
    fn take(self, panel: Panel, rows: Vec<DraftRow>) {
        self.known.set_value(rows_of(&panel));
        self.clashes.set(Vec::new());
        self.mark_saved();
        self.saving.set(Saving::Saved);
        self.take_typed(rows);
        self.take_facts(panel);
    }

    /// What the rows here are made from.
    pub fn seen(self) -> Seen {
        Seen { draft_version: self.version.get_untracked(), live_version: Some(self.known_live_version()) }
    }

    /// Puts what was saved elsewhere together with what is typed here; says whether both changed the same.
    pub fn merge_panel(self, panel: Panel) -> bool {
        let Merged { rows, conflicts } =
            self.known.with_value(|known| merge(known, &rows_of(&panel), &self.draft()));
        if !conflicts.is_empty() {
            self.clashes.set(conflicts);
            return false;
        }
        self.take(panel, rows);
        self.mark_dirty();
        true
    }

    /// Takes over what the server knows that is not typed.
    pub fn take_facts(self, panel: Panel) {
        self.version.set(panel.draft_version);
        self.saved_at.set(panel.draft_saved_at);
        self.changes.set(panel.changes);
        self.live_version.set(panel.live_version);
        self.conflicts.set(panel.conflicts);
        for known in panel.rows {
            if let Some(row) = self.row(&known.row.key) {
                row.take_facts(known);
            }
        }
    }

    /// Shows why something asked of the whole panel was not done.
    pub fn show(self, failure: Failure) {
        let left = match failure {
            Failure::Invalid(problems) => {
                let rows = self.rows.get_untracked();
                let left: Vec<_> = problems.into_iter().filter(|problem| !place(&rows, problem)).collect();
                for row in rows {
                    row.shows_problems.set(true);
                }
                Failure::Invalid(left)
            }
            other => other,
        };
        self.failure.set(Some(left));
    }
}

/// The rows as the server has them.
fn rows_of(panel: &Panel) -> Vec<DraftRow> {
    panel.rows.iter().map(|row| row.row.clone()).collect()
}

/// Puts a problem with a pointer like `/rows/0/url` at its row.
fn place(rows: &[Row], problem: &Problem) -> bool {
    let Some(rest) = problem.pointer.strip_prefix("/rows/") else { return false };
    let (index, pointer) = rest.split_once('/').unwrap_or((rest, ""));
    let Some(row) = index.parse::<usize>().ok().and_then(|index| rows.get(index)) else { return false };
    if pointer != "url" {
        row.is_open.set(true);
    }
    let placed = Problem::new(format!("/{pointer}"), problem.message.clone());
    row.problems.update(|problems| {
        if !problems.contains(&placed) {
            problems.push(placed);
        }
    });
    true
}
