//! The head of a program's pages: where one is, and the ways on.

use groundswell_types::Program;
use leptos::prelude::*;

use super::Status;
use crate::place::place;
use crate::texts::texts;
use crate::viewer::may_edit;
use crate::words;

/// Which of a program's pages is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Options,
    Deliveries,
    Inbox,
}

/// The program's name and the steps there are.
#[component]
pub fn ProgramHead(program: Program, step: Step) -> impl IntoView {
    let texts = texts();
    if place().is_embedded() {
        // The product around the page says where one is.
        return view! { <h1 class="visually-hidden">{program.name}</h1> }.into_any();
    }
    let (tone, status) = words::program_status(texts, program.status);
    let link = |to: Step, path: &str, word: &'static str| {
        let href = format!("/programs/{}/{path}", program.id);
        let current = if to == step { "page" } else { "false" };
        view! { <a href=href aria-current=current>{word}</a> }
    };
    view! {
        <div class="program-head">
            <nav class="crumbs" aria-label=texts.program_breadcrumb()><a href="/">{texts.frame_programs()}</a></nav>
            <div class="program-name">
                <h1>{program.name.clone()}</h1>
                <span class="tag">{words::program_type(texts, program.kind)}</span>
                <Status tone=tone word=status/>
            </div>
            <nav class="steps" aria-label=texts.program_steps()>
                {link(Step::Options, "options", texts.program_options())}
                {link(Step::Deliveries, "deliveries", texts.program_log())}
                {link(Step::Inbox, "inbox", texts.inbox_name())}
            </nav>
            {(!may_edit()).then(|| view! { <p class="hint read-only">{texts.program_read_only()}</p> })}
        </div>
    }
    .into_any()
}
