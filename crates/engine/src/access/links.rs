//! Editor links: each opens one program's webhook settings, once, for somebody another product vouches for. What comes of it
//! is a session that can do nothing else. Only hashes are kept.

use std::sync::Arc;

use groundswell_types::{AuditAction, MAX_EDITOR_LINK_LABEL_CHARS, Problem, ProgramId, Theme};

use super::sessions::Use;
use super::{Actor, Came, Who, hash_token, new_token};
use crate::audit::{Deed, Trace};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::{EditorLinkRecord, EditorSessionStart};

/// How long an editor link can be used: five minutes. It is made when it is about to be shown.
pub const EDITOR_LINK_MS: i64 = 300_000;

/// How long an editor link's session lasts at most: twelve hours.
pub const EDITOR_SESSION_MS: i64 = 12 * 3_600_000;

/// How long such a session lasts that nobody uses: two hours.
pub const EDITOR_IDLE_MS: i64 = 2 * 3_600_000;

/// How exactly it is kept when a session was last used.
const SEEN_STEP_MS: i64 = 300_000;

/// What a link is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewEditorLink {
    pub theme: Theme,
    /// Who it is for, in the words of who makes it.
    pub label: Option<String>,
}

/// A link that was made.
#[derive(Debug)]
pub struct EditorLink {
    /// Ends it, or its session.
    pub id: String,
    /// For its URL.
    pub token: String,
    /// Unix milliseconds.
    pub expires_at_ms: i64,
}

/// Somebody who came by an editor link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkHolder {
    /// The link's.
    pub id: String,
    /// The one program whose webhooks they may set up.
    pub program: ProgramId,
    /// The key that made the link; `None` is the operator.
    pub api_key_id: Option<String>,
    /// Who they are, in the words of who made the link.
    pub label: Option<String>,
    /// What their pages look like.
    pub theme: Theme,
}

impl Engine {
    /// Makes a link to a program's webhook settings.
    pub(crate) async fn create_editor_link(
        &self,
        program: &ProgramId,
        api_key_id: Option<String>,
        new: NewEditorLink,
    ) -> Result<EditorLink, EngineError> {
        let is_good = |label: &String| {
            label.chars().count() <= MAX_EDITOR_LINK_LABEL_CHARS && !label.contains(char::is_control)
        };
        if !new.label.as_ref().is_none_or(is_good) {
            let why = "must have at most 100 characters, none of them a control character";
            return Err(EngineError::Invalid(vec![Problem::new("/label", why)]));
        }
        let label = new.label.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
        let now_ms = self.clock.now_ms();
        let (token, token_hash) = new_token();
        let record = EditorLinkRecord {
            id: format!("edl_{}", id::random_text(16)),
            token_hash,
            is_used: false,
            program_id: program.clone(),
            api_key_id,
            label,
            theme: new.theme,
            last_seen_at_ms: now_ms,
            expires_at_ms: now_ms + EDITOR_LINK_MS,
        };
        self.store.save_editor_link(&record).await?;
        Ok(EditorLink { id: record.id, token, expires_at_ms: record.expires_at_ms })
    }

    /// Uses up a link's token and begins its session, in the place of the one that the browser had in that frame before, which
    /// `came` has. Returns the session's token and who has it.
    pub async fn use_editor_link(
        &self,
        token: &str,
        came: Came,
    ) -> Result<(String, Arc<LinkHolder>), EngineError> {
        let now_ms = self.clock.now_ms();
        let (session, token_hash) = new_token();
        let start =
            EditorSessionStart { token_hash, at_ms: now_ms, expires_at_ms: now_ms + EDITOR_SESSION_MS };
        let is_used = self.store.use_editor_link(hash_token(token), start).await?;
        let holder = if is_used { self.link_holder(&session).await? } else { None };
        let holder = Arc::new(holder.ok_or_else(|| {
            let why =
                "This link has been used or has expired. Go back to where you found it and open it anew.";
            EngineError::Refused(why.to_owned())
        })?);
        let deed = Deed {
            action: AuditAction::LinkUsed,
            teams: vec![self.program_entry(&holder.program)?.record.team_id.clone()],
            program: Some(holder.program.clone()),
            trace: Trace::of(&holder.id).with("for", "editor"),
        };
        // Nobody has the session's token yet: what cannot be recorded has not begun.
        self.record(&Actor { who: Who::Link(Arc::clone(&holder)), address: came.address }, deed).await?;
        if let Some(before) = came.session {
            self.end_editor_session(&before).await?;
        }
        Ok((session, holder))
    }

    /// Whose session this is, while it lasts; for what they do themselves. It ends with the key that made its link.
    pub async fn link_holder(&self, session: &str) -> Result<Option<LinkHolder>, EngineError> {
        self.link_holder_of(session, Use::ByPerson).await
    }

    /// The same for what an open page does by itself, be somebody there or not: that uses no session.
    pub async fn link_holder_of_open_page(&self, session: &str) -> Result<Option<LinkHolder>, EngineError> {
        self.link_holder_of(session, Use::ByPage).await
    }

    async fn link_holder_of(&self, session: &str, is_used: Use) -> Result<Option<LinkHolder>, EngineError> {
        let now_ms = self.clock.now_ms();
        let Some(record) = self.store.editor_session(hash_token(session), now_ms).await? else {
            return Ok(None);
        };
        let is_idle = now_ms - record.last_seen_at_ms > EDITOR_IDLE_MS;
        if is_idle || record.api_key_id.as_ref().is_some_and(|key| !self.api_keys.has(key)) {
            self.store.delete_editor_session(record.token_hash).await?;
            return Ok(None);
        }
        if is_used == Use::ByPerson && now_ms - record.last_seen_at_ms > SEEN_STEP_MS {
            self.store.touch_editor_session(record.token_hash, now_ms).await?;
        }
        let EditorLinkRecord { id, program_id: program, api_key_id, label, theme, .. } = record;
        Ok(Some(LinkHolder { id, program, api_key_id, label, theme }))
    }

    async fn end_editor_session(&self, session: &str) -> Result<(), EngineError> {
        self.store.delete_editor_session(hash_token(session)).await?;
        self.access.tell();
        Ok(())
    }

    /// Ends a link of a program, or the session it has become.
    pub(crate) async fn delete_editor_link(&self, program: &ProgramId, id: &str) -> Result<(), EngineError> {
        let was_there = self.store.delete_editor_link(program, id).await?;
        self.access.tell();
        if was_there { Ok(()) } else { Err(EngineError::NotFound("editor link")) }
    }
}
