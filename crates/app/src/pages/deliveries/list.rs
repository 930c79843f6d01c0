//! The list of deliveries.

use groundswell_types::editor::DeliveryPage;
use groundswell_types::{DeliveryId, DeliveryView, ProgramId};
use leptos::prelude::*;

use super::log_query::LogQuery;
use crate::components::{Icon, Shape, Status, Time};
use crate::functions;
use crate::pages::live::keep_fresh;
use crate::texts::{Texts, texts};
use crate::words;

/// A page of the list. Rows stay the same elements while what they show changes.
#[component]
pub fn List(
    program: StoredValue<ProgramId>,
    page: DeliveryPage,
    filter: LogQuery,
    query: Memo<LogQuery>,
) -> impl IntoView {
    let is_filtered = filter.is_filtered() || filter.next.is_some();
    let filter = StoredValue::new(filter);
    let page = RwSignal::new(page);
    keep_fresh(page, move || {
        let (id, wanted) = (program.get_value(), filter.with_value(LogQuery::wanted));
        async move { functions::get_deliveries(id, wanted).await.ok() }
    });
    let ids = Memo::new(move |_| {
        page.with(|page| page.deliveries.iter().map(|delivery| delivery.id).collect::<Vec<_>>())
    });
    let is_empty = Memo::new(move |_| ids.with(Vec::is_empty));
    view! {
        <Show when=move || is_empty.get() fallback=move || view! { <Table program page ids filter query/> }>
            <Nothing program is_filtered/>
        </Show>
    }
    .into_any()
}

#[component]
fn Nothing(program: StoredValue<ProgramId>, is_filtered: bool) -> impl IntoView {
    let texts = texts();
    let program = program.get_value();
    if is_filtered {
        let url = LogQuery::default().url(&program);
        let all = |words: &'static str| view! { <a href=url>{words}</a> }.into_any();
        view! {
            <div class="empty-box">
                <h2>{texts.log_none_match()}</h2>
                <p>{texts.log_other_filters(all)}</p>
            </div>
        }
        .into_any()
    } else {
        view! {
            <div class="empty-box">
                <h2>{texts.log_none()}</h2>
                <p>{texts.log_when_some()}</p>
                <p><a class="button" href=format!("/programs/{program}/options/webhooks")>{texts.log_set_up()}</a></p>
            </div>
        }
        .into_any()
    }
}

#[component]
fn Table(
    program: StoredValue<ProgramId>,
    page: RwSignal<DeliveryPage>,
    ids: Memo<Vec<DeliveryId>>,
    filter: StoredValue<LogQuery>,
    query: Memo<LogQuery>,
) -> impl IntoView {
    let texts = texts();
    let older = move || {
        page.with(|page| page.next_id).map(|next| {
            let url = filter.with_value(|filter| {
                LogQuery { next: Some(next), ..filter.clone() }.url(&program.get_value())
            });
            view! { <a class="button" href=url rel="next">{texts.log_older()}<Icon shape=Shape::ChevronRight/></a> }
        })
    };
    let newest = filter.with_value(|filter| {
        filter.next.map(|_| {
            let url = LogQuery { next: None, delivery: None, ..filter.clone() }.url(&program.get_value());
            view! { <a class="button" href=url><Icon shape=Shape::ChevronLeft/>{texts.log_newest()}</a> }
        })
    });
    view! {
        <table class="deliveries">
            <caption class="visually-hidden">{texts.log_caption()}</caption>
            <thead>
                <tr>
                    <th scope="col">{texts.log_state()}</th>
                    <th scope="col">{texts.log_event()}</th>
                    <th scope="col">{texts.log_webhook()}</th>
                    <th scope="col">{texts.log_attempts()}</th>
                    <th scope="col">{texts.log_answer()}</th>
                    <th scope="col">{texts.log_accepted()}</th>
                </tr>
            </thead>
            <tbody>
                <For each=move || ids.get() key=|id| *id let:id>
                    <Row program page id filter query/>
                </For>
            </tbody>
        </table>
        <nav class="paging" aria-label=texts.log_pages()>{newest}{older}</nav>
    }
    .into_any()
}

#[component]
fn Row(
    program: StoredValue<ProgramId>,
    page: RwSignal<DeliveryPage>,
    id: DeliveryId,
    filter: StoredValue<LogQuery>,
    query: Memo<LogQuery>,
) -> impl IntoView {
    let texts = texts();
    let find = move |page: &DeliveryPage| page.deliveries.iter().find(|delivery| delivery.id == id).cloned();
    // Keeps what it knew when the row is about to go.
    let shown = Memo::new(move |before: Option<&Option<DeliveryView>>| {
        page.with(find).or_else(|| before.cloned().flatten())
    });
    let Some(first) = shown.get_untracked() else { return ().into_any() };
    let url = filter
        .with_value(|filter| LogQuery { delivery: Some(id), ..filter.clone() }.url(&program.get_value()));
    let is_open = Memo::new(move |_| query.with(|query| query.delivery == Some(id)));
    let state =
        Signal::derive(move || shown.with(|shown| shown.as_ref().map_or(first.state, |row| row.state)));
    let webhook =
        first.webhook_id.as_ref().map_or_else(|| texts.log_deleted().to_owned(), ToString::to_string);
    let attempts = move || shown.with(|shown| shown.as_ref().map_or(0, |row| row.attempts));
    view! {
        <tr class="delivery" data-open=move || if is_open.get() { "true" } else { "false" }>
            <td class="delivery-state">
                <Status tone=Signal::derive(move || words::delivery_state(texts, state.get()).0)
                    word=Signal::derive(move || words::delivery_state(texts, state.get()).1.to_owned())/>
            </td>
            <td class="delivery-event">
                <a href=url id=format!("row-{id}") aria-current=move || if is_open.get() { "true" } else { "false" }>
                    {words::event_title(texts, first.event)}
                </a>
            </td>
            <td class="delivery-webhook" title=first.payload_url.clone().unwrap_or_default()>
                <code>{webhook}</code> <span class="hint">{place(first.payload_url.as_deref())}</span>
            </td>
            <td class="delivery-attempts">{attempts}</td>
            <td class="delivery-answer">{move || shown.with(|shown| shown.as_ref().map(|shown| answer(texts, shown)))}</td>
            <td class="delivery-time"><Time at=first.accepted_at/></td>
        </tr>
    }
    .into_any()
}

/// A URL without what all of them begin with.
fn place(url: Option<&str>) -> String {
    let url = url.unwrap_or_default();
    url.split_once("://").map_or(url, |(_, rest)| rest).to_owned()
}

/// The last status code, or why there was none.
fn answer(texts: Texts, delivery: &DeliveryView) -> String {
    match (delivery.last_status_code, delivery.last_failure) {
        (Some(status), _) => status.to_string(),
        (None, Some(failure)) => words::failure_class(texts, failure).to_owned(),
        (None, None) => "–".to_owned(),
    }
}
