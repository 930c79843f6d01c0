//! How far sending many again is.

use groundswell_types::{ResendJob, ResendJobId, ResendState};
use leptos::prelude::*;

use super::resending;
use super::shown::Shown;
use crate::boxed::{When, attr, handler, memo, rows};
use crate::components::{Icon, Shape, Time};
use crate::log_intent::LogIntent;
use crate::routing::location;
use crate::texts::texts;
use crate::viewer::may_edit;

/// The jobs that run, and the one that was begun or stopped here.
#[component]
pub fn Jobs(shown: Shown) -> impl IntoView {
    let ids = memo(move |_| shown.jobs_to_show().iter().map(|job| job.id).collect::<Vec<_>>());
    rows(move || ids.get(), move |id| (shown.jobs, *id), move |id| view! { <Job shown id/> })
}

#[component]
fn Job(shown: Shown, id: ResendJobId) -> impl IntoView {
    let texts = texts();
    let may_edit = may_edit();
    let job = memo(move |before: Option<&Option<ResendJob>>| {
        let find = |jobs: &Vec<ResendJob>| jobs.iter().find(|job| job.id == id).cloned();
        shown.jobs.with(find).or_else(|| before.cloned().flatten())
    });
    let Some(first) = job.get_untracked() else { return ().into_any() };
    let state = memo(move |_| job.with(|job| job.as_ref().map_or(ResendState::Done, |job| job.state)));
    let queued = move || job.with(|job| job.as_ref().map_or(0, |job| job.queued));
    let total = first.total;
    let said = move || match state.get() {
        ResendState::Running => texts.log_job_running(queued(), total),
        ResendState::Done => texts.log_job_done(queued()),
        ResendState::Cancelled => texts.log_job_stopped(queued(), total),
    };
    let tone = move || if state.get() == ResendState::Cancelled { "warn" } else { "info" };
    view! {
        <div class="notice job" data-tone=tone id=format!("job-{id}") tabindex="-1" role="group" aria-label=texts.log_job()>
            <Icon shape=Shape::List/>
            <div>
                <p role="status">{said}</p>
                <p class="hint">{texts.log_job_begun(view! { <Time at=first.created_at/> })}</p>
                <When is=memo(move |_| state.get() == ResendState::Running) fallback=move || view! { <Dismiss shown/> }>
                    <progress max=total prop:value=queued value=queued aria-label=texts.log_job()></progress>
                    {may_edit.then(|| view! { <Stop shown id/> })}
                </When>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Stop(shown: Shown, id: ResendJobId) -> impl IntoView {
    let location = location();
    let on_submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        resending::stop(shown, id, location);
    };
    view! {
        <form method="post" action=attr(move || shown.url(|_| ())) on:submit=handler(on_submit)>
            <input type="hidden" name="intent" value=LogIntent::Stop.as_str()/>
            <input type="hidden" name="job" value=id.to_string()/>
            <button class="button small" type="submit">{texts().log_stop()}</button>
        </form>
    }
    .into_any()
}

#[component]
fn Dismiss(shown: Shown) -> impl IntoView {
    view! { <p><a class="button small" href=attr(move || shown.url(|query| query.job = None))>{texts().log_dismiss()}</a></p> }
        .into_any()
}
