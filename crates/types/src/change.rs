//! What open pages are told: which kind of thing changed, not how it is now.

use serde::{Deserialize, Serialize};

/// Something about a program that pages show. Whoever is told reads it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Its name or status; also that there is one more.
    Program,
    /// Its live webhooks: their settings, whether they are on, whether they fail.
    Webhooks,
    /// The draft of its webhooks.
    Draft,
    /// Its deliveries: accepted, begun, ended, moved; and tests.
    Deliveries,
    /// What its inbox received.
    Inbox,
}

impl Change {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Program, Self::Webhooks, Self::Draft, Self::Deliveries, Self::Inbox];
}
