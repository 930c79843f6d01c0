//! All pages, in the order in which somebody who reads all of them would.

mod api;
mod cli;
mod configuration;
mod delivery;
mod embedding;
mod events;
mod examples;
mod installing;
mod receivers;
mod security;

use crate::page::{About, Group, Page};
use crate::settings::Settings;

const GETTING_STARTED: About = About {
    name: "getting-started",
    title: "Getting started",
    description: "Add a webhook, test it, publish it, and send a first event.",
    group: Group::Guides,
};

const EMIT: About = About {
    name: "emit",
    title: "Emit in SQL",
    description: "Events as part of your own transaction, where your tables are in Groundswell's PostgreSQL.",
    group: Group::Guides,
};

const SIGN_IN: About = About {
    name: "sign-in",
    title: "Sign in with your provider",
    description: "Let people sign in through an OpenID Connect provider: the settings, who gets in, what it must offer.",
    group: Group::Guides,
};

const MONITORING: About = About {
    name: "monitoring",
    title: "Monitoring",
    description: "Metrics, alerts, a dashboard, traces and the log, for whoever runs the server.",
    group: Group::Guides,
};

const OPERATING: About = About {
    name: "operating",
    title: "Backup, restore, upgrade",
    description: "Save the database and bring it back, to a point in time as well; upgrade, and go back.",
    group: Group::Guides,
};

const SCALING: About = About {
    name: "scaling",
    title: "Several servers",
    description: "More servers on one PostgreSQL: how they share the work, and what happens when one is gone.",
    group: Group::Guides,
};

const STATUS: About = About {
    name: "status",
    title: "System Status",
    description: "How this server is, for people and programs: incidents, maintenance, feeds and a badge.",
    group: Group::Guides,
};

/// All pages of a server with these settings.
pub fn all(settings: &Settings) -> Vec<Page> {
    let page = |about: About, text: &str| Page::new(about, addressed(text, settings));
    vec![
        page(GETTING_STARTED, include_str!("../text/getting-started.md")),
        page(installing::ABOUT, &installing::text()),
        page(security::ABOUT, &security::text()),
        page(embedding::ABOUT, &embedding::text()),
        page(SIGN_IN, include_str!("../text/sign-in.md")),
        page(EMIT, include_str!("../text/emit.md")),
        page(examples::ABOUT, &examples::text()),
        page(MONITORING, include_str!("../text/monitoring.md")),
        page(OPERATING, include_str!("../text/operating.md")),
        page(SCALING, include_str!("../text/scaling.md")),
        page(delivery::ABOUT, &delivery::text(&settings.delivery)),
        page(STATUS, include_str!("../text/status.md")),
        page(events::ABOUT, &events::text()),
        page(api::ABOUT, &api::text(&settings.public_url)),
        page(cli::ABOUT, &cli::text(&settings.command)),
        page(configuration::ABOUT, &configuration::text(&settings.configuration)),
    ]
}

/// Puts the server's own address where the texts have `{{server}}`.
fn addressed(text: &str, settings: &Settings) -> String {
    text.replace("{{server}}", &settings.public_url)
}
