//! The REST API under `/v2`, as the hosted product's clients call it, and our own calls beside it.

mod absent;
mod answer;
mod audit;
mod auth;
mod body;
mod coding;
mod deliveries;
mod description;
mod editor_links;
mod erasures;
mod events;
mod inbox;
mod incidents;
mod input;
mod keys;
mod limit;
mod log_level;
mod metrics;
mod notices;
mod programs;
mod recipients;
mod rejected;
mod resends;
mod stream;
mod teams;
mod webhooks;

use axum::extract::{FromRequestParts as _, Request};
use axum::middleware;
use axum::response::Response;

pub use answer::Failed;
pub use body::{BodyRoom, Received};
pub use description::Description;
pub use limit::{RateLimiter, tell as tell_of_limits};
pub use stream::EventStreams;

use crate::http::AppState;
use crate::routes::Routes;
use answer::{Call, Context, method_not_allowed};

/// Makes routes from a table, and a list of them, which the tests hold against the API's description.
macro_rules! calls {
    ($list:ident $router:ident { $($path:literal: $($method:ident $handler:path),+;)+ }) => {
        #[cfg(test)]
        const $list: &[(&str, &str)] = &[$($((stringify!($method), $path)),+),+];

        fn $router() -> Routes {
            Routes::new()$($(.$method($path, $handler))+)+
        }
    };
}

// With their whole paths: a nested router would write each request's path anew.
calls! {
    CALLS_WITH_KEY with_key {
        "/v2/campaigns": get programs::list, post programs::create;
        "/v2/campaign/{id}": get programs::show, patch programs::change;
        "/v2/operations": post programs::operations;
        "/v2/campaign/{id}/webhooks": get webhooks::list, post webhooks::create;
        "/v2/campaign/{id}/webhooks/{webhook}": patch webhooks::change, delete webhooks::remove;
        "/v2/campaign/{id}/webhooks/{webhook}/test": post webhooks::test;
        "/v2/campaign/{id}/webhooks/{webhook}/old-secret": delete webhooks::end_old_secret;
        "/v2/campaign/{id}/webhooks/{webhook}/recipients": get recipients::list, post recipients::add;
        "/v2/campaign/{id}/webhooks/{webhook}/recipients/{recipient}": delete recipients::remove;
        "/v2/campaign/{id}/events": post events::submit;
        "/v2/campaign/{id}/events/batch": post events::submit_batch;
        "/v2/campaign/{id}/events/stream": get stream::stream;
        "/v2/campaign/{id}/rejected-events": get rejected::list;
        "/v2/rejected-events": get rejected::list_all;
        "/v2/campaign/{id}/notices": get notices::list;
        "/v2/campaign/{id}/inbox": get inbox::show;
        "/v2/campaign/{id}/inbox/address": post inbox::replace;
        "/v2/campaign/{id}/inbox/requests": delete inbox::clear;
        "/v2/campaign/{id}/inbox/requests/{request}": get inbox::request;
        "/v2/campaign/{id}/deliveries": get deliveries::list;
        "/v2/campaign/{id}/deliveries/export": get deliveries::export;
        "/v2/campaign/{id}/deliveries/{delivery}": get deliveries::show;
        "/v2/campaign/{id}/deliveries/{delivery}/resend": post resends::one;
        "/v2/campaign/{id}/resends": get resends::list, post resends::begin;
        "/v2/campaign/{id}/resends/{job}": get resends::show, delete resends::cancel;
        "/v2/campaign/{id}/editor-link": post editor_links::create;
        "/v2/campaign/{id}/editor-link/{link}": delete editor_links::remove;
        "/v2/api-keys": get keys::list, post keys::create;
        "/v2/api-keys/{id}": delete keys::remove;
        "/v2/sign-in-links": post keys::create_sign_in_link;
        "/v2/audit-log": get audit::list;
        "/v2/audit-log/export": get audit::export;
        "/v2/campaign/{id}/erasures": get erasures::list, post erasures::begin;
        "/v2/campaign/{id}/erasures/{erasure}": get erasures::show;
        "/metrics": get metrics::show;
        "/v2/log-level": get log_level::show, put log_level::change;
        "/v2/incidents": get incidents::list, post incidents::create;
        "/v2/incidents/{incident}": get incidents::show, patch incidents::change, delete incidents::remove;
        "/v2/incidents/{incident}/updates": post incidents::update;
        "/v2/maintenances": get incidents::list_maintenances, post incidents::create_maintenance;
        "/v2/maintenances/{maintenance}":
            get incidents::show_maintenance,
            patch incidents::change_maintenance,
            delete incidents::remove_maintenance;
        "/v2/maintenances/{maintenance}/updates": post incidents::update_maintenance;
        "/v2/teams": get teams::list, post teams::create;
        "/v2/teams/{team}": patch teams::rename;
        "/v2/teams/{team}/members": get teams::members;
        "/v2/teams/{team}/members/{user}": patch teams::change_role, delete teams::remove_member;
        "/v2/teams/{team}/invitations": get teams::invitations, post teams::invite;
        "/v2/teams/{team}/invitations/{invitation}": delete teams::take_invitation_back;
    }
}

