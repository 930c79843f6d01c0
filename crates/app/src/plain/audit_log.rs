//! `/settings/audit-log`: who did what, when, from where. Filters are in the URL, and the exports have the same.

use groundswell_types::{AuditAction, AuditActor, AuditActorKind, AuditEntry, AuditOutcome, ProgramId};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::audit_query::AuditQuery;
use crate::backend::Backend;
use crate::backend::audit::AuditPage;
use crate::backend::telling::Operations;
use crate::components::{Icon, Shape, Time};
use crate::failure::Failure;
use crate::texts::{Texts, texts};
use crate::time;

/// What the page shows.
#[derive(Clone)]
pub struct Shown {
    /// What was asked for; none when that cannot be read.
    query: Option<AuditQuery>,
    page: AuditPage,
    /// Ids and names.
    programs: Vec<(ProgramId, String)>,
}

impl Shown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, query: &str) -> Result<Self, Failure> {
        let query = AuditQuery::parse(query).ok();
        // Asked for even then, so that nobody learns by a wrong filter that there is a page.
        let page = backend.audit_log(query.clone().unwrap_or_default()).await?;
        let page = if query.is_some() { page } else { AuditPage::default() };
        let programs = backend.programs().await?.into_iter().map(|one| (one.program.id, one.program.name));
        let mut programs: Vec<(ProgramId, String)> = programs.collect();
        if let Operations::There(id) = backend.operations().await? {
            programs.push((id, texts().notify_operations().to_owned()));
        }
        Ok(Self { query, page, programs })
    }
}

/// The page.
pub(super) fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { query, page: AuditPage { entries, next_id }, programs } = shown;
    let notice = query.is_none().then(|| {
        view! { <div class="notice" data-tone="warn" role="alert"><Icon shape=Shape::Warning/><p>{texts.audit_wrong_filter()}</p></div> }
    });
    let query = query.unwrap_or_default();
    let first = AuditQuery { next_id: None, ..query.clone() };
    let is_filtered = first != AuditQuery::default();
    let list = if entries.is_empty() {
        let (head, text) = if is_filtered || query.next_id.is_some() {
            (texts.audit_none_matches(), texts.audit_none_matches_means())
        } else {
            (texts.audit_none(), texts.audit_what())
        };
        view! { <div class="empty-box"><h2>{head}</h2><p>{text}</p></div> }.into_any()
    } else {
        let items = entries.into_iter().map(|entry| item(texts, entry, &programs)).collect_view();
        view! { <ol class="card audit-log">{items}</ol> }.into_any()
    };
    let link = |query: &AuditQuery, name: &'static str| {
        view! { <a class="button quiet" rel="external" href=address(query)>{name}</a> }
    };
    let newest = query.next_id.is_some().then(|| link(&first, texts.audit_newest()));
    let older =
        next_id.map(|id| link(&AuditQuery { next_id: Some(id), ..query.clone() }, texts.audit_older()));
    let export = |format: &str| {
        let filter = first.to_query();
        let separator = if filter.is_empty() { "" } else { "&" };
        format!("/settings/audit-log/export?{filter}{separator}format={format}")
    };
    view! {
        <Title text=texts.audit_title()/>
        <div class="page">
            <div class="page-head"><h1>{texts.audit_title()}</h1></div>
            <p class="hint">{texts.audit_what()}</p>
            {notice}
            <Filters query=first.clone() programs is_filtered/>
            {list}
            <nav class="audit-more" aria-label=texts.audit_title()>
                {newest} {older}
                <a class="button quiet" rel="external" href=export("csv")>{texts.audit_export_csv()}</a>
                <a class="button quiet" rel="external" href=export("ndjson")>{texts.audit_export_ndjson()}</a>
            </nav>
        </div>
    }
    .into_any()
}

fn address(query: &AuditQuery) -> String {
    let query = query.to_query();
    if query.is_empty() { "/settings/audit-log".to_owned() } else { format!("/settings/audit-log?{query}") }
}

