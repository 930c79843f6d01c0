//! One editor link, which works for ever.

use async_trait::async_trait;
use groundswell_app::backend::{EmbedBackend, Opened};
use groundswell_app::failure::Failure;

use super::Memory;

/// The token that opens something.
pub const TOKEN: &str = "good";

#[async_trait]
impl EmbedBackend for Memory {
    async fn open_editor_link(&self, token: &str) -> Result<Opened, Failure> {
        let state = self.state.lock().expect("not poisoned");
        match state.programs.first() {
            Some(program) if token == TOKEN => {
                let program = program.program.id.clone();
                Ok(Opened { set_cookie: "editor=session".to_owned(), program })
            }
            _ => Err(Failure::Refused(
                "This link has been used or has expired. Go back to where you found it and open it anew."
                    .to_owned(),
            )),
        }
    }
}
