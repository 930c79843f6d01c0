//! The question whether all that match are to be sent again, with how many they are.

use groundswell_types::ResendSelection;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::resending;
use super::shown::Shown;
use crate::components::FailureNotice;
use crate::failure::Failure;
use crate::functions;
use crate::log_intent::LogIntent;
use crate::texts::texts;

#[component]
pub fn ResendAll(shown: Shown) -> impl IntoView {
    let texts = texts();
    let selection = ResendSelection::matching(shown.list.with_value(|list| list.filter.clone()));
    let count = Resource::new(
        || (),
        move |()| functions::count_resends(shown.program.get_value(), selection.clone()),
    );
    view! {
        <section class="card resend-all" aria-labelledby="resend-all">
            <h2 id="resend-all" tabindex="-1">{texts.log_resend_all_title()}</h2>
            <Suspense fallback=move || view! { <p aria-busy="true">{texts.log_counting()}</p> }>
                {move || Suspend::new(async move { view! { <Question shown count=count.await/> } })}
            </Suspense>
        </section>
    }
    .into_any()
}

#[component]
fn Question(shown: Shown, count: Result<i64, Failure>) -> impl IntoView {
    let texts = texts();
    let navigate = use_navigate();
    let on_submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        resending::all(shown, navigate.clone());
    };
    let cancel = move || shown.url(|query| query.asks_to_resend = false);
    match count {
        Err(failure) => {
            view! { <FailureNotice failure/><p><a class="button" href=cancel>{texts.log_cancel()}</a></p> }
                .into_any()
        }
        Ok(0) => view! {
            <p>{texts.log_none_to_resend()}</p>
            <p><a class="button" href=cancel>{texts.log_cancel()}</a></p>
        }
        .into_any(),
        Ok(count) => view! {
            <p>{texts.log_resend_how_many(count)}</p>
            <p class="hint">{texts.log_resend_means()}</p>
            <form class="actions" method="post" action=cancel on:submit=on_submit>
                <input type="hidden" name="intent" value=LogIntent::ResendAll.as_str()/>
                <button class="button primary" type="submit">{texts.log_resend_all(count)}</button>
                <a class="button" href=cancel>{texts.log_cancel()}</a>
            </form>
        }
        .into_any(),
    }
}