calls! {
    OPEN_CALLS open {
        "/v2/openapi.json": get description::document;
        "/v2/schemas/{file}": get description::event_schema;
    }
}

/// All routes below `/v2`, and `/metrics`. Every one that this server has needs a key, but the description of the others.
pub fn router(state: AppState) -> Routes {
    let with_key = with_key()
        .any("/v2", absent::answer)
        // The wildcard does not match nothing.
        .any("/v2/", absent::answer)
        .any("/v2/{*rest}", absent::answer)
        .around(|router| {
            router
                .method_not_allowed_fallback(method_not_allowed)
                .layer(middleware::from_fn_with_state(state.clone(), absent::refuse_unreadable))
                .layer(middleware::from_fn_with_state(state, auth::check))
        });
    let open = open()
        // Whoever asks for an account has no key yet.
        .any("/v2/accounts", absent::answer)
        .around(|router| router.method_not_allowed_fallback(method_not_allowed));
    with_key.merge(open)
}

/// The calls that are made for every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventCall {
    One,
    Batch,
}

impl EventCall {
    /// The template of its path.
    pub const fn route(self) -> &'static str {
        match self {
            Self::One => "/v2/campaign/{id}/events",
            Self::Batch => "/v2/campaign/{id}/events/batch",
        }
    }
}

/// Answers one of the calls for events as [`router`] would, without its layers.
pub async fn submit_events(state: AppState, request: Request, call: EventCall) -> Response {
    auth::checked(&state, request, async |request| {
        let (mut parts, body) = request.into_parts();
        let given = match Call::from_request_parts(&mut parts, &state).await {
            Ok(given) => given,
            Err(refusal) => return refusal,
        };
        // `/v2/campaign/{id}/…`
        let program = parts.uri.path().split('/').nth(3).unwrap_or_default();
        match call {
            EventCall::One => events::submit_to(program, given, body).await,
            EventCall::Batch => events::submit_batch_to(program, given, body).await,
        }
    })
    .await
}

/// The answer to a request of a call that failed before the router had it.
pub fn fail(state: &AppState, request: &Request, failed: Failed) -> Response {
    Context::of(state, request.headers(), request.extensions().get()).fail(failed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The routes of `http.rs` that are no pages.
    const HEALTH: &[(&str, &str)] = &[("get", "/healthz"), ("get", "/readyz")];

    /// A call whose parameters have no names: the description calls them more than the code has to.
    fn nameless(method: &str, path: &str) -> String {
        let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
        format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
    }

    #[test]
    fn every_call_is_described_and_every_description_is_of_a_call() {
        let calls = [CALLS_WITH_KEY, OPEN_CALLS, HEALTH].concat();
        let calls: BTreeSet<String> = calls.iter().map(|(method, path)| nameless(method, path)).collect();
        let document = groundswell_openapi::document("http://localhost");
        let mut described = BTreeSet::new();
        let mut without_key = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for (method, call) in methods.as_object().expect("methods") {
                described.insert(nameless(method, path));
                if call["security"] == serde_json::json!([]) {
                    without_key.insert(nameless(method, path));
                }
            }
        }
        assert_eq!(described, calls);
        let open = [OPEN_CALLS, HEALTH].concat();
        let open: BTreeSet<String> = open.iter().map(|(method, path)| nameless(method, path)).collect();
        assert_eq!(without_key, open);
    }
}
