//! `/status`: how the server is and has been. Public, so it has nothing on it that is anybody's, but for whoever is signed in
//! how many of their webhooks do well.

mod bars;
mod days;
pub(super) mod said;

use groundswell_types::{
    Component, ComponentStatus, Downtime, FirstAttempts, Health, Impact, Incident, Waiting, WebhooksByHealth,
};
use leptos::prelude::*;
use leptos_meta::{Link, Title};

use self::bars::{Bars, Legend};
use self::said::{component, percent, status, up_to};
use super::incident;
use crate::components::{Status, Time};
use crate::texts::{Texts, texts};
use crate::time;
use crate::words::Tone;

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusView {
    /// How the server is and has been.
    pub health: Health,
    /// Incidents and maintenance: those that go on, then those of late.
    pub incidents: Vec<Incident>,
    /// The webhooks of whoever is signed in.
    pub own: Option<WebhooksByHealth>,
}

/// The page.
pub fn view(shown: StatusView) -> AnyView {
    let texts = texts();
    let StatusView { health, incidents, own } = shown;
    let worst = worst(&health, &incidents);
    let at = view! { <Time at=health.at/> }.into_any();
    view! {
        <Title text=texts.status_title()/>
        <Link rel="alternate" type_="application/rss+xml" href="/status/history.rss"/>
        <Link rel="alternate" type_="application/atom+xml" href="/status/history.atom"/>
        <div class="page status-page">
            <div class="page-head"><h1>{texts.status_title()}</h1></div>
            <p class="card status-overall" data-tone=said::tone(worst).as_str()>
                <Status tone=said::tone(worst) word=said::overall(texts, worst)/>
                <span class="hint">{texts.status_as_of(at)}</span>
            </p>
            <Incidents incidents/>
            {own.map(|own| view! { <Own own/> })}
            <Components health=health.clone()/>
            <Numbers health=health.clone()/>
            <days::Days histories=health.histories/>
            <section class="status-how" aria-labelledby="status-how">
                <h2 id="status-how">{texts.status_how()}</h2>
                <p>{texts.status_how_measured()}</p>
                <p>{texts.status_how_downtime()}</p>
                <Feeds/>
            </section>
        </div>
    }
    .into_any()
}

/// Of how components are, and of how much incidents matter that go on.
fn worst(health: &Health, incidents: &[Incident]) -> ComponentStatus {
    let running = incidents.iter().filter(|incident| incident.status.is_running());
    let said = running.map(|incident| match incident.impact {
        Impact::None => ComponentStatus::Operational,
        Impact::Maintenance => ComponentStatus::UnderMaintenance,
        Impact::Minor => ComponentStatus::DegradedPerformance,
        Impact::Major => ComponentStatus::PartialOutage,
        Impact::Critical => ComponentStatus::MajorOutage,
    });
    let all = health.components.iter().map(|(_, status)| *status).chain(said);
    all.max_by_key(|status| *status as u8).unwrap_or(ComponentStatus::Operational)
}

#[component]
fn Incidents(incidents: Vec<Incident>) -> impl IntoView {
    let texts = texts();
    (!incidents.is_empty()).then(|| {
        let items = incidents.iter().map(|incident| incident::item(texts, incident)).collect_view();
        view! {
            <section class="incidents" aria-labelledby="status-incidents">
                <h2 id="status-incidents">{texts.status_incidents()}</h2>
                {items}
            </section>
        }
    })
}

/// What else says it: feeds for those who read them.
#[component]
fn Feeds() -> impl IntoView {
    let link =
        |href: &'static str, word: &'static str| view! { <a rel="external" href=href>{word}</a> }.into_any();
    let (rss, atom) = (link("/status/history.rss", "RSS"), link("/status/history.atom", "Atom"));
    view! { <p class="hint">{texts().incidents_feeds(rss, atom)}</p> }
}

