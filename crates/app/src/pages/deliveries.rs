//! The delivery log: a list and a side panel in one URL.

use groundswell_types::editor::{DeliveryPage, Panel};
use groundswell_types::{DeliveryDetail, DeliveryId, Problem, ProgramId, ResendJob, ResendSelection};
use leptos::prelude::*;
use leptos_meta::Title;
use serde::{Deserialize, Serialize};

use crate::boxed::{Meanwhile, When, attr, awaited, drawn, effect, memo};
use crate::codec::{Resource, read_fields, resource};
use crate::components::{FailureNotice, FailurePage, ProgramHead, SideLoading, Step};
use crate::failure::Failure;
use crate::functions::{self, respond};
use crate::log_query::LogQuery;
use crate::returned::returned;
use crate::routing::{location, program_id};
use crate::texts::texts;
use crate::viewer::{MayEdit, may_edit};

mod actions;
mod attempts;
mod detail;
mod filters;
mod jobs;
mod keys;
mod list;
mod live;
mod moment;
mod request;
mod resend_all;
mod resending;
mod row;
mod shown;

use actions::Actions;
use detail::Detail;
use filters::Filters;
use jobs::Jobs;
use keys::Keys;
use list::List;
use resend_all::ResendAll;
use shown::Shown;

/// What the page shows beside the open delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Log {
    panel: Panel,
    /// Or why there is no list, while all around it is there.
    page: Result<DeliveryPage, Failure>,
    jobs: Vec<ResendJob>,
}

read_fields!(Log { panel, page, jobs });

/// `/programs/{id}/deliveries`.
#[component]
pub fn DeliveriesPage() -> impl IntoView {
    let id = program_id();
    let search = location().query;
    let query = memo(move |_| search.with(|search| LogQuery::parse(search)));
    // Opening a delivery must not load the list again.
    let list = memo(move |_| query.with(LogQuery::list));
    let log = resource(move || (id.get(), list.get()), |(id, list)| load(id, list));
    let parts = Parts { count: count(id, query), detail: detail(id, query) };
    // Of the form this page is the answer to; what is looked at next has nothing to do with it.
    let refused = StoredValue::new(returned().map(|returned| returned.failure));
    awaited(Meanwhile::WidePage, move || async move {
        match log.await {
            Ok(log) => view! { <LogView log list=list.get_untracked() query parts refused/> }.into_any(),
            Err(failure) => view! { <FailurePage failure/> }.into_any(),
        }
    })
}

async fn load(id: Option<ProgramId>, list: LogQuery) -> Result<Log, Failure> {
    let Some(id) = id else { return respond(Err(Failure::NotFound)) };
    let panel = functions::get_panel(id.clone()).await?;
    let page = functions::get_deliveries(id.clone(), list.wanted()).await;
    let jobs = functions::get_resend_jobs(id).await?;
    Ok(Log { panel, page, jobs })
}

/// What parts of the page wait for. Made with the page and not where it is shown: a server makes what awaits something more
/// than once, and would send along what came for one making while it shows what came for another.
#[derive(Clone, Copy)]
struct Parts {
    /// How many deliveries would be sent again, while that is asked.
    count: Resource<Option<Result<i64, Failure>>>,
    /// The delivery in the URL, if there is one.
    detail: Resource<Result<Option<DeliveryDetail>, Failure>>,
}

fn count(id: Memo<Option<ProgramId>>, query: Memo<LogQuery>) -> Resource<Option<Result<i64, Failure>>> {
    let asked = memo(move |_| query.with(|query| query.asks_to_resend.then(|| query.list().filter)));
    resource(
        move || (id.get(), asked.get()),
        |(id, asked)| async move {
            let (id, filter) = id.zip(asked)?;
            Some(functions::count_resends(id, ResendSelection::matching(filter)).await)
        },
    )
}

fn detail(
    id: Memo<Option<ProgramId>>,
    query: Memo<LogQuery>,
) -> Resource<Result<Option<DeliveryDetail>, Failure>> {
    let wanted = memo(move |_| query.with(|query| query.delivery));
    resource(
        move || id.get().zip(wanted.get()),
        |wanted| async move {
            match wanted {
                Some((id, delivery)) => functions::get_delivery(id, delivery).await.map(Some),
                None => Ok(None),
            }
        },
    )
}

