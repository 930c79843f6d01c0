//! The pages of the settings: made on the server alone, as HTML and forms, so that the browser half has nothing of them.

mod api_keys;

use groundswell_types::{ApiKey, CreatedApiKey, ProgramId, Scopes};
use leptos::prelude::*;
use leptos_router::components::{Route, Routes};
use leptos_router::{SsrMode, path};

use crate::app::Frame;
use crate::backend::Backend;
use crate::failure::Failure;
use crate::language::Language;
use crate::pages::NotFoundPage;
use crate::said::Said;
use api_keys::ApiKeysPage;

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
            scopes: Scopes::from_iter([groundswell_types::Scope::Events]),
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

/// What the page of API keys shows.
#[derive(Clone)]
pub struct ApiKeysShown {
    keys: Vec<ApiKey>,
    /// Ids and names.
    programs: Vec<(ProgramId, String)>,
    public_url: String,
    outcome: Option<Outcome>,
}

impl ApiKeysShown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, outcome: Option<Outcome>) -> Result<Self, Failure> {
        let keys = backend.api_keys().await?;
        let programs = backend.programs().await?;
        let programs = programs.into_iter().map(|one| (one.program.id, one.program.name)).collect();
        Ok(Self { keys, programs, public_url: backend.public_url(), outcome })
    }
}

/// The app of the settings. The server gives `Result<ApiKeysShown, Failure>` as context.
#[component]
pub fn Settings() -> impl IntoView {
    view! {
        <Frame>
            <Routes fallback=NotFoundPage>
                <Route path=path!("/settings/api-keys") view=ApiKeysPage ssr=SsrMode::Async/>
            </Routes>
        </Frame>
    }
}
