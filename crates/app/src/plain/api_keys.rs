//! `/settings/api-keys`: keys for the REST API are made here, shown once, and revoked.

use groundswell_types::{
    API_KEY_PREFIX, ApiKey, CreatedApiKey, MAX_API_KEY_NAME_CHARS, ProgramId, Scope, Scopes,
};
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
    /// A key was made; its text is shown this once.
    Created(CreatedApiKey),
    /// Something could not be done.
    Refused {
        /// Why.
        failure: Failure,
        /// What was typed into the form for a new key, if it was that one.
        typed: Option<Typed>,
    },
}

/// The form for a new key as it was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    pub name: String,
    pub scopes: Scopes,
    /// The id of a program, or nothing for all.
    pub campaign: String,
    /// Per second, minute and hour.
    pub limits: [String; 3],
}

impl Default for Typed {
    /// Least first: most keys are for a service that sends events.
    fn default() -> Self {
        Self {
            name: String::new(),
            scopes: Scopes::from_iter([Scope::Events]),
            campaign: String::new(),
            limits: Default::default(),
        }
    }
}

impl Said for Outcome {
    fn said_in(self, language: Language) -> Self {
        match self {
            Self::Refused { failure, typed } => Self::Refused { failure: failure.said_in(language), typed },
            created @ Self::Created(_) => created,
        }
    }
}

/// What the page shows.
#[derive(Clone)]
pub struct Shown {
    keys: Vec<ApiKey>,
    /// Ids and names.
    programs: Vec<(ProgramId, String)>,
    public_url: String,
    outcome: Option<Outcome>,
}

impl Shown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, outcome: Option<Outcome>) -> Result<Self, Failure> {
        let keys = backend.api_keys().await?;
        let programs = backend.programs().await?;
        let programs = programs.into_iter().map(|one| (one.program.id, one.program.name)).collect();
        Ok(Self { keys, programs, public_url: backend.public_url(), outcome })
    }
}

/// The page.
pub(super) fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { keys, programs, public_url, outcome } = shown;
    let is_first = keys.is_empty();
    let (notice, typed) = match outcome {
        None => (None, None),
        Some(Outcome::Created(created)) => (Some(view! { <Created created public_url/> }.into_any()), None),
        Some(Outcome::Refused { failure, typed }) => {
            (Some(view! { <FailureNotice failure/> }.into_any()), typed)
        }
    };
    let list = if is_first {
        view! { <div class="empty-box"><h2>{texts.keys_none()}</h2><p>{texts.keys_what()}</p></div> }
            .into_any()
    } else {
        let items = keys.into_iter().map(|key| view! { <KeyItem key_=key programs=programs.clone()/> });
        view! { <ul class="card api-keys">{items.collect_view()}</ul> }.into_any()
    };
    let is_open = is_first || typed.is_some();
    view! {
        <Title text=texts.keys_title()/>
        <div class="page">
            <div class="page-head"><h1>{texts.keys_title()}</h1></div>
            {(!is_first).then(|| view! { <p class="hint">{texts.keys_what()}</p> })}
            {notice}
            {list}
            <details class="new-program" open=is_open>
                <summary class="button"><Icon shape=Shape::Plus/>{texts.keys_new()}</summary>
                <NewKey programs typed=typed.unwrap_or_default()/>
            </details>
        </div>
    }
    .into_any()
}

/// The key that was made, this once.
#[component]
fn Created(created: CreatedApiKey, public_url: String) -> impl IntoView {
    let texts = texts();
    let CreatedApiKey { view, key } = created;
    let example = view.scopes.allow(Scope::Read).then(|| {
        let command = format!("curl -H 'Authorization: Bearer {key}' {public_url}/v2/campaigns");
        view! {
            <p>{texts.keys_try()}</p>
            <div class="code">
                <pre class="code-text wrap" tabindex="0" role="region" aria-label=texts.keys_try()>{command}</pre>
            </div>
        }
    });
    view! {
        <div class="notice" data-tone="info" role="status">
            <Icon shape=Shape::Done/>
            <div class="api-key-made">
                <p><strong>{texts.keys_made(&view.name)}</strong></p>
                <label class="field">
                    <span class="field-label">{texts.keys_copy_now()}</span>
                    <input class="input mono" readonly value=key autofocus spellcheck="false" autocomplete="off"/>
                </label>
                {example}
            </div>
        </div>
    }
}