fn item(texts: Texts, entry: AuditEntry, programs: &[(ProgramId, String)]) -> impl IntoView + use<> {
    let AuditEntry { id, at, action, actor, address, campaign_id, target, details, outcome } = entry;
    let program = campaign_id.map(|id| {
        let name = programs
            .iter()
            .find(|(one, _)| *one == id)
            .map_or_else(|| id.to_string(), |(_, name)| name.clone());
        view! { " · " <span>{name}</span> }
    });
    let address = address.map(|address| view! { " " <span>{texts.audit_from_address(&address)}</span> });
    let target = target.map(|target| view! { " " <code>{target}</code> });
    let unclear = (outcome == AuditOutcome::Unclear)
        .then(|| view! { <p class="audit-unclear">{texts.audit_unclear()}</p> });
    let details: Vec<String> = details.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let more = view! {
        <details class="disclosure">
            <summary><Icon shape=Shape::ChevronRight/>{texts.audit_details()}</summary>
            <p class="hint mono">{action.as_str()} " · " {id.to_string()} {(!details.is_empty()).then(|| format!(" · {}", details.join(" · ")))}</p>
        </details>
    };
    view! {
        <li class="audit-entry">
            <p><strong>{action_words(texts, action)}</strong>{target}</p>
            <p class="hint">{actor_words(texts, actor)} {address} {program} " · " <Time at/></p>
            {unclear}
            {more}
        </li>
    }
}

#[component]
fn Filters(query: AuditQuery, programs: Vec<(ProgramId, String)>, is_filtered: bool) -> impl IntoView {
    let texts = texts();
    let filter = query.filter;
    let actions = AuditAction::ALL.iter().map(|action| {
        let is_chosen = filter.action == Some(*action);
        view! { <option value=action.as_str() selected=is_chosen>{action_words(texts, *action)}</option> }
    });
    let programs = programs.into_iter().map(|(id, name)| {
        let is_chosen = filter.campaign_id.as_ref() == Some(&id);
        view! { <option value=id.to_string() selected=is_chosen>{name}</option> }
    });
    let day =
        |at_ms: Option<i64>| at_ms.map(|at_ms| time::machine(at_ms).chars().take(10).collect::<String>());
    let all = is_filtered
        .then(|| view! { <a class="button quiet" rel="external" href="/settings/audit-log">{texts.audit_show_all()}</a> });
    view! {
        <form class="card audit-filters" method="get" action="/settings/audit-log">
            <label class="field">
                <span class="field-label">{texts.audit_filter_action()}</span>
                <select class="select" name="action"><option value="">{texts.audit_everything()}</option>{actions.collect_view()}</select>
            </label>
            <label class="field">
                <span class="field-label">{texts.audit_filter_program()}</span>
                <select class="select" name="campaign"><option value="">{texts.audit_everything()}</option>{programs.collect_view()}</select>
            </label>
            <label class="field">
                <span class="field-label">{texts.audit_filter_actor()}</span>
                <input class="input" name="actor" value=filter.actor title=texts.audit_filter_actor_hint() autocomplete="off" spellcheck="false"/>
            </label>
            <label class="field">
                <span class="field-label">{texts.audit_filter_from()}</span>
                <input class="input" type="date" name="from" value=day(filter.from)/>
            </label>
            <label class="field">
                <span class="field-label">{texts.audit_filter_to()}</span>
                <input class="input" type="date" name="to" value=day(filter.to)/>
            </label>
            <div class="audit-filter-buttons"><button class="button" type="submit">{texts.audit_show()}</button>{all}</div>
        </form>
    }
}

fn actor_words(texts: Texts, actor: AuditActor) -> String {
    match actor.kind {
        AuditActorKind::Operator => texts.audit_operator().to_owned(),
        AuditActorKind::Key => texts.audit_by_key(&actor.name),
        AuditActorKind::Person => actor.name,
        AuditActorKind::Link => texts.audit_by_link(&actor.name),
        AuditActorKind::Unknown => texts.audit_by_unknown().to_owned(),
    }
}

