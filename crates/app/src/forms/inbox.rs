//! What the inbox's buttons do, and the one that sends the checklist of first steps away.

use groundswell_types::ProgramId;

use super::{Answer, Form};
use crate::backend::Backend;
use crate::failure::Failure;

/// A post of one of the inbox page's forms.
pub async fn submit(backend: &dyn Backend, id: &ProgramId, form: &Form) -> Answer {
    let page = format!("/programs/{id}/inbox");
    let location = match form.get("intent") {
        "use" => backend
            .add_inbox_webhook(id)
            .await
            .map(|key| format!("/programs/{id}/options/webhooks?open={key}#webhook-{key}")),
        "replace" => backend.replace_inbox_address(id).await.map(|()| page),
        "clear" => backend.clear_inbox(id).await.map(|()| page),
        _ => Err(Failure::NotFound),
    };
    location.map_or_else(Answer::failed, Answer::redirect)
}

/// A post of the form in the checklist.
pub async fn submit_to_options(backend: &dyn Backend, id: &ProgramId, form: &Form) -> Answer {
    match form.get("intent") {
        "end-first-steps" => match backend.end_first_steps(id).await {
            Ok(()) => Answer::redirect(format!("/programs/{id}/options/webhooks")),
            Err(failure) => Answer::failed(failure),
        },
        _ => Answer::failed(Failure::NotFound),
    }
}
