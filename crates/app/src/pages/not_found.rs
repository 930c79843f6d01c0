//! There is no such page.

use leptos::prelude::*;

use crate::components::FailurePage;
use crate::failure::Failure;
use crate::functions::respond;

/// Answers any other path, with status 404.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    let _ = respond::<()>(Err(Failure::NotFound));
    view! { <FailurePage failure=Failure::NotFound/> }.into_any()
}
