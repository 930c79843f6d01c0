//! How the panel is kept saved, and kept up to date.

use std::sync::Arc;
use std::time::Duration;

use futures::lock::Mutex;
use groundswell_types::Change;
use groundswell_types::editor::{DraftRow, HeaderDraft, HeaderState, Seen};
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::reactive::owner::WeakOwner;
use leptos::task::spawn_local;

use super::editor::{Editor, Saving};
use super::undo::Undoing;
use crate::boxed::effect;
use crate::failure::Failure;
use crate::functions;
use crate::live::{self, Asked, Watched};

/// How long nobody has to type before the draft is saved.
const QUIET: Duration = Duration::from_millis(600);

/// What the panel shows something of.
const SHOWN: [Change; 4] = [Change::Program, Change::Webhooks, Change::Draft, Change::Deliveries];

/// How far saving is.
pub struct Progress {
    /// Counts what was typed.
    edits: u64,
    /// `edits` of the rows that are on the server.
    saved_edits: u64,
    /// `edits` of the rows that are on their way to the server.
    sent_edits: Option<u64>,
    /// Saves when nobody typed for a while.
    timer: Option<TimeoutHandle>,
    /// Everything that changes the draft on the server takes turns, since each needs the number the one before got.
    turn: Arc<Mutex<()>>,
    /// What was typed while the last save was on its way, when the page was left.
    last_words: LastWords,
    /// Whether the draft is just being published, thrown away or decided about; nothing is changed meanwhile.
    is_ending: RwSignal<bool>,
    /// What undoing has to know.
    pub(super) undoing: Undoing,
    /// Owns the signals of rows that are added by event handlers.
    owner: Option<WeakOwner>,
}

type LastWords = Arc<std::sync::Mutex<Option<Vec<DraftRow>>>>;

impl Progress {
    /// Nothing was typed yet.
    pub fn new() -> Self {
        Self {
            edits: 0,
            saved_edits: 0,
            sent_edits: None,
            timer: None,
            turn: Arc::default(),
            last_words: Arc::default(),
            is_ending: RwSignal::new(false),
            undoing: Undoing::default(),
            owner: Owner::current().map(|owner| owner.downgrade()),
        }
    }
}

impl Progress {
    /// Counts what was typed.
    pub const fn edits(&self) -> u64 {
        self.edits
    }
}

impl Editor {
    /// Makes signals that live as long as the panel.
    pub fn owned<T>(self, make: impl FnOnce() -> T) -> T {
        match self.progress.with_value(|progress| progress.owner.as_ref().and_then(WeakOwner::upgrade)) {
            Some(owner) => owner.with(make),
            None => make(),
        }
    }

    /// Whether the draft is just being published, thrown away or decided about.
    pub fn is_ending(self) -> RwSignal<bool> {
        self.progress.with_value(|progress| progress.is_ending)
    }

    /// Whether something typed is not on the server.
    pub fn is_dirty(self) -> bool {
        self.progress.with_value(|progress| progress.edits != progress.saved_edits)
    }

    /// Whether something secret is typed in a field that was not left yet.
    fn is_typing_secret(self) -> bool {
        self.rows.with_untracked(|rows| rows.iter().any(|row| row.is_typing_secret()))
    }

    /// Notes that what is here is not what is on the server.
    pub fn mark_dirty(self) {
        self.progress.update_value(|progress| progress.edits += 1);
    }

    /// Notes that what is here is what is on the server.
    pub fn mark_saved(self) {
        self.progress.update_value(|progress| progress.saved_edits = progress.edits);
    }

    /// Notes that something was typed; it is saved as soon as nobody types.
    pub fn touch(self) {
        self.mark_dirty();
        if self.saving.get_untracked() == Saving::Conflict {
            return;
        }
        self.saving.set(Saving::Pending);
        self.stop_timer();
        let save = move || spawn_local(async move { drop(self.flush().await) });
        let timer = set_timeout_with_handle(save, QUIET).ok();
        self.progress.update_value(|progress| progress.timer = timer);
    }

    fn stop_timer(self) {
        if let Some(timer) = self.progress.with_value(|progress| progress.timer) {
            timer.clear();
        }
    }

    /// Saves at once in the background.
    pub fn save_now(self) {
        if self.is_dirty() && self.saving.get_untracked() != Saving::Conflict {
            self.stop_timer();
            spawn_local(async move { drop(self.flush().await) });
        }
    }

    /// Takes the turn to change the draft on the server.
    pub async fn turn(self) -> futures::lock::OwnedMutexGuard<()> {
        self.progress.with_value(|progress| Arc::clone(&progress.turn)).lock_owned().await
    }

