//! What a program's webhooks were before: who changed what and when, and the way back into a draft.

use groundswell_types::editor::{ChangedBy, History, HistoryVersion};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::boxed::{Meanwhile, awaited, memo};
use crate::codec::resource;
use crate::components::{FailureNotice, FailurePage, Menu, ProgramHead, Step, Time};
use crate::failure::Failure;
use crate::functions::{self, respond};
use crate::place::place;
use crate::returned::returned;
use crate::routing::{location, parameter, program_id};
use crate::texts::{Texts, texts};
use crate::viewer::{MayEdit, may_edit};

/// `/programs/{id}/options/webhooks/history`; `?before=` has the older versions.
#[component]
pub fn HistoryPage() -> impl IntoView {
    let id = program_id();
    let query = location().query;
    let before = memo(move |_| {
        query.with(|query| parameter(query, "before").and_then(|text| text.parse::<i64>().ok()))
    });
    let history = resource(
        move || (id.get(), before.get()),
        |(id, before)| async move {
            match id {
                Some(id) => functions::get_history(id, before).await,
                None => respond(Err(Failure::NotFound)),
            }
        },
    );
    let returned = returned();
    awaited(Meanwhile::Page, move || {
        let failure = returned.clone().map(|returned| returned.failure);
        async move {
            match history.await {
                Ok(history) => view! { <Versions history failure/> }.into_any(),
                Err(failure) => view! { <FailurePage failure/> }.into_any(),
            }
        }
    })
}

#[component]
fn Versions(history: History, failure: Option<Failure>) -> impl IntoView {
    let texts = texts();
    provide_context(MayEdit(history.may_edit));
    let program = history.program;
    let panel = place().webhooks(&program.id);
    let older = history.next_before.map(|before| {
        view! { <p><a class="button" href=format!("{panel}/history?before={before}")>{texts.history_older()}</a></p> }
    });
    let none = history.versions.is_empty().then(|| {
        view! { <div class="empty-box"><h3>{texts.history_none()}</h3><p>{texts.history_none_advice()}</p></div> }
    });
    let (action, draft) = (format!("{panel}/history"), history.draft_version);
    let versions: Vec<_> = history
        .versions
        .into_iter()
        .map(|version| view! { <Version version action=action.clone() draft/> })
        .collect();
    view! {
        <Title text=format!("{} · {}", texts.history_title(), program.name)/>
        <div class="page">
            <ProgramHead program step=Step::Options/>
            <div class="panel-head">
                <nav class="crumbs" aria-label=texts.webhooks_title()><a href=panel>{texts.webhooks_title()}</a></nav>
                <h2 id="history">{texts.history_title()}</h2>
                <p class="hint">{texts.history_means()}</p>
            </div>
            {failure.map(|failure| view! { <FailureNotice failure/> })}
            {none}
            <ol class="versions" aria-labelledby="history">{versions}</ol>
            {older}
        </div>
    }
    .into_any()
}

#[component]
fn Version(version: HistoryVersion, action: String, draft: i64) -> impl IntoView {
    let texts = texts();
    let (name, label) = (format!("version-{}", version.version), format!("version-{}", version.version));
    let number = usize::try_from(version.version).unwrap_or_default();
    let changes = if version.changes.is_empty() {
        view! { <p class="hint">{texts.history_only_secrets()}</p> }.into_any()
    } else {
        let items = version.changes.into_iter().map(|change| view! { <li>{change}</li> });
        view! { <ul class="version-changes">{items.collect_view()}</ul> }.into_any()
    };
    let restore = if version.is_live {
        view! { <span class="tag" data-tone="info">{texts.history_live()}</span> }.into_any()
    } else {
        may_edit().then(|| view! { <Restore action number=version.version draft/> }).into_any()
    };
    view! {
        <li class="card version" aria-labelledby=label>
            <div class="version-head">
                <h3 id=name>{texts.history_version(number)}</h3>
                <p class="hint">
                    <Time at=version.at/>" · "{who(texts, version.by)}" · "{texts.history_webhooks(version.webhooks)}
                </p>
            </div>
            {changes}
            <div class="actions">{restore}</div>
        </li>
    }
    .into_any()
}

fn who(texts: Texts, by: Option<ChangedBy>) -> &'static str {
    match by {
        Some(ChangedBy::Editor) => texts.history_by_editor(),
        Some(ChangedBy::Rest) => texts.history_by_rest(),
        Some(ChangedBy::Server) => texts.history_by_server(),
        None => texts.history_by_unknown(),
    }
}

/// Asks first when there is a draft that would be lost.
#[component]
fn Restore(action: String, number: i64, draft: i64) -> impl IntoView {
    let texts = texts();
    let label = texts.history_restore_label(usize::try_from(number).unwrap_or_default());
    let form = move |class: &'static str| {
        view! {
            <form method="post" action=action>
                <input type="hidden" name="version" value=number.to_string()/>
                <input type="hidden" name="draft" value=draft.to_string()/>
                <button class=class type="submit" aria-label=label.clone()>{texts.history_restore()}</button>
            </form>
        }
    };
    if draft == 0 {
        return form("button small").into_any();
    }
    view! {
        <Menu label=texts.history_restore_asked_label() face=move || texts.history_restore() class="button small" menu_class="menu confirm">
            <p>{texts.history_restore_asked()}</p>
            {form("button small danger")}
        </Menu>
    }
    .into_any()
}
