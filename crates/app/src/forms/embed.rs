//! The form that opens an editor link.

use super::{Answer, Form};
use crate::backend::Backend;
use crate::place::Place;
use crate::plain;

/// Opens the link. The token is in the form, so from here on no address has it.
pub async fn open(backend: &dyn Backend, form: &Form) -> Answer {
    match backend.open_editor_link(form.get("token")).await {
        Ok(opened) => Answer::Redirect {
            location: Place::Embedded.webhooks(&opened.program),
            set_cookie: Some(opened.set_cookie),
        },
        Err(failure) => {
            Answer::Plain { status: failure.status(), outcome: Box::new(plain::Outcome::EditorLink(failure)) }
        }
    }
}
