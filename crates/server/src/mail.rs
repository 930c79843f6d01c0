//! Letters as e-mail: what they say in the reader's language, and their way to the mail server (SMTP).
//!
//! What is logged of an answer is its code, since mail servers repeat addresses in their words.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use async_trait::async_trait;
use groundswell_app::texts::Texts;
use groundswell_app::{Language, mail};
use groundswell_engine::telling::{About, Content, Letter, Post, Posted};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use url::{Host, Url};

use crate::config::mail::{Encryption, MailSettings};

/// For connecting. What is said and answered afterwards has no limit of its own.
const PATIENCE: Duration = Duration::from_secs(10);

/// For a letter, connecting included. A mail server may look through a letter for ten minutes before it says that it has taken
/// it (RFC 5321, 4.5.3.2.6), and has it even if nobody waits for that any more: who gives up sooner sends it once more.
const WHOLE_PATIENCE: Duration = Duration::from_mins(12);

/// A connection that nothing was sent on for so long is closed: mail servers do it themselves soon after.
const IDLE: Duration = Duration::from_mins(1);

/// Letters go out one after another.
const MAX_CONNECTIONS: u32 = 1;

/// Sends letters through a mail server.
pub struct SmtpPost {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// Without a slash at its end.
    public_url: Arc<str>,
    /// Of the public URL, for the ids of messages.
    host: String,
}

