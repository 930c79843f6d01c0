//! Pages that are made on the server alone, as HTML and forms, so that the browser half has nothing of them.
//!
//! A page is a [`PlainPage`], what it shows a variant of `Shown`, what came of its forms one of [`Outcome`]. To add one: a
//! variant in each, its path, a module with its view, and its form in [`crate::forms`].

pub mod account;
pub mod api_keys;
mod audit_log;
mod editor_link;
mod incident;
pub mod incidents;
pub mod invitation;
pub mod members;
pub mod notifications;
pub mod privacy;
mod program_outcome;
pub mod provider;
pub mod sessions;
mod settings;
pub mod sign_in;
pub mod status;
pub mod subscription;

use leptos::prelude::*;

use crate::app::Frame;
use crate::backend::Backend;
use crate::components::FailurePage;
use crate::failure::Failure;
use crate::language::Language;
use crate::place::EMBED;
use crate::said::Said;
use crate::viewer::Viewer;

/// Where the pages of the settings are.
const SETTINGS: &str = "/settings/";

/// One of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainPage {
    /// Keys for the REST API.
    ApiKeys,
    /// Where an editor link leads.
    EditorLink,
    /// Who did what.
    AuditLog,
    /// How long data is kept, and erasing it.
    Privacy,
    /// Who is in the team.
    Members,
    /// What somebody sees who was invited.
    Invitation,
    /// Signing in.
    SignIn,
    /// What somebody is called and signs in with.
    Account,
    /// Where somebody is signed in.
    Sessions,
    /// How the server is.
    Status,
    /// What those who run the server say of it.
    StatusSettings,
    /// An incident or a maintenance, for everybody.
    Incident,
    /// Who gets e-mail about webhooks.
    Notifications,
    /// Where the link in an e-mail about a webhook leads.
    Subscription,
}

impl PlainPage {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::ApiKeys,
        Self::EditorLink,
        Self::AuditLog,
        Self::Privacy,
        Self::Members,
        Self::Invitation,
        Self::SignIn,
        Self::Account,
        Self::Sessions,
        Self::Status,
        Self::StatusSettings,
        Self::Incident,
        Self::Notifications,
        Self::Subscription,
    ];

    /// Its path, in axum's syntax.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ApiKeys => "/settings/api-keys",
            Self::EditorLink => EMBED,
            Self::AuditLog => "/settings/audit-log",
            Self::Privacy => "/settings/privacy",
            Self::Members => "/settings/members",
            Self::Invitation => "/invitation",
            Self::SignIn => "/sign-in",
            Self::Account => "/settings/account",
            Self::Sessions => "/settings/sessions",
            Self::Status => "/status",
            Self::StatusSettings => "/settings/status",
            Self::Incident => "/status/incidents/{id}",
            Self::Notifications => "/settings/notifications",
            Self::Subscription => "/notifications",
        }
    }
}

/// What came of a form of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of the page of API keys.
    ApiKeys(api_keys::Outcome),
    /// An editor link could not be opened.
    EditorLink(Failure),
    /// Of the page of privacy.
    Privacy(privacy::Outcome),
    /// Of the page of members.
    Members(members::Outcome),
    /// Of an invitation's page.
    Invitation(invitation::Outcome),
    /// Of the page for signing in.
    SignIn(sign_in::Outcome),
    /// Of the page of the account.
    Account(account::Outcome),
    /// Of the page of sessions: why it could not be done.
    Sessions(Failure),
    /// Of the page where those who run the server say how it is.
    StatusSettings(incidents::Outcome),
    /// Of the page of notifications.
    Notifications(notifications::Outcome),
    /// Of the page behind the link in an e-mail.
    Subscription(subscription::Outcome),
}

