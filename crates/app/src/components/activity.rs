//! The last 24 hours of a webhook or a program as a small chart, with the share of attempts that succeeded.

use std::fmt::Write as _;

use groundswell_types::Activity;
use leptos::prelude::*;

use crate::boxed::{attr, drawn, memo};
use crate::texts::{Texts, texts};

/// In the chart's own units, which are pixels: a bar for each hour, what was delivered above the line, what failed
/// below it, so that nobody has to tell them apart by colour.
const STEP: usize = 4;
const BAR: usize = 3;
const UP: i64 = 16;
const DOWN: i64 = 7;

/// What is there at all can be seen.
const SMALLEST_TENTHS: i64 = 15;

/// The share's bar.
const SHARE_WIDTH: i64 = 50;

/// Chart, bar and number. Takes the same room whatever happened.
#[component]
pub fn ActivityChart(#[prop(into)] activity: Signal<Activity>) -> impl IntoView {
    let texts = texts();
    let said = memo(move |_| activity.with(|activity| said(texts, activity)));
    let bars = memo(move |_| activity.with(bars));
    view! {
        <span class="activity">
            <svg class="activity-hours" role="img" aria-label=attr(move || said.get()) width="95" height="24" viewBox="0 0 95 24">
                <path class="activity-line" d="M0 16.5h95"/>
                <path class="activity-delivered" d=attr(move || bars.get().0)/>
                <path class="activity-failed" d=attr(move || bars.get().1)/>
            </svg>
            <Share activity/>
        </span>
    }
    .into_any()
}

#[component]
fn Share(activity: Signal<Activity>) -> impl IntoView {
    let texts = texts();
    let percent = memo(move |_| activity.with(Activity::success_percent));
    let number = move |percent| texts.activity_percent(percent);
    let bar = move || {
        percent.get().map(|percent| {
            let filled = (percent * SHARE_WIDTH / 100).max(i64::from(percent > 0));
            view! {
                <svg class="activity-share" role="img" aria-label=texts.activity_share(&number(percent)) width="50" height="6"
                    viewBox="0 0 50 6">
                    <path class="activity-rest" d="M0 0h50v6h-50z"/>
                    <path class="activity-done" d=format!("M0 0h{filled}v6h-{filled}z")/>
                </svg>
            }
        })
    };
    view! {
        <span class="activity-success">
            {bar}
            <span class="activity-number" aria-hidden="true">
                {drawn(move || percent.get().map_or_else(|| "–".to_owned(), number))}
            </span>
        </span>
    }
    .into_any()
}

/// The chart in words.
fn said(texts: Texts, activity: &Activity) -> String {
    let total = activity.total();
    match activity.success_percent() {
        None => texts.activity_none().to_owned(),
        Some(percent) => texts.activity_said(total.delivered, total.failed, &texts.activity_percent(percent)),
    }
}

/// The outlines of all bars: what was delivered, and what failed. One scale for both.
fn bars(activity: &Activity) -> (String, String) {
    let most = |count: fn(&groundswell_types::HourCount) -> i64| {
        activity.hours.iter().map(count).max().unwrap_or(0).max(1)
    };
    let (delivered, failed) = (most(|hour| hour.delivered), most(|hour| hour.failed));
    // Whichever of the two highest bars would leave its side first decides: so many units stand for so many deliveries.
    let (units, deliveries) = if UP * failed < DOWN * delivered { (UP, delivered) } else { (DOWN, failed) };
    let height = |count: i64| {
        let tenths = (count * units * 10 + deliveries / 2) / deliveries;
        let tenths = tenths.max(SMALLEST_TENTHS);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    let (mut delivered, mut failed) = (String::new(), String::new());
    for (place, hour) in activity.hours.iter().enumerate() {
        let x = place * STEP;
        // Writing to a text cannot fail.
        if hour.delivered > 0 {
            let _ = write!(delivered, "M{x} {UP}h{BAR}v-{}h-{BAR}z", height(hour.delivered));
        }
        if hour.failed > 0 {
            let _ = write!(failed, "M{x} {}h{BAR}v{}h-{BAR}z", UP + 1, height(hour.failed));
        }
    }
    (delivered, failed)
}

#[cfg(test)]
mod tests {
    use groundswell_types::HourCount;

    use super::*;

    fn drawn(hours: &[(usize, i64, i64)]) -> (String, String) {
        let mut activity = Activity::default();
        for (hour, delivered, failed) in hours {
            activity.hours[*hour] = HourCount { delivered: *delivered, failed: *failed, undeliverable: 0 };
        }
        bars(&activity)
    }

    #[test]
    fn bars_share_one_scale_and_the_smallest_can_be_seen() {
        assert_eq!(drawn(&[]), (String::new(), String::new()));
        let (delivered, failed) = drawn(&[(0, 1000, 0), (23, 500, 1)]);
        assert_eq!(delivered, "M0 16h3v-16.0h-3zM92 16h3v-8.0h-3z");
        assert_eq!(failed, "M92 17h3v1.5h-3z");
        assert_eq!(drawn(&[(1, 7, 14)]), ("M4 16h3v-3.5h-3z".to_owned(), "M4 17h3v7.0h-3z".to_owned()));
    }
}