impl SmtpPost {
    /// Fails when the certificates that this machine trusts cannot be read.
    pub fn new(settings: &MailSettings, public_url: &str) -> anyhow::Result<Self> {
        // A second call finds the provider there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = || TlsParameters::builder(settings.host.clone()).build_rustls();
        let tls = match settings.encryption {
            Encryption::None => Tls::None,
            Encryption::StartTls => Tls::Required(tls().context("TLS cannot be set up")?),
            Encryption::Tls => Tls::Wrapper(tls().context("TLS cannot be set up")?),
        };
        let url = Url::parse(public_url).with_context(|| format!("{public_url} is no URL"))?;
        let (client, host) = match url.host() {
            Some(Host::Ipv4(address)) => (ClientId::Ipv4(address), format!("[{address}]")),
            Some(Host::Ipv6(address)) => (ClientId::Ipv6(address), format!("[IPv6:{address}]")),
            Some(Host::Domain(name)) => (ClientId::Domain(name.to_owned()), name.to_owned()),
            None => (ClientId::default(), "localhost".to_owned()),
        };
        let pool = PoolConfig::new().max_size(MAX_CONNECTIONS).idle_timeout(IDLE);
        let server = match settings.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => settings.host.clone(),
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(PATIENCE))
            .hello_name(client)
            .pool_config(pool);
        let builder = match settings.credentials.clone() {
            Some(credentials) => builder.credentials(credentials),
            None => builder,
        };
        Ok(Self {
            transport: builder.build(),
            from: settings.from.clone(),
            public_url: public_url.trim_end_matches('/').into(),
            host,
        })
    }

    /// The e-mail that a letter is; `None` when its address cannot be one in SMTP.
    fn message(&self, letter: &Letter) -> Option<Message> {
        let to: Address = letter.to.as_str().parse().ok()?;
        let texts = Texts::of(Language::parse(&letter.language).unwrap_or_default());
        let is_way_in = matches!(letter.content, Content::SignInLink { .. });
        let path = if is_way_in { "sign-in" } else { "notifications" };
        let link = letter.token.as_ref().map(|token| format!("{}/{path}?token={token}", self.public_url));
        let mail = mail::write(texts, &says(&letter.content), (&self.public_url, link.as_deref()));
        let written = UNIX_EPOCH + Duration::from_millis(letter.written_at_ms.try_into().unwrap_or_default());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject)
            .date(written)
            // The same whenever it is sent, so that whoever gets it twice can tell.
            .message_id(Some(format!("<letter.{}@{}>", letter.id, self.host)))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("Content-Language", texts.language().tag()));
        if let Some(link) = link.filter(|_| !is_way_in) {
            // RFC 8058: programs for e-mail show a button for it.
            message = message
                .raw_header(header("List-Unsubscribe", &format!("<{link}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        message.multipart(MultiPart::alternative_plain_html(mail.text, mail.html)).ok()
    }
}

/// Of a name and a value that we write, in ASCII.
fn header(name: &str, value: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii(name.to_owned()).expect("names of headers are ASCII");
    HeaderValue::new(name, value.to_owned())
}

#[async_trait]
impl Post for SmtpPost {
    async fn send(&self, letter: &Letter) -> Posted {
        let Some(message) = self.message(letter) else {
            return Posted::Refused("its address is none for SMTP".to_owned());
        };
        match tokio::time::timeout(WHOLE_PATIENCE, self.transport.send(message)).await {
            Ok(Ok(_)) => Posted::Sent,
            Ok(Err(error)) => failed(&error),
            Err(_) => Posted::Away("no answer within 12 minutes".to_owned()),
        }
    }
}

/// Only what is clearly about the one address loses its letter. That a password is wrong or a sender is not allowed is for the
/// operator to mend, and the letters wait for it.
fn failed(error: &SmtpError) -> Posted {
    let code = error.status().map(u16::from);
    match code {
        Some(code @ (550 | 551 | 553)) if is_about_address(&words(error)) => {
            Posted::Refused(format!("it answered {code}"))
        }
        // Whoever else is written to, the answer will be the same.
        Some(code @ (550 | 551 | 553 | 554)) if is_about_sender(&words(error)) => {
            Posted::Away(format!("it does not take letters from the sender, and answered {code}"))
        }
        // The service is closing, or does not know who we are.
        Some(code @ (421 | 454 | 530 | 534 | 535 | 538)) => Posted::Away(format!("it answered {code}")),
        Some(code) => Posted::NotNow(format!("it answered {code}")),
        None if error.is_timeout() => Posted::Away("no connection within 10 s".to_owned()),
        None => Posted::Away(match tls_failure(error) {
            Some(failure) => format!("TLS failed: {failure}"),
            None => "there was no connection, or it broke".to_owned(),
        }),
    }
}

/// The words of an answer.
fn words(error: &SmtpError) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// Whether an answer is about the address that a letter goes to. The same codes answer a sender that is not allowed, or a server
/// that may not relay; what they are about, the enhanced code at the beginning of the words says (RFC 3463), or the words do.
fn is_about_address(says: &str) -> bool {
    is_of_address(enhanced_code(says).0) && !is_about_sender(says)
}

/// `5.1.…` is about an address, and `5.2.1` a mailbox that is shut.
fn is_of_address(code: &str) -> bool {
    code.starts_with("5.1.") || code == "5.2.1"
}

/// Whether an answer is about who sends letters. `5.1.7` and `5.1.8` are the sender's address and domain, `5.7.60` is Exchange's
/// for a sender that one may not be (RFC 3463 has no code for that); others say `5.1.0`, an address's in general, or `5.7.1`,
/// which may be about anything, and name the sender in words: Postfix as `5.1.0 <address>: Sender address rejected: …`.
fn is_about_sender(says: &str) -> bool {
    let (code, words) = enhanced_code(says);
    let words = words.to_ascii_lowercase();
    let after_address =
        words.strip_prefix('<').and_then(|words| words.split_once(">:")).map(|(_, words)| words);
    matches!(code, "5.1.7" | "5.1.8" | "5.7.60")
        || after_address.unwrap_or(&words).trim_start().starts_with("sender")
        || (!is_of_address(code) && words.contains("sender address"))
}

/// The enhanced code of an answer, empty if it has none, and its words.
fn enhanced_code(says: &str) -> (&str, &str) {
    let says = says.trim_start();
    let (first, words) = says.split_once(char::is_whitespace).unwrap_or((says, ""));
    let is_code = first.starts_with("5.") && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_code { (first, words.trim_start()) } else { ("", says) }
}

/// What went wrong with TLS, which is told only at the bottom of what went wrong with the connection.
fn tls_failure(error: &SmtpError) -> Option<&rustls::Error> {
    let mut source = error.source();
    while let Some(cause) = source {
        let inside = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(failure) = inside.and_then(|inside| inside.downcast_ref::<rustls::Error>()) {
            return Some(failure);
        }
        source = cause.source();
    }
    None
}

fn says(content: &Content) -> mail::Says {
    match content.clone() {
        Content::Notice { notice, about, at_ms, since_ms } => {
            mail::Says::Notice { notice, about: named(about), at: at_ms, since: since_ms }
        }
        Content::Digest { about, count, since_ms, until_ms } => {
            mail::Says::Digest { about: named(about), count, since: since_ms, until: until_ms }
        }
        Content::Question { about, asked_by } => mail::Says::Question { about: named(about), asked_by },
        Content::Address { name } => mail::Says::Address { name },
        Content::SignInLink { name, at_ms, address, .. } => {
            mail::Says::SignInLink { name, at: at_ms, address }
        }
        Content::SignIn { name, at_ms, address, user_agent, .. } => {
            mail::Says::SignIn { name, at: at_ms, address, user_agent }
        }
    }
}

fn named(About { program, program_name, webhook, label }: About) -> mail::About {
    mail::About { program, program_name, webhook, label }
}

#[cfg(test)]
mod tests {
    use groundswell_types::{Email, NoticeKind, ProgramId, WebhookId};
    use lettre::message::Mailbox;

    use super::*;

    fn post() -> SmtpPost {
        let settings = MailSettings {
            host: "127.0.0.1".to_owned(),
            port: 25,
            encryption: Encryption::None,
            credentials: None,
            from: "Groundswell <webhooks@example.com>".parse::<Mailbox>().expect("an address"),
        };
        SmtpPost::new(&settings, "https://hooks.example.com/").expect("can be set up")
    }

    fn letter(label: &str) -> Letter {
        let about = About {
            program: ProgramId::parse("j4m8haj6").expect("an id"),
            program_name: "Acme".to_owned(),
            webhook: WebhookId::parse("primary").expect("an id"),
            label: label.to_owned(),
        };
        Letter {
            id: 7,
            to: Email::parse("ada@example.com").expect("an address"),
            language: "de".to_owned(),
            token: Some("abc".to_owned()),
            content: Content::Notice { notice: NoticeKind::Gone, about, at_ms: 0, since_ms: 0 },
            written_at_ms: 1_785_067_445_123,
        }
    }

    #[test]
    fn only_what_is_about_the_readers_address_loses_a_letter() {
        for says in [
            "5.1.1 <ada@example.com>: Recipient address rejected",
            "5.1.1 <sender address@example.com>: no such",
            "5.1.0 address rejected",
            "5.1.10 no such domain",
            "5.2.1 shut",
        ] {
            assert!(is_about_address(says), "{says}");
        }
        for says in [
            "",
            "nobody is called ada@example.com",
            "5.7.1 <webhooks@example.com>: Sender address rejected: not owned by user",
            "5.7.60 SMTP; Client does not have permissions to send as this sender",
            "5.1.7 the sender's address is none",
            "5.1.8 the sender's domain is not known",
            "5.1.0 <webhooks@example.com>: Sender address rejected: User unknown in virtual mailbox table",
            "5.1.0 Sender address rejected: not owned by user",
            "5.2.2 the mailbox is full",
            "5.15.1 no code",
        ] {
            assert!(!is_about_address(says), "{says}");
        }
    }

    #[test]
    fn a_sender_that_is_refused_is_told_from_a_letter_that_is() {
        for says in [
            "5.7.1 <webhooks@example.com>: Sender address rejected: not owned by user",
            "5.7.60 SMTP; Client does not have permissions to send as this sender",
            "5.1.7 the sender's address is none",
            "5.1.8 the sender's domain is not known",
            "5.1.0 <webhooks@example.com>: Sender address rejected: User unknown in virtual mailbox table",
            "5.1.0 Sender address rejected: not owned by user",
            "Sender address rejected: Domain not found",
        ] {
            assert!(is_about_sender(says), "{says}");
        }
        for says in ["", "5.1.1 <sender address@example.com>: no such", "5.7.1 policy", "5.2.2 full"] {
            assert!(!is_about_sender(says), "{says}");
        }
    }

    #[tokio::test]
    async fn a_letter_has_the_headers_that_end_it_and_the_same_id_whenever_it_is_sent() {
        let [first, second] =
            [0, 1].map(|_| post().message(&letter("CRM")).expect("a message").headers().to_string());
        assert_eq!(first, second);
        for line in [
            "From: Groundswell <webhooks@example.com>",
            "To: ada@example.com",
            "Message-ID: <letter.7@hooks.example.com>",
            "List-Unsubscribe: <https://hooks.example.com/notifications?token=abc>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Auto-Submitted: auto-generated",
            "Date: Sun, 26 Jul 2026 12:04:05 +0000",
        ] {
            assert!(first.contains(&format!("{line}\r\n")), "{line}: {first}");
        }
    }

    #[tokio::test]
    async fn a_name_adds_no_header() {
        for name in [
            "a\r\nBcc: eve@example.com",
            "a\nBcc: eve@example.com\n\n",
            "ä\u{2028}Bcc: eve@example.com\r",
            "=?utf-8?q?a=0D=0ABcc:?=",
        ] {
            let message = post().message(&letter(name)).expect("a message");
            let headers = message.headers().to_string();
            let names: Vec<&str> = headers
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']) && !line.is_empty())
                .filter_map(|line| line.split_once(':').map(|(name, _)| name))
                .collect();
            assert!(!names.contains(&"Bcc") && names.len() == 10, "{headers}");
            assert_eq!(message.envelope().to().len(), 1);
        }
    }
}
