//! The forms about e-mail: who gets it, and whether they want it.

use groundswell_types::{Email, Problem, ProgramId, WebhookId};

use super::one_click::is_one_click;
use super::{Answer, Form, Post};
use crate::backend::Backend;
use crate::backend::telling::Wish;
use crate::failure::Failure;
use crate::plain;
use crate::plain::{notifications, subscription};

/// A post of a form of the page of notifications.
pub async fn submit(backend: &dyn Backend, post: Post<'_>, form: &Form) -> Answer {
    if form.get("intent") == "operations" {
        return match backend.set_up_operations().await {
            Ok(id) => Answer::redirect(format!("/programs/{id}/options/webhooks")),
            Err(failure) => refused(None, failure),
        };
    }
    let Ok(id) = ProgramId::parse(form.get("campaign")) else { return refused(None, Failure::NotFound) };
    let done = async {
        let webhook = WebhookId::parse(form.get("webhook")).map_err(|_| Failure::NotFound)?;
        match form.get("intent") {
            "add" => {
                let email = Email::parse(form.get("email"))
                    .map_err(|why| Failure::Invalid(vec![Problem::new("/email", why.to_string())]))?;
                backend.add_recipient(&id, &webhook, (email, post.language)).await
            }
            "remove" => backend.remove_recipient(&id, &webhook, form.get("recipient")).await,
            _ => Err(Failure::NotFound),
        }
    };
    match done.await {
        Ok(()) => Answer::redirect(format!("/settings/notifications?campaign={id}")),
        Err(failure) => refused(Some(id), failure),
    }
}

fn refused(campaign: Option<ProgramId>, failure: Failure) -> Answer {
    let status = failure.status();
    let outcome = plain::Outcome::Notifications(notifications::Outcome { campaign, failure });
    Answer::Plain { status, outcome: Box::new(outcome) }
}

/// A post of whoever has the link in an e-mail, or of the program they read it with (RFC 8058), which brings the token in the
/// URL and follows no redirect.
pub async fn subscribe(backend: &dyn Backend, post: Post<'_>, form: &Form) -> Answer {
    let is_one_click = is_one_click(post.body);
    let token = if is_one_click {
        Form::read(post.query.as_bytes()).get("token").to_owned()
    } else {
        form.get("token").to_owned()
    };
    let wish = match form.get("intent") {
        _ if is_one_click => Ok(Wish::NotThese),
        "want" => Ok(Wish::These),
        "stop" => Ok(Wish::NotThese),
        "stop-all" => Ok(Wish::None),
        _ => Err(Failure::NotFound),
    };
    let done = match wish {
        Ok(wish) => backend.subscribe(&token, wish).await,
        Err(failure) => Err(failure),
    };
    // A program for e-mail repeats what is answered with an error, and shows its reader that it failed; but whoever has a link
    // that is no more gets nothing any more, which is what they want.
    let is_as_wanted = |failure: &Failure| is_one_click && matches!(failure, Failure::Refused(_));
    let failure = done.err().filter(|failure| !is_as_wanted(failure));
    let status = failure.as_ref().map_or(200, Failure::status);
    let outcome = plain::Outcome::Subscription(subscription::Outcome { token, failure });
    Answer::Plain { status, outcome: Box::new(outcome) }
}
