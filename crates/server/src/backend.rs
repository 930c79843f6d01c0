//! What the pages need, over the engine, for the person whose session the request carries.

mod account;
mod audit;
mod embed;
mod incidents;
mod status;
mod team;
mod telling;

use std::sync::Arc;

use async_trait::async_trait;
use groundswell_app::backend::Backend;
use groundswell_app::failure::Failure;
use groundswell_app::{Language, Viewer};
use groundswell_engine::EngineError;
use groundswell_engine::access::{Actor, Came, Person, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::programs::NewProgram;
use groundswell_types::editor::{
    DeliveryPage, DeliveryQuery, DraftRow, DraftSaved, FirstSteps, History, Panel, ProgramSummary,
    SecretEdit, Seen, Side,
};
use groundswell_types::{
    ApiKey, CreatedApiKey, Currency, DeliveryDetail, DeliveryId, DeliveryView, EventKind, Inbox,
    InboxRequestDetail, InboxRequestId, NewApiKey, ProgramId, ProgramType, ResendJob, ResendJobId,
    ResendSelection, TestId, TestView,
};
use tokio::sync::OnceCell;

use crate::cookies::Cookie;
pub use crate::embed::Door;
use crate::http::AppState;

/// How long a chosen language is remembered, in seconds: a year.
const REMEMBERED_S: i64 = 365 * 24 * 3600;

/// Who causes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody does something, which keeps their session from ending unused.
    Person,
    /// A page asks by itself, as it does whether anybody is there or not, or nobody can tell.
    OpenPage,
}

/// The backend of one request.
pub struct PageBackend {
    state: AppState,
    came: Came,
    door: Door,
    cause: Cause,
    /// What marks the browser as one that has signed in before.
    device: Option<String>,
    request_id: Option<String>,
    /// Who it is, once that was asked: a page asks for many things.
    acting: OnceCell<Option<Acting>>,
}

impl PageBackend {
    /// A backend for whoever came; `came` has their session.
    pub const fn new(state: AppState, came: Came, request_id: Option<String>) -> Self {
        let (door, cause) = (Door::Session, Cause::Person);
        Self { state, came, door, cause, device: None, request_id, acting: OnceCell::const_new() }
    }

