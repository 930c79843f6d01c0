//! The OpenID provider that people can sign in with, if there is one.

use anyhow::bail;
use openidconnect::ClientSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};

/// What the provider is called when nobody says it: its host.
const MAX_NAME_CHARS: usize = 40;

/// Flags about it.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(clippy::struct_field_names, reason = "clap names the flags after them")]
pub struct OidcArgs {
    /// The OpenID provider that people sign in with, for example `https://login.example.com`. It is told
    /// `PUBLIC_URL/sign-in/provider/callback` as redirect URL.
    #[arg(long, env = "GROUNDSWELL_OIDC_ISSUER", value_name = "URL")]
    oidc_issuer: Option<String>,
    /// What this server is called at the provider.
    #[arg(long, env = "GROUNDSWELL_OIDC_CLIENT_ID", value_name = "ID")]
    oidc_client_id: Option<String>,
    /// With what it shows the provider that it is. Others on this machine can see flags; better set the variable.
    #[arg(long, env = "GROUNDSWELL_OIDC_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    oidc_client_secret: Option<String>,
    /// What people know the provider by: "Sign in with …". Without it, its host.
    #[arg(long, env = "GROUNDSWELL_OIDC_NAME", value_name = "NAME")]
    oidc_name: Option<String>,
}

/// The same in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OidcSection {
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    name: Option<String>,
}

impl std::fmt::Debug for OidcSection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OidcSection").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The provider, and who this server is there.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// As it was written: it must be, to the letter, what the provider calls itself.
    pub issuer: String,
    pub client_id: String,
    /// Never shown when it is printed.
    pub client_secret: ClientSecret,
    /// For the button.
    pub name: String,
}

impl OidcSettings {
    /// The settings as they count, with a mask for the secret.
    pub fn shown(&self, mask: &str) -> Value {
        json!({ "issuer": self.issuer, "client_id": self.client_id, "client_secret": mask, "name": self.name })
    }
}

/// The provider of flags or file; all of its three settings, or none.
pub fn settings(args: OidcArgs, file: OidcSection) -> anyhow::Result<Option<OidcSettings>> {
    let or = |flag: Option<String>, file: Option<String>| {
        flag.or(file).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let issuer = or(args.oidc_issuer, file.issuer);
    let client_id = or(args.oidc_client_id, file.client_id);
    let client_secret = or(args.oidc_client_secret, file.client_secret);
    let name = or(args.oidc_name, file.name);
    match (issuer, client_id, client_secret, name) {
        (None, None, None, None) => Ok(None),
        (Some(issuer), Some(client_id), Some(client_secret), name) => {
            let host = host_of(&issuer)?;
            let name = name.unwrap_or(host);
            if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
                bail!("oidc.name must have at most {MAX_NAME_CHARS} characters, in one line");
            }
            let client_secret = ClientSecret::new(client_secret);
            Ok(Some(OidcSettings { issuer, client_id, client_secret, name }))
        }
        _ => bail!(
            "to sign in with an OpenID provider, set all of oidc.issuer, oidc.client_id and oidc.client_secret"
        ),
    }
}

/// Of https, or of http on one's own machine: over plain http anybody on the way could sign in as anybody.
fn host_of(issuer: &str) -> anyhow::Result<String> {
    let url = Url::parse(issuer).ok().filter(|url| {
        is_safe(url)
            && url.query().or(url.fragment()).is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    match url.as_ref().and_then(Url::host_str) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("oidc.issuer: `{issuer}` is no issuer such as https://login.example.com"),
    }
}

/// Whether nobody on the way can read or change what is sent to it.
pub fn is_safe(url: &Url) -> bool {
    let is_own_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && is_own_machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "planted-client-secret";

    fn read(issuer: &str, name: Option<&str>) -> anyhow::Result<Option<OidcSettings>> {
        let args = OidcArgs {
            oidc_issuer: Some(issuer.to_owned()),
            oidc_client_id: Some("groundswell".to_owned()),
            oidc_client_secret: Some(SECRET.to_owned()),
            oidc_name: name.map(str::to_owned),
        };
        settings(args, OidcSection::default())
    }

    #[test]
    fn a_provider_is_called_by_its_name_or_by_its_host() {
        for (issuer, name, wanted) in [
            ("https://login.example.com/realms/a", None, "login.example.com"),
            ("https://login.example.com/", Some("Acme"), "Acme"),
            ("http://127.0.0.1:8080", None, "127.0.0.1"),
            ("http://[::1]:8080", Some(" "), "[::1]"),
        ] {
            let settings = read(issuer, name).expect("a provider").expect("is set");
            assert_eq!((settings.issuer.as_str(), settings.name.as_str()), (issuer, wanted));
        }
        assert!(settings(OidcArgs::default(), OidcSection::default()).expect("none").is_none());
    }

    #[test]
    fn the_secret_is_never_printed() {
        let settings = read("https://login.example.com", None).expect("a provider").expect("is set");
        let file: OidcSection = toml::from_str(&format!("client_secret = '{SECRET}'")).expect("a section");
        let printed = format!("{settings:?} {file:?} {}", settings.shown("***"));
        assert!(!printed.contains(SECRET), "{printed}");
    }

    #[test]
    fn what_others_could_read_or_is_half_set_is_refused() {
        for issuer in [
            "http://login.example.com",
            "http://10.0.0.1",
            "login.example.com",
            "https://login.example.com?tenant=a",
            "https://me@login.example.com",
            "https:",
            "ftp://localhost",
        ] {
            let error = read(issuer, None).expect_err(issuer).to_string();
            assert!(error.contains("https://login.example.com"), "{error}");
        }
        for half in ["issuer = 'https://a.example'", "client_id = 'a'", "client_secret = 'b'", "name = 'A'"] {
            let section: OidcSection = toml::from_str(half).expect("a section");
            let error = settings(OidcArgs::default(), section).expect_err(half).to_string();
            assert!(error.contains("oidc.client_secret"), "{error}");
        }
        read("https://a.example", Some(&"n".repeat(41))).expect_err("too long for a button");
    }
}
