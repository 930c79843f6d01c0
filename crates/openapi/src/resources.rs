//! The calls, by what they are about.

mod access;
mod deliveries;
mod editor_links;
mod events;
mod inbox;
mod incidents;
mod privacy;
mod programs;
mod recipients;
mod server;
mod teams;
mod webhooks;

use serde_json::{Value, json};

use crate::operation::Operation;

/// Every call, in the order in which they are shown.
pub fn operations() -> impl Iterator<Item = Operation> {
    programs::operations()
        .into_iter()
        .chain(webhooks::operations())
        .chain(recipients::operations())
        .chain(editor_links::operations())
        .chain(events::operations())
        .chain(deliveries::operations())
        .chain(inbox::operations())
        .chain(access::operations())
        .chain(privacy::operations())
        .chain(teams::operations())
        .chain(incidents::operations())
        .chain(server::operations())
}

/// The groups, in the same order.
pub fn tags() -> Value {
    json!([
        { "name": programs::TAG, "description": "Referral and affiliate programs." },
        { "name": webhooks::TAG, "description": "Where a program's events are sent. Changes are live at once." },
        { "name": events::TAG, "description": "What happens in a program." },
        { "name": deliveries::TAG, "description": "What became of each event, and sending it again." },
        { "name": inbox::TAG, "description": "A program's built-in receiver, for first steps." },
        { "name": access::TAG, "description": "Who may call. For keys with the scope `admin`." },
        { "name": privacy::TAG, "description": "Who did what, and erasing a participant's data. For keys with the scope `admin`." },
        { "name": teams::TAG, "description": "Who works on which programs. For the admin key, and for a team's own keys with \
            the scope `admin`." },
        { "name": incidents::TAG, "description": "Incidents and maintenance, as the status page shows them." },
        { "name": server::TAG, "description": "The server itself; no key is needed." },
        { "name": "Your webhooks", "description": "What your receivers get." },
    ])
}
