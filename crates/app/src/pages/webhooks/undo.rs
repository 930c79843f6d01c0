//! What can be undone for a while, without undoing what others did meanwhile.

use std::time::Duration;

use groundswell_types::MAX_WEBHOOKS;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::actions::focus;
use super::editor::Editor;
use super::row_state::Row;
use crate::failure::Failure;
use crate::texts::texts;

const UNDO_FOR: Duration = Duration::from_secs(10);

/// What can be undone.
#[derive(Clone, Copy)]
pub enum Undo {
    /// A row was removed that stood at this place, when this version was live.
    Removed(usize, Row, i64),
    /// A row was switched off.
    SwitchedOff(Row),
}

/// What undoing needs that nothing shows.
#[derive(Clone, Copy, Default)]
pub struct Undoing {
    /// How often something could be undone: a time that is over ends its own offer only.
    offers: u32,
    /// What had been typed when it was offered.
    edits: u64,
    /// What was live when the row that is being put back was removed: what became live since is not known to it.
    live_version: Option<i64>,
}

impl Editor {
    /// Something can be undone, and whatever was done before it no longer.
    pub fn offer_undo(self, undo: &Undo) {
        self.undo.set(Some(*undo));
        self.progress.update_value(|progress| {
            progress.undoing.offers += 1;
            progress.undoing.edits = progress.edits();
        });
        let offer = self.progress.with_value(|progress| progress.undoing.offers);
        set_timeout(
            move || {
                if !self.is_gone() && self.progress.with_value(|progress| progress.undoing.offers) == offer {
                    self.undo.set(None);
                }
            },
            UNDO_FOR,
        );
    }

    /// Whether something can be undone and nothing was typed since, so that a field has nothing of its own to undo.
    pub fn undoes_in_fields(self) -> bool {
        self.undo.with_untracked(Option::is_some)
            && self.progress.with_value(|progress| progress.undoing.edits == progress.edits())
    }

    /// Undoes what was done last, if that is not too long ago.
    pub fn undo(self) {
        if self.is_ending().get_untracked() {
            return;
        }
        let Some(undo) = self.undo.get_untracked() else { return };
        self.undo.set(None);
        match undo {
            Undo::Removed(index, row, live_version) => {
                if self.rows.with_untracked(Vec::len) >= MAX_WEBHOOKS {
                    self.said.set(texts().webhooks_at_most(MAX_WEBHOOKS));
                } else {
                    self.put_back(index, row, live_version);
                }
            }
            Undo::SwitchedOff(row) => {
                row.is_enabled.set(true);
                self.touch();
                focus(&format!("enabled-{}", row.key.get_value()));
            }
        }
    }

    /// Puts a removed row back where it was. The server puts it together with what became live since it was removed.
    fn put_back(self, index: usize, row: Row, live_version: i64) {
        let key = row.key.get_value();
        self.progress.update_value(|progress| progress.undoing.live_version = Some(live_version));
        self.rows.update(|rows| rows.insert(index.min(rows.len()), row));
        self.touch();
        focus(&format!("url-{key}"));
        // A new secret went with the row; the server knows what it has now.
        spawn_local(async move {
            let is_known = self.flush().await.is_ok() && self.refresh().await.is_ok();
            if is_known && !self.is_gone() && self.row(&key).is_none() {
                // Its removal was published meanwhile.
                self.show(Failure::NotFound);
            }
        });
    }

    /// Notes what the server has: what somebody else has undone by now is not offered any more.
    pub fn settle_undo(self) {
        self.progress.update_value(|progress| progress.undoing.live_version = None);
        let is_over = self.undo.get_untracked().is_some_and(|undo| match undo {
            Undo::Removed(_, row, _) => row.key.with_value(|key| self.row(key).is_some()),
            Undo::SwitchedOff(row) => {
                row.is_enabled.get_untracked() || row.key.with_value(|key| self.row(key).is_none())
            }
        });
        if is_over {
            self.undo.set(None);
        }
    }

    /// The version that is live as far as the rows here know of it.
    pub fn known_live_version(self) -> i64 {
        let put_back = self.progress.with_value(|progress| progress.undoing.live_version);
        put_back.unwrap_or_else(|| self.live_version.get_untracked())
    }
}
