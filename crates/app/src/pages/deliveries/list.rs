//! The list of deliveries.

use groundswell_types::DeliveryId;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::live::{follow, search_on, show_newest};
use super::row::Row;
use super::shown::Shown;
use crate::boxed::{When, drawn, handler, memo, rows};
use crate::components::{Icon, Shape, Time};
use crate::log_query::LogQuery;
use crate::texts::texts;

/// A page of the list. Rows stay the same elements while what they show changes.
#[component]
pub fn List(shown: Shown) -> impl IntoView {
    follow(shown);
    search_on(shown);
    let ids = memo(move |_| shown.ids());
    let is_empty = memo(move |_| ids.with(Vec::is_empty));
    view! {
        <Newer shown/>
        <When is=is_empty fallback=move || view! { <Table shown ids/> }>
            <Nothing shown/>
        </When>
        <Paging shown/>
    }
    .into_any()
}

/// Says how many are newer than what is shown, and shows them when asked to.
#[component]
fn Newer(shown: Shown) -> impl IntoView {
    let texts = texts();
    let is_shown = memo(move |_| shown.newer.get() > 0 && !shown.ids().is_empty());
    let on_click = move |_| {
        spawn_local(async move {
            show_newest(shown).await;
            // The button is gone, and the newest is what was asked for.
            if let Some(id) = shown.ids_untracked().first() {
                crate::pages::live::focus_after_navigation(Some(format!("row-{id}")));
            }
        });
    };
    view! {
        <div class="newer" role="status">
            <When is=is_shown>
                <button class="button primary small" type="button" on:click=handler(on_click)>
                    {drawn(move || match shown.newer.get() {
                        count if count >= 100 => texts.log_newer_many().to_owned(),
                        count => texts.log_newer(count),
                    })}
                </button>
            </When>
        </div>
    }
    .into_any()
}

#[component]
fn Nothing(shown: Shown) -> impl IntoView {
    let texts = texts();
    let program = shown.program.get_value();
    let is_filtered = shown.list.with_value(|list| list.is_filtered() || list.next.is_some());
    if is_filtered {
        let all = LogQuery::default().url(&program);
        let until = move || shown.page.with(|page| page.searched_until);
        view! {
            <div class="empty-box">
                {drawn(move || match until() {
                    Some(at) => view! {
                        <h2>{texts.log_none_yet_found()}</h2>
                        <p>{texts.log_searched_until(view! { <Time at=at/> })}</p>
                    }.into_any(),
                    None => view! { <h2>{texts.log_none_match()}</h2> }.into_any(),
                })}
                <p>{texts.log_other_filters(move |words| view! { <a href=all>{words}</a> }.into_any())}</p>
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
fn Table(shown: Shown, ids: Memo<Vec<DeliveryId>>) -> impl IntoView {
    let texts = texts();
    view! {
        <table class="deliveries">
            <caption class="visually-hidden">{texts.log_caption()}</caption>
            <thead>
                <tr>
                    <th scope="col"><span class="visually-hidden">{texts.log_selection()}</span></th>
                    <th scope="col">{texts.log_state()}</th>
                    <th scope="col">{texts.log_event()}</th>
                    <th scope="col">{texts.log_webhook()}</th>
                    <th scope="col">{texts.log_attempts()}</th>
                    <th scope="col">{texts.log_answer()}</th>
                    <th scope="col">{texts.log_accepted()}</th>
                </tr>
            </thead>
            <tbody>
                // A list that is loaded anew has rows of its own: those of before would follow the signals of before.
                {rows(move || ids.get(), move |id| (shown.page, *id), move |id| view! { <Row shown id/> })}
            </tbody>
        </table>
    }
    .into_any()
}

/// The way to older ones, and back to the newest.
#[component]
fn Paging(shown: Shown) -> impl IntoView {
    let texts = texts();
    let page_at = move |next: Option<DeliveryId>| {
        shown.list.with_value(|list| LogQuery { next, ..list.clone() }.url(&shown.program.get_value()))
    };
    let older = move || {
        let (next, until) = shown.page.with(|page| (page.next_id, page.searched_until));
        next.map(|next| {
            let word = if until.is_some() { texts.log_search_on() } else { texts.log_older() };
            view! {
                <a class="button" href=page_at(Some(next)) rel="next">{word}<Icon shape=Shape::ChevronRight/></a>
            }
        })
    };
    let is_partly_found = move || {
        let until = shown.page.with(|page| page.searched_until.filter(|_| !page.deliveries.is_empty()));
        until
            .map(|at| view! { <span class="hint">{texts.log_searched_until(view! { <Time at=at/> })}</span> })
    };
    let newest = (!shown.is_newest()).then(|| {
        view! { <a class="button" href=page_at(None)><Icon shape=Shape::ChevronLeft/>{texts.log_newest()}</a> }
    });
    view! { <nav class="paging" aria-label=texts.log_pages()>{newest}{is_partly_found}{older}</nav> }
        .into_any()
}
