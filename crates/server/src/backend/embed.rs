//! Editor links, for pages.

use std::sync::Arc;

use async_trait::async_trait;
use groundswell_app::backend::{EmbedBackend, Opened};
use groundswell_app::failure::Failure;
use groundswell_engine::EngineError;
use groundswell_engine::access::{Came, EDITOR_SESSION_MS, Who};
use groundswell_types::Theme;

use super::{Cause, Door, PageBackend};
use crate::cookies::Cookie;
use crate::http::AppState;

/// Who has an editor link's session.
pub(super) async fn who(
    state: &AppState,
    session: Option<&str>,
    cause: Cause,
) -> Result<Option<Who>, EngineError> {
    let Some(session) = session else { return Ok(None) };
    let holder = match cause {
        Cause::Person => state.engine.link_holder(session).await?,
        Cause::OpenPage => state.engine.link_holder_of_open_page(session).await?,
    };
    Ok(holder.map(|holder| Who::Link(Arc::new(holder))))
}

impl PageBackend {
    /// What the pages of an editor link's holder look like; as the system has it for everybody else.
    pub async fn theme(&self) -> Theme {
        match self.engine().await.map(|acting| &acting.actor().who) {
            Ok(Who::Link(holder)) => holder.theme,
            _ => Theme::Auto,
        }
    }
}

#[async_trait]
impl EmbedBackend for PageBackend {
    async fn open_editor_link(&self, token: &str) -> Result<Opened, Failure> {
        let before = match &self.door {
            Door::EditorLink(before) => before.clone(),
            Door::Session => None,
        };
        let came = Came { session: before, ..self.came.clone() };
        let used = self.state.engine.use_editor_link(token, came).await;
        let (session, holder) = used.map_err(|error| self.failure(error))?;
        let set_cookie = self.state.cookies.set(Cookie::Editor, &session, EDITOR_SESSION_MS / 1000);
        Ok(Opened { set_cookie, program: holder.program.clone() })
    }
}
