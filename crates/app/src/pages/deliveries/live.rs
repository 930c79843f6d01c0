//! Keeping the log as the server has it while somebody looks at it.

use groundswell_types::ResendState;
use groundswell_types::editor::DeliveryQuery;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::shown::{Live, Shown};
use crate::boxed::effect;
use crate::failure::Failure;
use crate::functions;
use crate::live::Asked;
use crate::log_query::PAGE;
use crate::pages::live::again_and_again;

/// Whether somebody stopped the page, or left it.
pub fn is_paused(live: RwSignal<Live>) -> bool {
    live.try_get_untracked().is_none_or(|live| live == Live::Paused)
}

/// Keeps the list and the jobs as they are on the server. What is new is counted; rows never jump.
pub fn follow(shown: Shown) {
    again_and_again(move || is_paused(shown.live), move || refresh(shown));
}

async fn refresh(shown: Shown) -> Asked {
    let (program, ids) = (shown.program.get_value(), shown.ids_untracked());
    let filter = shown.list.with_value(|list| list.next.is_none().then(|| list.filter.clone()));
    let news = functions::get_log_news(program.clone(), ids.clone(), filter).await;
    // The person may have left the page, or paused it, meanwhile.
    match shown.live.try_get_untracked() {
        None | Some(Live::Paused) => return Asked::NotNow,
        Some(live) => {
            let now = if matches!(news, Err(Failure::Offline | Failure::Internal { .. })) {
                Live::Lost
            } else {
                Live::On
            };
            if live != now {
                shown.live.set(now);
            }
        }
    }
    let failed = news.as_ref().err().map(Asked::without_answer);
    if let Ok(news) = news {
        if shown.ids_untracked() != ids {
            // The list was loaded anew meanwhile: what is new to this one has to be asked for.
            return Asked::NotNow;
        }
        let was_empty = shown.page.with_untracked(|page| page.deliveries.is_empty());
        let has_newer = news.newer > 0;
        shown.take(news);
        if was_empty && has_newer {
            show_newest(shown).await;
        }
    }
    let is_any_running =
        shown.jobs.try_with_untracked(|jobs| jobs.iter().any(|job| job.state == ResendState::Running));
    if is_any_running == Some(true)
        && let Ok(jobs) = functions::get_resend_jobs(program).await
    {
        let _ = shown.jobs.try_set(jobs);
        // A job tells of what it sends, not of its end.
        return Asked::NotNow;
    }
    failed.unwrap_or(Asked::Done)
}

/// Loads the newest page of the list in place of what is shown.
pub async fn show_newest(shown: Shown) {
    let wanted = shown.list.with_value(crate::log_query::LogQuery::wanted);
    match functions::get_deliveries(shown.program.get_value(), wanted).await {
        Ok(page) => {
            let _ = shown.page.try_set(page);
            let _ = shown.newer.try_set(0);
        }
        Err(failure) => drop(shown.failure.try_set(Some(failure))),
    }
}

/// Goes on where the server stopped searching so that no answer takes long, until the page is full.
pub fn search_on(shown: Shown) {
    effect(move |_| {
        let is_unfinished =
            shown.page.with_untracked(|page| page.searched_until.is_some() && page.deliveries.len() < PAGE);
        if is_unfinished {
            spawn_local(find_more(shown));
        }
    });
}

async fn find_more(shown: Shown) {
    loop {
        let (program, mut wanted) = (shown.program.try_get_value(), shown.list.try_get_value());
        let state = shown
            .page
            .try_with_untracked(|page| (page.next_id, page.searched_until.is_some(), page.deliveries.len()));
        let (Some(program), Some(list), Some((Some(next), true, found))) = (program, wanted.take(), state)
        else {
            return;
        };
        if found >= PAGE {
            return;
        }
        let query = DeliveryQuery { next_id: Some(next), limit: Some(PAGE - found), ..list.wanted() };
        let Ok(more) = functions::get_deliveries(program, query).await else { return };
        // The list may have been loaded anew meanwhile.
        shown.page.try_update(|page| {
            if page.next_id == Some(next) {
                page.deliveries.extend(more.deliveries);
                page.next_id = more.next_id;
                page.searched_until = more.searched_until;
            }
        });
    }
}
