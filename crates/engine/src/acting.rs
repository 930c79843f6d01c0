//! The use cases as somebody may use them: each asks the [`Actor`] first, and then calls the engine's function of the same
//! name. REST and pages call these and nothing else, so what somebody may do cannot depend on how they ask.

mod keys;
mod programs;

use std::sync::Arc;

use groundswell_types::editor::{
    DeliveryPage, DeliveryQuery, DraftRow, DraftSaved, FirstSteps, History, Panel, SecretChange, Seen, Side,
};
use groundswell_types::{
    DeliveryDetail, DeliveryId, DeliveryView, EventId, EventKind, Inbox, InboxRequestDetail, InboxRequestId,
    Notice, NoticeId, ProgramId, ResendJob, ResendJobId, ResendSelection, TestId, TestView, Webhook,
    WebhookId,
};

use crate::access::{Actor, Permission};
use crate::changes::ChangeWatch;
use crate::delivery::writer::Receipt;
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::feeds::Follower;
use crate::webhooks::WebhookInput;

/// The engine in the hands of somebody.
#[derive(Clone)]
pub struct Acting {
    engine: Arc<Engine>,
    actor: Arc<Actor>,
}

impl Engine {
    /// The use cases for `actor`.
    pub fn acting(self: &Arc<Self>, actor: Arc<Actor>) -> Acting {
        Acting { engine: Arc::clone(self), actor }
    }
}

