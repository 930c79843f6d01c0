//! The frame around all pages, and which page belongs to which path.

use groundswell_types::TeamId;
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};

use crate::boxed::{Meanwhile, awaited};
use crate::codec::{Resource, resource};
use crate::components::{Icon, LanguageSwitch, Menu, Shape};
use crate::failure::Failure;
use crate::functions;
use crate::pages::{
    DeliveriesPage, HistoryPage, InboxPage, NotFoundPage, OptionsPage, ProgramsPage, WebhooksPage,
};
use crate::place::place;
use crate::routing::{Location, Page, location};
use crate::texts::{Texts, texts};
use crate::viewer::Viewer;

/// The app. Every page is rendered whole before the first byte is sent: streamed pages would need JavaScript to
/// put their parts into place, and could not have a status of their own.
#[component]
pub fn App() -> impl IntoView {
    view! { <Frame><Shown/></Frame> }
}

/// The page of the address.
#[component]
fn Shown() -> impl IntoView {
    let page = location().page();
    // The server makes it once: what is made in a closure it would make for every pass over the document, each time with
    // resources of its own, and the browser half would look for the first ones' values.
    if cfg!(feature = "ssr") { shown(page.get_untracked()) } else { (move || shown(page.get())).into_any() }
}

fn shown(page: Option<Page>) -> AnyView {
    match page {
        Some(Page::Programs) => view! { <ProgramsPage/> }.into_any(),
        Some(Page::Options) => view! { <OptionsPage/> }.into_any(),
        Some(Page::Webhooks) => view! { <WebhooksPage/> }.into_any(),
        Some(Page::History) => view! { <HistoryPage/> }.into_any(),
        Some(Page::Deliveries) => view! { <DeliveriesPage/> }.into_any(),
        Some(Page::Inbox) => view! { <InboxPage/> }.into_any(),
        None => view! { <NotFoundPage/> }.into_any(),
    }
}

/// Who looks at the page, asked once for all of its parts.
#[derive(Clone, Copy)]
pub struct Viewing(pub Resource<Result<Option<Viewer>, Failure>>);

/// What is around every page.
#[component]
pub fn Frame(children: Children) -> impl IntoView {
    provide_meta_context();
    provide_context(Location::begin());
    provide_context(Viewing(resource(|| (), |()| functions::get_viewer())));
    view! {
        <Title formatter=document_title/>
        <a class="skip-link" href="#main" rel="external">{texts().frame_skip()}</a>
        <Above/>
        <main id="main" tabindex="-1">{children()}</main>
        <Below/>
    }
}

/// Inside of another product there is only the page.
#[component]
fn Above() -> impl IntoView {
    (!place().is_embedded()).then(|| view! { <Header/> }).into_any()
}

#[component]
fn Below() -> impl IntoView {
    let footer = || {
        view! {
            <footer class="footer">
                <a href="/status" rel="external">{texts().frame_status()}</a>
                <LanguageSwitch/>
            </footer>
        }
    };
    (!place().is_embedded()).then(footer).into_any()
}

/// What the browser's tab says. `leptos_meta` writes it into the server's HTML as it is, so there it has to be
/// escaped; in the browser it is set as text.
fn document_title(page: String) -> String {
    let title = if page.is_empty() { "Groundswell".to_owned() } else { format!("{page} · Groundswell") };
    if cfg!(feature = "ssr") { title.replace('&', "&amp;").replace('<', "&lt;") } else { title }
}

#[component]
fn Header() -> impl IntoView {
    let texts = texts();
    let page = location().page();
    let is_current = move || (page.get() == Some(Page::Programs)).then_some("page");
    view! {
        <header class="header">
            <a href="/" class="header-brand" aria-current=is_current>
                <svg class="header-mark" viewBox="0 0 24 24" aria-hidden="true">
                    <path d="M2 15c3.2 0 3.2-6 6.6-6 3.6 0 3.4 6 6.8 6 3.3 0 3.3-6 6.6-6"/>
                    <path d="M2 20c3.2 0 3.2-4 6.6-4 3.6 0 3.4 4 6.8 4 3.3 0 3.3-4 6.6-4"/>
                </svg>
                <span class="header-name">"Groundswell"</span>
            </a>
            <nav class="header-nav" aria-label=texts.frame_main()>
                <a href="/" aria-current=is_current>{texts.frame_programs()}</a>
                <a href="/settings/members" rel="external">{texts.frame_settings()}</a>
                // Not one of the app's pages: the server's documentation, which needs no script.
                <a href="/docs" rel="external" hreflang="en">{texts.frame_docs()}</a>
            </nav>
            <Account/>
        </header>
    }
    .into_any()
}

#[component]
fn Account() -> impl IntoView {
    let texts = texts();
    let Viewing(viewer) = expect_context();
    view! {
        <div class="header-account">
            {awaited(Meanwhile::Nothing, move || async move {
                viewer.await.ok().flatten().map(|viewer| view! {
                    {teams(texts, viewer.teams, viewer.team.as_ref())}
                    <a class="header-viewer" href="/settings/account" rel="external">{viewer.name}</a>
                    <form method="post" action="/sign-out">
                        <button class="button quiet small" type="submit">{texts.frame_sign_out()}</button>
                    </form>
                })
            })}
        </div>
    }
    .into_any()
}

/// The team that is looked at, and the ways to the others; nothing for whoever has no choice.
fn teams(texts: Texts, teams: Vec<(TeamId, String)>, looked_at: Option<&TeamId>) -> Option<AnyView> {
    let (_, name) =
        teams.iter().find(|(id, _)| Some(id) == looked_at).cloned().filter(|_| teams.len() > 1)?;
    let items = teams.into_iter().map(|(id, name)| {
        let current = if Some(&id) == looked_at { "true" } else { "false" };
        view! {
            <button class="menu-item" type="submit" name="team" value=id.to_string() aria-current=current>{name}</button>
        }
    });
    let items = items.collect_view();
    let label = texts.frame_team(&name);
    Some(
        view! {
            <form class="header-team" method="post" action="/team">
                <Menu label=label face=move || view! { <span>{name.clone()}</span><Icon shape=Shape::ChevronDown/> }
                    class="button quiet small">
                    {items}
                </Menu>
            </form>
        }
        .into_any(),
    )
}
