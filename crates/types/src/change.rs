//! What open pages are told: which kind of thing changed, not how it is now.

use crate::words::words;

words! {
    /// Something about a program that pages show. Whoever is told reads it anew.
    Change {
        /// Its name or status; also that there is one more.
        Program = "program",
        /// Its live webhooks: their settings, whether they are on, whether they fail.
        Webhooks = "webhooks",
        /// The draft of its webhooks.
        Draft = "draft",
        /// Its deliveries: accepted, begun, ended, moved; and tests.
        Deliveries = "deliveries",
        /// What its inbox received.
        Inbox = "inbox",
    }
}