impl Outcome {
    /// Whose form it was.
    pub const fn page(&self) -> PlainPage {
        match self {
            Self::ApiKeys(_) => PlainPage::ApiKeys,
            Self::EditorLink(_) => PlainPage::EditorLink,
            Self::Privacy(_) => PlainPage::Privacy,
            Self::Members(_) => PlainPage::Members,
            Self::Invitation(_) => PlainPage::Invitation,
            Self::SignIn(_) => PlainPage::SignIn,
            Self::Account(_) => PlainPage::Account,
            Self::Sessions(_) => PlainPage::Sessions,
            Self::StatusSettings(_) => PlainPage::StatusSettings,
            Self::Notifications(_) => PlainPage::Notifications,
            Self::Subscription(_) => PlainPage::Subscription,
        }
    }

    /// In how many seconds to try again, if that is known.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::SignIn(outcome) => outcome.turned.retry_after_s,
            Self::Account(outcome) => outcome.turned.retry_after_s,
            _ => None,
        }
    }
}

impl Said for Outcome {
    fn said_in(self, language: Language) -> Self {
        match self {
            Self::ApiKeys(outcome) => Self::ApiKeys(outcome.said_in(language)),
            Self::EditorLink(failure) => Self::EditorLink(failure.said_in(language)),
            Self::Privacy(outcome) => Self::Privacy(outcome.said_in(language)),
            Self::Members(outcome) => Self::Members(outcome.said_in(language)),
            Self::Invitation(outcome) => Self::Invitation(outcome.said_in(language)),
            Self::SignIn(outcome) => Self::SignIn(outcome.said_in(language)),
            Self::Account(outcome) => Self::Account(outcome.said_in(language)),
            Self::Sessions(failure) => Self::Sessions(failure.said_in(language)),
            Self::StatusSettings(outcome) => Self::StatusSettings(outcome.said_in(language)),
            Self::Notifications(outcome) => Self::Notifications(outcome.said_in(language)),
            Self::Subscription(outcome) => Self::Subscription(outcome.said_in(language)),
        }
    }
}

/// What a page is asked for with.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// Which one.
    pub page: PlainPage,
    /// Where it is.
    pub path: &'a str,
    /// What stands behind the path's question mark.
    pub query: &'a str,
    /// What came of its form, if that is what it is the answer to.
    pub outcome: Option<Outcome>,
}

/// A page with what it shows.
#[derive(Clone)]
pub struct PlainShown {
    page: PlainPage,
    viewer: Option<Viewer>,
    /// Whether the viewer runs the server; asked for the settings alone.
    is_operator: bool,
    shown: Shown,
}

#[derive(Clone)]
enum Shown {
    ApiKeys(api_keys::Shown),
    EditorLink(editor_link::Shown),
    AuditLog(audit_log::Shown),
    Privacy(privacy::Shown),
    Members(members::Shown),
    Invitation(invitation::Shown),
    SignIn(sign_in::Shown),
    Account(account::Shown),
    Sessions(sessions::Shown),
    Status(Box<status::StatusView>),
    StatusSettings(incidents::Shown),
    Incident(incident::Shown),
    Notifications(notifications::Shown),
    Subscription(subscription::Shown),
}