#[component]
fn KeyItem(key_: ApiKey, programs: Vec<(ProgramId, String)>) -> impl IntoView {
    let texts = texts();
    let ApiKey { id, name, scopes, campaign_id, rate_limit, ends_with, created_at, last_used_at } = key_;
    let reach = match campaign_id {
        None => texts.keys_all_programs().to_owned(),
        Some(id) => programs.into_iter().find(|(one, _)| *one == id).map_or(id.to_string(), |(_, name)| name),
    };
    let tags = scopes.iter().map(|scope| view! { <li class="tag">{scope.as_str()}</li> }).collect_view();
    let made = view! { <Time at=created_at/> }.into_any();
    let used = match last_used_at {
        None => texts.keys_never_used().into_any(),
        Some(at) => texts.keys_last_used(view! { <Time at/> }.into_any()).into_any(),
    };
    let limits = rate_limit.map(|limit| {
        let [second, minute, hour] = [limit.second, limit.minute, limit.hour].map(i64::from);
        view! { <p class="hint">{texts.keys_limits_are(second, minute, hour)}</p> }
    });
    view! {
        <li class="api-key">
            <div class="api-key-head">
                <h2>{name.clone()}</h2>
                <code>{format!("{API_KEY_PREFIX}…{}", ends_with.unwrap_or_default())}</code>
            </div>
            <ul class="api-key-scopes">{tags}</ul>
            <p class="hint">{reach} " · " {texts.keys_created(made)} " · " {used}</p>
            {limits}
            <details class="api-key-revoke">
                <summary class="button quiet small" aria-label=texts.keys_revoke_label(&name)>{texts.keys_revoke()}</summary>
                <form method="post" action="/settings/api-keys">
                    <p>{texts.keys_revoke_means()}</p>
                    <input type="hidden" name="intent" value="revoke"/>
                    <button class="button danger small" type="submit" name="key" value=id>
                        {texts.keys_revoke_now()}
                    </button>
                </form>
            </details>
        </li>
    }
}

#[component]
fn NewKey(programs: Vec<(ProgramId, String)>, typed: Typed) -> impl IntoView {
    let texts = texts();
    let scopes = typed.scopes;
    let choices = Scope::ALL.map(|scope| {
        view! {
            <label class="choice">
                <input type="checkbox" name="scope" value=scope.as_str() checked=scopes.contains(scope)/>
                <span><strong>{scope.as_str()}</strong><span class="hint">{scope_means(texts, scope)}</span></span>
            </label>
        }
    });
    let options = programs.into_iter().map(|(id, name)| {
        let is_chosen = id.as_str() == typed.campaign;
        view! { <option value=id.to_string() selected=is_chosen>{name} " (" {id.to_string()} ")"</option> }
    });
    let has_limits = typed.limits.iter().any(|limit| !limit.is_empty());
    let windows = [
        ("second", texts.keys_limit_second()),
        ("minute", texts.keys_limit_minute()),
        ("hour", texts.keys_limit_hour()),
    ];
    let limits = windows.into_iter().zip(typed.limits).map(|((name, label), value)| {
        view! {
            <label class="field">
                <span class="field-label">{label}</span>
                <input class="input" name=name value=value inputmode="numeric" autocomplete="off"/>
            </label>
        }
    });
    view! {
        <form class="card form" method="post" action="/settings/api-keys">
            <input type="hidden" name="intent" value="create"/>
            <label class="field">
                <span class="field-label">{texts.keys_name()}</span>
                <input class="input" name="name" value=typed.name required maxlength=MAX_API_KEY_NAME_CHARS.to_string()
                    autocomplete="off"/>
                <span class="hint">{texts.keys_name_hint()}</span>
            </label>
            <fieldset class="field">
                <legend class="field-label">{texts.keys_scopes()}</legend>
                {choices.into_iter().collect_view()}
            </fieldset>
            <label class="field">
                <span class="field-label">{texts.keys_reach()}</span>
                <select class="select" name="campaign">
                    <option value="">{texts.keys_all_programs()}</option>
                    {options.collect_view()}
                </select>
            </label>
            <details class="disclosure" open=has_limits>
                <summary><Icon shape=Shape::ChevronRight/>{texts.keys_limits()}</summary>
                <div class="api-key-limits">{limits.collect_view()}</div>
                <p class="hint">{texts.keys_limits_hint()}</p>
            </details>
            <button class="button primary" type="submit">{texts.keys_create()}</button>
        </form>
    }
}

fn scope_means(texts: Texts, scope: Scope) -> &'static str {
    match scope {
        Scope::Read => texts.keys_read_means(),
        Scope::Events => texts.keys_events_means(),
        Scope::Webhooks => texts.keys_webhooks_means(),
        Scope::Admin => texts.keys_admin_means(),
    }
}
