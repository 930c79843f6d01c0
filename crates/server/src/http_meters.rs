//! Requests over HTTP, counted by route, method and class of status, and how long they took until their answer began.
//!
//! A route is named by its template, so there are as many as the code has, whoever asks for what. The two calls that are
//! made for every event have their places fixed; the others are found in a map that has each after its first request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use groundswell_engine::meters::{Counter, Histogram};
use http::{Method, StatusCode};

use crate::rest::EventCall;

/// Upper bounds, in seconds: an event takes a commit, and a page some milliseconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// What stands for the template of what no route answers: files of the site, and what is not there.
const NO_ROUTE: &str = "none";

/// The classes of statuses. 501 is one of its own: it says what only the hosted product has, and is no failure.
pub const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "501"];

/// By template and method.
type ByRoute = HashMap<(Arc<str>, &'static str), Arc<RouteMeters>>;

/// All routes' meters.
#[derive(Debug)]
pub struct HttpMeters {
    event: Arc<RouteMeters>,
    batch: Arc<RouteMeters>,
    routes: RwLock<ByRoute>,
}

/// One method's of one route.
#[derive(Debug)]
pub struct RouteMeters {
    /// Answers by the class of their status, in the order of [`CLASSES`].
    pub answers: [Counter; CLASSES.len()],
    /// Until the answer began, in seconds.
    pub seconds: Histogram,
}

impl RouteMeters {
    fn new() -> Self {
        Self { answers: Default::default(), seconds: Histogram::new(SECONDS) }
    }

    /// A request was answered.
    pub fn answered(&self, status: StatusCode, after: Duration) {
        let class = match status {
            StatusCode::NOT_IMPLEMENTED => 5,
            _ => usize::from(status.as_u16() / 100).clamp(1, 5) - 1,
        };
        self.answers[class].add(1);
        self.seconds.observe(after.as_secs_f64());
    }
}

impl Default for HttpMeters {
    fn default() -> Self {
        let (event, batch) = (Arc::new(RouteMeters::new()), Arc::new(RouteMeters::new()));
        let routes = [(EventCall::One, &event), (EventCall::Batch, &batch)];
        let routes = routes.map(|(call, meters)| ((Arc::from(call.route()), "POST"), Arc::clone(meters)));
        Self { event, batch, routes: RwLock::new(HashMap::from(routes)) }
    }
}

impl HttpMeters {
    /// Those of a call that is made for every event.
    pub fn of_event(&self, call: EventCall) -> &Arc<RouteMeters> {
        match call {
            EventCall::One => &self.event,
            EventCall::Batch => &self.batch,
        }
    }

    /// Those of a route, by its template.
    pub fn of(&self, method: &Method, route: Option<&str>) -> Arc<RouteMeters> {
        let (route, method) = (Arc::<str>::from(route.unwrap_or(NO_ROUTE)), method_name(method));
        let key = (route, method);
        if let Some(known) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(key).or_insert_with(|| Arc::new(RouteMeters::new())))
    }

    /// All that were asked for, by template and method.
    pub fn all(&self) -> Vec<(Arc<str>, &'static str, Arc<RouteMeters>)> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = routes
            .iter()
            .map(|((route, method), one)| (Arc::clone(route), *method, Arc::clone(one)))
            .collect();
        all.sort_unstable_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        all
    }
}

/// What a method is called where there may be few of them: anybody can invent some.
pub fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_template_method_and_class_and_by_nothing_else() {
        let meters = HttpMeters::default();
        let brew = Method::from_bytes(b"BREW").expect("a method");
        for (method, route, status) in [
            (Method::GET, Some("/v2/campaign/{id}"), 200),
            (Method::GET, Some("/v2/campaign/{id}"), 204),
            (Method::GET, Some("/v2/campaign/{id}"), 404),
            (Method::GET, Some("/v2/{*rest}"), 500),
            (Method::GET, Some("/v2/{*rest}"), 501),
            (Method::GET, Some("/v2/{*rest}"), 501),
            (brew.clone(), None, 405),
            (Method::from_bytes(b"STIR").expect("a method"), None, 999),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            meters.of(&method, route).answered(status, Duration::from_millis(3));
        }
        let shown = meters.all().into_iter().map(|(route, method, one)| {
            (
                route.to_string(),
                method,
                one.answers.each_ref().map(Counter::get),
                one.seconds.snapshot().count(),
            )
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                ("/v2/campaign/{id}".to_owned(), "GET", [0, 2, 0, 1, 0, 0], 3),
                ("/v2/campaign/{id}/events".to_owned(), "POST", [0; 6], 0),
                ("/v2/campaign/{id}/events/batch".to_owned(), "POST", [0; 6], 0),
                ("/v2/{*rest}".to_owned(), "GET", [0, 0, 0, 0, 1, 2], 3),
                ("none".to_owned(), "other", [0, 0, 0, 1, 1, 0], 2),
            ]
        );
    }

    #[test]
    fn an_event_is_counted_in_the_same_place_whichever_way_it_comes() {
        let meters = HttpMeters::default();
        for call in [EventCall::One, EventCall::Batch] {
            meters.of_event(call).answered(StatusCode::ACCEPTED, Duration::ZERO);
            meters.of(&Method::POST, Some(call.route())).answered(StatusCode::ACCEPTED, Duration::ZERO);
            assert_eq!(meters.of_event(call).seconds.snapshot().count(), 2);
        }
    }
}
