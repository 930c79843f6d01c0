//! The audit log: who did what, when, from where, to which program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{AuditId, ProgramId};
use crate::words::words;

words! {
    /// What somebody did. The names never change: exports and alarms of others are made from them.
    AuditAction {
        /// Somebody signed in.
        SessionBegan = "session.began",
        /// Somebody could not sign in.
        SessionFailed = "session.failed",
        /// Somebody signed out, or a session of theirs was ended.
        SessionEnded = "session.ended",
        /// Somebody came into the team by an invitation.
        MemberJoined = "member.joined",
        /// Somebody was invited into the team.
        MemberInvited = "member.invited",
        /// An invitation was withdrawn.
        InvitationRevoked = "invitation.revoked",
        /// Somebody's role was changed.
        MemberRoleChanged = "member.role_changed",
        /// Somebody was removed from the team, or left it.
        MemberRemoved = "member.removed",
        /// Somebody changed their own name, e-mail address or password.
        AccountChanged = "account.changed",
        /// Somebody's password was changed.
        PasswordChanged = "password.changed",
        /// Somebody who is signed in gave a wrong present password when they were to change how they sign in.
        PasswordRefused = "password.refused",
        /// A team was made.
        TeamCreated = "team.created",
        /// A team's name was changed.
        TeamChanged = "team.changed",
        /// A one-time link was made: to sign in, or to a program's editor.
        LinkCreated = "link.created",
        /// A one-time link was used.
        LinkUsed = "link.used",
        /// An API key was made.
        KeyCreated = "key.created",
        /// An API key was revoked.
        KeyRevoked = "key.revoked",
        /// A program was made.
        ProgramCreated = "program.created",
        /// A program's name, status or settings were changed.
        ProgramChanged = "program.changed",
        /// A webhook was made.
        WebhookCreated = "webhook.created",
        /// A webhook was changed.
        WebhookChanged = "webhook.changed",
        /// A webhook was deleted.
        WebhookDeleted = "webhook.deleted",
        /// A webhook was enabled.
        WebhookEnabled = "webhook.enabled",
        /// A draft became the program's live webhooks.
        WebhooksPublished = "webhooks.published",
        /// A draft was thrown away.
        DraftDiscarded = "draft.discarded",
        /// An earlier version was made a draft again.
        VersionRestored = "version.restored",
        /// A webhook's secret was replaced or removed, perhaps in a draft.
        SecretReplaced = "secret.replaced",
        /// The secret before the present one was ended before its time.
        OldSecretEnded = "secret.old_ended",
        /// A test was sent to a webhook.
        TestSent = "test.sent",
        /// A delivery was sent again.
        DeliveryResent = "delivery.resent",
        /// Many deliveries began to be sent again.
        ResendsBegun = "resends.begun",
        /// The sending again of many deliveries was stopped.
        ResendsCancelled = "resends.cancelled",
        /// What was parked was sent.
        ParkedReleased = "parked.released",
        /// What was parked was discarded.
        ParkedDiscarded = "parked.discarded",
        /// What an inbox had got was removed.
        InboxCleared = "inbox.cleared",
        /// An inbox got another address.
        InboxAddressReplaced = "inbox.address_replaced",
        /// Somebody was named to get e-mail about a webhook.
        RecipientAdded = "recipient.added",
        /// Somebody is no longer named to get e-mail about a webhook.
        RecipientRemoved = "recipient.removed",
        /// Somebody began to want e-mail about a webhook, by the link in a letter.
        RecipientConfirmed = "recipient.confirmed",
        /// Somebody wants no e-mail about a webhook any more, by the link in a letter.
        RecipientUnsubscribed = "recipient.unsubscribed",
        /// The erasing of a participant's data began.
        ErasureBegun = "erasure.begun",
        /// A participant's data was erased.
        DataErased = "data.erased",
        /// The audit log was exported.
        AuditExported = "audit.exported",
        /// The keys that secrets are encrypted under were changed.
        VaultRotated = "vault.rotated",
        /// What the server logs was changed.
        LogLevelChanged = "log.level_changed",
        /// An incident was reported.
        IncidentCreated = "incident.created",
        /// Something new was said of an incident, or it was resolved.
        IncidentUpdated = "incident.updated",
        /// An incident's name, impact or components were changed.
        IncidentChanged = "incident.changed",
        /// An incident was taken off the status page.
        IncidentDeleted = "incident.deleted",
        /// Maintenance was announced.
        MaintenanceCreated = "maintenance.created",
        /// Something new was said of maintenance, or it was begun or ended by hand.
        MaintenanceUpdated = "maintenance.updated",
        /// A maintenance's name, times or components were changed.
        MaintenanceChanged = "maintenance.changed",
        /// A maintenance was taken off the status page.
        MaintenanceDeleted = "maintenance.deleted",
    }
}

words! {
    /// What kind of somebody it was.
    AuditActorKind {
        /// The holder of the admin key from the configuration.
        Operator = "operator",
        /// The holder of an API key.
        Key = "key",
        /// Somebody who is signed in.
        Person = "person",
        /// Somebody in an embedded editor, come by a link.
        Link = "link",
        /// Somebody who has not said who they are, or whom nobody knows.
        Unknown = "unknown",
    }
}

words! {
    /// What came of it.
    AuditOutcome {
        /// It was done.
        Done = "done",
        /// It was begun; whether it was done is not known, because the server stopped or the database failed meanwhile.
        Unclear = "unclear",
    }
}

/// Who did something, as they were called at the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuditActor {
    /// What kind of somebody.
    pub kind: AuditActorKind,
    /// The id of the person or the API key.
    pub id: Option<String>,
    /// Their name.
    pub name: String,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its id; later entries have higher ones.
    pub id: AuditId,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What.
    pub action: AuditAction,
    /// Who.
    pub actor: AuditActor,
    /// The address they came from, if they came from anywhere.
    pub address: Option<String>,
    /// The program it was done to.
    pub campaign_id: Option<ProgramId>,
    /// The id of what it was done to within the program or the team.
    pub target: Option<String>,
    /// What else is worth knowing: ids, numbers, and the addresses of people who were named to get e-mail. No secrets.
    pub details: BTreeMap<String, String>,
    /// Whether it was done.
    pub outcome: AuditOutcome,
}

/// Which entries of the audit log are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditFilter {
    /// Only this action.
    pub action: Option<AuditAction>,
    /// Only what this person or API key did: their id, or `operator`.
    pub actor: Option<String>,
    /// Only what was done to this program.
    pub campaign_id: Option<ProgramId>,
    /// Only from this time on, in Unix milliseconds.
    pub from: Option<i64>,
    /// Only before this time, in Unix milliseconds.
    pub to: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_reads_back() {
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::parse(action.as_str()), Some(*action));
        }
    }
}
