//! `/settings/notifications`: who gets e-mail about a program's webhooks. `?campaign=` says of which program.

use groundswell_types::{MAX_RECIPIENTS, ProgramId, Recipient, RecipientState};
use leptos::prelude::*;
use leptos_meta::Title;

pub use super::program_outcome::Outcome;
use crate::backend::Backend;
use crate::backend::telling::{Operations, Told};
use crate::components::{FailureNotice, Time};
use crate::failure::Failure;
use crate::language::language;
use crate::said::Said as _;
use crate::texts::{Texts, texts};

/// What the page shows.
#[derive(Clone)]
pub struct Shown {
    sends_mail: bool,
    programs: Vec<(ProgramId, String)>,
    /// Which of them, and its webhooks.
    chosen: Option<(ProgramId, Vec<Told>)>,
    operations: Operations,
    failure: Option<Failure>,
}

impl Shown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, query: &str, outcome: Option<Outcome>) -> Result<Self, Failure> {
        let sends_mail = backend.sends_mail().await?;
        let programs = backend.programs().await?.into_iter().map(|one| (one.program.id, one.program.name));
        let mut programs: Vec<(ProgramId, String)> = programs.collect();
        let operations = backend.operations().await?;
        if let Operations::There(id) = &operations {
            programs.push((id.clone(), texts().notify_operations().to_owned()));
        }
        let (asked, failure) = if let Some(Outcome { campaign, failure }) = outcome {
            (campaign.map(|id| id.to_string()), Some(failure))
        } else {
            let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "campaign");
            (found.map(|(_, value)| value.into_owned()), None)
        };
        let chosen = match &asked {
            Some(asked) => programs.iter().find(|(id, _)| id.as_str() == asked),
            None => programs.first(),
        };
        let chosen = match chosen {
            Some((id, _)) => Some((id.clone(), backend.told(id).await?)),
            None if asked.is_some() => return Err(Failure::NotFound),
            None => None,
        };
        Ok(Self { sends_mail, programs, chosen, operations, failure })
    }
}

/// The page.
pub(super) fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { sends_mail, programs, chosen, operations, failure } = shown;
    let failure = failure.map(|failure| view! { <FailureNotice failure/> });
    let no_mail = (!sends_mail).then(|| {
        view! { <div class="notice" data-tone="warn" role="note"><p>{texts.notify_no_mail()}</p></div> }
    });
    let content = match chosen {
        None => view! {
            <div class="empty-box"><h2>{texts.notify_no_program()}</h2><p>{texts.notify_no_program_means()}</p></div>
        }
        .into_any(),
        Some((id, told)) => {
            let none = told.is_empty().then(|| view! { <p class="hint">{texts.notify_no_webhook()}</p> });
            let webhooks = told.into_iter().map(|told| webhook(texts, &id, told)).collect_view();
            view! {
                <Programs programs chosen=id/>
                {none}
                {webhooks}
            }
            .into_any()
        }
    };
    view! {
        <Title text=texts.notify_title()/>
        <div class="page">
            <div class="page-head"><h1>{texts.notify_title()}</h1></div>
            <p class="hint">{texts.notify_what()}</p>
            {no_mail} {failure} {content} {operational(texts, operations)}
        </div>
    }
    .into_any()
}

/// The team's own webhooks, for those who decide about them.
fn operational(texts: Texts, operations: Operations) -> Option<AnyView> {
    let action = match operations {
        Operations::Hidden => return None,
        Operations::NotThere => view! {
            <form method="post" action="/settings/notifications">
                <button class="button" type="submit" name="intent" value="operations">
                    {texts.notify_operations_set_up()}
                </button>
            </form>
        }
        .into_any(),
        Operations::There(id) => view! {
            <p class="actions">
                <a class="button" href=format!("/programs/{id}/options/webhooks")>{texts.notify_operations_edit()}</a>
                <a class="button" href=format!("/programs/{id}/deliveries")>{texts.notify_operations_log()}</a>
            </p>
        }
        .into_any(),
    };
    let section = view! {
        <section class="card form telling" aria-labelledby="operational">
            <h2 id="operational">{texts.notify_operations()}</h2>
            <p class="hint">{texts.notify_operations_what()}</p>
            {action}
        </section>
    };
    Some(section.into_any())
}

