//! What e-mails say, in the language of whoever reads them: a subject, the words as plain text, and the same as HTML. There is
//! nothing in them that a reader's program would have to fetch, so nobody learns that, when or where they are read.

use std::fmt::Write as _;

use groundswell_types::{DeliveryFilter, DeliveryState, NoticeKind, ProgramId, WebhookId};

use crate::log_query::LogQuery;
use crate::texts::Texts;
use crate::time;

/// Names that somebody else chose have so many characters in an e-mail at most.
const MAX_NAME_CHARS: usize = 60;

/// A webhook, as e-mails name it.
#[derive(Debug, Clone)]
pub struct About {
    pub program: ProgramId,
    pub program_name: String,
    pub webhook: WebhookId,
    /// What people call it.
    pub label: String,
}

/// What an e-mail is to say.
#[derive(Debug, Clone)]
pub enum Says {
    /// A notice about a webhook. Times are Unix milliseconds, here and below.
    Notice { notice: NoticeKind, about: About, at: i64, since: i64 },
    /// So many deliveries were given up.
    Digest { about: About, count: i64, since: i64, until: i64 },
    /// Whether somebody wants e-mail about a webhook.
    Question { about: About, asked_by: String },
    /// Whether the reader's address is that of the account of somebody with this name.
    Address { name: String },
    /// A link that signs the reader in, for which somebody at this address has asked.
    SignInLink { name: String, at: i64, address: Option<String> },
    /// Somebody has signed in to the reader's account.
    SignIn { name: String, at: i64, address: Option<String>, user_agent: Option<String> },
}

/// An e-mail, but for who gets it and who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// In one line.
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Writes an e-mail. `server` is the public URL without a slash at its end, `link` leads whoever reads it to where they say
/// whether they want such e-mail.
pub fn write(texts: Texts, says: &Says, (server, link): (&str, Option<&str>)) -> Mail {
    let Words { subject, text, facts, action: (label, url) } = words(texts, says, server, link);
    let parts = Parts {
        subject: &line(&subject, 200),
        text: &text,
        facts: &facts,
        action: (label, &url),
        why: match says {
            Says::SignInLink { .. } | Says::SignIn { .. } => texts.mail_why_account(),
            Says::Question { .. } => texts.mail_why_asked(),
            Says::Address { .. } => texts.mail_why_address(),
            Says::Notice { .. } | Says::Digest { .. } => texts.mail_why(),
        },
        // Whoever is asked answers by the button, and a link that signs in is the button.
        stop: link.filter(|_| matches!(says, Says::Notice { .. } | Says::Digest { .. })),
        sent_by: &texts.mail_sent_by(server),
    };
    Mail { subject: parts.subject.to_owned(), text: parts.plain(texts), html: parts.html(texts) }
}

