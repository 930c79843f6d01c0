//! What the panel's buttons do in the browser: the same as [`crate::forms`] does for a posted form.

use std::pin::Pin;

use groundswell_types::editor::{DraftSaved, SecretChange, SecretDraft, SecretEdit, Side};
use groundswell_types::{EventKind, MAX_WEBHOOKS};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

use super::editor::{Editor, Saving};
use super::headers::HeaderRow;
use super::row_state::{Row, Test};
use super::undo::Undo;
use crate::failure::Failure;
use crate::functions;
use crate::intent::{Intent, RowAction};
use crate::texts::texts;

impl Editor {
    /// Does what a button asks for.
    pub fn act(self, intent: &Intent) {
        if self.is_ending().get_untracked() {
            return;
        }
        self.failure.set(None);
        self.said.set(String::new());
        match intent {
            Intent::Save => {
                self.show_problems();
                self.save_now();
            }
            Intent::Add => self.add(),
            Intent::Publish => self.end_draft(Box::pin(self.publish())),
            Intent::Discard => self.end_draft(Box::pin(self.discard())),
            Intent::Resolve(side) => self.end_draft(Box::pin(self.resolve(*side))),
            Intent::Row { key, action } => {
                if let Some(row) = self.row(key) {
                    row.failure.set(None);
                    self.act_on_row(row, *action);
                }
            }
        }
    }

    /// What is typed until it is done would be lost, and pressing the button once more would fail.
    fn end_draft(self, work: Pin<Box<dyn Future<Output = ()>>>) {
        let is_ending = self.is_ending();
        is_ending.set(true);
        spawn_local(async move {
            work.await;
            let _ = is_ending.try_set(false);
        });
    }

    fn act_on_row(self, row: Row, action: RowAction) {
        let key = row.key.get_value();
        match action {
            RowAction::Test(event) => spawn_local(self.test(row, event)),
            RowAction::Remove => self.remove(row),
            RowAction::AllEvents => {
                let kind = self.program.with_value(|program| program.kind);
                row.events.set(EventKind::fitting(kind).collect());
                self.touch();
            }
            RowAction::NoEvents => {
                row.events.set(Vec::new());
                self.touch();
            }
            // What is typed is saved when its field is left, which pressing this button did.
            RowAction::SaveSecret => focus(&format!("secret-{key}")),
            RowAction::GenerateSecret => spawn_local(self.generate_secret(row)),
            RowAction::RemoveSecret => spawn_local(self.change_secret(row, SecretChange::Remove)),
            RowAction::KeepSecret => spawn_local(self.change_secret(row, SecretChange::Keep)),
            RowAction::AddHeader => self.add_header(row),
            RowAction::RemoveHeader(place) => self.remove_header(row, place),
            RowAction::EndOldSecret => spawn_local(async move {
                let outcome = functions::end_old_secret(self.id(), key).await;
                self.say_done(row, outcome, texts().secret_old_ended()).await;
            }),
            RowAction::Enable => spawn_local(async move {
                let outcome = functions::enable_webhook(self.id(), key).await;
                self.say_done(row, outcome, texts().webhook_enabled()).await;
            }),
            RowAction::SendParked => spawn_local(async move {
                let id = self.id();
                let outcome = functions::release_parked(id, key).await;
                self.say_how_many(row, outcome, |number| texts().webhook_sent_parked(number)).await;
            }),
            RowAction::DiscardParked => spawn_local(async move {
                let id = self.id();
                let outcome = functions::discard_parked(id, key).await;
                self.say_how_many(row, outcome, |number| texts().webhook_discarded_parked(number)).await;
            }),
        }
    }

    fn show_problems(self) {
        for row in self.rows.get_untracked() {
            row.shows_problems.set(true);
        }
    }

    fn add(self) {
        if self.rows.with_untracked(Vec::len) >= MAX_WEBHOOKS {
            self.said.set(texts().webhooks_at_most(MAX_WEBHOOKS));
            return;
        }
        let key = fresh_key();
        let kind = self.program.with_value(|program| program.kind);
        let row = self.owned(|| Row::empty(key.clone(), kind));
        self.rows.update(|rows| rows.push(row));
        self.touch();
        focus(&format!("url-{key}"));
    }

    fn remove(self, row: Row) {
        let Some(index) = self.rows.with_untracked(|rows| rows.iter().position(|other| other.key == row.key))
        else {
            return;
        };
        self.rows.update(|rows| {
            rows.remove(index);
        });
        self.touch();
        let next =
            self.rows.with_untracked(|rows| rows.get(index).or(rows.last()).map(|row| row.key.get_value()));
        focus(&next.map_or("add-webhook".to_owned(), |key| format!("url-{key}")));
        self.offer_undo(&Undo::Removed(index, row, self.live_version.get_untracked()));
    }

