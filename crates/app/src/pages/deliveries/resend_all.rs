//! The question whether all that match are to be sent again, with how many they are.

use leptos::prelude::*;

use super::resending;
use super::shown::Shown;
use crate::boxed::{attr, drawn, handler};
use crate::codec::Resource;
use crate::components::FailureNotice;
use crate::failure::Failure;
use crate::log_intent::LogIntent;
use crate::routing::location;
use crate::texts::texts;

#[component]
pub fn ResendAll(shown: Shown, count: Resource<Option<Result<i64, Failure>>>) -> impl IntoView {
    let texts = texts();
    view! {
        <section class="card resend-all" aria-labelledby="resend-all">
            <h2 id="resend-all" tabindex="-1">{texts.log_resend_all_title()}</h2>
            <Suspense fallback=move || view! { <p aria-busy="true">{texts.log_counting()}</p> }>
                {move || Suspend::new(async move {
                    count.await.map(|count| view! { <Question shown count/> })
                })}
            </Suspense>
        </section>
    }
    .into_any()
}

#[component]
fn Question(shown: Shown, count: Result<i64, Failure>) -> impl IntoView {
    let texts = texts();
    let location = location();
    let on_submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        resending::all(shown, location);
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
            <form class="actions" method="post" action=cancel on:submit=handler(on_submit)>
                <input type="hidden" name="intent" value=LogIntent::ResendAll.as_str()/>
                <button class="button primary" type="submit" aria-disabled=attr(move || shown.acting())>
                    {drawn(move || match shown.acting() {
                        None => texts.log_resend_all(count),
                        Some(_) => texts.webhooks_one_moment().to_owned(),
                    })}
                </button>
                <a class="button" href=cancel>{texts.log_cancel()}</a>
            </form>
        }
        .into_any(),
    }
}