#[component]
fn LogView(
    log: Log,
    list: LogQuery,
    query: Memo<LogQuery>,
    parts: Parts,
    refused: StoredValue<Option<Failure>>,
) -> impl IntoView {
    let Log { panel, page, jobs } = log;
    provide_context(MayEdit(panel.may_edit));
    let program = panel.program.clone();
    let is_open = memo(move |_| query.with(|query| query.delivery.is_some()));
    // The list of the URL is on its way for as long as it is not this one.
    let loaded = list.clone();
    let is_busy = memo(move |_| query.with(|query| query.list() != loaded));
    let failure = page.as_ref().err().cloned();
    let nothing = DeliveryPage { deliveries: Vec::new(), next_id: None, searched_until: None };
    let shown = Shown::new(program.id.clone(), list.clone(), query, (page.unwrap_or(nothing), jobs));
    shown.failure.set(refused.get_value());
    // In the browser alone: a server may make this view more than once for one page.
    effect(move |_| refused.set_value(None));
    let content = match failure {
        Some(failure) => view! { <NoList shown failure/> }.into_any(),
        None => view! { <ListWithActions shown count=parts.count/> }.into_any(),
    };
    view! {
        <Title text=format!("{} · {}", texts().log_title(), program.name)/>
        <div class="page wide">
            <ProgramHead program step=Step::Deliveries/>
            <div class="log" data-open=attr(move || if is_open.get() { "true" } else { "false" })
                aria-busy=attr(move || if is_busy.get() { "true" } else { "false" })>
                <div class="log-main">
                    <Filters panel shown/>
                    {drawn(move || shown.failure.get().map(|failure| view! { <FailureNotice failure/> }))}
                    <Jobs shown/>
                    {content}
                </div>
                <Side shown detail=parts.detail/>
            </div>
            <Keys shown/>
        </div>
    }
    .into_any()
}

#[component]
fn ListWithActions(shown: Shown, count: Resource<Option<Result<i64, Failure>>>) -> impl IntoView {
    let may_edit = may_edit();
    let asks_to_resend = memo(move |_| may_edit && shown.query.with(|query| query.asks_to_resend));
    view! {
        <When is=asks_to_resend><ResendAll shown count/></When>
        <Actions shown/>
        <List shown/>
    }
    .into_any()
}

/// The list could not be had: most likely something is wrong with the filter.
#[component]
fn NoList(shown: Shown, failure: Failure) -> impl IntoView {
    let texts = texts();
    let all = LogQuery::default().url(&shown.program.get_value());
    // REST calls the times by other names.
    let in_words_of_page = |problem: Problem| match problem.pointer.as_str() {
        "/until" => Problem { message: texts.log_until_later().to_owned(), ..problem },
        _ => problem,
    };
    let failure = match failure {
        Failure::Invalid(problems) => Failure::Invalid(problems.into_iter().map(in_words_of_page).collect()),
        other => other,
    };
    view! {
        <FailureNotice failure/>
        <p><a class="button" href=all>{texts.log_show_all()}</a></p>
    }
    .into_any()
}

/// The side panel of the delivery in the URL, if there is one.
#[component]
fn Side(shown: Shown, detail: Resource<Result<Option<DeliveryDetail>, Failure>>) -> impl IntoView {
    let wanted = memo(move |_| shown.query.with(|query| query.delivery));
    let is_there = RwSignal::new(wanted.with_untracked(Option::is_some));
    let is_awaited = memo(move |_| wanted.with(Option::is_some) && !is_there.get());
    view! {
        <SideLoading is_awaited/>
        {awaited(Meanwhile::Nothing, move || async move {
            let loaded = detail.await;
            let wanted = wanted.get_untracked();
            is_there.set(wanted.is_some());
            side(shown, wanted, loaded)
        })}
    }
    .into_any()
}

fn side(
    shown: Shown,
    wanted: Option<DeliveryId>,
    loaded: Result<Option<DeliveryDetail>, Failure>,
) -> AnyView {
    match loaded {
        Ok(None) => ().into_any(),
        Ok(Some(detail)) => view! { <Detail shown detail/> }.into_any(),
        Err(failure) => view! {
            <aside class="side" aria-label=texts().log_side()>
                <detail::Back shown id=wanted/>
                <FailureNotice failure/>
            </aside>
        }
        .into_any(),
    }
}