/// Use cases on a program: what each needs, and its arguments behind the program's id.
macro_rules! on_program {
    ($($(#[$doc:meta])* $permission:ident $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        impl Acting {
            $(
                $(#[$doc])*
                pub async fn $name(&self, program: &ProgramId, $($argument: $type),*) -> Result<$output, EngineError> {
                    self.must(program, Permission::$permission)?;
                    self.engine.$name(program, $($argument),*).await
                }
            )*
        }
    };
}

on_program! {
    /// See [`Engine::panel`].
    SeeSettings panel() -> Panel;
    /// See [`Engine::history`].
    SeeSettings history(before: Option<i64>) -> History;
    /// See [`Engine::first_steps`].
    SeeSettings first_steps() -> Option<FirstSteps>;
    /// See [`Engine::save_draft`].
    Edit save_draft(seen: Seen, rows: Vec<DraftRow>) -> DraftSaved;
    /// See [`Engine::change_secret`].
    Edit change_secret(row_key: &str, change: SecretChange) -> DraftSaved;
    /// See [`Engine::discard_draft`].
    Edit discard_draft() -> ();
    /// See [`Engine::resolve_conflicts`].
    Edit resolve_conflicts(seen: Seen, side: Side) -> DraftSaved;
    /// See [`Engine::restore`].
    Edit restore(version: i64, draft_version: i64) -> DraftSaved;
    /// See [`Engine::publish`].
    Edit publish(version: i64) -> ();
    /// See [`Engine::enable_row`].
    Edit enable_row(row_key: &str) -> ();
    /// See [`Engine::release_parked`].
    Edit release_parked(row_key: &str) -> i64;
    /// See [`Engine::discard_parked`].
    Edit discard_parked(row_key: &str) -> i64;
    /// See [`Engine::end_old_secret_of_row`].
    Edit end_old_secret_of_row(row_key: &str) -> ();
    /// See [`Engine::end_first_steps`].
    Edit end_first_steps() -> ();
    /// See [`Engine::test_row`].
    Edit test_row(row_key: &str, event: Option<EventKind>) -> TestView;
    /// See [`Engine::test_webhook`].
    Edit test_webhook(id: &WebhookId, event: Option<EventKind>) -> TestView;
    /// See [`Engine::test_result`].
    SeeSettings test_result(test: TestId) -> TestView;
    /// See [`Engine::create_webhook`].
    Edit create_webhook(input: WebhookInput) -> Webhook;
    /// See [`Engine::patch_webhook`].
    Edit patch_webhook(id: &WebhookId, input: WebhookInput) -> Webhook;
    /// See [`Engine::delete_webhook`].
    Edit delete_webhook(id: &WebhookId) -> ();
    /// See [`Engine::end_old_secret`].
    Edit end_old_secret(id: &WebhookId) -> Webhook;
    /// See [`Engine::notices`].
    SeeSettings notices(after: Option<NoticeId>) -> Vec<Notice>;
    /// See [`Engine::submit`].
    Send submit(text: &[u8], idempotency_key: Option<&str>) -> Receipt;
    /// See [`Engine::submit_batch`].
    Send submit_batch(text: &[u8]) -> Vec<Result<Receipt, EngineError>>;
    /// See [`Engine::deliveries`].
    SeeLog deliveries(query: &DeliveryQuery) -> DeliveryPage;
    /// See [`Engine::deliveries_by_id`].
    SeeLog deliveries_by_id(deliveries: &[DeliveryId]) -> Vec<DeliveryView>;
    /// See [`Engine::delivery`].
    SeeLog delivery(id: DeliveryId) -> DeliveryDetail;
    /// See [`Engine::resend`].
    Edit resend(id: DeliveryId) -> DeliveryView;
    /// See [`Engine::count_resends`].
    SeeLog count_resends(selection: &ResendSelection) -> i64;
    /// See [`Engine::begin_resends`].
    Edit begin_resends(selection: &ResendSelection) -> ResendJob;
    /// See [`Engine::resend_jobs`].
    SeeLog resend_jobs() -> Vec<ResendJob>;
    /// See [`Engine::resend_job`].
    SeeLog resend_job(id: ResendJobId) -> ResendJob;
    /// See [`Engine::cancel_resends`].
    Edit cancel_resends(id: ResendJobId) -> ResendJob;
    /// See [`Engine::inbox`].
    SeeLog inbox() -> Inbox;
    /// See [`Engine::inbox_request`].
    SeeLog inbox_request(id: InboxRequestId) -> InboxRequestDetail;
    /// See [`Engine::clear_inbox`].
    Edit clear_inbox() -> ();
    /// See [`Engine::replace_inbox_address`].
    Edit replace_inbox_address() -> String;
    /// See [`Engine::add_inbox_webhook`].
    Edit add_inbox_webhook() -> String;
}

impl Acting {
    /// Who it is.
    pub const fn actor(&self) -> &Arc<Actor> {
        &self.actor
    }

    /// See [`Engine::webhooks`].
    pub fn webhooks(&self, program: &ProgramId) -> Result<Vec<Webhook>, EngineError> {
        self.must(program, Permission::SeeSettings)?;
        self.engine.webhooks(program)
    }

    /// See [`Engine::watch`].
    pub fn watch(&self, program: &ProgramId) -> Result<ChangeWatch, EngineError> {
        self.must(program, Permission::SeeSettings)?;
        self.engine.watch(program)
    }

    /// See [`Engine::watch_all`]. It says that something changed, and not where.
    pub fn watch_all(&self) -> ChangeWatch {
        self.engine.watch_all()
    }

    /// See [`Engine::follow`].
    pub fn follow(
        &self,
        program: &ProgramId,
        after: Option<EventId>,
        kinds: Vec<EventKind>,
    ) -> Result<Follower, EngineError> {
        self.must(program, Permission::SeeLog)?;
        self.engine.follow(program, after, kinds)
    }

    /// A new secret; nothing is kept.
    pub fn generate_secret(&self) -> String {
        self.engine.generate_secret().expose().to_owned()
    }

    /// Fails when the actor may not do this with the program, or there is no such program.
    pub fn must(
        &self,
        program: &ProgramId,
        permission: Permission,
    ) -> Result<Arc<ProgramEntry>, EngineError> {
        let entry = self.engine.program_entry(program)?;
        self.actor.check(permission, &entry.record)?;
        Ok(entry)
    }
}