    /// Switches a row on or off.
    pub fn switch(self, row: Row, is_on: bool) {
        row.is_enabled.set(is_on);
        self.touch();
        if is_on {
            self.undo.set(None);
        } else {
            self.offer_undo(&Undo::SwitchedOff(row));
        }
    }

    async fn test(self, row: Row, event: Option<EventKind>) {
        row.test.set(Test::Running);
        let outcome = match self.flush().await {
            _ if self.is_gone() => return,
            Ok(()) => {
                let (id, key) = (self.id(), row.key.get_value());
                functions::test_webhook(id, key, event).await
            }
            Err(failure) => Err(failure),
        };
        if self.is_gone() {
            return;
        }
        row.shows_problems.set(true);
        row.test.set(match outcome {
            Ok(test) => Test::Done(test),
            Err(failure) => Test::Failed(failure),
        });
    }

    async fn publish(self) {
        let outcome = match self.flush().await {
            _ if self.is_gone() => return,
            Ok(()) => {
                let _turn = self.turn().await;
                let id = self.id();
                functions::publish(id, self.version.get_untracked()).await
            }
            Err(failure) => Err(failure),
        };
        if self.is_gone() {
            return;
        }
        match outcome {
            Ok(()) => {
                // What is live now is no draft any more that a step back would mend.
                self.undo.set(None);
                self.reload().await;
                if !self.is_gone() {
                    self.said.set(texts().webhooks_published().to_owned());
                }
            }
            Err(Failure::Conflict(_)) if self.saving.get_untracked() == Saving::Conflict => {}
            Err(failure) => {
                if matches!(failure, Failure::Conflict(_)) {
                    let _ = self.refresh().await;
                }
                self.show(failure);
                focus_first_problem();
            }
        }
    }

    async fn discard(self) {
        let outcome = {
            let _turn = self.turn().await;
            functions::discard_draft(self.id()).await
        };
        if self.is_gone() {
            return;
        }
        match outcome {
            Ok(()) => {
                self.undo.set(None);
                self.reload().await;
                if self.is_gone() {
                    return;
                }
                self.said.set(texts().webhooks_discarded().to_owned());
                // The button is gone with the draft.
                focus("said");
            }
            Err(failure) => self.show(failure),
        }
    }

    /// Shows what the server has, in the place of what is here.
    pub async fn reload(self) {
        let _turn = self.turn().await;
        if self.is_gone() {
            return;
        }
        let outcome = functions::get_panel(self.id()).await;
        if self.is_gone() {
            return;
        }
        match outcome {
            Ok(panel) => {
                for row in self.rows.get_untracked() {
                    row.typed_secret().generated.set(None);
                    row.failure.set(None);
                }
                self.take_panel(panel);
                self.settle_undo();
            }
            Err(failure) => self.show(failure),
        }
    }

    /// Saves what is here over a draft that was changed elsewhere.
    pub async fn keep_mine(self) {
        {
            let _turn = self.turn().await;
            let id = self.id();
            match functions::get_panel(id).await {
                _ if self.is_gone() => return,
                Ok(panel) => {
                    self.version.set(panel.draft_version);
                    self.clashes.set(Vec::new());
                    self.saving.set(Saving::Pending);
                }
                Err(failure) => return self.show(failure),
            }
        }
        let _ = self.flush().await;
    }

    /// Saves a secret that was typed.
    pub fn set_secret(self, row: Row, secret: String) {
        row.failure.set(None);
        row.typed_secret().generated.set(None);
        spawn_local(self.change_secret(row, SecretChange::Set(secret)));
    }

    fn add_header(self, row: Row) {
        let key = fresh_key();
        let header = self.owned(|| HeaderRow::empty(key.clone()));
        row.headers.update(|headers| headers.push(header));
        self.touch();
        focus(&format!("header-name-{}-{key}", row.key.get_value()));
    }

    fn remove_header(self, row: Row, place: usize) {
        row.headers.update(|headers| {
            if place < headers.len() {
                headers.remove(place);
            }
        });
        self.touch();
        focus(&format!("add-header-{}", row.key.get_value()));
    }