fn action_words(texts: Texts, action: AuditAction) -> &'static str {
    match action {
        AuditAction::SessionBegan => texts.audit_session_began(),
        AuditAction::SessionFailed => texts.audit_session_failed(),
        AuditAction::SessionEnded => texts.audit_session_ended(),
        AuditAction::MemberJoined => texts.audit_member_joined(),
        AuditAction::MemberInvited => texts.audit_member_invited(),
        AuditAction::InvitationRevoked => texts.audit_invitation_revoked(),
        AuditAction::MemberRoleChanged => texts.audit_member_role_changed(),
        AuditAction::MemberRemoved => texts.audit_member_removed(),
        AuditAction::AccountChanged => texts.audit_account_changed(),
        AuditAction::PasswordChanged => texts.audit_password_changed(),
        AuditAction::PasswordRefused => texts.audit_password_refused(),
        AuditAction::TeamCreated => texts.audit_team_created(),
        AuditAction::TeamChanged => texts.audit_team_changed(),
        AuditAction::LinkCreated => texts.audit_link_created(),
        AuditAction::LinkUsed => texts.audit_link_used(),
        AuditAction::KeyCreated => texts.audit_key_created(),
        AuditAction::KeyRevoked => texts.audit_key_revoked(),
        AuditAction::ProgramCreated => texts.audit_program_created(),
        AuditAction::ProgramChanged => texts.audit_program_changed(),
        AuditAction::WebhookCreated => texts.audit_webhook_created(),
        AuditAction::WebhookChanged => texts.audit_webhook_changed(),
        AuditAction::WebhookDeleted => texts.audit_webhook_deleted(),
        AuditAction::WebhookEnabled => texts.audit_webhook_enabled(),
        AuditAction::WebhooksPublished => texts.audit_webhooks_published(),
        AuditAction::DraftDiscarded => texts.audit_draft_discarded(),
        AuditAction::VersionRestored => texts.audit_version_restored(),
        AuditAction::SecretReplaced => texts.audit_secret_replaced(),
        AuditAction::OldSecretEnded => texts.audit_old_secret_ended(),
        AuditAction::TestSent => texts.audit_test_sent(),
        AuditAction::DeliveryResent => texts.audit_delivery_resent(),
        AuditAction::ResendsBegun => texts.audit_resends_begun(),
        AuditAction::ResendsCancelled => texts.audit_resends_cancelled(),
        AuditAction::ParkedReleased => texts.audit_parked_released(),
        AuditAction::ParkedDiscarded => texts.audit_parked_discarded(),
        AuditAction::InboxCleared => texts.audit_inbox_cleared(),
        AuditAction::InboxAddressReplaced => texts.audit_inbox_address_replaced(),
        AuditAction::RecipientAdded => texts.audit_recipient_added(),
        AuditAction::RecipientRemoved => texts.audit_recipient_removed(),
        AuditAction::RecipientConfirmed => texts.audit_recipient_confirmed(),
        AuditAction::RecipientUnsubscribed => texts.audit_recipient_unsubscribed(),
        AuditAction::ErasureBegun => texts.audit_erasure_begun(),
        AuditAction::DataErased => texts.audit_data_erased(),
        AuditAction::AuditExported => texts.audit_audit_exported(),
        AuditAction::VaultRotated => texts.audit_vault_rotated(),
        AuditAction::LogLevelChanged => texts.audit_log_level_changed(),
        AuditAction::IncidentCreated => texts.audit_incident_created(),
        AuditAction::IncidentUpdated => texts.audit_incident_updated(),
        AuditAction::IncidentChanged => texts.audit_incident_changed(),
        AuditAction::IncidentDeleted => texts.audit_incident_deleted(),
        AuditAction::MaintenanceCreated => texts.audit_maintenance_created(),
        AuditAction::MaintenanceUpdated => texts.audit_maintenance_updated(),
        AuditAction::MaintenanceChanged => texts.audit_maintenance_changed(),
        AuditAction::MaintenanceDeleted => texts.audit_maintenance_deleted(),
    }
}
