//! Receives webhooks with axum and groundswell-types:
//!
//! ```sh
//! WEBHOOK_SECRET='your webhook secret' PORT=8080 cargo run
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;
use std::time::SystemTime;
use std::{env, fs};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use groundswell_types::signature::{StandardHeaders, hex, hmac_sha256, verify_product, verify_standard};
use groundswell_types::{Event, Secret};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

/// An event has 4 MiB at most.
const MAX_BODY_BYTES: usize = 5 * 1024 * 1024;
const TOLERANCE_S: i64 = 5 * 60;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = env::var("WEBHOOK_SECRET").map_err(|_| "set WEBHOOK_SECRET")?;
    let secret = Arc::new(Secret::parse(&secret)?);
    fs::create_dir_all("events")?;
    let port = env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let limit = DefaultBodyLimit::max(MAX_BODY_BYTES);
    let router = Router::new().route("/", post(receive)).layer(limit).with_state(secret);
    Ok(axum::serve(listener, router).await?)
}

/// Takes a webhook.
async fn receive(State(secret): State<Arc<Secret>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_genuine(&secret, &headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let id = event_id(&headers, &body);
    let Ok(event) = serde_json::from_slice::<Event>(&body) else { return StatusCode::BAD_REQUEST };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !(1..=100).contains(&id.len()) || !id.chars().all(is_allowed) {
        return StatusCode::BAD_REQUEST;
    }
    let name = format!("events/{id}.json");
    match spawn_blocking(move || store(&name, &body)).await {
        Ok(Ok(true)) => println!("event={} id={id}", event.data.kind()),
        Ok(Ok(false)) => println!("duplicate id={id}"),
        failed => {
            eprintln!("{id}: {failed:?}");
            return StatusCode::INTERNAL_SERVER_ERROR; // Not taken, so it is sent again.
        }
    }
    StatusCode::NO_CONTENT
}

/// Each request has two signatures, and one is enough.
fn is_genuine(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> bool {
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as i64);
    let product = header(headers, "growsurf-signature")
        .map(|signature| verify_product(secret, signature, body, (now, TOLERANCE_S * 1000)));
    let standard = header(headers, "webhook-signature").map(|signature| {
        let id = header(headers, "webhook-id").unwrap_or_default();
        let timestamp = header(headers, "webhook-timestamp").unwrap_or_default();
        let headers = StandardHeaders { id, timestamp, signature };
        verify_standard(secret, headers, body, (now / 1000, TOLERANCE_S))
    });
    let checks = [product, standard];
    checks.iter().any(Option::is_some) && checks.iter().flatten().all(Result::is_ok)
}

/// By what a repeat is known. Only the standard signature covers the id: without it, anybody could send
/// a copy again under another id, so the body's hash is the key.
fn event_id(headers: &HeaderMap, body: &[u8]) -> String {
    if headers.contains_key("webhook-signature") {
        return header(headers, "webhook-id").unwrap_or_default().to_owned();
    }
    // With a key that is no secret, a digest is a hash.
    format!("body-{}", hex(&hmac_sha256(b"event", &[body])))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Keeps the event in a file, and tells whether it is new: only one request can take its name.
/// With a database, make the id unique there: INSERT … ON CONFLICT DO NOTHING, in the transaction
/// that changes your own tables. Slow work, such as sending e-mail, comes after the answer.
fn store(name: &str, body: &[u8]) -> io::Result<bool> {
    let mut file = NamedTempFile::new_in("events")?;
    file.write_all(body)?;
    file.as_file().sync_all()?;
    let is_new = match file.persist_noclobber(name) {
        Ok(_) => true,
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => false,
        Err(failed) => return Err(failed.error),
    };
    File::open("events")?.sync_all()?; // Now the name is on disk as well.
    Ok(is_new)
}