    async fn resolve(self, side: Side) {
        let outcome = match self.flush().await {
            _ if self.is_gone() => return,
            Ok(()) => {
                let _turn = self.turn().await;
                functions::resolve_conflicts(self.id(), self.seen(), side).await
            }
            Err(failure) => Err(failure),
        };
        if self.is_gone() {
            return;
        }
        self.reload().await;
        if self.is_gone() {
            return;
        }
        match outcome {
            Ok(()) => {
                self.said.set(texts().webhooks_resolved().to_owned());
                // The buttons are gone with the conflict.
                focus("said");
            }
            Err(failure) => self.show(failure),
        }
    }

    async fn generate_secret(self, row: Row) {
        match functions::generate_secret().await {
            _ if self.is_gone() => {}
            Ok(secret) => {
                self.change_secret(row, SecretChange::Set(secret.clone())).await;
                let is_saved = !self.is_gone()
                    && row.failure.with_untracked(Option::is_none)
                    && row.typed_secret().problem.with_untracked(Option::is_none);
                if is_saved {
                    row.typed_secret().generated.set(Some(secret));
                    focus(&format!("generated-{}", row.key.get_value()));
                }
            }
            Err(failure) => row.show(failure),
        }
    }

    async fn change_secret(self, row: Row, change: SecretChange) {
        row.typed_secret().problem.set(None);
        let is_set = matches!(change, SecretChange::Set(_));
        let outcome = self.save_secret(row.key.get_value(), change).await;
        if self.is_gone() {
            return;
        }
        match outcome {
            Ok(saved) => {
                self.take_saved(saved);
                if is_set {
                    row.secret.set(SecretDraft::New);
                } else {
                    row.typed_secret().generated.set(None);
                    let _ = self.refresh().await;
                }
            }
            Err(failure) => row.show(failure),
        }
    }

    /// Changes a secret in the draft that is shown. What somebody else saved meanwhile is taken in before.
    async fn save_secret(self, row_key: String, change: SecretChange) -> Result<DraftSaved, Failure> {
        let (id, draft_version) = (self.id(), self.version.get_untracked());
        // The row has to be in the draft before its secret can be.
        self.flush().await?;
        let mut edit = SecretEdit { row_key, change, draft_version };
        loop {
            // A typed secret is saved even when the page is left meanwhile: nobody could type it again.
            let turn = if self.is_gone() { None } else { Some(self.turn().await) };
            edit.draft_version = self.version.try_get_untracked().unwrap_or(edit.draft_version);
            let text = match functions::change_secret(id.clone(), edit.clone()).await {
                Err(Failure::Conflict(text)) => text,
                outcome => return outcome,
            };
            let panel = functions::get_panel(id.clone()).await?;
            edit.draft_version = panel.draft_version;
            if self.is_gone() {
                continue;
            }
            if !self.is_dirty() {
                self.take_panel(panel);
            } else if !self.merge_panel(panel) {
                self.saving.set(Saving::Conflict);
                return Err(Failure::Conflict(text));
            }
            drop(turn);
            self.flush().await?;
        }
    }

    async fn say_how_many(self, row: Row, outcome: Result<i64, Failure>, done: fn(i64) -> String) {
        let number = outcome.as_ref().copied().unwrap_or_default();
        self.say_done(row, outcome.map(drop), &done(number)).await;
    }

    /// Says that something that acts at once was done, or at its row why not.
    async fn say_done(self, row: Row, outcome: Result<(), Failure>, done: &str) {
        if self.is_gone() {
            return;
        }
        match outcome {
            Ok(()) => {
                let _ = self.refresh().await;
                if self.is_gone() {
                    return;
                }
                self.said.set(done.to_owned());
                // The button is gone with what it was for.
                focus("said");
            }
            Err(failure) => row.show(failure),
        }
    }
}

/// The clock, so that the key is not that of something that was removed before.
fn fresh_key() -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the clock's milliseconds are whole and far from 2^53"
    )]
    let now_ms = js_sys::Date::now() as i64;
    format!("new-{now_ms}")
}

/// Focuses the element with that id, once what just changed is on the page.
pub fn focus(id: &str) {
    let id = id.to_owned();
    request_animation_frame(move || focus_if_there(document().get_element_by_id(&id)));
}

/// Focuses the first field that is marked as wrong, or else what says why nothing happened.
fn focus_first_problem() {
    request_animation_frame(|| {
        let find = |selector: &str| document().query_selector(selector).ok().flatten();
        focus_if_there(find("[aria-invalid=true]").or_else(|| find(".panel-failure")));
    });
}

fn focus_if_there(element: Option<web_sys::Element>) {
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}
