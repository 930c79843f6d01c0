//! Who may show pages of this server inside of theirs.

use anyhow::bail;
use serde::Deserialize;
use url::Url;

/// Flags about it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EmbedArgs {
    /// Origins that may frame what editor links open, comma-separated, for example `https://app.example.com`.
    #[arg(long, env = "GROUNDSWELL_EMBED_ORIGINS", value_name = "ORIGINS")]
    embed_origins: Option<String>,
}

/// The same in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbedSection {
    origins: Vec<String>,
}

/// The origins, as browsers write them.
pub fn origins(args: &EmbedArgs, file: &EmbedSection) -> anyhow::Result<Vec<String>> {
    let texts: Vec<&str> = match &args.embed_origins {
        Some(list) => list.split(',').collect(),
        None => file.origins.iter().map(String::as_str).collect(),
    };
    texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(origin).collect()
}

/// Of https, or of http on one's own machine: anybody on the way could frame what comes over plain http. No wildcards: who
/// gets a name below a domain is often decided by others.
fn origin(text: &str) -> anyhow::Result<String> {
    let url = Url::parse(text).ok();
    let origin = url.filter(|url| {
        let host = url.host_str().unwrap_or_default();
        let is_own_machine = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        (url.scheme() == "https" || url.scheme() == "http" && is_own_machine)
            && url.path() == "/"
            && url.query().or(url.fragment()).is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && host.chars().all(|char| char.is_ascii_alphanumeric() || "-.[:]".contains(char))
    });
    match origin {
        Some(url) => Ok(url.origin().ascii_serialization()),
        None => bail!("embed.origins: `{text}` is no origin such as https://app.example.com"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> anyhow::Result<Vec<String>> {
        origins(&EmbedArgs { embed_origins: Some(list.to_owned()) }, &EmbedSection::default())
    }

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let wanted = ["https://app.example.com", "https://b.example:8443", "http://localhost:3000"];
        let list = "https://App.example.com/, https://b.example:8443,http://localhost:3000,";
        assert_eq!(read(list).expect("origins"), wanted);
        assert!(read("").expect("none").is_empty());
        let file = EmbedSection { origins: vec!["https://a.example:443".to_owned()] };
        assert_eq!(origins(&EmbedArgs::default(), &file).expect("one"), ["https://a.example"]);
    }

    #[test]
    fn what_would_let_others_in_is_refused() {
        for text in [
            "*",
            "https://*.example.com",
            "http://app.example.com",
            "https://a.example/path",
            "https://a.example?b",
            "https://me@a.example",
            "'self'",
            "data:",
            "https://a.example; script-src *",
            "https://a.example 'unsafe-inline'",
            "https:",
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains("https://app.example.com"), "{error}");
        }
    }
}
