//! The delivery log: a list and a side panel in one URL.

use groundswell_types::editor::{DeliveryPage, Panel};
use groundswell_types::{DeliveryDetail, ProgramId};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

use super::program_id;
use crate::components::{FailurePage, ProgramHead, Step};
use crate::failure::Failure;
use crate::functions::{self, respond};
use crate::texts::texts;

mod attempts;
mod detail;
mod filters;
mod list;
mod log_query;

use detail::Detail;
use filters::Filters;
use list::List;
use log_query::LogQuery;

/// What the list shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Log {
    panel: Panel,
    page: DeliveryPage,
}

/// `/programs/{id}/deliveries`.
#[component]
pub fn DeliveriesPage() -> impl IntoView {
    let id = program_id();
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(LogQuery::read));
    // Opening a delivery must not load the list again.
    let filter = Memo::new(move |_| LogQuery { delivery: None, ..query.get() });
    let log = Resource::new(move || (id.get(), filter.get()), |(id, filter)| load(id, filter));
    view! {
        <Transition fallback=|| view! { <div class="page wide loading" aria-busy="true"></div> }>
            {move || {
                Suspend::new(async move {
                    match log.await {
                        Ok(log) => view! { <LogView log filter=filter.get_untracked() query/> }.into_any(),
                        Err(failure) => view! { <FailurePage failure/> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
    .into_any()
}

async fn load(id: Option<ProgramId>, filter: LogQuery) -> Result<Log, Failure> {
    let Some(id) = id else { return respond(Err(Failure::NotFound)) };
    let panel = functions::get_panel(id.clone()).await?;
    let page = functions::get_deliveries(id, filter.wanted()).await?;
    Ok(Log { panel, page })
}

#[component]
fn LogView(log: Log, filter: LogQuery, query: Memo<LogQuery>) -> impl IntoView {
    let Log { panel, page } = log;
    let program = panel.program.clone();
    let id = StoredValue::new(program.id.clone());
    let is_open = Memo::new(move |_| query.with(|query| query.delivery.is_some()));
    view! {
        <Title text=format!("{} · {}", texts().log_title(), program.name)/>
        <div class="page wide">
            <ProgramHead program step=Step::Deliveries/>
            <div class="log" data-open=move || if is_open.get() { "true" } else { "false" }>
                <div class="log-main">
                    <Filters panel filter=filter.clone()/>
                    <List program=id page filter query/>
                </div>
                <Side program=id query/>
            </div>
        </div>
    }
    .into_any()
}

/// The side panel of the delivery in the URL, if there is one.
#[component]
fn Side(program: StoredValue<ProgramId>, query: Memo<LogQuery>) -> impl IntoView {
    let wanted = Memo::new(move |_| query.with(|query| query.delivery));
    let detail = Resource::new(
        move || wanted.get(),
        move |wanted| {
            let id = program.get_value();
            async move {
                match wanted {
                    Some(delivery) => functions::get_delivery(id, delivery).await.map(Some),
                    None => Ok(None),
                }
            }
        },
    );
    view! {
        <Transition>
            {move || Suspend::new(async move { side(program, query, detail.await) })}
        </Transition>
    }
    .into_any()
}

fn side(
    program: StoredValue<ProgramId>,
    query: Memo<LogQuery>,
    loaded: Result<Option<DeliveryDetail>, Failure>,
) -> AnyView {
    match loaded {
        Ok(None) => ().into_any(),
        Ok(Some(detail)) => view! { <Detail program detail query/> }.into_any(),
        Err(failure) => view! {
            <aside class="side" aria-label=texts().log_side()><FailurePage failure/></aside>
        }
        .into_any(),
    }
}