impl PlainShown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, asked: Asked<'_>) -> Result<Self, Failure> {
        let Asked { page, path, query, outcome } = asked;
        // What is public does not wait for anybody to say who asks.
        let viewer = match page {
            PlainPage::Status | PlainPage::Incident => None,
            _ => backend.viewer().await?,
        };
        macro_rules! of_this_page {
            ($variant:ident) => {
                match outcome {
                    Some(Outcome::$variant(outcome)) => Some(outcome),
                    _ => None,
                }
            };
        }
        let shown = match page {
            PlainPage::ApiKeys => {
                Shown::ApiKeys(api_keys::Shown::read(backend, of_this_page!(ApiKeys)).await?)
            }
            PlainPage::Members => {
                Shown::Members(members::Shown::read(backend, of_this_page!(Members)).await?)
            }
            PlainPage::Invitation => {
                Shown::Invitation(invitation::Shown::read(backend, query, of_this_page!(Invitation)).await?)
            }
            PlainPage::EditorLink => {
                Shown::EditorLink(editor_link::Shown::new(query, of_this_page!(EditorLink)))
            }
            PlainPage::AuditLog => Shown::AuditLog(audit_log::Shown::read(backend, query).await?),
            PlainPage::Privacy => {
                Shown::Privacy(privacy::Shown::read(backend, query, of_this_page!(Privacy)).await?)
            }
            PlainPage::SignIn => Shown::SignIn(sign_in::Shown::read(backend, query, of_this_page!(SignIn))),
            PlainPage::Account => {
                Shown::Account(account::Shown::read(backend, query, of_this_page!(Account)).await?)
            }
            PlainPage::Sessions => {
                Shown::Sessions(sessions::Shown::read(backend, of_this_page!(Sessions)).await?)
            }
            PlainPage::Status => Shown::Status(Box::new(backend.status().await?)),
            PlainPage::StatusSettings => {
                Shown::StatusSettings(incidents::Shown::read(backend, of_this_page!(StatusSettings)).await?)
            }
            PlainPage::Incident => Shown::Incident(incident::Shown::read(backend, path).await?),
            PlainPage::Notifications => {
                let outcome = of_this_page!(Notifications);
                Shown::Notifications(notifications::Shown::read(backend, query, outcome).await?)
            }
            PlainPage::Subscription => {
                let outcome = of_this_page!(Subscription);
                Shown::Subscription(subscription::Shown::read(backend, query, outcome).await?)
            }
        };
        let is_operator = path.starts_with(SETTINGS) && backend.check_operator().await.is_ok();
        Ok(Self { page, viewer, is_operator, shown })
    }

    /// The page for signing in, in the place of one for people who have; `next` is where that one is.
    pub fn sign_in(backend: &dyn Backend, next: &str) -> Self {
        Self {
            page: PlainPage::SignIn,
            viewer: None,
            is_operator: false,
            shown: Shown::SignIn(sign_in::Shown::before(backend, next)),
        }
    }
}

/// The app of these pages. The server gives `Result<PlainShown, Failure>` as context.
#[component]
pub fn PlainApp() -> impl IntoView {
    view! { <Frame><Page/></Frame> }
}

#[component]
fn Page() -> impl IntoView {
    let PlainShown { page, viewer, is_operator, shown } = match use_context::<Result<PlainShown, Failure>>() {
        Some(Ok(shown)) => shown,
        Some(Err(failure)) => return view! { <FailurePage failure/> }.into_any(),
        None => return view! { <FailurePage failure=Failure::Internal { request_id: None }/> }.into_any(),
    };
    match shown {
        Shown::ApiKeys(shown) => settings::around(page, (viewer, is_operator), api_keys::view(shown)),
        Shown::EditorLink(shown) => editor_link::view(shown),
        Shown::AuditLog(shown) => settings::around(page, (viewer, is_operator), audit_log::view(shown)),
        Shown::Privacy(shown) => settings::around(page, (viewer, is_operator), privacy::view(shown)),
        Shown::Members(shown) => settings::around(page, (viewer, is_operator), members::view(shown)),
        Shown::Invitation(shown) => invitation::view(shown),
        Shown::SignIn(shown) => sign_in::view(shown),
        Shown::Account(shown) => settings::around(page, (viewer, is_operator), account::view(shown)),
        Shown::StatusSettings(shown) => settings::around(page, (viewer, is_operator), incidents::view(shown)),
        Shown::Incident(shown) => incident::view(shown),
        Shown::Sessions(shown) => settings::around(page, (viewer, is_operator), sessions::view(shown)),
        Shown::Status(shown) => status::view(*shown),
        Shown::Notifications(shown) => {
            settings::around(page, (viewer, is_operator), notifications::view(shown))
        }
        Shown::Subscription(shown) => subscription::view(shown),
    }
}
