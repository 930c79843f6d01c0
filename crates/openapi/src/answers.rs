//! Answers that the server puts together from several types, or that have none in `groundswell-types`.

use groundswell_types::editor::DeliveryPage;
use groundswell_types::{
    ApiError, ApiKey, AuditEntry, AuditId, DeliveryDetail, DeliveryView, Erasure, EventId, Inbox,
    InboxRequestDetail, Incident, IncidentId, Invitation, Member, Notice, Program, Recipient, RejectedEvent,
    ResendJob, Team, UserId, Webhook, WebhookId, WebhookTestResponse,
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

macro_rules! answers {
    ($($(#[$doc:meta])+ $name:ident { $($(#[$field_doc:meta])+ $field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$doc])+
            #[derive(Serialize, JsonSchema)]
            #[serde(rename_all = "camelCase")]
            struct $name {
                $($(#[$field_doc])+ $field: $type,)+
            }
        )+
    };
}

answers! {
    /// The server's programs.
    ProgramList {
        /// Newest first.
        campaigns: Vec<Program>,
    }
    /// A program's webhooks.
    WebhookList {
        /// Oldest first.
        webhooks: Vec<Webhook>,
    }
    /// A webhook that is no more.
    WebhookDeleted {
        /// The id it had.
        id: WebhookId,
        /// Always true.
        success: bool,
    }
    /// An event that is stored and will be delivered.
    EventAccepted {
        /// The event's id, the `webhook-id` of every request that carries it.
        id: EventId,
        /// How many webhooks it goes to.
        deliveries: i64,
        /// Whether it was accepted before, with the same idempotency key; then nothing was stored anew.
        duplicate: bool,
    }
    /// What a webhook's owner is to be told.
    NoticeList {
        /// Oldest first, at most 100.
        notices: Vec<Notice>,
    }
    /// Events that were emitted in SQL and cannot be accepted.
    RejectedEventList {
        /// Newest first, at most 100.
        rejected_events: Vec<RejectedEvent>,
    }
    /// Who was named to get e-mail about a webhook.
    RecipientList {
        /// By when they were named.
        recipients: Vec<Recipient>,
    }
    /// Somebody who gets no more e-mail about a webhook.
    RecipientRemoved {
        /// The id they had.
        id: String,
        /// Always true.
        success: bool,
    }
    /// Where an inbox can be reached from now on.
    InboxAddress {
        /// What is put into a webhook.
        url: String,
    }
    /// An inbox that is empty.
    InboxCleared {
        /// Always true.
        success: bool,
    }
    /// What a selection matches.
    ResendCount {
        /// How many deliveries would be sent again.
        total: i64,
    }
    /// A program's resend jobs.
    ResendJobList {
        /// Newest first, at most 50.
        resends: Vec<ResendJob>,
    }
    /// A program's erasures.
    ErasureList {
        /// Newest first, at most 50.
        erasures: Vec<Erasure>,
    }
    /// A page of the audit log.
    AuditPage {
        /// Newest first.
        entries: Vec<AuditEntry>,
        /// To ask for the next page with; null when there is none.
        next_id: Option<AuditId>,
    }
    /// A key that is no more.
    ApiKeyDeleted {
        /// The id it had.
        id: String,
        /// Always true.
        success: bool,
    }
    /// A link to the webhook settings of a program, for somebody of another product.
    EditorLink {
        /// Ends it, or the session it has become.
        id: String,
        /// Opens the settings, once.
        url: String,
        /// Until when it can be used, in Unix milliseconds.
        expires_at: i64,
    }
    /// An editor link that opens nothing any more.
    EditorLinkEnded {
        /// The id it had.
        id: String,
        /// Always true.
        success: bool,
    }
    /// Teams.
    TeamList {
        /// Oldest first.
        teams: Vec<Team>,
    }
    /// Who is in a team.
    MemberList {
        /// By the time they came.
        members: Vec<Member>,
    }
    /// Somebody who is in the team no more.
    MemberRemoved {
        /// Their id.
        id: UserId,
        /// Always true.
        success: bool,
    }
    /// Who was invited into a team, and has not come yet.
    InvitationList {
        /// Oldest first.
        invitations: Vec<Invitation>,
    }
    /// An invitation that is no more.
    InvitationTakenBack {
        /// The id it had.
        id: String,
        /// Always true.
        success: bool,
    }
    /// A page of incidents.
    IncidentList {
        /// Newest first.
        incidents: Vec<Incident>,
        /// To ask for the next page with; null when there is none.
        next_id: Option<IncidentId>,
    }
    /// A page of maintenance.
    MaintenanceList {
        /// Newest first.
        maintenances: Vec<Incident>,
        /// To ask for the next page with; null when there is none.
        next_id: Option<IncidentId>,
    }
    /// An incident or a maintenance that is no more.
    IncidentDeleted {
        /// The id it had.
        id: IncidentId,
        /// Always true.
        success: bool,
    }
    /// A one-time link to the Program Editor.
    SignInLink {
        /// Signs whoever opens it in, once.
        url: String,
        /// Until when it can be used, in Unix milliseconds.
        expires_at: i64,
    }
}

/// A new invitation. This is the only answer that has its link.
#[derive(Serialize, JsonSchema)]
struct NewInvitation {
    /// The invitation as it is shown from now on.
    #[serde(flatten)]
    shown: Invitation,
    /// The link that accepts it, once. Send it to whoever is invited.
    url: String,
}

/// A new API key. This is the only answer that has its text.
#[derive(Serialize, JsonSchema)]
struct NewApiKey {
    /// The key as it is shown from now on.
    #[serde(flatten)]
    shown: ApiKey,
    /// The key's text, for `Authorization: Bearer`. Keep it: nobody can show it again.
    key: String,
}

/// All API keys.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ApiKeyList {
    /// Oldest first.
    api_keys: Vec<ApiKey>,
}

/// Adds everything that answers refer to.
pub fn add_schemas(generator: &mut SchemaGenerator) {
    macro_rules! add {
        ($($type:ty)+) => {
            $(let _ = generator.subschema_for::<$type>();)+
        };
    }
    add! {
        ApiError ProgramList Webhook WebhookList WebhookDeleted WebhookTestResponse EventAccepted NoticeList RejectedEventList Recipient RecipientList RecipientRemoved Inbox
        InboxRequestDetail InboxAddress InboxCleared DeliveryPage DeliveryView DeliveryDetail ResendCount ResendJob
        ResendJobList Erasure ErasureList AuditEntry AuditPage ApiKeyList NewApiKey ApiKeyDeleted SignInLink EditorLink EditorLinkEnded Team TeamList Member
        Incident IncidentList MaintenanceList IncidentDeleted MemberList MemberRemoved InvitationList NewInvitation InvitationTakenBack
    }
}