/// How many of somebody's webhooks do well.
#[component]
fn Own(own: WebhooksByHealth) -> impl IntoView {
    let texts = texts();
    let WebhooksByHealth { working, failing, auto_disabled, off, unused } = own;
    let counts = [
        (Tone::Error, texts.webhook_auto_disabled(), auto_disabled),
        (Tone::Error, texts.webhook_failing(), failing),
        (Tone::Ok, texts.webhook_working(), working),
        (Tone::Quiet, texts.webhook_nothing_sent(), unused),
        (Tone::Quiet, texts.webhook_off(), off),
    ];
    let items = counts.into_iter().filter(|(_, _, count)| *count > 0).map(|(tone, word, count)| {
        view! { <li><Status tone word/>" "<span class="status-count">{count}</span></li> }
    });
    let content = if own.all() == 0 {
        view! { <p class="hint">{texts.status_own_none()}</p> }.into_any()
    } else {
        view! { <ul class="status-own">{items.collect_view()}</ul> }.into_any()
    };
    view! {
        <section aria-labelledby="status-own">
            <h2 id="status-own">{texts.status_own()}</h2>
            <div class="card status-box">
                {content}
                <p><a href="/" rel="external">{texts.status_own_link()}</a></p>
            </div>
        </section>
    }
}

#[component]
fn Components(health: Health) -> impl IntoView {
    let texts = texts();
    let item = |one: Component| {
        let (name, means) = component(texts, one);
        let (tone, word) = status(texts, health.status_of(one));
        let history = health.histories.iter().find(|history| history.component == one).cloned();
        let uptime = history.as_ref().and_then(groundswell_types::ComponentHistory::uptime);
        let uptime = match uptime {
            Some(share) => texts.status_uptime(&percent(texts, share)),
            None => texts.status_no_data().to_owned(),
        };
        view! {
            <li class="status-component">
                <div class="status-line">
                    <h3>{name}</h3>
                    <Status tone word/>
                </div>
                <p class="hint">{means}</p>
                {history.map(|history| view! { <Bars history name/> })}
                <p class="status-scale hint">
                    <span>{texts.status_days_ago(groundswell_types::HEALTH_DAYS)}</span>
                    <span>{uptime}</span>
                    <span>{texts.status_today()}</span>
                </p>
            </li>
        }
    };
    let items = Component::ALL.iter().map(|one| item(*one)).collect_view();
    view! {
        <section aria-labelledby="status-components">
            <h2 id="status-components">{texts.status_components()}</h2>
            <ul class="card status-components">{items}</ul>
            <Legend/>
        </section>
    }
}

/// How soon deliveries go out, and what waits.
#[component]
fn Numbers(health: Health) -> impl IntoView {
    let texts = texts();
    let language = texts.language();
    let none = || texts.status_no_data().to_owned();
    let first = |pick: fn(&FirstAttempts) -> i64| {
        let took = |first: FirstAttempts| time::took(language, pick(&first).saturating_add(999) / 1000);
        health.first_attempts.map_or_else(none, took)
    };
    let waiting = |Waiting { count, is_exact }: Waiting| {
        if is_exact { language.number(count) } else { up_to(texts, count) }
    };
    let downtime = match health.last_downtime {
        None => view! { <p>{texts.status_downtime_none()}</p> }.into_any(),
        Some(downtime) => {
            let tried = downtime.tried().map(waiting);
            last_downtime(texts, downtime, (&waiting(downtime.waiting), tried))
        }
    };
    view! {
        <section aria-labelledby="status-numbers">
            <h2 id="status-numbers">{texts.status_numbers()}</h2>
            <div class="card status-box">
                <dl class="status-numbers">
                    <div><dt>{texts.status_p50()}</dt><dd>{first(|first| first.p50_us)}</dd></div>
                    <div><dt>{texts.status_p95()}</dt><dd>{first(|first| first.p95_us)}</dd></div>
                    <div><dt>{texts.status_waiting()}</dt><dd>{health.waiting.map_or_else(none, waiting)}</dd></div>
                </dl>
                <p class="hint">{texts.status_numbers_means()}</p>
                <h3>{texts.status_downtime()}</h3>
                {downtime}
            </div>
        </section>
    }
}

fn last_downtime(texts: Texts, downtime: Downtime, (waiting, tried): (&str, Option<String>)) -> AnyView {
    let Downtime { from, until, waiting: Waiting { count, .. }, caught_up_at, .. } = downtime;
    let (began, ended) = (view! { <Time at=from/> }.into_any(), view! { <Time at=until/> }.into_any());
    let lasted = said::long(until - from);
    let caught_up = match (caught_up_at, tried) {
        _ if count == 0 => texts.status_caught_up_nothing().to_owned(),
        (Some(at_ms), _) => texts.status_caught_up(waiting, &said::long(at_ms - until)),
        (None, Some(tried)) => texts.status_caught_up_partly(&tried, waiting),
        (None, None) => texts.status_catching_up(waiting),
    };
    view! { <p>{texts.status_downtime_was(began, ended, &lasted)}" "{caught_up}</p> }.into_any()
}