    /// Saves everything that was typed until now.
    pub async fn flush(self) -> Result<(), Failure> {
        if self.is_gone() {
            return Ok(());
        }
        let _turn = self.turn().await;
        while !self.is_gone() && self.is_dirty() {
            let id = self.id();
            let last_words = self.progress.with_value(|progress| Arc::clone(&progress.last_words));
            self.progress.update_value(|progress| progress.sent_edits = Some(progress.edits));
            let (draft, seen) = (self.draft(), self.seen());
            let outcome = functions::save_draft(id.clone(), seen, draft.clone()).await;
            if self.is_gone() {
                let rows = last_words.lock().ok().and_then(|mut rows| rows.take());
                if let (Ok(saved), Some(rows)) = (&outcome, rows) {
                    functions::save_draft(id, Seen { draft_version: saved.version, ..seen }, rows).await?;
                }
                break;
            }
            let sent = self.progress.try_update_value(|progress| progress.sent_edits.take()).flatten();
            match outcome {
                Ok(saved) => {
                    self.progress
                        .update_value(|progress| progress.saved_edits = sent.unwrap_or(progress.edits));
                    self.is_known(draft);
                    self.take_saved(saved);
                }
                Err(Failure::Conflict(text)) => {
                    // Somebody else saved. What they changed is taken in where it is not what is changed here.
                    let panel = functions::get_panel(self.id()).await;
                    if self.is_gone() {
                        break;
                    }
                    let panel =
                        panel.inspect_err(|failure| self.saving.set(Saving::Failed(failure.clone())))?;
                    if !self.merge_panel(panel) {
                        self.saving.set(Saving::Conflict);
                        return Err(Failure::Conflict(text));
                    }
                }
                Err(failure) => {
                    self.saving.set(Saving::Failed(failure.clone()));
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// Asks the server how everything is.
    pub async fn refresh(self) -> Result<(), Failure> {
        if self.is_gone() {
            return Ok(());
        }
        let _turn = self.turn().await;
        if self.is_gone() || self.is_dirty() {
            return Ok(());
        }
        let panel = functions::get_panel(self.id()).await?;
        if self.is_gone() || self.is_dirty() {
            return Ok(());
        }
        let seen = Seen { draft_version: panel.draft_version, live_version: Some(panel.live_version) };
        if seen == self.seen() {
            self.take_facts(panel);
        } else {
            // Changed in another window or over REST, and nothing here to lose.
            self.take_panel(panel);
        }
        self.settle_undo();
        Ok(())
    }

    async fn ask(self) -> Asked {
        if self.is_gone() {
            return Asked::Done;
        }
        // What could not reach the server may do so now.
        if self.is_dirty() && self.saving.get_untracked() == Saving::Failed(Failure::Offline) {
            self.save_now();
        }
        match self.refresh().await {
            // What was typed and cannot be saved is not to be lost; the failure is shown beside it.
            Err(_) if !self.is_gone() && (self.is_dirty() || self.is_typing_secret()) => Asked::Failed,
            Err(failure) => Asked::without_answer(&failure),
            // What is being typed is saved first.
            Ok(()) if !self.is_gone() && self.is_dirty() => Asked::NotNow,
            Ok(()) => Asked::Done,
        }
    }

    /// Shows what changes elsewhere, saves what was typed last when the page is left.
    pub fn keep_up_to_date(self) {
        live::follow(Watched::Program(self.id()), &SHOWN, move || self.ask());
        effect(move |_| {
            let guard = window_event_listener(leptos::ev::beforeunload, move |event| {
                if !self.is_gone() && (self.is_dirty() || self.is_typing_secret()) {
                    self.save_now();
                    event.prevent_default();
                }
            });
            on_cleanup(move || guard.remove());
            self.guard();
            on_cleanup(move || self.leave());
            // What came back from a plain form post that failed for a moment is tried again.
            if self.is_dirty() {
                self.save_now();
            }
        });
    }

    /// Notes that those rows are on the server, with what is secret in them.
    fn is_known(self, mut sent: Vec<DraftRow>) {
        for sent in &sent {
            if let Some(row) = self.row(&sent.key) {
                row.values_are_saved(sent);
            }
        }
        for header in sent.iter_mut().flat_map(|row| row.headers.iter_mut().flatten()) {
            if header.value.is_some() {
                *header = HeaderDraft { value: None, state: HeaderState::New, ..header.clone() };
            }
        }
        self.known.set_value(sent);
    }

    /// Saves what is not saved when the page is left within the app.
    fn leave(self) {
        self.stop_timer();
        let (edits, sent_edits) = self.progress.with_value(|progress| (progress.edits, progress.sent_edits));
        if !self.is_dirty() || sent_edits == Some(edits) || self.saving.get_untracked() == Saving::Conflict {
            return;
        }
        let draft = self.draft();
        if sent_edits.is_some() {
            let last_words = self.progress.with_value(|progress| Arc::clone(&progress.last_words));
            if let Ok(mut last_words) = last_words.lock() {
                *last_words = Some(draft);
            }
        } else {
            let (id, seen) = (self.id(), self.seen());
            spawn_local(async move { drop(functions::save_draft(id, seen, draft).await) });
        }
    }
}