/// What is particular to an e-mail.
struct Words {
    subject: String,
    text: String,
    facts: Vec<(&'static str, String)>,
    action: (&'static str, String),
}

fn words(texts: Texts, says: &Says, server: &str, link: Option<&str>) -> Words {
    let utc = |at: i64| time::utc(texts, at);
    match says {
        Says::Notice { notice, about, at, since } => of_notice(texts, (*notice, *at, *since), about, server),
        Says::Digest { about, count, since, until } => {
            let label = name(&about.label);
            let filter = DeliveryFilter {
                state: Some(DeliveryState::Undeliverable),
                webhook_id: Some(about.webhook.clone()),
                ..DeliveryFilter::default()
            };
            let log = LogQuery { filter, ..LogQuery::default() }.url(&about.program);
            Words {
                subject: texts.mail_digest_subject(*count, &label),
                text: texts.mail_digest_text(&utc(*since), &utc(*until)),
                facts: facts(texts, about),
                action: (texts.mail_open_log(), format!("{server}{log}")),
            }
        }
        Says::Question { about, asked_by } => {
            let (label, program) = (name(&about.label), name(&about.program_name));
            Words {
                subject: texts.mail_question_subject(&label),
                text: texts.mail_question_text(&name(asked_by), &label, &program),
                facts: Vec::new(),
                action: (texts.mail_answer(), link.unwrap_or(server).to_owned()),
            }
        }
        Says::Address { name: account } => Words {
            subject: texts.mail_confirm_subject().to_owned(),
            text: texts.mail_confirm_text(&name(account)),
            facts: Vec::new(),
            action: (texts.mail_confirm(), link.unwrap_or(server).to_owned()),
        },
        // Not what their browser calls itself: whoever asks could have anything said in somebody else's e-mail.
        Says::SignInLink { name: account, at, address } => {
            let mut facts = vec![(texts.mail_time(), utc(*at))];
            facts.extend(address.as_ref().map(|address| (texts.mail_address(), line(address, 60))));
            Words {
                subject: texts.mail_link_subject().to_owned(),
                text: texts.mail_link_text(&name(account)),
                facts,
                action: (texts.mail_link_open(), link.unwrap_or(server).to_owned()),
            }
        }
        Says::SignIn { name: account, at, address, user_agent } => {
            let mut facts = vec![(texts.mail_time(), utc(*at))];
            facts.extend(address.as_ref().map(|address| (texts.mail_address(), line(address, 60))));
            facts.extend(user_agent.as_ref().map(|agent| (texts.mail_browser(), line(agent, 200))));
            Words {
                subject: texts.mail_sign_in_subject().to_owned(),
                text: texts.mail_sign_in_text(&name(account)),
                facts,
                action: (texts.mail_open_sessions(), format!("{server}/settings/sessions")),
            }
        }
    }
}

fn of_notice(
    texts: Texts,
    (notice, at, since): (NoticeKind, i64, i64),
    about: &About,
    server: &str,
) -> Words {
    let label = name(&about.label);
    let (at, since) = (time::utc(texts, at), time::utc(texts, since));
    let (subject, text) = match notice {
        NoticeKind::Failing => (texts.mail_failing_subject(&label), texts.mail_failing_text(&label, &since)),
        NoticeKind::StillFailing => {
            (texts.mail_still_failing_subject(&label), texts.mail_still_failing_text(&label, &since))
        }
        NoticeKind::AutoDisabled => {
            (texts.mail_auto_disabled_subject(&label), texts.mail_auto_disabled_text(&since, &label))
        }
        NoticeKind::Gone => (texts.mail_gone_subject(&label), texts.mail_gone_text(&at, &label)),
        NoticeKind::ParkedExpiring => {
            (texts.mail_parked_subject(&label), texts.mail_parked_text(&label, &since))
        }
        NoticeKind::SecretReplaced => {
            (texts.mail_secret_subject(&label), texts.mail_secret_text(&at, &label))
        }
    };
    let action = if notice == NoticeKind::SecretReplaced {
        (texts.mail_open_audit(), format!("{server}/settings/audit-log?campaign={}", about.program))
    } else {
        (texts.mail_open_webhooks(), format!("{server}/programs/{}/options/webhooks", about.program))
    };
    Words { subject, text, facts: facts(texts, about), action }
}

fn facts(texts: Texts, about: &About) -> Vec<(&'static str, String)> {
    vec![(texts.mail_program(), name(&about.program_name)), (texts.mail_webhook(), name(&about.label))]
}

/// A name that somebody chose.
fn name(text: &str) -> String {
    line(text, MAX_NAME_CHARS)
}

/// A text in one line: what would end a line, or turn one around, is a space.
fn line(text: &str, most: usize) -> String {
    let is_harmless = |c: char| !c.is_control() && !('\u{2028}'..='\u{202e}').contains(&c);
    let text: String = text.chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= most { text } else { text.chars().take(most - 1).chain(['…']).collect() }
}

/// An e-mail as it is put together.
struct Parts<'a> {
    subject: &'a str,
    text: &'a str,
    facts: &'a [(&'static str, String)],
    action: (&'static str, &'a str),
    why: &'static str,
    stop: Option<&'a str>,
    sent_by: &'a str,
}

impl Parts<'_> {
    fn plain(&self, texts: Texts) -> String {
        let mut plain = format!("{}\n\n{}\n\n", self.subject, self.text);
        for (label, value) in self.facts {
            let _ = writeln!(plain, "{label}: {value}");
        }
        let separator = if self.facts.is_empty() { "" } else { "\n" };
        let (label, url) = self.action;
        let _ = write!(plain, "{separator}{label}:\n{url}\n\n-- \n{}\n{}\n", self.why, self.sent_by);
        if let Some(stop) = self.stop {
            let _ = write!(plain, "{}:\n{stop}\n", texts.mail_stop());
        }
        plain
    }

    fn html(&self, texts: Texts) -> String {
        let language = texts.language().tag();
        let mut facts = String::new();
        for (label, value) in self.facts {
            let _ = write!(
                facts,
                "<tr><th scope=\"row\" style=\"{FACT}font-weight:normal;opacity:.75\">{label}</th><td style=\"{FACT}\">{}</td></tr>",
                escaped(value)
            );
        }
        let facts = if facts.is_empty() {
            facts
        } else {
            format!("<table style=\"border-collapse:collapse;margin:0 0 24px\">{facts}</table>")
        };
        let (label, url) = self.action;
        let stop = self.stop.map(|stop| {
            format!("<br><a href=\"{}\" style=\"color:inherit\">{}</a>", escaped(stop), texts.mail_stop())
        });
        format!(
            "<!DOCTYPE html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{subject}</title></head>\n<body style=\"margin:0;padding:24px 16px\">\
             <div role=\"main\" style=\"max-width:560px;margin:0 auto;font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere\">\n\
             <h1 style=\"font-size:20px;line-height:1.3;margin:0 0 16px\">{subject}</h1>\n<p style=\"margin:0 0 24px\">{text}</p>\n{facts}\n\
             <p style=\"margin:0 0 32px\"><a href=\"{url}\" style=\"display:inline-block;padding:10px 18px;border-radius:6px;background:#0b5cad;color:#fff;text-decoration:none\">{label}</a></p>\n\
             <p style=\"margin:0;padding-top:16px;border-top:1px solid #8886;font-size:13px\">{why}<br>{sent_by}{stop}</p>\n</div></body></html>\n",
            subject = escaped(self.subject),
            text = escaped(self.text),
            url = escaped(url),
            why = self.why,
            sent_by = escaped(self.sent_by),
            stop = stop.unwrap_or_default(),
        )
    }
}

