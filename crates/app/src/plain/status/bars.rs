//! Ninety days as bars. How a day was can be told by shape as well as by colour, and is said in words in the table of days.

use groundswell_types::{ComponentHistory, ComponentStatus};
use leptos::prelude::*;

use super::said;
use crate::texts::texts;
use crate::time;

/// In the chart's own units.
const STEP: usize = 4;

/// What a kind of day looks like: its class, and the outline of its bar from its upper left corner on.
fn shape(worst: Option<ComponentStatus>) -> (&'static str, &'static str) {
    match worst {
        // A stub.
        None => ("none", "v22m0 0h3v6h-3z"),
        // A whole bar.
        Some(ComponentStatus::Operational | ComponentStatus::UnderMaintenance) => ("fine", "h3v28h-3z"),
        // One with a gap.
        Some(ComponentStatus::DegradedPerformance) => ("degraded", "h3v12h-3zm0 16h3v12h-3z"),
        // One with two.
        Some(ComponentStatus::PartialOutage) => ("partial", "h3v6h-3zm0 10h3v8h-3zm0 12h3v6h-3z"),
        // Half of one.
        Some(ComponentStatus::MajorOutage) => ("major", "v14m0 0h3v14h-3z"),
    }
}

/// The bars of a component. What they say together is their label; what each says is shown where a pointer rests.
#[component]
pub fn Bars(history: ComponentHistory, name: &'static str) -> impl IntoView {
    let texts = texts();
    let known = history.days.iter().filter(|day| day.worst().is_some()).count();
    let troubled = history
        .days
        .iter()
        .filter(|day| day.worst().is_some_and(|worst| worst != ComponentStatus::Operational))
        .count();
    let label = texts.status_bars(name, troubled, known);
    let width = history.days.len() * STEP - 1;
    let bars = history.days.iter().enumerate().map(|(place, day)| {
        let (class, outline) = shape(day.worst());
        let said = texts.status_day(&time::date(texts, day.at), &said::day(texts, day));
        view! { <path class=class d=format!("M{} 0{outline}", place * STEP)><title>{said}</title></path> }
    });
    view! {
        <svg class="status-bars" role="img" aria-label=label viewBox=format!("0 0 {width} 28")
            preserveAspectRatio="none">
            {bars.collect_view()}
        </svg>
    }
}

/// What the bars mean.
#[component]
pub fn Legend() -> impl IntoView {
    let texts = texts();
    let kinds = [
        (Some(ComponentStatus::Operational), texts.status_day_fine()),
        (Some(ComponentStatus::DegradedPerformance), texts.status_degraded()),
        (Some(ComponentStatus::PartialOutage), texts.status_partial()),
        (Some(ComponentStatus::MajorOutage), texts.status_major()),
        (None, texts.status_no_data()),
    ];
    let items = kinds.into_iter().map(|(worst, word)| {
        let (class, outline) = shape(worst);
        view! {
            <li>
                <svg class="status-bars" aria-hidden="true" viewBox="0 0 3 28" width="4" height="20">
                    <path class=class d=format!("M0 0{outline}")/>
                </svg>
                {word}
            </li>
        }
    });
    view! { <ul class="status-legend hint">{items.collect_view()}</ul> }
}
