//! The request as a command, to be tried by hand.

use groundswell_types::{DeliveryDetail, RequestView};
use leptos::prelude::*;

use crate::boxed::memo;
use crate::components::{CodeBlock, Icon, Shape};
use crate::curl;
use crate::texts::texts;

/// The command; nothing once the webhook is gone.
#[component]
pub fn Request(detail: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let command = memo(move |_| {
        detail.with(|detail| {
            let head = detail.request.clone()?;
            Some(curl::command(&RequestView {
                url: head.url,
                headers: head.headers,
                body: detail.body.clone(),
            }))
        })
    });
    move || {
        command.get().map(|command| {
            view! {
                <section id="curl">
                    <details class="answer">
                        <summary><Icon shape=Shape::ChevronRight/><h3>{texts.log_curl()}</h3></summary>
                        <CodeBlock label=texts.log_curl_label() text=command/>
                    </details>
                    <p class="hint">{texts.log_curl_hint()}</p>
                </section>
            }
        })
    }
}
