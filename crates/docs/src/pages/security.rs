//! How receivers tell genuine requests from others, with signatures that were really computed.

use groundswell_types::Secret;
use groundswell_types::signature::{hmac_sha256, product_header, standard_header};
use std::fmt::Write as _;

use super::receivers;
use crate::page::{About, Group};

pub const ABOUT: About = About {
    name: "security",
    title: "Securing your webhooks",
    description: "Check that a request is genuine: both signature schemes, in your language, and how to replace a secret.",
    group: Group::Guides,
};

const ID: &str = "evt_2k4w8h6mjr9q3";
const TIME_S: i64 = 1_772_447_400;
const BODY: &str = r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":1772447400000,"data":{"id":"p1"}}"#;
/// One of each form.
const SECRETS: [&str; 2] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "my secret"];

/// The page's text.
pub fn text() -> String {
    let mut text = include_str!("../../text/security.md").replace("{{verifying}}", &receivers::verifying());
    worked_example(&mut text);
    text
}

fn worked_example(text: &mut String) {
    let _ = write!(
        text,
        "\n## An example to check your code with {{#example}}\n\n```text title=\"The body\"\n{BODY}\n```\n\n\
         Sent with `webhook-id: {ID}` at {TIME_S} (in milliseconds {TIME_S}000):\n\n",
    );
    for secret in SECRETS {
        let _ = write!(
            text,
            "```text title=\"With the secret {secret}\"\n{}\n```\n\n",
            signed(&Secret::parse(secret).expect("the secrets here are valid"))
        );
    }
}

/// The headers of the example.
fn signed(secret: &Secret) -> String {
    let time_ms = (TIME_S * 1_000).to_string();
    let standard = format!("{ID}.{TIME_S}.{BODY}");
    let standard = hmac_sha256(&secret.standard_key(), &[standard.as_bytes()]);
    let product = hmac_sha256(secret.text_key(), &[format!("{time_ms}.{BODY}").as_bytes()]);
    format!(
        "webhook-signature: {}\ngrowsurf-signature: {}",
        standard_header([standard]),
        product_header(&time_ms, [product])
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundswell_types::signature::{StandardHeaders, verify_product, verify_standard};

    #[test]
    fn the_example_verifies() {
        for text in SECRETS {
            let secret = Secret::parse(text).expect("valid");
            let headers = signed(&secret);
            let (standard, product) = headers.split_once('\n').expect("two lines");
            let value = |line: &str| line.split_once(": ").expect("a header").1.to_owned();
            let (signature, product) = (value(standard), value(product));
            let timestamp = TIME_S.to_string();
            let headers = StandardHeaders { id: ID, timestamp: &timestamp, signature: &signature };
            assert_eq!(verify_standard(&secret, headers, BODY.as_bytes(), (TIME_S, 0)), Ok(()));
            assert_eq!(verify_product(&secret, &product, BODY.as_bytes(), (TIME_S * 1_000, 0)), Ok(()));
        }
    }
}
