//! Each day in words, for whoever sees no bars or wants to know exactly.

use groundswell_types::ComponentHistory;
use leptos::prelude::*;

use super::said;
use crate::texts::texts;
use crate::time;

/// The days that anything is known of, newest first.
#[component]
pub fn Days(histories: Vec<ComponentHistory>) -> impl IntoView {
    let texts = texts();
    let names = histories.iter().map(|one| said::component(texts, one.component).0);
    let heads = names.map(|name| view! { <th scope="col">{name}</th> }).collect_view();
    let days = histories.first().map_or(0, |one| one.days.len());
    let is_known = |place: &usize| histories.iter().any(|one| one.days[*place].worst().is_some());
    let row = |place: usize| {
        let cells = histories.iter().map(|one| view! { <td>{said::day(texts, &one.days[place])}</td> });
        let date = time::date(texts, histories[0].days[place].at);
        view! { <tr><th scope="row">{date}</th>{cells.collect_view()}</tr> }
    };
    let rows = (0..days).rev().filter(is_known).map(row).collect_view();
    view! {
        <details class="status-days">
            <summary>{texts.status_day_by_day()}</summary>
            <div class="status-table" role="region" tabindex="0" aria-label=texts.status_day_by_day()>
                <table>
                    <thead><tr><th scope="col">{texts.status_date()}</th>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <p class="hint">{texts.status_days_before()}</p>
        </details>
    }
}
