//! What the Webhooks panel's form does, one function for each kind of button.

use groundswell_types::editor::{DraftRow, HeaderDraft, HeaderState, Panel, SecretChange, SecretEdit, Seen};
use groundswell_types::{EventKind, MAX_WEBHOOKS, Problem, ProgramId};

use super::panel_form::{self, PanelForm};
use super::{Answer, Form};
use crate::backend::Backend;
use crate::failure::Failure;
use crate::intent::{Done, Intent, RowAction};
use crate::place::Place;
use crate::returned::Returned;
use crate::texts::Texts;

/// One post of the panel's form.
struct Post<'a> {
    backend: &'a dyn Backend,
    id: &'a ProgramId,
    place: Place,
    form: PanelForm,
    /// The panel as it was before.
    panel: Panel,
    texts: Texts,
}

pub async fn submit(
    backend: &dyn Backend,
    texts: Texts,
    (id, place): (&ProgramId, Place),
    form: &Form,
) -> Answer {
    let form = panel_form::parse(form);
    if form.intent == Intent::Discard {
        return match backend.discard_draft(id).await {
            Ok(()) => Answer::redirect(place.webhooks(id)),
            Err(failure) => Answer::failed(failure),
        };
    }
    let panel = match backend.panel(id).await {
        Ok(panel) => panel,
        Err(failure) => return Answer::failed(failure),
    };
    Post { backend, id, place, form, panel, texts }.act().await
}

impl Post<'_> {
    fn page(&self) -> String {
        self.place.webhooks(self.id)
    }

    fn row_on_page(&self, query: &str, key: &str) -> String {
        format!("{}{query}#webhook-{key}", self.page())
    }

    async fn act(mut self) -> Answer {
        if let Err(failure) = self.change_rows() {
            return self.not_saved(failure);
        }
        let version = match self.save().await {
            Ok(version) => version,
            Err(failure) => return self.not_saved(failure),
        };
        let version = match self.save_secrets(version).await {
            Ok(version) => version,
            Err(answer) => return answer,
        };
        let (backend, id) = (self.backend, self.id);
        match &self.form.intent {
            Intent::Publish => match backend.publish(id, version).await {
                Ok(()) => Answer::redirect(format!("{}?done={}", self.page(), Done::Published)),
                Err(failure) => Answer::failed(failure),
            },
            Intent::Row { key, action } => match self.act_on_row(key, *action, version).await {
                Ok(location) => Answer::redirect(location),
                Err(failure) => about_row(key, failure),
            },
            Intent::Add => {
                let key = self.form.rows.last().map(|row| row.key.as_str()).unwrap_or_default();
                Answer::redirect(self.row_on_page("", key))
            }
            Intent::Resolve(side) => {
                let seen = Seen { draft_version: version, ..self.seen() };
                match backend.resolve_conflicts(id, seen, *side).await {
                    Ok(()) => Answer::redirect(self.page()),
                    Err(failure) => Answer::failed(failure),
                }
            }
            Intent::Save | Intent::Discard => Answer::redirect(self.page()),
        }
    }

    /// What the pressed button changes in the rows before they are saved.
    fn change_rows(&mut self) -> Result<(), Failure> {
        let fitting: Vec<EventKind> = EventKind::fitting(self.panel.program.kind).collect();
        let rows = &mut self.form.rows;
        match &self.form.intent {
            Intent::Add if rows.len() >= MAX_WEBHOOKS => {
                return Err(Failure::Refused(self.texts.webhooks_at_most(MAX_WEBHOOKS)));
            }
            Intent::Add => rows.push(DraftRow {
                key: free_key(self.form.version, rows),
                url: String::new(),
                is_enabled: true,
                events: fitting,
                secret: groundswell_types::editor::SecretDraft::None,
                timeout: String::new(),
                name: None,
                secret_overlap: None,
                headers: None,
            }),
            Intent::Row { key, action: RowAction::Remove } => rows.retain(|row| row.key != *key),
            Intent::Row { key, action } => {
                if let Some(row) = rows.iter_mut().find(|row| row.key == *key) {
                    match action {
                        RowAction::AllEvents => row.events = fitting,
                        RowAction::NoEvents => row.events.clear(),
                        RowAction::AddHeader => add_header(self.form.version, row),
                        RowAction::RemoveHeader(place) => remove_header(row, *place),
                        _ => {}
                    }
                }
            }
            Intent::Save | Intent::Publish | Intent::Discard | Intent::Resolve(_) => {}
        }
        Ok(())
    }

    /// Saves the rows, if they are not what the server has already: a test of a live webhook begins no draft.
    async fn save(&self) -> Result<i64, Failure> {
        let mut saved: Vec<DraftRow> = self.panel.rows.iter().map(|row| row.row.clone()).collect();
        for row in &mut saved {
            if let Some(typed) = self.form.rows.iter().find(|typed| typed.key == row.key) {
                row.secret = typed.secret;
                if typed.name.is_none() {
                    row.name = None;
                }
                if typed.secret_overlap.is_none() {
                    row.secret_overlap = None;
                }
                if typed.secret_overlap.is_none() {
                    row.secret_overlap = None;
                }
                row.headers = typed.headers.as_ref().and(row.headers.take()).map(stateless);
                if same_events(row, typed) {
                    row.events.clone_from(&typed.events);
                }
            }
        }
        if self.form.version == self.panel.draft_version && saved == self.form.rows {
            return Ok(self.form.version);
        }
        let saved = self.backend.save_draft(self.id, self.seen(), self.form.rows.clone()).await?;
        Ok(saved.version)
    }

    fn seen(&self) -> Seen {
        Seen { draft_version: self.form.version, live_version: self.form.live_version }
    }

    /// Saves the secrets that were typed. Removing or keeping the secret of a row overrides what was typed in it.
    async fn save_secrets(&self, mut version: i64) -> Result<i64, Answer> {
        for (key, typed) in &self.form.secrets {
            let overridden = match &self.form.intent {
                Intent::Row { key: about, action } => {
                    about == key
                        && matches!(
                            action,
                            RowAction::RemoveSecret | RowAction::KeepSecret | RowAction::Remove
                        )
                }
                _ => false,
            };
            if !overridden {
                match self.change_secret(key, SecretChange::Set(typed.clone()), version).await {
                    Ok(saved) => version = saved,
                    Err(failure) => return Err(about_row(key, failure)),
                }
            }
        }
        Ok(version)
    }

    /// Changes a secret in the draft that was saved with that number; returns the number it has then.
    async fn change_secret(
        &self,
        key: &str,
        change: SecretChange,
        draft_version: i64,
    ) -> Result<i64, Failure> {
        let edit = SecretEdit { row_key: key.to_owned(), change, draft_version };
        Ok(self.backend.change_secret(self.id, edit).await?.version)
    }

    /// Does what is left to do for a row when everything is saved; returns where to go.
    async fn act_on_row(&self, key: &str, action: RowAction, version: i64) -> Result<String, Failure> {
        let (backend, id) = (self.backend, self.id);
        match action {
            RowAction::Test(event) => {
                let test = backend.test_webhook(id, key, event).await?;
                return Ok(self.row_on_page(&format!("?test={}&row={key}", test.id), key));
            }
            RowAction::Remove => return Ok(self.page()),
            RowAction::GenerateSecret => return Ok(self.row_on_page(&format!("?generate={key}"), key)),
            RowAction::SaveSecret if !self.form.secrets.iter().any(|(typed, _)| typed == key) => {
                let problem = Problem::new("/secret", "type a secret first, or generate one");
                return Err(Failure::Invalid(vec![problem]));
            }
            RowAction::RemoveSecret => {
                self.change_secret(key, SecretChange::Remove, version).await?;
            }
            RowAction::KeepSecret => {
                self.change_secret(key, SecretChange::Keep, version).await?;
            }
            RowAction::SendParked => {
                backend.release_parked(id, key).await?;
            }
            RowAction::DiscardParked => {
                backend.discard_parked(id, key).await?;
            }
            RowAction::EndOldSecret => {
                backend.end_old_secret(id, key).await?;
                return Ok(self.row_on_page(&format!("?done={}", Done::OldSecretEnded), key));
            }
            RowAction::Enable => {
                backend.enable_webhook(id, key).await?;
                return Ok(self.row_on_page(&format!("?done={}", Done::Enabled), key));
            }
            RowAction::AllEvents
            | RowAction::NoEvents
            | RowAction::SaveSecret
            | RowAction::AddHeader
            | RowAction::RemoveHeader(_) => {}
        }
        let is_in_settings = matches!(
            action,
            RowAction::AllEvents
                | RowAction::NoEvents
                | RowAction::SaveSecret
                | RowAction::KeepSecret
                | RowAction::AddHeader
                | RowAction::RemoveHeader(_)
        );
        let query = if is_in_settings || action == RowAction::RemoveSecret {
            format!("?open={key}")
        } else {
            String::new()
        };
        Ok(self.row_on_page(&query, key))
    }

    /// The page again, with everything as it was typed.
    fn not_saved(mut self, failure: Failure) -> Answer {
        for header in self.form.rows.iter_mut().flat_map(|row| row.headers.iter_mut().flatten()) {
            // What is secret goes one way only, so it has to be typed again.
            header.value = None;
        }
        Answer::page(Returned { rows: Some(self.form.rows), ..Returned::because(failure) })
    }
}

