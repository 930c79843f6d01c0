//! The use cases as somebody may use them: each asks the [`Actor`] first, and then calls the engine's function of the same
//! name. REST and pages call these and nothing else, so what somebody may do cannot depend on how they ask.

mod account;
mod answers;
mod audit;
mod erasures;
mod incidents;
mod keys;
mod links;
mod programs;
mod provider;
mod recipients;
mod team;

use std::sync::Arc;

use groundswell_types::editor::{
    DeliveryPage, DeliveryQuery, DraftRow, DraftSaved, FirstSteps, History, Panel, SecretEdit, Seen, Side,
};
use groundswell_types::{
    AuditAction, DeliveryId, DeliveryView, EventId, EventKind, Inbox, InboxRequestDetail, InboxRequestId,
    Notice, NoticeId, ProgramId, RejectedEvent, ResendJob, ResendJobId, ResendSelection, TeamId, Webhook,
    WebhookId,
};

use crate::access::{Actor, Permission};
use crate::audit::{Deed, Trace};
use crate::changes::ChangeWatch;
use crate::delivery::writer::Receipt;
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::feeds::Follower;
use crate::store::EmittedId;
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

/// Use cases on a program that leave it as it is: what each needs, and its arguments behind the program's id. One that changes
/// something does not compile here.
macro_rules! on_program {
    ($($(#[$doc:meta])* $permission:ident $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        impl Acting {
            $(
                $(#[$doc])*
                pub async fn $name(&self, program: &ProgramId, $($argument: $type),*) -> Result<$output, EngineError> {
                    const { assert!(!Permission::$permission.changes(), "a change names its action in the audit log") };
                    self.must(program, Permission::$permission)?;
                    self.engine.$name(program, $($argument),*).await
                }
            )*
        }
    };
}

/// Use cases that change something: what each is called in the audit log, with what is worth knowing about it.
macro_rules! changes {
    ($($(#[$doc:meta])* as $action:expr, $trace:expr =>
        $permission:ident $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        impl Acting {
            $(
                $(#[$doc])*
                pub async fn $name(&self, program: &ProgramId, $($argument: $type),*) -> Result<$output, EngineError> {
                    let entry = self.must(program, Permission::$permission)?;
                    let deed = Deed {
                        action: $action,
                        teams: vec![entry.record.team_id.clone()],
                        program: Some(program.clone()),
                        trace: $trace,
                    };
                    let work = self.engine.$name(program, $($argument),*);
                    self.engine.recorded(&self.actor, deed, work).await
                }
            )*
        }
    };
}

/// Use cases that change only what nothing is sent by: a draft while it is written, which is saved with every pause in typing,
/// and what a page shows. What becomes of a draft is recorded when it is published.
macro_rules! unrecorded {
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

unrecorded! {
    /// See [`Engine::save_draft`].
    EditWebhooks save_draft(seen: Seen, rows: Vec<DraftRow>) -> DraftSaved;
    /// See [`Engine::end_first_steps`].
    Edit end_first_steps() -> ();
    /// See [`Engine::add_inbox_webhook`].
    Edit add_inbox_webhook() -> String;
}

changes! {
    /// See [`Engine::change_secret`].
    as AuditAction::SecretReplaced, Trace::default().with("row", &edit.row_key) =>
        EditWebhooks change_secret(edit: SecretEdit) -> DraftSaved;
    /// See [`Engine::discard_draft`].
    as AuditAction::DraftDiscarded, Trace::default() => EditWebhooks discard_draft() -> ();
    /// See [`Engine::restore`].
    as AuditAction::VersionRestored, Trace::default().with("version", version) =>
        EditWebhooks restore(version: i64, draft_version: i64) -> DraftSaved;
    /// See [`Engine::publish`].
    as AuditAction::WebhooksPublished, Trace::default().with("draft", version) => EditWebhooks publish(version: i64) -> ();
    /// See [`Engine::enable_row`].
    as AuditAction::WebhookEnabled, Trace::default().with("row", row_key) => EditWebhooks enable_row(row_key: &str) -> ();
    /// See [`Engine::release_parked`].
    as AuditAction::ParkedReleased, Trace::default().with("row", row_key) => EditWebhooks release_parked(row_key: &str) -> i64;
    /// See [`Engine::discard_parked`].
    as AuditAction::ParkedDiscarded, Trace::default().with("row", row_key) =>
        EditWebhooks discard_parked(row_key: &str) -> i64;
    /// See [`Engine::end_old_secret_of_row`].
    as AuditAction::OldSecretEnded, Trace::default().with("row", row_key) =>
        EditWebhooks end_old_secret_of_row(row_key: &str) -> ();
    /// See [`Engine::create_webhook`].
    as AuditAction::WebhookCreated, Trace::default() => EditWebhooks create_webhook(input: WebhookInput) -> Webhook;
    /// See [`Engine::patch_webhook`].
    as input.action(), Trace::of(id).with("changed", input.parts()) =>
        EditWebhooks patch_webhook(id: &WebhookId, input: WebhookInput) -> Webhook;
    /// See [`Engine::delete_webhook`].
    as AuditAction::WebhookDeleted, Trace::of(id) => EditWebhooks delete_webhook(id: &WebhookId) -> ();
    /// See [`Engine::end_old_secret`].
    as AuditAction::OldSecretEnded, Trace::of(id) => EditWebhooks end_old_secret(id: &WebhookId) -> Webhook;
    /// See [`Engine::resend`].
    as AuditAction::DeliveryResent, Trace::of(id) => Edit resend(id: DeliveryId) -> DeliveryView;
    /// See [`Engine::begin_resends`].
    as AuditAction::ResendsBegun, Trace::default() => Edit begin_resends(selection: &ResendSelection) -> ResendJob;
    /// See [`Engine::cancel_resends`].
    as AuditAction::ResendsCancelled, Trace::of(id) => Edit cancel_resends(id: ResendJobId) -> ResendJob;
    /// See [`Engine::clear_inbox`].
    as AuditAction::InboxCleared, Trace::default() => Edit clear_inbox() -> ();
    /// See [`Engine::replace_inbox_address`].
    as AuditAction::InboxAddressReplaced, Trace::default() => Edit replace_inbox_address() -> String;
}

on_program! {
    /// See [`Engine::first_steps`].
    SeeSettings first_steps() -> Option<FirstSteps>;
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
    /// See [`Engine::count_resends`].
    SeeLog count_resends(selection: &ResendSelection) -> i64;
    /// See [`Engine::resend_jobs`].
    SeeLog resend_jobs() -> Vec<ResendJob>;
    /// See [`Engine::resend_job`].
    SeeLog resend_job(id: ResendJobId) -> ResendJob;
    /// See [`Engine::rejected_events`].
    SeeLog rejected_events(before: Option<EmittedId>) -> Vec<RejectedEvent>;
    /// See [`Engine::inbox`].
    SeeLog inbox() -> Inbox;
    /// See [`Engine::inbox_request`].
    SeeLog inbox_request(id: InboxRequestId) -> InboxRequestDetail;
}

impl Acting {
    /// See [`Engine::resolve_conflicts`]. Whoever takes the others' side throws away what the draft had instead.
    pub async fn resolve_conflicts(
        &self,
        program: &ProgramId,
        seen: Seen,
        side: Side,
    ) -> Result<DraftSaved, EngineError> {
        let entry = self.must(program, Permission::EditWebhooks)?;
        let work = self.engine.resolve_conflicts(program, seen, side);
        if side == Side::Mine {
            return work.await;
        }
        let deed = Deed {
            action: AuditAction::DraftDiscarded,
            teams: vec![entry.record.team_id.clone()],
            program: Some(program.clone()),
            trace: Trace::default().with("which", "conflicts"),
        };
        self.engine.recorded(&self.actor, deed, work).await
    }

    /// Who it is.
    pub const fn actor(&self) -> &Arc<Actor> {
        &self.actor
    }

    /// See [`Engine::panel`].
    pub async fn panel(&self, program: &ProgramId) -> Result<Panel, EngineError> {
        self.must(program, Permission::SeeSettings)?;
        Ok(Panel { may_edit: self.may_edit(program), ..self.engine.panel(program).await? })
    }

    /// See [`Engine::history`].
    pub async fn history(&self, program: &ProgramId, before: Option<i64>) -> Result<History, EngineError> {
        self.must(program, Permission::SeeSettings)?;
        Ok(History { may_edit: self.may_edit(program), ..self.engine.history(program, before).await? })
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

    /// Whose a program is.
    pub fn team_of(&self, program: &ProgramId) -> Result<TeamId, EngineError> {
        Ok(self.must(program, Permission::SeeSettings)?.record.team_id.clone())
    }

    /// Watches the programs in the actor's lists together. It says that something changed, and not where.
    pub fn watch_listed(&self) -> Result<ChangeWatch, EngineError> {
        self.engine.watch_listed(&self.actor)
    }

    /// See [`Engine::follow`].
    pub async fn follow(
        &self,
        program: &ProgramId,
        after: Option<EventId>,
        kinds: Vec<EventKind>,
    ) -> Result<Follower, EngineError> {
        self.must(program, Permission::SeeLog)?;
        self.engine.follow(program, after, kinds).await
    }

    /// See [`Engine::all_rejected_events`].
    pub async fn all_rejected_events(
        &self,
        before: Option<EmittedId>,
    ) -> Result<Vec<RejectedEvent>, EngineError> {
        self.actor.check_operator()?;
        self.engine.all_rejected_events(before).await
    }

    /// A new secret; nothing is kept.
    pub fn generate_secret(&self) -> String {
        self.engine.generate_secret().expose().to_owned()
    }

    fn may_edit(&self, program: &ProgramId) -> bool {
        self.must(program, Permission::EditWebhooks).is_ok()
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
