//! What is around the pages of the settings: the way from one to the other.

use groundswell_types::Role;
use leptos::prelude::*;

use super::PlainPage;
use crate::texts::{Texts, texts};
use crate::viewer::Viewer;

/// The settings' pages in their order, with what each is called, for somebody.
fn pages(texts: Texts, viewer: Option<&Viewer>) -> Vec<(PlainPage, &'static str)> {
    let is_owner = viewer.is_some_and(|viewer| viewer.role == Some(Role::Owner));
    let all = [
        (PlainPage::Members, texts.members_title(), Role::Viewer),
        (PlainPage::ApiKeys, texts.keys_title(), Role::Owner),
        (PlainPage::AuditLog, texts.audit_title(), Role::Owner),
        (PlainPage::Privacy, texts.privacy_title(), Role::Owner),
        (PlainPage::Account, texts.account_title(), Role::Viewer),
        (PlainPage::Sessions, texts.sessions_title(), Role::Viewer),
    ];
    let is_for = |role| is_owner || role < Role::Owner;
    all.into_iter().filter(|(_, _, role)| is_for(*role)).map(|(page, name, _)| (page, name)).collect()
}

/// A page of the settings.
pub fn around(page: PlainPage, viewer: Option<Viewer>, content: AnyView) -> AnyView {
    let texts = texts();
    let links = pages(texts, viewer.as_ref()).into_iter().map(|(one, name)| {
        let current = (one == page).then_some("page");
        view! { <li><a href=one.path() rel="external" aria-current=current>{name}</a></li> }
    });
    let links = links.collect_view();
    let navigation = (links.len() > 1).then(|| {
        view! { <nav class="settings-nav" aria-label=texts.frame_settings()><ul>{links}</ul></nav> }
    });
    view! { <div class="settings">{navigation}{content}</div> }.into_any()
}
