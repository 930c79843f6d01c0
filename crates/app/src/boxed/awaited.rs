//! Parts of a page that wait for something.

use std::pin::Pin;

use leptos::prelude::*;

use crate::components::Loading;

type View = Pin<Box<dyn Future<Output = AnyView> + Send>>;

/// What stands in the place of something for as long as it is awaited the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    Nothing,
    /// A page that says that it is on its way.
    Page,
    /// The same, as wide as lists are.
    WidePage,
}

/// What `view` comes to, and comes to anew when what it waits for changes: until then what was there before stays.
pub fn awaited<F, V>(meanwhile: Meanwhile, view: impl Fn() -> F + Send + Sync + 'static) -> AnyView
where
    F: Future<Output = V> + Send + 'static,
    V: IntoView + 'static,
{
    boundary(
        meanwhile,
        Box::new(move || {
            let view = view();
            Box::pin(async move { view.await.into_any() })
        }),
    )
}

fn boundary(meanwhile: Meanwhile, view: Box<dyn Fn() -> View + Send + Sync>) -> AnyView {
    let fallback = move || match meanwhile {
        Meanwhile::Nothing => ().into_any(),
        Meanwhile::Page => view! { <Loading/> }.into_any(),
        Meanwhile::WidePage => view! { <Loading is_wide=true/> }.into_any(),
    };
    view! { <Transition fallback=fallback>{move || Suspend::new(view())}</Transition> }.into_any()
}
