//! Keeping the log as the server has it while somebody looks at it.

use std::future::Future;
use std::time::Duration;

use groundswell_types::ResendState;
use groundswell_types::editor::DeliveryQuery;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

use super::shown::{Live, Shown};
use crate::failure::Failure;
use crate::functions;
use crate::log_query::PAGE;

const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// Does something again and again while the page is visible and not paused, one at a time.
fn again_and_again<F: Future<Output = ()> + 'static>(
    live: RwSignal<Live>,
    step: impl Fn() -> F + Copy + 'static,
) {
    Effect::new(move |_| {
        let is_busy = StoredValue::new(false);
        let refresh = move || {
            let is_visible = document().visibility_state() == web_sys::VisibilityState::Visible;
            let is_paused = live.try_get_untracked().is_none_or(|live| live == Live::Paused);
            if !is_visible || is_paused || is_busy.try_get_value() != Some(false) {
                return;
            }
            is_busy.set_value(true);
            spawn_local(async move {
                step().await;
                // The person may have left the page meanwhile.
                let _ = is_busy.try_set_value(false);
            });
        };
        if let Ok(interval) = set_interval_with_handle(refresh, REFRESH_EVERY) {
            on_cleanup(move || interval.clear());
        }
    });
}

/// Keeps `shown` equal to what is answered. A question that fails changes nothing: the next one follows soon.
pub fn keep_fresh<T, F, A>(live: RwSignal<Live>, shown: RwSignal<T>, ask: A)
where
    T: PartialEq + Clone + Send + Sync + 'static,
    F: Future<Output = Option<T>> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    again_and_again(live, move || async move {
        if let Some(answer) = ask().await
            && shown.try_with_untracked(|shown| *shown != answer) == Some(true)
        {
            shown.set(answer);
        }
    });
}

/// Keeps the list and the jobs as they are on the server. What is new is counted; rows never jump.
pub fn follow(shown: Shown) {
    again_and_again(shown.live, move || refresh(shown));
}

async fn refresh(shown: Shown) {
    let (program, ids) = (shown.program.get_value(), shown.ids_untracked());
    let filter = shown.list.with_value(|list| list.next.is_none().then(|| list.filter.clone()));
    let news = functions::get_log_news(program.clone(), ids, filter).await;
    // The person may have left the page, or paused it, meanwhile.
    match shown.live.try_get_untracked() {
        None | Some(Live::Paused) => return,
        Some(live) => {
            let now = if matches!(news, Err(Failure::Offline)) { Live::Lost } else { Live::On };
            if live != now {
                shown.live.set(now);
            }
        }
    }
    if let Ok(news) = news {
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
    }
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
    Effect::new(move |_| {
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

/// Focuses the element with that id when the navigation that begins now has drawn its page.
pub fn focus_after_navigation(id: Option<String>) {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return };
    try_focus(id, 20);
}

fn try_focus(id: String, tries_left: u32) {
    set_timeout(
        move || {
            let is_lost = document().active_element().is_none_or(|element| element.tag_name() == "BODY");
            let element = document()
                .get_element_by_id(&id)
                .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
            match element {
                Some(element) if is_lost => drop(element.focus()),
                _ if tries_left > 0 => try_focus(id, tries_left - 1),
                _ => {}
            }
        },
        Duration::from_millis(50),
    );
}