    /// The same for whoever comes through that door.
    pub fn through(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// The same for what an open page asks for.
    pub fn of_open_page(self) -> Self {
        Self { cause: Cause::OpenPage, ..self }
    }

    /// The same in a browser that brings a device's token.
    pub fn with_device(self, device: Option<String>) -> Self {
        Self { device, ..self }
    }

    /// The use cases, for somebody who is signed in.
    pub async fn engine(&self) -> Result<&Acting, Failure> {
        let acting = self.acting.get_or_try_init(|| async {
            let who = self.who().await?;
            let address = self.came.address;
            Ok(who.map(|who| self.state.engine.acting(Arc::new(Actor { who, address }))))
        });
        let acting = acting.await.map_err(|error| self.failure(error))?;
        acting.as_ref().ok_or(Failure::SignedOut)
    }

    async fn who(&self) -> Result<Option<Who>, EngineError> {
        match &self.door {
            Door::Session => {
                let Some(session) = &self.came.session else { return Ok(None) };
                let person = match self.cause {
                    Cause::Person => self.state.engine.person(session).await?,
                    Cause::OpenPage => self.state.engine.person_of_open_page(session).await?,
                };
                Ok(person.map(|person| Who::Person(Arc::new(person))))
            }
            Door::EditorLink(session) => embed::who(&self.state, session.as_deref(), self.cause).await,
        }
    }

    /// Whether somebody can sign in through this server's OpenID provider.
    fn comes_by_provider(&self, person: &Person) -> bool {
        let provider = self.state.provider_sign_in.as_ref();
        person
            .provider_subject
            .as_ref()
            .zip(provider)
            .is_some_and(|(subject, provider)| provider.knows(subject))
    }

    /// The one place where the engine's errors become what people at the browser read.
    pub fn failure(&self, error: EngineError) -> Failure {
        match error {
            EngineError::Invalid(problems) => Failure::Invalid(problems),
            EngineError::NotFound(_) => Failure::NotFound,
            EngineError::Forbidden(why) => Failure::Forbidden(why),
            EngineError::Conflict(why) => Failure::Conflict(why),
            EngineError::TooLarge(_)
            | EngineError::NotAccepted(_)
            | EngineError::Refused(_)
            | EngineError::WrongPassword
            | EngineError::TooManyGuesses { .. }
            | EngineError::Busy
            | EngineError::WebhookLimit
            | EngineError::TooManyTests { .. }
            | EngineError::IdempotencyConflict
            | EngineError::Overloaded
            | EngineError::Away
            | EngineError::Unclear
            | EngineError::StorageFull
            | EngineError::Stopping => Failure::Refused(error.to_string()),
            EngineError::Store(cause) => {
                let request_id = self.request_id.clone();
                tracing::error!(error = %cause, "a page could not be served");
                Failure::Internal { request_id }
            }
        }
    }
}

#[async_trait]
impl Backend for PageBackend {
    async fn viewer(&self) -> Result<Option<Viewer>, Failure> {
        let acting = match self.engine().await {
            Ok(acting) => acting,
            Err(Failure::SignedOut) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let Who::Person(person) = &acting.actor().who else { return Ok(None) };
        let teams = if person.memberships.len() > 1 { acting.teams().await } else { Ok(Vec::new()) };
        let teams = teams.map_err(|error| self.failure(error))?;
        Ok(Some(Viewer {
            name: person.name.clone(),
            role: person.role(),
            teams: teams.into_iter().map(|team| (team.id, team.name)).collect(),
            team: person.team.clone(),
            needs_password: !person.has_password && !self.comes_by_provider(person),
        }))
    }

    async fn sign_out(&self) -> Result<String, Failure> {
        if let Some(session) = &self.came.session {
            self.state
                .engine
                .sign_out(session, self.came.address)
                .await
                .map_err(|error| self.failure(error))?;
        }
        Ok(self.state.cookies.forget(Cookie::Session))
    }

    async fn programs(&self) -> Result<Vec<ProgramSummary>, Failure> {
        self.engine().await?.program_summaries().await.map_err(|error| self.failure(error))
    }

    async fn create_program(&self, name: &str, kind: ProgramType) -> Result<ProgramId, Failure> {
        let name = (!name.trim().is_empty()).then(|| name.to_owned());
        let new = NewProgram { kind, name, currency: Currency::default() };
        let program =
            self.engine().await?.create_program(new, None).await.map_err(|error| self.failure(error))?;
        Ok(program.id)
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>, Failure> {
        self.engine().await?.api_keys().await.map_err(|error| self.failure(error))
    }

    async fn create_api_key(&self, new: NewApiKey) -> Result<CreatedApiKey, Failure> {
        self.engine().await?.create_api_key(new).await.map_err(|error| self.failure(error))
    }

    async fn delete_api_key(&self, id: &str) -> Result<(), Failure> {
        self.engine().await?.delete_api_key(id).await.map_err(|error| self.failure(error))
    }

    async fn program(&self, id: &ProgramId) -> Result<ProgramSummary, Failure> {
        self.engine().await?.program_summary(id).await.map_err(|error| self.failure(error))
    }

    async fn panel(&self, id: &ProgramId) -> Result<Panel, Failure> {
        self.engine().await?.panel(id).await.map_err(|error| self.failure(error))
    }

    async fn save_draft(
        &self,
        id: &ProgramId,
        seen: Seen,
        rows: Vec<DraftRow>,
    ) -> Result<DraftSaved, Failure> {
        self.engine().await?.save_draft(id, seen, rows).await.map_err(|error| self.failure(error))
    }

    async fn change_secret(&self, id: &ProgramId, edit: SecretEdit) -> Result<DraftSaved, Failure> {
        self.engine().await?.change_secret(id, edit).await.map_err(|error| self.failure(error))
    }

    async fn generate_secret(&self) -> Result<String, Failure> {
        Ok(self.engine().await?.generate_secret())
    }

    async fn discard_draft(&self, id: &ProgramId) -> Result<(), Failure> {
        self.engine().await?.discard_draft(id).await.map_err(|error| self.failure(error))
    }

    async fn resolve_conflicts(&self, id: &ProgramId, seen: Seen, side: Side) -> Result<(), Failure> {
        let resolved = self.engine().await?.resolve_conflicts(id, seen, side).await;
        resolved.map(drop).map_err(|error| self.failure(error))
    }

    async fn history(&self, id: &ProgramId, before: Option<i64>) -> Result<History, Failure> {
        self.engine().await?.history(id, before).await.map_err(|error| self.failure(error))
    }

    async fn restore(&self, id: &ProgramId, version: i64, draft_version: i64) -> Result<(), Failure> {
        let restored = self.engine().await?.restore(id, version, draft_version).await;
        restored.map(drop).map_err(|error| self.failure(error))
    }

    async fn enable_webhook(&self, id: &ProgramId, row_key: &str) -> Result<(), Failure> {
        self.engine().await?.enable_row(id, row_key).await.map_err(|error| self.failure(error))
    }

    async fn publish(&self, id: &ProgramId, version: i64) -> Result<(), Failure> {
        self.engine().await?.publish(id, version).await.map_err(|error| self.failure(error))
    }

    async fn test_webhook(
        &self,
        id: &ProgramId,
        row_key: &str,
        event: Option<EventKind>,
    ) -> Result<TestView, Failure> {
        self.engine().await?.test_row(id, row_key, event).await.map_err(|error| self.failure(error))
    }

    async fn test_result(&self, id: &ProgramId, test: TestId) -> Result<TestView, Failure> {
        self.engine().await?.test_result(id, test).await.map_err(|error| self.failure(error))
    }

    async fn release_parked(&self, id: &ProgramId, row_key: &str) -> Result<i64, Failure> {
        self.engine().await?.release_parked(id, row_key).await.map_err(|error| self.failure(error))
    }

    async fn discard_parked(&self, id: &ProgramId, row_key: &str) -> Result<i64, Failure> {
        self.engine().await?.discard_parked(id, row_key).await.map_err(|error| self.failure(error))
    }

    async fn end_old_secret(&self, id: &ProgramId, row_key: &str) -> Result<(), Failure> {
        self.engine().await?.end_old_secret_of_row(id, row_key).await.map_err(|error| self.failure(error))
    }

    async fn deliveries(&self, id: &ProgramId, query: DeliveryQuery) -> Result<DeliveryPage, Failure> {
        self.engine().await?.deliveries(id, &query).await.map_err(|error| self.failure(error))
    }

    async fn delivery(&self, id: &ProgramId, delivery: DeliveryId) -> Result<DeliveryDetail, Failure> {
        self.engine().await?.delivery(id, delivery).await.map_err(|error| self.failure(error))
    }

    async fn inbox(&self, id: &ProgramId) -> Result<Inbox, Failure> {
        self.engine().await?.inbox(id).await.map_err(|error| self.failure(error))
    }

    async fn inbox_request(
        &self,
        id: &ProgramId,
        request: InboxRequestId,
    ) -> Result<InboxRequestDetail, Failure> {
        self.engine().await?.inbox_request(id, request).await.map_err(|error| self.failure(error))
    }

    async fn replace_inbox_address(&self, id: &ProgramId) -> Result<(), Failure> {
        let replaced = self.engine().await?.replace_inbox_address(id).await;
        replaced.map(drop).map_err(|error| self.failure(error))
    }

    async fn clear_inbox(&self, id: &ProgramId) -> Result<(), Failure> {
        self.engine().await?.clear_inbox(id).await.map_err(|error| self.failure(error))
    }

    async fn add_inbox_webhook(&self, id: &ProgramId) -> Result<String, Failure> {
        self.engine().await?.add_inbox_webhook(id).await.map_err(|error| self.failure(error))
    }

    async fn first_steps(&self, id: &ProgramId) -> Result<Option<FirstSteps>, Failure> {
        self.engine().await?.first_steps(id).await.map_err(|error| self.failure(error))
    }

    async fn end_first_steps(&self, id: &ProgramId) -> Result<(), Failure> {
        self.engine().await?.end_first_steps(id).await.map_err(|error| self.failure(error))
    }

    async fn deliveries_by_id(
        &self,
        id: &ProgramId,
        deliveries: Vec<DeliveryId>,
    ) -> Result<Vec<DeliveryView>, Failure> {
        self.engine().await?.deliveries_by_id(id, &deliveries).await.map_err(|error| self.failure(error))
    }

    async fn resend(&self, id: &ProgramId, delivery: DeliveryId) -> Result<DeliveryView, Failure> {
        self.engine().await?.resend(id, delivery).await.map_err(|error| self.failure(error))
    }

    async fn count_resends(&self, id: &ProgramId, selection: ResendSelection) -> Result<i64, Failure> {
        self.engine().await?.count_resends(id, &selection).await.map_err(|error| self.failure(error))
    }

    async fn begin_resends(&self, id: &ProgramId, selection: ResendSelection) -> Result<ResendJob, Failure> {
        self.engine().await?.begin_resends(id, &selection).await.map_err(|error| self.failure(error))
    }

    async fn resend_jobs(&self, id: &ProgramId) -> Result<Vec<ResendJob>, Failure> {
        self.engine().await?.resend_jobs(id).await.map_err(|error| self.failure(error))
    }

    async fn cancel_resends(&self, id: &ProgramId, job: ResendJobId) -> Result<ResendJob, Failure> {
        self.engine().await?.cancel_resends(id, job).await.map_err(|error| self.failure(error))
    }

    fn remember_language(&self, language: Language) -> String {
        self.state.cookies.set(Cookie::Language, language.tag(), REMEMBERED_S)
    }

    fn public_url(&self) -> String {
        self.state.public_url.as_ref().to_owned()
    }
}
