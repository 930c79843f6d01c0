//! `/settings/members`: who is in the team, and what owners do about it.

use groundswell_types::{CreatedInvitation, Invitation, MAX_TEAM_NAME_CHARS, Member, Role, Team, UserId};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::backend::Backend;
use crate::components::{FailureNotice, Icon, Shape, Time};
use crate::failure::Failure;
use crate::language::Language;
use crate::said::Said;
use crate::texts::{Texts, texts};

/// What came of a form of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody was invited; the link is shown this once.
    Invited(CreatedInvitation),
    /// Something could not be done.
    Refused {
        /// Why.
        failure: Failure,
        /// The form of the invitation as it was filled in, if it was that one.
        typed: Option<Typed>,
    },
}

/// The form of an invitation as it was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    pub email: String,
    pub role: Role,
}

impl Said for Outcome {
    fn said_in(self, language: Language) -> Self {
        match self {
            Self::Refused { failure, typed } => Self::Refused { failure: failure.said_in(language), typed },
            invited @ Self::Invited(_) => invited,
        }
    }
}

/// What the page shows.
#[derive(Clone)]
pub struct Shown {
    team: Team,
    members: Vec<Member>,
    /// Whoever looks at the page.
    own: UserId,
    /// For owners.
    managed: Option<Vec<Invitation>>,
    outcome: Option<Outcome>,
}

impl Shown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, outcome: Option<Outcome>) -> Result<Self, Failure> {
        let (team, members, own) = (backend.team().await?, backend.members().await?, backend.own_id().await?);
        let is_owner = members.iter().any(|member| member.id == own && member.role == Role::Owner);
        let managed = if is_owner { Some(backend.invitations().await?) } else { None };
        Ok(Self { team, members, own, managed, outcome })
    }
}

impl Said for Shown {
    fn said_in(mut self, language: Language) -> Self {
        for member in &mut self.members {
            member.name = std::mem::take(&mut member.name).said_in(language);
        }
        self.team.name = self.team.name.said_in(language);
        self
    }
}

/// The page.
pub fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { team, members, own, managed, outcome } = shown.said_in(crate::language::language());
    let (notice, typed) = match outcome {
        None => (None, None),
        Some(Outcome::Invited(created)) => (Some(view! { <Invited created/> }.into_any()), None),
        Some(Outcome::Refused { failure, typed }) => {
            (Some(view! { <FailureNotice failure/> }.into_any()), typed)
        }
    };
    let is_owner = managed.is_some();
    let items = members.into_iter().map(|member| {
        let is_own = member.id == own;
        match (is_owner, is_own) {
            (true, _) => view! { <MemberItem member is_own controls=managing(is_own)/> },
            (false, true) => view! { <MemberItem member is_own controls=Controls::Leave/> },
            (false, false) => view! { <MemberItem member is_own controls=Controls::None/> },
        }
    });
    let is_open = typed.is_some();
    view! {
        <Title text=texts.members_title()/>
        <div class="page">
            <div class="page-head"><h1>{texts.members_title()}</h1></div>
            <p class="hint">
                {texts.members_of(&team.name)} " "
                {if is_owner { texts.members_owners() } else { texts.members_others() }}
            </p>
            {notice}
            <ul class="card members">{items.collect_view()}</ul>
            {managed.map(|invitations| view! {
                <Invitations invitations/>
                <details class="new-program" open=is_open>
                    <summary class="button"><Icon shape=Shape::Plus/>{texts.members_invite()}</summary>
                    <Invite typed/>
                </details>
                <Rename team/>
            })}
        </div>
    }
    .into_any()
}

/// What the page offers to do with a member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Controls {
    None,
    /// To leave.
    Leave,
    /// To change their role, and to take them out.
    Manage,
    /// To change one's own role, and to leave.
    ManageOwn,
}

const fn managing(is_own: bool) -> Controls {
    if is_own { Controls::ManageOwn } else { Controls::Manage }
}

#[component]
fn MemberItem(member: Member, is_own: bool, controls: Controls) -> impl IntoView {
    let texts = texts();
    let Member { id, name, email, role, since } = member;
    let since =
        (since > 0).then(|| view! { " · " {texts.members_since(view! { <Time at=since/> }.into_any())} });
    let you = is_own.then(|| view! { <span class="tag">{texts.members_you()}</span> });
    let change = matches!(controls, Controls::Manage | Controls::ManageOwn).then(|| {
        view! {
            <form class="member-role" method="post" action="/settings/members">
                <input type="hidden" name="intent" value="role"/>
                <input type="hidden" name="user" value=id.to_string()/>
                <RoleChoice label=texts.members_role_of(&name) role/>
                <button class="button small" type="submit" aria-label=texts.members_change_label(&name)>{texts.members_change()}</button>
            </form>
        }
        .into_any()
    });
    let role_word = change.is_none().then(|| view! { <span class="tag">{role_name(texts, role)}</span> });
    let (word, means, now) = if is_own {
        (texts.members_leave(), texts.members_leave_means(), texts.members_leave_now())
    } else {
        (texts.members_remove(), texts.members_remove_means(), texts.members_remove_now())
    };
    let end = (controls != Controls::None).then(|| {
        let label = if is_own { word.to_owned() } else { texts.members_remove_label(&name) };
        view! {
            <details class="api-key-revoke">
                <summary class="button quiet small" aria-label=label>{word}</summary>
                <form method="post" action="/settings/members">
                    <p>{means}</p>
                    <input type="hidden" name="intent" value="remove"/>
                    <button class="button danger small" type="submit" name="user" value=id.to_string()>{now}</button>
                </form>
            </details>
        }
    });
    view! {
        <li class="api-key">
            <div class="api-key-head"><h2>{name.clone()}</h2>{you}{role_word}</div>
            <p class="hint">{email.map_or_else(|| texts.members_no_email().to_owned(), |email| email.to_string())} {since}</p>
            {change}
            {end}
        </li>
    }
}

