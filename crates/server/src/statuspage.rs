//! How the service is, for programs: the public API of a Statuspage, feeds and a badge. Without a key, and any page may read
//! them.
//!
//! All of them are made once from what the engine keeps in memory, and anew when any of it is different. So whoever asks
//! costs neither the database nor much time, however many they are.

mod badge;
mod documents;
mod feeds;
mod words;

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use groundswell_engine::incidents::SystemStatus;
use http::header::HeaderName;
use http::{HeaderValue, StatusCode};

use crate::http::AppState;
use crate::public_file::PublicFile;
use crate::routes::Routes;

/// For so long nobody has to ask again, and for so long a cache may answer while it asks.
const KEPT: &str = "public, max-age=15, stale-while-revalidate=60";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const JSON: &str = "application/json; charset=utf-8";

/// Makes the routes and the files from one list.
macro_rules! files {
    ($($path:literal: $content_type:expr, $make:expr;)+) => {
        /// The files with their paths.
        fn make(page: &Page<'_>) -> Vec<(&'static str, PublicFile)> {
            vec![$(($path, PublicFile::new($content_type, $make(page)))),+]
        }

        /// The routes.
        pub fn router() -> Routes {
            Routes::new()$(.get($path, file))+
        }
    };
}

files! {
    "/api/v2/summary.json": JSON, documents::summary;
    "/api/v2/status.json": JSON, documents::status;
    "/api/v2/components.json": JSON, documents::components;
    "/api/v2/incidents.json": JSON, documents::incidents;
    "/api/v2/incidents/unresolved.json": JSON, documents::unresolved;
    "/api/v2/scheduled-maintenances.json": JSON, documents::maintenances;
    "/api/v2/scheduled-maintenances/upcoming.json": JSON, documents::upcoming;
    "/api/v2/scheduled-maintenances/active.json": JSON, documents::active;
    "/status/history.rss": "application/rss+xml; charset=utf-8", feeds::rss;
    "/status/history.atom": "application/atom+xml; charset=utf-8", feeds::atom;
    "/status/badge.svg": "image/svg+xml; charset=utf-8", badge::svg;
}

/// What the files are made from.
struct Page<'a> {
    status: &'a SystemStatus,
    /// Without a slash at its end.
    public_url: &'a str,
}

impl Page<'_> {
    /// Where people read it.
    fn url(&self) -> String {
        format!("{}/status", self.public_url)
    }

    /// Where people read of an incident.
    fn url_of(&self, id: groundswell_types::IncidentId) -> String {
        format!("{}/status/incidents/{id}", self.public_url)
    }
}

/// The files as they were made last.
#[derive(Default)]
pub struct StatusFiles(Mutex<Option<Arc<Made>>>);

struct Made {
    of: SystemStatus,
    files: Vec<(&'static str, PublicFile)>,
}

impl StatusFiles {
    fn of(&self, status: SystemStatus, public_url: &str) -> Arc<Made> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = kept.as_ref().filter(|made| is_same(&made.of, &status)) {
            return Arc::clone(made);
        }
        let files = make(&Page { status: &status, public_url });
        let made = Arc::new(Made { of: status, files });
        *kept = Some(Arc::clone(&made));
        made
    }
}

/// Incidents are replaced as a whole, and never changed where they are.
fn is_same(one: &SystemStatus, other: &SystemStatus) -> bool {
    Arc::ptr_eq(&one.incidents, &other.incidents) && one.components == other.components
}

async fn file(State(state): State<AppState>, request: Request) -> Response {
    let made = state.status_files.of(state.engine.system_status(), &state.public_url);
    let path = request.uri().path();
    let found = made.files.iter().find(|(name, _)| *name == path);
    // A path may be written in another way than the router reads it.
    let Some((_, file)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let mut response = file.answer(request.headers(), KEPT);
    // A picture is shown on other sites.
    if path == "/status/badge.svg" {
        let anywhere = HeaderValue::from_static("cross-origin");
        response.headers_mut().insert(CROSS_ORIGIN_RESOURCE_POLICY, anywhere);
    }
    response
}
