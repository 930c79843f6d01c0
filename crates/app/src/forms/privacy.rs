//! The forms of the page of privacy.

use groundswell_types::{Problem, ProgramId, RetentionDays, Subject, SubjectKind};

use super::{Answer, Form};
use crate::backend::Backend;
use crate::failure::Failure;
use crate::plain;
use crate::plain::privacy::Outcome;

/// A post of one of them.
pub async fn submit(backend: &dyn Backend, form: &Form) -> Answer {
    let Ok(id) = ProgramId::parse(form.get("campaign")) else { return refused(None, Failure::NotFound) };
    let done = match form.get("intent") {
        "keep" => keep(backend, &id, form.get("days")).await,
        "erase" => erase(backend, &id, form).await,
        _ => Err(Failure::NotFound),
    };
    match done {
        Ok(()) if form.get("intent") == "keep" => {
            Answer::redirect(format!("/settings/privacy?campaign={id}&saved=1"))
        }
        Ok(()) => Answer::redirect(format!("/settings/privacy?campaign={id}")),
        Err(failure) => refused(Some(id), failure),
    }
}

async fn keep(backend: &dyn Backend, id: &ProgramId, days: &str) -> Result<(), Failure> {
    let retention = match days.trim() {
        "" => None,
        days => Some(RetentionDays::parse(days).map_err(|_| invalid("/retentionDays", NO_RETENTION))?),
    };
    backend.keep_for(id, retention).await
}

async fn erase(backend: &dyn Backend, id: &ProgramId, form: &Form) -> Result<(), Failure> {
    let kind = SubjectKind::parse(form.get("by")).ok_or(Failure::NotFound)?;
    let message = match kind {
        SubjectKind::Email => NO_ADDRESS,
        SubjectKind::ParticipantId => NO_ID,
    };
    let subject = Subject::parse(kind, form.get("subject")).ok_or_else(|| invalid("/subject", message))?;
    if form.get("sure") != "yes" {
        return Err(invalid("/sure", NOT_SURE));
    }
    backend.begin_erasure(id, subject).await.map(drop)
}

fn invalid(pointer: &str, message: &str) -> Failure {
    Failure::Invalid(vec![Problem::new(pointer, message)])
}

fn refused(campaign: Option<ProgramId>, failure: Failure) -> Answer {
    let status = failure.status();
    Answer::Plain { status, outcome: Box::new(plain::Outcome::Privacy(Outcome { campaign, failure })) }
}

const NO_RETENTION: &str = "must be a whole number of days from 1 to 365";

const NO_ADDRESS: &str = "must be an e-mail address";

const NO_ID: &str = "must be a participant's id";

const NOT_SURE: &str = "tick the box to erase the data: this cannot be undone";
