//! A router that knows its routes. Axum's does not tell them, and the test of who may do what has to know of every one, also
//! of one that somebody adds tomorrow. The log names them at the level debug.

use std::fmt;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, any, on};

use crate::http::AppState;

/// Routes, and the list of them.
#[derive(Debug, Default)]
pub struct Routes {
    router: Router<AppState>,
    list: Vec<Route>,
}

/// A route as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    method: &'static str,
    path: String,
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

impl Routes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `GET` and `HEAD`.
    pub fn get<T: 'static>(self, path: &str, handler: impl Handler<T, AppState>) -> Self {
        self.with(("GET", MethodFilter::GET), path, handler)
    }

    /// Answers `POST`.
    pub fn post<T: 'static>(self, path: &str, handler: impl Handler<T, AppState>) -> Self {
        self.with(("POST", MethodFilter::POST), path, handler)
    }

    /// Answers `PUT`.
    pub fn put<T: 'static>(self, path: &str, handler: impl Handler<T, AppState>) -> Self {
        self.with(("PUT", MethodFilter::PUT), path, handler)
    }

    /// Answers `PATCH`.
    pub fn patch<T: 'static>(self, path: &str, handler: impl Handler<T, AppState>) -> Self {
        self.with(("PATCH", MethodFilter::PATCH), path, handler)
    }

    /// Answers `DELETE`.
    pub fn delete<T: 'static>(self, path: &str, handler: impl Handler<T, AppState>) -> Self {
        self.with(("DELETE", MethodFilter::DELETE), path, handler)
    }

    fn with<T: 'static>(
        mut self,
        (method, filter): (&'static str, MethodFilter),
        path: &str,
        handler: impl Handler<T, AppState>,
    ) -> Self {
        self.list.push(Route { method, path: path.to_owned() });
        Self { router: self.router.route(path, on(filter, handler)), ..self }
    }

    /// Answers every method.
    pub fn any<T: 'static>(mut self, path: &str, handler: impl Handler<T, AppState>) -> Self {
        self.list.push(Route { method: "ANY", path: path.to_owned() });
        Self { router: self.router.route(path, any(handler)), ..self }
    }

    /// Lists a route that one with a wildcard answers.
    pub fn answers(mut self, method: &'static str, path: &str) -> Self {
        self.list.push(Route { method, path: path.to_owned() });
        self
    }

    /// These and others.
    pub fn merge(mut self, other: Self) -> Self {
        self.list.extend(other.list);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// Changes what is around the routes: layers, fallbacks.
    pub fn around(self, change: impl FnOnce(Router<AppState>) -> Router<AppState>) -> Self {
        Self { router: change(self.router), ..self }
    }

    /// The router, and its list into the log.
    pub fn finish(self, state: AppState) -> Router {
        for route in &self.list {
            tracing::debug!(%route, "a route is served");
        }
        self.router.with_state(state)
    }
}