#[component]
fn Programs(programs: Vec<(ProgramId, String)>, chosen: ProgramId) -> impl IntoView {
    let texts = texts();
    let options = programs.into_iter().map(|(id, name)| {
        let is_chosen = id == chosen;
        view! { <option value=id.to_string() selected=is_chosen>{name} " (" {id.to_string()} ")"</option> }
    });
    view! {
        <form class="privacy-program" method="get" action="/settings/notifications">
            <label class="field">
                <span class="field-label">{texts.notify_program()}</span>
                <select class="select" name="campaign">{options.collect_view()}</select>
            </label>
            <button class="button" type="submit">{texts.notify_choose()}</button>
        </form>
    }
}

fn webhook(texts: Texts, program: &ProgramId, told: Told) -> AnyView {
    let Told { webhook, label, recipients } = told;
    let (heading, labelled_by) = (format!("told-{webhook}"), format!("told-{webhook}"));
    let gets_any =
        recipients.iter().any(|one| matches!(one.state, RecipientState::Confirmed | RecipientState::Member));
    let owners = match (recipients.is_empty(), gets_any) {
        (true, _) => Some(texts.notify_owners()),
        (false, false) => Some(texts.notify_owners_still()),
        (false, true) => None,
    };
    let owners = owners.map(|words| view! { <p class="hint">{words}</p> });
    let is_full = recipients.len() >= MAX_RECIPIENTS;
    let ids = || {
        view! {
            <input type="hidden" name="campaign" value=program.to_string()/>
            <input type="hidden" name="webhook" value=webhook.to_string()/>
        }
    };
    let items = recipients.into_iter().map(|one| recipient(texts, one, ids().into_any())).collect_view();
    let add = if is_full {
        let most = i64::try_from(MAX_RECIPIENTS).unwrap_or(i64::MAX);
        view! { <p class="hint">{texts.notify_full(most)}</p> }.into_any()
    } else {
        view! {
            <form class="form" method="post" action="/settings/notifications">
                {ids()}
                <label class="field">
                    <span class="field-label">{texts.notify_email()}</span>
                    <input class="input" type="email" name="email" required maxlength="254" autocomplete="off"/>
                    <span class="hint">{texts.notify_email_hint()}</span>
                </label>
                <button class="button" type="submit" name="intent" value="add">{texts.notify_add()}</button>
            </form>
        }
        .into_any()
    };
    view! {
        <section class="card form telling" aria-labelledby=labelled_by>
            <h2 id=heading>{label}</h2>
            {owners}
            <ul class="told">{items}</ul>
            {add}
        </section>
    }
    .into_any()
}

fn recipient(texts: Texts, recipient: Recipient, ids: AnyView) -> AnyView {
    let Recipient { id, email, state, added_by, added_at } = recipient;
    let (words, tone) = match state {
        RecipientState::Invited => (texts.notify_invited(), "warn"),
        RecipientState::Confirmed => (texts.notify_confirmed(), "ok"),
        RecipientState::Member => (texts.notify_member(), "ok"),
        RecipientState::Unsubscribed => (texts.notify_unsubscribed(), "quiet"),
    };
    let added_by = added_by.said_in(language());
    let added = texts.notify_added(&added_by, view! { <Time at=added_at/> }.into_any());
    view! {
        <li class="session">
            <div>
                <p><strong>{email.to_string()}</strong> " " <span class="tag" data-tone=tone>{words}</span></p>
                <p class="hint">{added}</p>
            </div>
            <form method="post" action="/settings/notifications">
                {ids}
                <input type="hidden" name="recipient" value=id/>
                <button class="button small" type="submit" name="intent" value="remove"
                    aria-label=texts.notify_remove_whom(email.as_str())>
                    {texts.notify_remove()}
                </button>
            </form>
        </li>
    }
    .into_any()
}
