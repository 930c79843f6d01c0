//! A program's inbox: the address of the built-in receiver, and what has come to it, in one URL with the request that is
//! open.

use groundswell_types::editor::ProgramSummary;
use groundswell_types::{Inbox, InboxRequestDetail, InboxRequestId, Program, ProgramId};
use leptos::prelude::*;
use leptos_meta::Title;
use serde::{Deserialize, Serialize};

use super::live::keep_fresh;
use crate::boxed::{Meanwhile, attr, awaited, drawn, memo};
use crate::codec::{Resource, read_fields, resource};
use crate::components::{
    CopyButton, FailureNotice, FailurePage, Icon, ProgramHead, Shape, SideLoading, Step,
};
use crate::failure::Failure;
use crate::functions::{self, respond};
use crate::returned::returned;
use crate::routing::{location, parameter, program_id};
use crate::texts::texts;
use crate::viewer::{MayEdit, may_edit};

mod detail;
mod list;
mod verdict;

use detail::Detail;
use list::List;

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Loaded {
    program: Program,
    inbox: Inbox,
    may_edit: bool,
}

read_fields!(Loaded { program, inbox, may_edit });

/// The URL of a program's inbox with that request open.
fn url(program: &ProgramId, request: Option<InboxRequestId>) -> String {
    match request {
        Some(request) => format!("/programs/{program}/inbox?request={request}"),
        None => format!("/programs/{program}/inbox"),
    }
}

/// The request in the URL, if there is one.
type Opened = Resource<Result<Option<InboxRequestDetail>, Failure>>;

/// `/programs/{id}/inbox`.
#[component]
pub fn InboxPage() -> impl IntoView {
    let id = program_id();
    let query = location().query;
    let open = memo(move |_| {
        query.with(|query| parameter(query, "request").and_then(|text| InboxRequestId::parse(&text).ok()))
    });
    let loaded = resource(move || id.get(), load);
    // Not where it is shown: a server makes what awaits something more than once, and would send along what came for one
    // making while it shows what came for another.
    let detail = resource(
        move || id.get().zip(open.get()),
        |wanted| async move {
            match wanted {
                Some((id, request)) => functions::get_inbox_request(id, request).await.map(Some),
                None => Ok(None),
            }
        },
    );
    awaited(Meanwhile::WidePage, move || async move {
        match loaded.await {
            Ok(loaded) => view! { <InboxView loaded open detail/> }.into_any(),
            Err(failure) => view! { <FailurePage failure/> }.into_any(),
        }
    })
}

async fn load(id: Option<ProgramId>) -> Result<Loaded, Failure> {
    let Some(id) = id else { return respond(Err(Failure::NotFound)) };
    let ProgramSummary { program, may_edit, .. } = functions::get_program(id.clone()).await?;
    Ok(Loaded { program, inbox: functions::get_inbox(id).await?, may_edit })
}

#[component]
fn InboxView(loaded: Loaded, open: Memo<Option<InboxRequestId>>, detail: Opened) -> impl IntoView {
    let texts = texts();
    let Loaded { program, inbox, may_edit } = loaded;
    provide_context(MayEdit(may_edit));
    let id = StoredValue::new(program.id.clone());
    let shown = RwSignal::new(inbox);
    keep_fresh(shown, move || {
        let id = id.get_value();
        async move { functions::get_inbox(id).await }
    });
    let failure = returned().map(|returned| view! { <FailureNotice failure=returned.failure/> });
    let is_open = memo(move |_| open.with(Option::is_some));
    view! {
        <Title text=texts.inbox_title(&program.name)/>
        <div class="page wide">
            <ProgramHead program step=Step::Inbox/>
            {failure}
            <div class="log" data-open=attr(move || if is_open.get() { "true" } else { "false" })>
                <div class="log-main">
                    <Address program=id shown/>
                    <List program=id shown open/>
                </div>
                <Side program=id open detail/>
            </div>
        </div>
    }
    .into_any()
}

/// The address, and what can be done with it.
#[component]
fn Address(program: StoredValue<ProgramId>, shown: RwSignal<Inbox>) -> impl IntoView {
    let texts = texts();
    let action = url(&program.get_value(), None);
    let address = memo(move |_| shown.with(|inbox| inbox.url.clone()));
    view! {
        <section class="inbox-address card" aria-labelledby="inbox">
            <div>
                <h2 id="inbox">{texts.inbox_name()}</h2>
                <p class="hint">{texts.inbox_about()}</p>
            </div>
            <div class="inbox-url">
                <code>{drawn(move || address.get())}</code>
                {drawn(move || view! { <CopyButton text=address.get()/> })}
            </div>
            {may_edit().then(|| view! {
                <div class="actions">
                    <form method="post" action=action.clone()>
                        <button class="button primary" type="submit" name="intent" value="use">
                            <Icon shape=Shape::Webhook/>{texts.inbox_use()}
                        </button>
                    </form>
                    <details class="inbox-replace">
                        <summary class="button quiet">{texts.inbox_replace()}</summary>
                        <form method="post" action=action>
                            <p>{texts.inbox_replace_means()}</p>
                            <button class="button danger" type="submit" name="intent" value="replace">
                                {texts.inbox_replace_now()}
                            </button>
                        </form>
                    </details>
                </div>
            })}
        </section>
    }
    .into_any()
}

/// The side panel of the request in the URL, if there is one.
#[component]
fn Side(
    program: StoredValue<ProgramId>,
    open: Memo<Option<InboxRequestId>>,
    detail: Opened,
) -> impl IntoView {
    let is_there = RwSignal::new(open.with_untracked(Option::is_some));
    let is_awaited = memo(move |_| open.with(Option::is_some) && !is_there.get());
    view! {
        <SideLoading is_awaited/>
        {awaited(Meanwhile::Nothing, move || async move {
            let loaded = detail.await;
            is_there.set(open.with_untracked(Option::is_some));
            side(program, loaded)
        })}
    }
    .into_any()
}

fn side(program: StoredValue<ProgramId>, loaded: Result<Option<InboxRequestDetail>, Failure>) -> AnyView {
    let texts = texts();
    match loaded {
        Ok(None) => ().into_any(),
        Ok(Some(detail)) => view! { <Detail program detail/> }.into_any(),
        Err(failure) => view! {
            <aside class="side" aria-label=texts.inbox_request()><FailurePage failure/></aside>
        }
        .into_any(),
    }
}
