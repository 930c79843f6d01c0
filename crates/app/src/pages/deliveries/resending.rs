//! Sending again in the browser: the same as [`crate::forms`] does for a posted form.

use std::future::Future;

use groundswell_types::{DeliveryId, ResendJob, ResendJobId, ResendSelection};
use leptos::prelude::*;

use super::live::show_newest;
use super::shown::Shown;
use crate::failure::Failure;
use crate::functions;
use crate::pages::live::focus_after_navigation;
use crate::routing::Location;

/// Sends one again, and opens the new delivery.
pub fn one(shown: Shown, id: DeliveryId, location: Location) {
    let program = shown.program.get_value();
    shown.act(Box::pin(async move {
        match functions::resend(program, id).await {
            Ok(delivery) => {
                if shown.is_newest() {
                    show_newest(shown).await;
                }
                go(shown, location, |query| query.delivery = Some(delivery.id));
                focus_after_navigation(Some("delivery".to_owned()));
            }
            Err(failure) => drop(shown.failure.try_set(Some(failure))),
        }
    }));
}

/// Sends the selected ones again.
pub fn selected(shown: Shown, location: Location) {
    let chosen: Vec<DeliveryId> = shown.selected.get_untracked().into_iter().collect();
    if !chosen.is_empty() {
        let program = shown.program.get_value();
        begin(shown, location, functions::begin_resends(program, ResendSelection::of(chosen)));
    }
}

/// Sends all that match again.
pub fn all(shown: Shown, location: Location) {
    let filter = shown.list.with_value(|list| list.filter.clone());
    let program = shown.program.get_value();
    begin(shown, location, functions::begin_resends(program, ResendSelection::matching(filter)));
}

fn begin(
    shown: Shown,
    location: Location,
    beginning: impl Future<Output = Result<ResendJob, Failure>> + 'static,
) {
    shown.act(Box::pin(async move {
        match beginning.await {
            Ok(job) => {
                let id = job.id;
                shown.jobs.try_update(|jobs| jobs.insert(0, job));
                shown.selected.try_update(std::collections::BTreeSet::clear);
                go(shown, location, |query| {
                    query.job = Some(id);
                    query.asks_to_resend = false;
                });
                focus_after_navigation(Some(format!("job-{id}")));
            }
            Err(failure) => drop(shown.failure.try_set(Some(failure))),
        }
    }));
}

/// Stops a job.
pub fn stop(shown: Shown, id: ResendJobId, location: Location) {
    let program = shown.program.get_value();
    shown.act(Box::pin(async move {
        match functions::cancel_resends(program, id).await {
            Ok(stopped) => {
                shown.jobs.try_update(|jobs| {
                    if let Some(job) = jobs.iter_mut().find(|job| job.id == id) {
                        *job = stopped;
                    }
                });
                go(shown, location, |query| query.job = Some(id));
            }
            Err(failure) => drop(shown.failure.try_set(Some(failure))),
        }
    }));
}

/// Goes to the page as it is with something open beside it, unless it has been left.
fn go(shown: Shown, location: Location, change: impl FnOnce(&mut crate::log_query::LogQuery)) {
    let Some(mut query) = shown.query.try_get_untracked() else { return };
    change(&mut query);
    let url = shown.program.with_value(|program| query.url(program));
    location.go(&url);
}
