//! Whom the server speaks to besides receivers: who collects traces, who takes its letters, and who says who people are.

use serde_json::Value;

use crate::mail::server::{MailServer, PASSWORD, Speaks, USER};
use crate::oidc::provider::{CLIENT, Provider, SECRET};
use crate::receiver::Receiver;

pub struct Outside {
    collector: Receiver,
    pub mail: MailServer,
    pub provider: Provider,
}

impl Outside {
    pub fn start() -> Self {
        let mail = MailServer::that(0, Speaks::StartTls);
        Self { collector: Receiver::start(), mail, provider: Provider::start() }
    }

    /// The settings that lead to them.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let password = PASSWORD.replace('@', "%40");
        let mail = format!("smtp://{USER}:{password}@127.0.0.1:{}?tls=required", self.mail.port());
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.collector.url("")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
            ("SSL_CERT_FILE", self.mail.authority().display().to_string()),
            ("GROUNDSWELL_SMTP_URL", mail),
            ("GROUNDSWELL_MAIL_FROM", "Groundswell <webhooks@example.com>".to_owned()),
            ("GROUNDSWELL_MAIL_RETRY_BASE_MS", "200".to_owned()),
            ("GROUNDSWELL_OIDC_ISSUER", self.provider.issuer()),
            ("GROUNDSWELL_OIDC_CLIENT_ID", CLIENT.to_owned()),
            ("GROUNDSWELL_OIDC_CLIENT_SECRET", SECRET.to_owned()),
            ("GROUNDSWELL_EMBED_ORIGINS", "https://app.example.com".to_owned()),
        ]
    }

    /// The traces as they were exported. Their texts stand in them as they are.
    pub fn traces(&self) -> Vec<Vec<u8>> {
        self.collector.requests().into_iter().map(|request| request.body).collect()
    }

    /// The letters and whom each is to.
    pub fn letters(&self) -> Vec<(String, String)> {
        let letters = self.mail.letters();
        letters.iter().map(|letter| (to(letter).to_owned(), letter.to_string())).collect()
    }
}

fn to(letter: &Value) -> &str {
    letter["to"][0].as_str().expect("it is to somebody")
}
