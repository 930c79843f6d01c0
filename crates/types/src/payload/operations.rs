//! The data of operational events: what a team is told about its webhooks and its people.

use super::payload;
use super::referral::{CAMPAIGN, Campaign};
use crate::schema::Kind;

/// What can be noticed about a webhook: the notices' kinds, and deliveries that were given up.
const NOTICES: &[&str] = &[
    "failing",
    "still_failing",
    "auto_disabled",
    "gone",
    "undeliverable",
    "parked_expiring",
    "secret_replaced",
];

payload! {
    /// A webhook that something was noticed about.
    NoticedWebhook, NOTICED_WEBHOOK {
        /// The webhook's id, `wh_…`.
        id: String = "id", Kind::Id, required;
        /// Its name, or the host in its URL: what else is in a URL may be secret.
        label: String = "label", Kind::Text, expected;
    }
}

payload! {
    /// The data of the events about a webhook.
    WebhookNotice, WEBHOOK_NOTICE {
        /// What was noticed.
        notice: String = "notice", Kind::OneOf(NOTICES), expected;
        /// The webhook.
        webhook: NoticedWebhook = "webhook", Kind::Object(&NOTICED_WEBHOOK), required;
        /// Its program.
        campaign: Campaign = "campaign", Kind::Object(&CAMPAIGN), expected;
        /// Since when it has been so, in Unix milliseconds.
        since: i64 = "since", Kind::Timestamp, expected;
        /// How many deliveries it is about, where it is about deliveries.
        count: i64 = "count", Kind::Integer, nullable;
    }
}

payload! {
    /// Somebody of the team.
    TeamMember, TEAM_MEMBER {
        /// Their id, `usr_…`.
        id: String = "id", Kind::Id, required;
        /// Their name.
        name: String = "name", Kind::Text, expected;
        /// Their e-mail address.
        email: String = "email", Kind::Text, nullable;
    }
}

payload! {
    /// The data of `NEW_SIGN_IN`.
    NewSignIn, NEW_SIGN_IN {
        /// Who has signed in.
        user: TeamMember = "user", Kind::Object(&TEAM_MEMBER), required;
        /// The address they came from; only the team that they joined first is told.
        address: String = "address", Kind::Text, nullable;
        /// What their browser calls itself; only the team that they joined first is told.
        user_agent: String = "userAgent", Kind::Text, nullable;
    }
}
