//! The two calls that `cargo xtask run` makes to the server it started.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// What lets a browser in without a password.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInLink {
    /// To be opened in the browser.
    pub url: String,
    /// Unix milliseconds.
    expires_at: u64,
}

impl SignInLink {
    /// For how long it is good, in words.
    pub fn validity(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = Duration::from_millis(self.expires_at).saturating_sub(now);
        format!("valid for {} minutes", left.as_secs().div_ceil(60))
    }
}

/// Whether the server says that it takes traffic.
pub fn is_ready(address: SocketAddr) -> bool {
    agent()
        .get(format!("http://{address}/readyz"))
        .call()
        .is_ok_and(|response| response.status().is_success())
}

/// Asks for a sign-in link.
pub fn sign_in_link(address: SocketAddr, admin_key: &str) -> Result<SignInLink> {
    let mut response = agent()
        .post(format!("http://{address}/v2/sign-in-links"))
        .header("Authorization", format!("Bearer {admin_key}"))
        .send_empty()
        .context("POST /v2/sign-in-links")?;
    let status = response.status();
    let body = response.body_mut().read_to_string()?;
    if !status.is_success() {
        bail!("POST /v2/sign-in-links answered {status}: {body}");
    }
    serde_json::from_str(&body).context("POST /v2/sign-in-links answered something else than a link")
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder();
    // A proxy from the environment does not lead to this machine.
    let config = config.timeout_global(Some(Duration::from_secs(5))).http_status_as_error(false).proxy(None);
    config.build().new_agent()
}
