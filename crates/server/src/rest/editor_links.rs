//! `/v2/campaign/{id}/editor-link`: ours. Sends somebody of another product to a program's webhooks.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use groundswell_engine::access::NewEditorLink;
use groundswell_types::{ErrorCode, Theme};
use http::StatusCode;
use serde::Serialize;
use url::{Host, Url};

use super::answer::{Call, Failed};
use super::body::MAX_SETTINGS_BYTES;
use super::input::Fields;
use super::programs::program_id;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EditorLink {
    id: String,
    url: String,
    expires_at: i64,
}

#[derive(Serialize)]
struct Ended {
    id: String,
    success: bool,
}

/// `POST /v2/campaign/{id}/editor-link` with `theme?` and `label?`
pub async fn create(call: Call, Path(program): Path<String>, body: Body) -> Response {
    let result = async {
        let program = program_id(&program)?;
        let body = call.read(body, MAX_SETTINGS_BYTES).await?;
        let new = new_link(&body)?;
        let theme = new.theme;
        let base = call.state.public_url.as_ref();
        if !takes_its_cookie(base) {
            return Err(Failed::new(ErrorCode::Conflict, NEEDS_HTTPS));
        }
        let made = call.engine().create_editor_link(&program, new).await?;
        let theme = if theme == Theme::Auto { String::new() } else { format!("&theme={theme}") };
        let url = format!("{base}/embed?token={}{theme}", made.token);
        Ok(EditorLink { id: made.id, url, expires_at: made.expires_at_ms })
    };
    call.context.answer(StatusCode::CREATED, result.await)
}

fn new_link(body: &[u8]) -> Result<NewEditorLink, Failed> {
    let mut fields = Fields::parse(body)?;
    let theme = fields.parsed("theme", Theme::parse);
    let label = if fields.is_null("label") { None } else { fields.text("label") };
    fields.finish()?;
    Ok(NewEditorLink { theme: theme.unwrap_or_default(), label })
}

const NEEDS_HTTPS: &str = "Editor links need https: browsers keep no cookie in a frame that comes over plain http. Set the \
    public URL of this server to the https:// URL that it is reached at.";

/// Whether browsers keep a cookie with `Secure` from this URL.
fn takes_its_cookie(public_url: &str) -> bool {
    let Ok(url) = Url::parse(public_url) else { return false };
    let is_own_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || is_own_machine
}

/// `DELETE /v2/campaign/{id}/editor-link/{link}`
pub async fn remove(call: Call, Path((program, link)): Path<(String, String)>) -> Response {
    let result = async {
        call.engine().delete_editor_link(&program_id(&program)?, &link).await?;
        Ok::<_, Failed>(Ended { id: link, success: true })
    };
    call.context.answer(StatusCode::OK, result.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_where_browsers_keep_their_cookie() {
        for url in
            ["https://a.example", "http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000"]
        {
            assert!(takes_its_cookie(url), "{url}");
        }
        for url in ["http://a.example", "http://10.0.0.5:3000", "http://0.0.0.0:3000"] {
            assert!(!takes_its_cookie(url), "{url}");
        }
    }
}
