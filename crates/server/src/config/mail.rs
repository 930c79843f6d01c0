//! The mail server that letters to people go through, if there is one.

use anyhow::{Context as _, bail};
use groundswell_engine::telling::TellingPolicy;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::given::{Given, over};

/// Flags about it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct MailArgs {
    /// The mail server that e-mail goes through: smtps://user:password@mail.example.com, or smtp:// for STARTTLS. On this machine
    /// and with `?tls=off`, which takes no password, it is not encrypted. Without it no e-mail is sent.
    #[arg(long, env = "GROUNDSWELL_SMTP_URL", value_name = "URL", hide_env_values = true)]
    smtp_url: Option<String>,
    /// Who e-mail is from, for example `Groundswell <webhooks@example.com>`.
    #[arg(long, env = "GROUNDSWELL_MAIL_FROM", value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Undeliverable deliveries of a webhook are told of once in so long, in milliseconds.
    #[arg(long, env = "GROUNDSWELL_MAIL_DIGEST_MS", value_name = "MS")]
    mail_digest_ms: Option<Given<i64>>,
    /// Wait after a mail server did not take an e-mail, in milliseconds; each further one is twice as long, up to an hour.
    #[arg(long, env = "GROUNDSWELL_MAIL_RETRY_BASE_MS", value_name = "MS")]
    mail_retry_base_ms: Option<Given<i64>>,
}

/// The same in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSection {
    smtp_url: Option<String>,
    from: Option<String>,
    digest_ms: Option<i64>,
    retry_base_ms: Option<i64>,
}

impl std::fmt::Debug for MailSection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MailSection").field("from", &self.from).finish_non_exhaustive()
    }
}

/// How what is said to the mail server is kept from those on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS, or nothing is sent.
    StartTls,
    None,
}

/// The mail server, and who letters are from.
#[derive(Clone)]
pub struct MailSettings {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// Never shown.
    pub credentials: Option<Credentials>,
    pub from: Mailbox,
}

impl std::fmt::Debug for MailSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MailSettings").field("host", &self.host).finish_non_exhaustive()
    }
}

impl MailSettings {
    /// The settings as they count, with a mask for user and password.
    pub fn shown(&self, policy: TellingPolicy, mask: &str) -> Value {
        let Self { host, port, encryption, credentials, from } = self;
        let scheme = if *encryption == Encryption::Tls { "smtps" } else { "smtp" };
        let user = if credentials.is_some() { format!("{mask}@") } else { String::new() };
        let mut shown = shown_policy(policy);
        shown.insert("smtp_url".to_owned(), json!(format!("{scheme}://{user}{host}:{port}")));
        shown.insert("from".to_owned(), json!(from.to_string()));
        Value::Object(shown)
    }
}

/// How letters are sent, when there is a mail server and when there is none.
pub fn shown_policy(policy: TellingPolicy) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("digest_ms".to_owned(), json!(policy.digest_ms));
    shown.insert("retry_base_ms".to_owned(), json!(policy.retry_base_ms));
    shown
}

/// The mail server of flags or file; both of its settings, or none.
pub fn settings(args: &MailArgs, file: &MailSection) -> anyhow::Result<Option<MailSettings>> {
    let or = |flag: &Option<String>, file: &Option<String>| {
        let text = flag.as_ref().or(file.as_ref()).map(|text| text.trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    match (or(&args.smtp_url, &file.smtp_url), or(&args.mail_from, &file.from)) {
        (None, None) => Ok(None),
        (Some(url), Some(from)) => {
            let from: Mailbox = from.parse().ok().with_context(|| {
                format!("mail.from: `{from}` is no address such as Groundswell <webhooks@example.com>")
            })?;
            server(&url, from).map(Some)
        }
        _ => bail!("to send e-mail, set both mail.smtp_url and mail.from"),
    }
}

/// How letters are sent.
pub fn policy(args: &MailArgs, file: &MailSection) -> anyhow::Result<TellingPolicy> {
    let usual = TellingPolicy::default();
    let policy = TellingPolicy {
        digest_ms: over(args.mail_digest_ms.as_ref(), file.digest_ms)?.unwrap_or(usual.digest_ms),
        retry_base_ms: over(args.mail_retry_base_ms.as_ref(), file.retry_base_ms)?
            .unwrap_or(usual.retry_base_ms),
    };
    if policy.digest_ms < 1 || policy.retry_base_ms < 1 {
        bail!("mail.digest_ms and mail.retry_base_ms must be at least 1");
    }
    Ok(policy)
}

/// What is wrong is said without the URL: there may be a password in it.
fn server(text: &str, from: Mailbox) -> anyhow::Result<MailSettings> {
    const REMEDY: &str = "mail.smtp_url must look like smtps://user:password@mail.example.com:465 or smtp://mail.example.com:587";
    let url = Url::parse(text).ok().filter(|url| matches!(url.path(), "" | "/") && url.fragment().is_none());
    let url = url.context(REMEDY)?;
    // Of a scheme that the URL standard does not know, hosts are plain texts; an address in it is one all the same.
    let host = url.host_str().filter(|host| !host.is_empty()).context(REMEDY)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let encryption = match (url.scheme(), url.query()) {
        ("smtps", None) => Encryption::Tls,
        ("smtp", None) if is_own_machine(&host) => Encryption::None,
        ("smtp", Some("tls=off")) => Encryption::None,
        ("smtp", None | Some("tls=required")) => Encryption::StartTls,
        _ => bail!("{REMEDY}; behind smtp:// can be `?tls=required` or `?tls=off`"),
    };
    let decoded = |text: &str| percent_decoded(text).context(REMEDY);
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, Some(password)) if !user.is_empty() => {
            Some(Credentials::new(decoded(user)?, decoded(password)?))
        }
        _ => bail!("mail.smtp_url has a user without a password, or the other way round"),
    };
    if credentials.is_some() && encryption == Encryption::None && !is_own_machine(&host) {
        bail!("mail.smtp_url: a password is not sent unencrypted; leave `?tls=off` or the password out");
    }
    let port = url.port().unwrap_or(match encryption {
        Encryption::Tls => 465,
        Encryption::StartTls => 587,
        Encryption::None => 25,
    });
    Ok(MailSettings { host, port, encryption, credentials, from })
}