/// Of a cell beside a label.
const FACT: &str = "text-align:left;vertical-align:top;padding:2px 16px 2px 0;";

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn about(label: &str) -> About {
        About {
            program: ProgramId::parse("j4m8haj6").expect("an id"),
            program_name: "Acme & <b>Sons</b>".to_owned(),
            webhook: WebhookId::parse("wh_1").expect("an id"),
            label: label.to_owned(),
        }
    }

    #[test]
    fn every_notice_has_words_in_every_language() {
        for language in Language::ALL {
            let texts = Texts::of(language);
            for notice in NoticeKind::ALL {
                let says = Says::Notice { notice, about: about("CRM"), at: 1_785_067_445_123, since: 0 };
                let mail = write(
                    texts,
                    &says,
                    ("https://hooks.example.com", Some("https://hooks.example.com/x?token=t")),
                );
                assert!(mail.subject.contains("CRM") && mail.text.contains("Acme & <b>Sons</b>"), "{mail:?}");
                assert!(
                    mail.html.contains("Acme &amp; &lt;b&gt;Sons") && !mail.html.contains("<b>"),
                    "{mail:?}"
                );
                for body in [&mail.text, &mail.html] {
                    assert!(body.contains(texts.mail_stop()) && body.contains("?token=t"), "{body}");
                    assert!(!body.contains('{'), "{body}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_fetched_and_every_link_leads_here() {
        let says = Says::Digest { about: about("CRM"), count: 1234, since: 0, until: 1 };
        let mail = write(
            Texts::of(Language::German),
            &says,
            ("https://hooks.example.com", Some("https://hooks.example.com/x")),
        );
        assert!(mail.subject.starts_with("1.234 "), "{}", mail.subject);
        assert!(
            mail.text.contains(
                "https://hooks.example.com/programs/j4m8haj6/deliveries?state=undeliverable&webhook=wh_1"
            ),
            "{}",
            mail.text
        );
        for fetches in ["src=", "<img", "url(", "<link", "<script"] {
            assert!(!mail.html.contains(fetches), "{fetches}");
        }
        for link in mail.html.split("href=\"").skip(1) {
            assert!(link.starts_with("https://hooks.example.com/"), "{link}");
        }
    }

    #[test]
    fn a_name_stays_in_its_line_and_is_not_long() {
        let says = Says::Question {
            about: about("a\r\nBcc: everybody@example.com\u{2028}\u{202e}b"),
            asked_by: "x".repeat(400),
        };
        let mail = write(Texts::of(Language::English), &says, ("http://here", None));
        assert!(
            mail.subject.contains("a Bcc: everybody@example.com b") && !mail.subject.contains(['\r', '\n']),
            "{}",
            mail.subject
        );
        assert!(!mail.text.contains(&"x".repeat(61)), "{}", mail.text);
    }

    #[test]
    fn whoever_is_asked_answers_by_the_button_in_every_language() {
        for language in Language::ALL {
            let texts = Texts::of(language);
            let mail = write(
                texts,
                &Says::Address { name: "Ada\r\n<b>".to_owned() },
                ("http://here", Some("http://here/x?token=t")),
            );
            assert!(mail.text.contains("Ada <b>") && mail.html.contains("Ada &lt;b&gt;"), "{mail:?}");
            assert_eq!(mail.text.matches("?token=t").count(), 1, "{}", mail.text);
            assert!(!mail.text.contains(texts.mail_stop()) && !mail.text.contains('{'), "{}", mail.text);
        }
    }

    #[test]
    fn a_link_that_signs_in_is_in_the_button_alone_in_every_language() {
        for language in Language::ALL {
            let texts = Texts::of(language);
            let address = Some("203.0.113.7".to_owned());
            let says = Says::SignInLink { name: "Ada\r\n<b>".to_owned(), at: 0, address };
            let mail = write(texts, &says, ("http://here", Some("http://here/sign-in?token=t")));
            assert!(mail.text.contains("Ada <b>") && mail.text.contains("203.0.113.7"), "{}", mail.text);
            for body in [&mail.text, &mail.html] {
                assert_eq!(body.matches("http://here/sign-in?token=t").count(), 1, "{body}");
                assert!(!body.contains(texts.mail_stop()) && !body.contains('{'), "{body}");
            }
        }
    }

    #[test]
    fn a_sign_in_is_nobodys_to_end() {
        let says = Says::SignIn {
            name: "Ada".to_owned(),
            at: 0,
            address: Some("203.0.113.7".to_owned()),
            user_agent: None,
        };
        let mail = write(Texts::of(Language::English), &says, ("http://here", None));
        assert!(
            mail.text.contains("Address: 203.0.113.7") && mail.text.contains("http://here/settings/sessions")
        );
        assert!(!mail.text.contains(Texts::of(Language::English).mail_stop()), "{}", mail.text);
    }
}
