//! What is around the pages of the settings: the way from one to the other.

use groundswell_types::Role;
use leptos::prelude::*;

use super::PlainPage;
use crate::texts::{Texts, texts};
use crate::viewer::Viewer;

/// Who a page is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Everybody,
    Editors,
    Owners,
    /// Those who run the server.
    Operators,
}

/// The settings' pages in their order, with what each is called, for somebody.
fn pages(
    texts: Texts,
    (viewer, is_operator): (Option<&Viewer>, bool),
) -> impl Iterator<Item = (PlainPage, &'static str)> {
    let role = viewer.and_then(|viewer| viewer.role);
    let all = [
        (PlainPage::Members, texts.members_title(), For::Everybody),
        (PlainPage::Notifications, texts.notify_title(), For::Editors),
        (PlainPage::ApiKeys, texts.keys_title(), For::Owners),
        (PlainPage::AuditLog, texts.audit_title(), For::Owners),
        (PlainPage::Privacy, texts.privacy_title(), For::Owners),
        (PlainPage::StatusSettings, texts.incidents_title(), For::Operators),
        (PlainPage::Account, texts.account_title(), For::Everybody),
        (PlainPage::Sessions, texts.sessions_title(), For::Everybody),
    ];
    let is_for = move |whom| match whom {
        For::Everybody => true,
        For::Editors => role.is_some_and(|role| role >= Role::Editor),
        For::Owners => role == Some(Role::Owner),
        For::Operators => is_operator,
    };
    all.into_iter().filter(move |(_, _, whom)| is_for(*whom)).map(|(page, name, _)| (page, name))
}

/// A page of the settings.
pub fn around(page: PlainPage, (viewer, is_operator): (Option<Viewer>, bool), content: AnyView) -> AnyView {
    let texts = texts();
    let links = pages(texts, (viewer.as_ref(), is_operator)).map(|(one, name)| {
        let current = (one == page).then_some("page");
        view! { <li><a href=one.path() rel="external" aria-current=current>{name}</a></li> }
    });
    let links = links.collect_view();
    let navigation = (links.len() > 1).then(|| {
        view! { <nav class="settings-nav" aria-label=texts.frame_settings()><ul>{links}</ul></nav> }
    });
    view! { <div class="settings">{navigation}{content}</div> }.into_any()
}