#[component]
fn RoleChoice(label: String, role: Role) -> impl IntoView {
    let texts = texts();
    let options = Role::ALL.map(|one| {
        view! { <option value=one.as_str() selected=one == role>{role_name(texts, one)}</option> }
    });
    view! { <select class="select" name="role" aria-label=label>{options.into_iter().collect_view()}</select> }
}

#[component]
fn Invitations(invitations: Vec<Invitation>) -> impl IntoView {
    let texts = texts();
    if invitations.is_empty() {
        return ().into_any();
    }
    let items = invitations.into_iter().map(|invitation| {
        let Invitation { id, email, role, invited_by, expires_at, .. } = invitation;
        let until = view! { <Time at=expires_at/> }.into_any();
        view! {
            <li class="api-key">
                <div class="api-key-head"><h3>{email.to_string()}</h3><span class="tag">{role_name(texts, role)}</span></div>
                <form method="post" action="/settings/members">
                    <input type="hidden" name="intent" value="take-back"/>
                    <button class="button quiet small" type="submit" name="invitation" value=id
                        aria-label=texts.members_take_back_label(email.as_str())>{texts.members_take_back()}</button>
                </form>
                <p class="hint">{texts.members_invited_by(&invited_by, until)}</p>
            </li>
        }
    });
    view! {
        <section class="members-invited" aria-labelledby="invited">
            <h2 id="invited">{texts.members_invited()}</h2>
            <ul class="card members">{items.collect_view()}</ul>
        </section>
    }
    .into_any()
}

/// The link, this once.
#[component]
fn Invited(created: CreatedInvitation) -> impl IntoView {
    let texts = texts();
    let CreatedInvitation { view, url } = created;
    view! {
        <div class="notice" data-tone="info" role="status">
            <Icon shape=Shape::Done/>
            <div class="api-key-made">
                <p><strong>{texts.members_link_ready(view.email.as_str())}</strong></p>
                <label class="field">
                    <span class="field-label">{texts.members_link_copy()}</span>
                    <input class="input mono" readonly value=url autofocus spellcheck="false" autocomplete="off"/>
                    <span class="hint">{texts.members_link_means()}</span>
                </label>
            </div>
        </div>
    }
}

#[component]
fn Invite(typed: Option<Typed>) -> impl IntoView {
    let texts = texts();
    let typed = typed.unwrap_or(Typed { email: String::new(), role: Role::Editor });
    let choices = Role::ALL.map(|role| {
        view! {
            <label class="choice">
                <input type="radio" name="role" value=role.as_str() checked=role == typed.role/>
                <span><strong>{role_name(texts, role)}</strong><span class="hint">{role_means(texts, role)}</span></span>
            </label>
        }
    });
    view! {
        <form class="card form" method="post" action="/settings/members">
            <input type="hidden" name="intent" value="invite"/>
            <label class="field">
                <span class="field-label">{texts.members_email()}</span>
                <input class="input" name="email" type="email" value=typed.email required maxlength="254" autocomplete="off"/>
            </label>
            <fieldset class="field">
                <legend class="field-label">{texts.members_role()}</legend>
                {choices.into_iter().collect_view()}
            </fieldset>
            <button class="button primary" type="submit">{texts.members_make_link()}</button>
        </form>
    }
}

#[component]
fn Rename(team: Team) -> impl IntoView {
    let texts = texts();
    view! {
        <details class="new-program">
            <summary class="button quiet">{texts.members_rename()}</summary>
            <form class="card form" method="post" action="/settings/members">
                <input type="hidden" name="intent" value="rename"/>
                <label class="field">
                    <span class="field-label">{texts.members_team_name()}</span>
                    <input class="input" name="name" value=team.name required maxlength=MAX_TEAM_NAME_CHARS.to_string() autocomplete="off"/>
                    <span class="hint">{texts.members_other_team()}</span>
                </label>
                <button class="button primary" type="submit">{texts.members_rename_now()}</button>
            </form>
        </details>
    }
}

/// What a role is called.
pub fn role_name(texts: Texts, role: Role) -> &'static str {
    match role {
        Role::Viewer => texts.members_viewer(),
        Role::Editor => texts.members_editor(),
        Role::Owner => texts.members_owner(),
    }
}

/// What somebody with a role may do.
pub fn role_means(texts: Texts, role: Role) -> &'static str {
    match role {
        Role::Viewer => texts.members_viewer_means(),
        Role::Editor => texts.members_editor_means(),
        Role::Owner => texts.members_owner_means(),
    }
}
