//! That the use case of every action of the audit log records it, once. An action without a row here fails.

use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::Engine;
use groundswell_engine::EngineParts;
use groundswell_engine::access::{Actor, Begun, Came, NewEditorLink, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::people::sign_in::Credentials;
use groundswell_engine::programs::ProgramPatch;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::sqlite::Sqlite;
use groundswell_engine::store::{
    AuditRecord, AuditSearch, AuditStore, MembershipRecord, PeopleStore as _, Store as _, UserRecord,
};
use groundswell_engine::telling::Wish;
use groundswell_engine::webhooks::{SecretInput, WebhookInput};
use groundswell_types::editor::{DeliveryQuery, DraftRow};
use groundswell_types::{
    AuditAction, AuditOutcome, DeliveryId, DeliveryState, Email, IncidentChange, NewApiKey, NewIncident,
    NewInvitation, NewPerson, ProgramId, ResendSelection, Role, Scopes, Secret, SecretOverlap, SignInChange,
    Subject, SubjectKind, TeamId, UserId, WebhookId,
};

use super::{BEGAN_MS, program, webhook};
use crate::incidents::{of, outage, said, work};
use crate::telling::Office;

pub const EMAIL: &str = "ada@example.com";
pub const PASSWORD: &str = "a password of many letters";
const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;

/// A program with a webhook that leads to its inbox, made without anything in the log.
pub struct World {
    pub store: Arc<Memory>,
    pub engine: Arc<Engine>,
    pub operator: Acting,
    pub office: Arc<Office>,
    pub program: ProgramId,
    pub webhook: WebhookId,
    /// The webhook's row in the panel.
    pub row: DraftRow,
}

impl World {
    pub async fn new() -> Self {
        let store = Arc::new(Memory::new());
        let public_url = "http://127.0.0.1:1".parse().ok();
        let config = EngineConfig { public_url, ..EngineConfig::default() };
        let clock = Clock::manual(BEGAN_MS);
        let engine = Engine::start(EngineParts { store: Arc::clone(&store) as _, config, clock });
        let engine = engine.await.expect("starts");
        let office = Arc::new(Office::default());
        engine.begin_telling(Some(Arc::clone(&office) as _));
        let operator = engine.acting(Arc::new(Actor { who: Who::Operator, address: None }));
        let program = engine.create_program(program()).await.expect("created").id;
        let url = engine.inbox(&program).await.expect("an inbox").url;
        let secret = Secret::parse("the first secret").expect("valid");
        let input = WebhookInput {
            payload_url: Some(url),
            is_enabled: Some(true),
            secret: Some(SecretInput::Set(secret, SecretOverlap::None)),
            ..webhook()
        };
        let webhook = engine.create_webhook(&program, input).await.expect("created").id;
        let row = engine.panel(&program).await.expect("reads").rows.remove(0).row;
        Self { store, engine, operator, office, program, webhook, row }
    }

    /// Changes the webhook without a trace.
    pub async fn change(&self, input: WebhookInput) {
        self.engine.patch_webhook(&self.program, &self.webhook, input).await.expect("changed");
    }

    async fn disable(&self) {
        self.change(WebhookInput { is_enabled: Some(false), ..WebhookInput::default() }).await;
    }

    /// Saves a draft; returns its version.
    pub async fn draft(&self) -> i64 {
        let rows = vec![DraftRow { timeout: "20".to_owned(), ..self.row.clone() }];
        self.engine.save_draft(&self.program, 0, rows).await.expect("saved").version
    }

    /// An event's delivery, once it has come into this state.
    async fn delivery(&self, state: DeliveryState) -> DeliveryId {
        self.engine.submit(&self.program, EVENT, None).await.expect("accepted");
        loop {
            let page = self.engine.deliveries(&self.program, &DeliveryQuery::default()).await.expect("reads");
            if let Some(delivery) = page.deliveries.iter().find(|delivery| delivery.state == state) {
                return delivery.id;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The first owner, signed in by a link.
    async fn owner(&self) -> (Begun, Acting) {
        let (token, _) = self.engine.create_sign_in_token(&UserId::first()).await.expect("a link");
        let begun = self.engine.sign_in(&token, Came::default()).await.expect("signs in");
        let person = self.engine.person(&begun.token).await.expect("reads").expect("is signed in");
        (begun, self.engine.acting(Arc::new(Actor { who: Who::Person(Arc::new(person)), address: None })))
    }

    /// The same with a password.
    async fn owner_with_password(&self) -> Acting {
        let (_, owner) = self.owner().await;
        let change = SignInChange { email: EMAIL, new_password: PASSWORD, present_password: "" };
        let begun = owner.change_sign_in(change, Came::default()).await.expect("is set");
        let person = self.engine.person(&begun.token).await.expect("reads").expect("is signed in");
        self.engine.acting(Arc::new(Actor { who: Who::Person(Arc::new(person)), address: None }))
    }

    /// Somebody else in the first team.
    pub async fn viewer(&self) -> UserId {
        let user_id = UserId::parse("usr_bob").expect("an id");
        let user = UserRecord { id: user_id.clone(), email: Email::parse(EMAIL).ok(), ..UserRecord::first() };
        self.store.save_user(&user).await.expect("saves");
        let team_id = TeamId::first();
        let member =
            MembershipRecord { team_id, user_id: user_id.clone(), role: Role::Viewer, since_ms: BEGAN_MS };
        self.store.add_member(&member).await.expect("joins");
        user_id
    }

    /// An invitation's id and token.
    pub async fn invite(&self) -> (String, String) {
        let new = NewInvitation { email: Email::parse(EMAIL).expect("an address"), role: Role::Viewer };
        let (invitation, token) = self.operator.invite(&TeamId::first(), new).await.expect("invites");
        (invitation.id, token)
    }

    async fn key(&self) -> String {
        let new =
            NewApiKey { name: "CI".to_owned(), scopes: Scopes::USUAL, campaign_id: None, rate_limit: None };
        self.operator.create_api_key(new).await.expect("made").view.id
    }

    pub async fn recipient(&self) -> String {
        let email = Email::parse(EMAIL).expect("an address");
        let named = self.operator.add_recipient(&self.program, &self.webhook, (email, "en")).await;
        named.expect("named").id
    }

    /// Somebody who was named to get letters: their id, and the token of the link in the letter that asks them.
    pub async fn asked(&self) -> (String, String) {
        let id = self.recipient().await;
        (id, self.office.wait_for(1).await.remove(0).token.expect("a link"))
    }

    /// The entries of an action, once there is one.
    pub async fn entries(&self, action: AuditAction) -> Vec<AuditRecord> {
        for _ in 0..1_000 {
            let found = entries(&*self.store, action).await;
            if !found.is_empty() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{action} is not recorded");
    }
}

async fn entries(store: &dyn AuditStore, action: AuditAction) -> Vec<AuditRecord> {
    let search = AuditSearch { limit: 100, ..AuditSearch::default() };
    let mut found = store.audit_log(&search).await.expect("reads");
    found.retain(|record| record.action == action);
    found
}

/// Each of these does what an action is about, and says whether it is one of its rows.
async fn accounts(world: &World, action: AuditAction) -> bool {
    let World { engine, operator, program, .. } = world;
    match action {
        AuditAction::SessionBegan => drop(world.owner().await),
        AuditAction::SessionFailed => {
            world.viewer().await;
            let credentials = Credentials { email: EMAIL, password: PASSWORD, device: None };
            engine.sign_in_with_password(credentials, Came::default()).await.expect_err("is wrong");
        }
        AuditAction::SessionEnded => {
            let (begun, _) = world.owner().await;
            engine.sign_out(&begun.token, None).await.expect("ends");
        }
        AuditAction::AccountChanged => {
            world.owner().await.1.rename_account("Ada").await.expect("renamed");
        }
        AuditAction::PasswordChanged => {
            let (begun, owner) = world.owner().await;
            let change = SignInChange { email: EMAIL, new_password: PASSWORD, present_password: "" };
            let came = Came { session: Some(begun.token), ..Came::default() };
            owner.change_sign_in(change, came).await.expect("changed");
        }
        AuditAction::PasswordRefused => {
            world.owner_with_password().await.begin_to_connect_provider("wrong").await.expect_err("is wrong");
        }
        AuditAction::LinkCreated => drop(operator.create_sign_in_link(None).await.expect("made")),
        AuditAction::LinkUsed => {
            let link = operator.create_editor_link(program, NewEditorLink::default()).await.expect("made");
            engine.use_editor_link(&link.token, Came::default()).await.expect("opens");
        }
        AuditAction::KeyCreated => drop(world.key().await),
        AuditAction::KeyRevoked => {
            let id = world.key().await;
            operator.delete_api_key(&id).await.expect("revoked");
        }
        _ => return false,
    }
    true
}

async fn teams(world: &World, action: AuditAction) -> bool {
    let World { engine, operator, .. } = world;
    let team = TeamId::first();
    match action {
        AuditAction::MemberJoined => {
            let (_, token) = world.invite().await;
            let new = NewPerson { name: "Ada", password: PASSWORD };
            engine.accept_as_new(&token, new, Came::default()).await.expect("joins");
        }
        AuditAction::MemberInvited => drop(world.invite().await),
        AuditAction::InvitationRevoked => {
            let (id, _) = world.invite().await;
            operator.take_invitation_back(&team, &id).await.expect("is taken back");
        }
        AuditAction::MemberRoleChanged => {
            let user = world.viewer().await;
            operator.change_role(&team, &user, Role::Editor).await.expect("changed");
        }
        AuditAction::MemberRemoved => {
            let user = world.viewer().await;
            operator.remove_member(&team, &user).await.expect("removed");
        }
        AuditAction::TeamCreated => drop(operator.create_team("Others").await.expect("created")),
        AuditAction::TeamChanged => drop(operator.rename_team(&team, "Others").await.expect("renamed")),
        _ => return false,
    }
    true
}

async fn webhooks(world: &World, action: AuditAction) -> bool {
    let World { operator, program: id, webhook: hook, .. } = world;
    match action {
        AuditAction::ProgramCreated => drop(operator.create_program(program(), None).await.expect("created")),
        AuditAction::ProgramChanged => {
            let patch = ProgramPatch { name: Some("Other".to_owned()), ..ProgramPatch::default() };
            operator.patch_program(id, patch).await.expect("changed");
        }
        AuditAction::WebhookCreated => drop(operator.create_webhook(id, webhook()).await.expect("created")),
        AuditAction::WebhookChanged => {
            operator.patch_webhook(id, hook, webhook()).await.expect("changed");
        }
        AuditAction::WebhookDeleted => operator.delete_webhook(id, hook).await.expect("deleted"),
        AuditAction::SecretReplaced => {
            operator.patch_webhook(id, hook, another_secret()).await.expect("changed");
        }
        AuditAction::OldSecretEnded => {
            world.change(another_secret()).await;
            operator.end_old_secret(id, hook).await.expect("ended");
        }
        AuditAction::RecipientAdded => drop(world.recipient().await),
        AuditAction::RecipientRemoved => {
            let recipient = world.recipient().await;
            operator.remove_recipient(id, hook, &recipient).await.expect("removed");
        }
        AuditAction::RecipientConfirmed | AuditAction::RecipientUnsubscribed => {
            let (_, token) = world.asked().await;
            let wish = if action == AuditAction::RecipientConfirmed { Wish::These } else { Wish::NotThese };
            world.engine.subscribe(&token, wish, None).await.expect("taken");
        }
        _ => return false,
    }
    true
}

pub fn another_secret() -> WebhookInput {
    let secret = Secret::parse("another secret").expect("valid");
    let secret = Some(SecretInput::Set(secret, SecretOverlap::Day));
    WebhookInput { secret, ..WebhookInput::default() }
}

async fn drafts(world: &World, action: AuditAction) -> bool {
    let World { engine, operator, program, row, .. } = world;
    match action {
        AuditAction::WebhookEnabled => {
            world.disable().await;
            operator.enable_row(program, &row.key).await.expect("enabled");
        }
        AuditAction::WebhooksPublished => {
            let version = world.draft().await;
            operator.publish(program, version).await.expect("published");
        }
        AuditAction::DraftDiscarded => {
            world.draft().await;
            operator.discard_draft(program).await.expect("discarded");
        }
        AuditAction::VersionRestored => {
            let version = engine.history(program, None).await.expect("reads").versions[0].version;
            world.disable().await;
            operator.restore(program, version, 0).await.expect("restored");
        }
        AuditAction::ParkedReleased => {
            world.disable().await;
            world.delivery(DeliveryState::Parked).await;
            engine.enable_row(program, &row.key).await.expect("enabled");
            operator.release_parked(program, &row.key).await.expect("released");
        }
        AuditAction::ParkedDiscarded => {
            world.disable().await;
            world.delivery(DeliveryState::Parked).await;
            operator.discard_parked(program, &row.key).await.expect("discarded");
        }
        _ => return false,
    }
    true
}

async fn deliveries(world: &World, action: AuditAction) -> bool {
    let World { engine, operator, program, webhook, .. } = world;
    let subject = || Subject::parse(SubjectKind::ParticipantId, "p1").expect("is one");
    match action {
        AuditAction::TestSent => {
            operator.test_webhook(program, webhook, None).await.expect("sent");
        }
        AuditAction::DeliveryResent => {
            let id = world.delivery(DeliveryState::Delivered).await;
            operator.resend(program, id).await.expect("sent again");
        }
        AuditAction::ResendsBegun => {
            operator.begin_resends(program, &ResendSelection::default()).await.expect("begun");
        }
        AuditAction::ResendsCancelled => {
            let job = engine.begin_resends(program, &ResendSelection::default()).await.expect("begun");
            operator.cancel_resends(program, job.id).await.expect("stopped");
        }
        AuditAction::InboxCleared => operator.clear_inbox(program).await.expect("cleared"),
        AuditAction::InboxAddressReplaced => {
            operator.replace_inbox_address(program).await.expect("replaced");
        }
        AuditAction::ErasureBegun | AuditAction::DataErased => {
            operator.begin_erasure(program, subject()).await.expect("begun");
        }
        AuditAction::AuditExported => operator.record_audit_export("csv").await.expect("recorded"),
        _ => return false,
    }
    true
}

/// What those who run the server do.
async fn operations(world: &World, action: AuditAction) -> bool {
    let operator = &world.operator;
    let announced = work(BEGAN_MS + 1_000, BEGAN_MS + 2_000);
    let report = async |new: NewIncident| of(&operator.create_incident(new).await.expect("is said"));
    let renamed = || IncidentChange { name: Some("Other".to_owned()), ..IncidentChange::default() };
    match action {
        AuditAction::LogLevelChanged => {
            operator.change_log_level("info", || Ok(())).await.expect("changed");
        }
        AuditAction::IncidentCreated => drop(report(outage()).await),
        AuditAction::MaintenanceCreated => drop(report(announced).await),
        AuditAction::IncidentUpdated | AuditAction::MaintenanceUpdated => {
            let new = if action == AuditAction::IncidentUpdated { outage() } else { announced };
            operator.update_incident(report(new).await, said(None, "More.")).await.expect("is said");
        }
        AuditAction::IncidentChanged | AuditAction::MaintenanceChanged => {
            let new = if action == AuditAction::IncidentChanged { outage() } else { announced };
            operator.change_incident(report(new).await, renamed()).await.expect("changed");
        }
        AuditAction::IncidentDeleted | AuditAction::MaintenanceDeleted => {
            let new = if action == AuditAction::IncidentDeleted { outage() } else { announced };
            operator.delete_incident(report(new).await).await.expect("deleted");
        }
        _ => return false,
    }
    true
}

/// Nothing may run meanwhile, so this is done to a file.
async fn another_key() -> Vec<AuditRecord> {
    let directory = tempfile::TempDir::new().expect("there is a temporary directory");
    let path = directory.path().join("groundswell.db");
    let options = |key| groundswell_engine::store::sqlite::Options::new(BEGAN_MS, crate::store::vault(key));
    Sqlite::open(&path, options(1)).await.expect("opens").close().await;
    Sqlite::rotate(&path, options(1), &crate::store::vault(2)).await.expect("rotates");
    let store = Sqlite::open(&path, options(2)).await.expect("opens");
    let found = entries(&store, AuditAction::VaultRotated).await;
    store.close().await;
    found
}

#[tokio::test]
async fn every_action_is_recorded_once_by_what_it_is_of() {
    for action in AuditAction::ALL.iter().copied() {
        let found = if action == AuditAction::VaultRotated {
            another_key().await
        } else {
            let world = World::new().await;
            let is_known = accounts(&world, action).await
                || teams(&world, action).await
                || webhooks(&world, action).await
                || drafts(&world, action).await
                || deliveries(&world, action).await
                || operations(&world, action).await;
            assert!(is_known, "nothing here does what {action} is about");
            let found = world.entries(action).await;
            world.engine.shut_down().await;
            found
        };
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].outcome, AuditOutcome::Done, "{found:?}");
    }
}