/// Headers as a form has them: it does not say which values are stored.
fn stateless(headers: Vec<HeaderDraft>) -> Vec<HeaderDraft> {
    headers.into_iter().map(|header| HeaderDraft { state: HeaderState::Missing, ..header }).collect()
}

fn add_header(version: i64, row: &mut DraftRow) {
    let headers = row.headers.get_or_insert_default();
    let key = format!("new-{version}-{}", headers.len());
    headers.push(HeaderDraft { key, name: String::new(), value: None, state: HeaderState::Missing });
}

fn remove_header(row: &mut DraftRow, place: usize) {
    if let Some(headers) = &mut row.headers
        && place < headers.len()
    {
        headers.remove(place);
    }
}

/// The order in which events are ticked says nothing.
fn same_events(one: &DraftRow, other: &DraftRow) -> bool {
    one.events.len() == other.events.len() && one.events.iter().all(|event| other.events.contains(event))
}

fn about_row(key: &str, failure: Failure) -> Answer {
    Answer::page(Returned { row_key: Some(key.to_owned()), ..Returned::because(failure) })
}

/// A key for a new row. The draft's number makes it differ from that of a row that was removed before.
fn free_key(version: i64, rows: &[DraftRow]) -> String {
    let mut number = rows.len();
    loop {
        let key = format!("new-{version}-{number}");
        if rows.iter().all(|row| row.key != key) {
            return key;
        }
        number += 1;
    }
}