/// What a part of a URL means; none if it is no text.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits?).ok()?, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

fn is_own_machine(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    address.map_or_else(
        |_| matches!(Host::parse(host), Ok(Host::Domain(name)) if name == "localhost"),
        |address| address.is_loopback(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FROM: &str = "Groundswell <webhooks@example.com>";

    fn read(url: &str) -> anyhow::Result<MailSettings> {
        let args = MailArgs {
            smtp_url: Some(url.to_owned()),
            mail_from: Some(FROM.to_owned()),
            ..MailArgs::default()
        };
        settings(&args, &MailSection::default()).map(|settings| settings.expect("is set"))
    }

    #[test]
    fn a_password_goes_out_encrypted_or_not_at_all() {
        for (url, encryption, port) in [
            ("smtps://me:p%40ss@mail.example.com", Encryption::Tls, 465),
            ("smtp://me:p%40ss@mail.example.com", Encryption::StartTls, 587),
            ("smtp://me:p%40ss@127.0.0.1:2525", Encryption::None, 2525),
            ("smtp://me:p%40ss@127.0.0.1:2525?tls=required", Encryption::StartTls, 2525),
            ("smtp://me:p%40ss@[::1]:2525", Encryption::None, 2525),
            ("smtps://me:p%40ss@localhost:2525/", Encryption::Tls, 2525),
        ] {
            let settings = read(url).expect(url);
            assert_eq!((settings.encryption, settings.port), (encryption, port), "{url}");
            assert_eq!(
                settings.credentials,
                Some(Credentials::new("me".to_owned(), "p@ss".to_owned())),
                "{url}"
            );
        }
        let plain = read("smtp://relay.internal?tls=off").expect("without a password");
        assert_eq!((plain.encryption, plain.port), (Encryption::None, 25));
        read("smtp://me:planted@relay.internal?tls=off").expect_err("anybody on the way could read it");
    }

    #[test]
    fn what_cannot_work_is_refused_without_the_password() {
        for url in [
            "mail.example.com",
            "https://me:planted@mail.example.com",
            "smtp://",
            "smtp://me:planted@mail.example.com/path",
            "smtp://me:planted@mail.example.com?tls=maybe",
            "smtps://me:planted@mail.example.com?tls=off",
            "smtp://planted@mail.example.com",
            "smtp://me:planted%zz@mail.example.com",
        ] {
            let error = format!("{:?}", read(url).expect_err(url));
            assert!(error.contains("smtp") && !error.contains("planted"), "{error}");
        }
        for half in ["smtp_url = 'smtp://localhost'", "from = 'a@example.com'"] {
            let section: MailSection = toml::from_str(half).expect("a section");
            settings(&MailArgs::default(), &section).expect_err(half);
        }
        let args = MailArgs {
            smtp_url: Some("smtp://localhost".to_owned()),
            mail_from: Some("nobody".to_owned()),
            ..MailArgs::default()
        };
        settings(&args, &MailSection::default()).expect_err("no address");
    }

    #[test]
    fn user_and_password_are_never_printed() {
        let settings = read("smtps://planted:planted@mail.example.com").expect("good");
        let file: MailSection = toml::from_str("smtp_url = 'smtp://planted:planted@a'").expect("a section");
        let printed = format!("{settings:?} {file:?} {}", settings.shown(TellingPolicy::default(), "***"));
        assert!(
            !printed.contains("planted") && printed.contains("smtps://***@mail.example.com:465"),
            "{printed}"
        );
    }

    proptest! {
        #[test]
        fn what_is_percent_encoded_is_decoded_and_nothing_else_is(text: String, before: String, after: String) {
            let every_byte = text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02x}"));
            prop_assert_eq!(percent_decoded(&every_byte), Some(text.clone()));
            if !text.contains('%') {
                prop_assert_eq!(percent_decoded(&text), Some(text.clone()));
            }
            let mut rest = after.chars();
            let is_encoded = rest.by_ref().take(2).filter(char::is_ascii_hexdigit).count() == 2;
            if !is_encoded {
                prop_assert_eq!(percent_decoded(&format!("{before}%{after}")), None);
            }
        }

        #[test]
        fn no_text_makes_the_reader_of_the_url_fall_over(text: String, rest in "(smtps?://)?[a-z:%@\\[\\]0-9.?=/+-]{0,40}") {
            let _ = (read(&text), read(&rest));
        }
    }
}
