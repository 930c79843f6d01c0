//! Which server a command calls, with which key. One of the two places here that name environment variables.

use crate::failure::Failure;

/// Where the server is.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct Server {
    /// Where the server is.
    #[arg(long, env = "GROUNDSWELL_URL", value_name = "URL", default_value = "http://127.0.0.1:3000")]
    url: String,
}

/// Where the server is, and how it knows the caller.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct Connection {
    #[command(flatten)]
    server: Server,
    /// An API key. Without one the admin key is used.
    #[arg(long, env = "GROUNDSWELL_API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// The admin key of the server's configuration.
    #[arg(long, env = "GROUNDSWELL_ADMIN_KEY", value_name = "KEY", hide_env_values = true)]
    admin_key: Option<String>,
    /// The program's id; need not be given when there is exactly one.
    #[arg(long, env = "GROUNDSWELL_PROGRAM", value_name = "ID")]
    program: Option<String>,
}

/// A key, and where it came from, for messages.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub text: &'a str,
    pub source: &'static str,
}

impl Server {
    /// The server's address without a slash at its end.
    pub fn base(&self) -> Result<String, Failure> {
        let is_web = self.url.starts_with("http://") || self.url.starts_with("https://");
        let is_base = url::Url::parse(&self.url)
            .is_ok_and(|url| url.query().or(url.fragment()).is_none() && url.has_host());
        if is_web && is_base {
            return Ok(self.url.trim_end_matches('/').to_owned());
        }
        Err(Failure::new(
            format!("`{}` is no address of a server.", self.url),
            "Give --url or GROUNDSWELL_URL like http://127.0.0.1:3000 or https://webhooks.example.com.",
        ))
    }
}

impl Connection {
    /// The server's address without a slash at its end.
    pub fn base(&self) -> Result<String, Failure> {
        self.server.base()
    }

    /// The key to call with; an empty variable counts as none.
    pub fn key(&self) -> Option<Key<'_>> {
        let api_key = given(self.api_key.as_deref());
        let api_key = api_key.map(|text| Key { text, source: "--api-key or GROUNDSWELL_API_KEY" });
        api_key.or_else(|| {
            let text = given(self.admin_key.as_deref())?;
            Some(Key { text, source: "--admin-key or GROUNDSWELL_ADMIN_KEY" })
        })
    }

    /// The program that was named.
    pub fn program(&self) -> Option<&str> {
        given(self.program.as_deref())
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
