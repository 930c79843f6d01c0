//! Whether a request's signatures are right, and if not, why. Pure.
//!
//! That a signature fits nothing can have two reasons, and it does not say which. It can be told where the body that
//! belongs to it is known: the one this server has for that `webhook-id`, or the one JavaScript would print for the same
//! JSON, which is what this server signs.

use groundswell_types::signature::{
    PRODUCT_SIGNATURE, StandardHeaders, VerifyError, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP,
    verify_product, verify_standard,
};
use groundswell_types::{HeaderView, SchemeCheck, Secret, SignatureCheck, WebhookId};

/// How far a signature's time may be from when it came.
const TOLERANCE_MS: i64 = 300_000;

/// A webhook that may have sent a request.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// None before it is published.
    pub webhook_id: Option<WebhookId>,
    /// The valid ones, the newest first.
    pub secrets: Vec<Secret>,
}

/// What is checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub headers: &'a [HeaderView],
    pub body: &'a [u8],
    pub received_at_ms: i64,
}

/// The first header of that name.
pub(super) fn header<'a>(headers: &'a [HeaderView], name: &str) -> Option<&'a str> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
}

/// Checks both schemes; `sent` is the body this server has for the request's `webhook-id`.
pub(super) fn check(signers: &[Signer], request: Request<'_>, sent: Option<&[u8]>) -> SignatureCheck {
    let of = |signer: &Signer| SignatureCheck {
        webhook_id: signer.webhook_id.clone(),
        product: scheme(signer, request, sent, product),
        standard: scheme(signer, request, sent, standard),
    };
    // Of several webhooks with one URL the one that is meant is the one whose secret fits, or comes closest.
    let best = signers.iter().map(of).min_by_key(|check| rank(check.product).min(rank(check.standard)));
    best.unwrap_or(SignatureCheck {
        webhook_id: None,
        product: SchemeCheck::NoWebhook,
        standard: SchemeCheck::NoWebhook,
    })
}

/// Whether knowing the body that was sent can tell more.
pub(super) fn is_in_doubt(check: &SignatureCheck) -> bool {
    [check.product, check.standard].contains(&SchemeCheck::Mismatch)
}

const fn rank(check: SchemeCheck) -> u8 {
    match check {
        SchemeCheck::Verified => 0,
        SchemeCheck::Expired => 1,
        SchemeCheck::BodyChanged => 2,
        SchemeCheck::WrongSecret | SchemeCheck::Mismatch => 3,
        SchemeCheck::Malformed => 4,
        SchemeCheck::Missing => 5,
        SchemeCheck::NoSecret => 6,
        SchemeCheck::NoWebhook => 7,
    }
}

/// Why a signature of one scheme is not right with one secret and one body; `None` when there is none.
type Scheme = fn(&Secret, Request<'_>, &[u8]) -> Option<Result<(), VerifyError>>;

fn product(secret: &Secret, request: Request<'_>, body: &[u8]) -> Option<Result<(), VerifyError>> {
    let value = header(request.headers, PRODUCT_SIGNATURE)?;
    Some(verify_product(secret, value, body, (request.received_at_ms, TOLERANCE_MS)))
}

fn standard(secret: &Secret, request: Request<'_>, body: &[u8]) -> Option<Result<(), VerifyError>> {
    let signature = header(request.headers, WEBHOOK_SIGNATURE)?;
    let others = header(request.headers, WEBHOOK_ID).zip(header(request.headers, WEBHOOK_TIMESTAMP));
    let Some((id, timestamp)) = others else { return Some(Err(VerifyError::Malformed)) };
    let times = (request.received_at_ms.div_euclid(1000), TOLERANCE_MS / 1000);
    Some(verify_standard(secret, StandardHeaders { id, timestamp, signature }, body, times))
}

fn scheme(signer: &Signer, request: Request<'_>, sent: Option<&[u8]>, verify: Scheme) -> SchemeCheck {
    let with = |secret: &Secret| match verify(secret, request, request.body) {
        None => SchemeCheck::Missing,
        Some(Ok(())) => SchemeCheck::Verified,
        Some(Err(VerifyError::Malformed)) => SchemeCheck::Malformed,
        Some(Err(VerifyError::Expired)) => SchemeCheck::Expired,
        Some(Err(VerifyError::Mismatch)) => mismatch(secret, request, sent, verify),
    };
    let best = signer.secrets.iter().map(with).min_by_key(|check| rank(*check));
    best.unwrap_or(SchemeCheck::NoSecret)
}

/// Which of a wrong secret and a changed body it is.
fn mismatch(secret: &Secret, request: Request<'_>, sent: Option<&[u8]>, verify: Scheme) -> SchemeCheck {
    let fits =
        |body: &[u8]| matches!(verify(secret, request, body), Some(Ok(()) | Err(VerifyError::Expired)));
    let printed = groundswell_types::json::parse(request.body).ok().map(|json| json.render());
    if sent.is_some_and(&fits) || printed.is_some_and(|body| fits(&body)) {
        SchemeCheck::BodyChanged
    } else if sent == Some(request.body) {
        SchemeCheck::WrongSecret
    } else {
        SchemeCheck::Mismatch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundswell_types::signature::sign;

    const NOW: i64 = 1_785_067_445_123;
    const BODY: &[u8] = br#"{"event":"CAMPAIGN_ENDED","data":{"id":"p1"}}"#;

    fn secret(text: &str) -> Secret {
        Secret::parse(text).expect("a valid secret")
    }

    fn signer(id: Option<&str>, secrets: &[&str]) -> Signer {
        let webhook_id = id.map(|id| WebhookId::parse(id).expect("a valid id"));
        Signer { webhook_id, secrets: secrets.iter().map(|text| secret(text)).collect() }
    }

    /// The headers of a request that was signed with `text`.
    fn signed(text: &str) -> Vec<HeaderView> {
        let headers = sign(&[&secret(text)], "evt_1", NOW, BODY);
        let pairs = [
            ("webhook-id", Some("evt_1".to_owned())),
            ("Webhook-Timestamp", Some(headers.timestamp)),
            ("webhook-signature", headers.standard),
            ("GrowSurf-Signature", headers.product),
        ];
        let view = |(name, value): (&str, Option<String>)| {
            value.map(|value| HeaderView { name: name.to_owned(), value })
        };
        pairs.into_iter().filter_map(view).collect()
    }

    fn both(signers: &[Signer], request: Request<'_>, sent: Option<&[u8]>) -> SchemeCheck {
        let check = check(signers, request, sent);
        assert_eq!(check.product, check.standard);
        check.product
    }

    #[test]
    fn each_reason_is_told() {
        let headers = signed("one");
        let one = &[signer(Some("primary"), &["one"])];
        let request = Request { headers: &headers, body: BODY, received_at_ms: NOW + 1000 };
        let spaced = br#"{ "event": "CAMPAIGN_ENDED", "data": { "id": "p1" } }"#;
        let other = &[signer(None, &["other"])];
        assert_eq!(both(one, request, None), SchemeCheck::Verified);
        assert_eq!(both(&[], request, None), SchemeCheck::NoWebhook);
        assert_eq!(both(&[signer(None, &[])], request, None), SchemeCheck::NoSecret);
        assert_eq!(both(one, Request { headers: &[], ..request }, None), SchemeCheck::Missing);
        assert_eq!(
            both(one, Request { received_at_ms: NOW + 302_000, ..request }, None),
            SchemeCheck::Expired
        );
        assert_eq!(both(other, request, None), SchemeCheck::Mismatch);
        assert_eq!(both(other, request, Some(BODY)), SchemeCheck::WrongSecret);
        assert_eq!(both(one, Request { body: spaced, ..request }, None), SchemeCheck::BodyChanged);
        assert_eq!(both(one, Request { body: b"{}", ..request }, None), SchemeCheck::Mismatch);
        assert_eq!(both(one, Request { body: b"{}", ..request }, Some(BODY)), SchemeCheck::BodyChanged);
        let both_wrong = both(other, Request { body: b"{}", ..request }, Some(BODY));
        assert_eq!(both_wrong, SchemeCheck::Mismatch);
    }

    #[test]
    fn each_scheme_has_a_verdict_of_its_own() {
        let one = &[signer(Some("primary"), &["one"])];
        let without = |name: &str| -> Vec<HeaderView> {
            signed("one").into_iter().filter(|header| !header.name.eq_ignore_ascii_case(name)).collect()
        };
        let verdicts = |headers: &[HeaderView]| {
            let check = check(one, Request { headers, body: BODY, received_at_ms: NOW }, None);
            (check.product, check.standard)
        };
        assert_eq!(verdicts(&without("growsurf-signature")), (SchemeCheck::Missing, SchemeCheck::Verified));
        assert_eq!(verdicts(&without("webhook-signature")), (SchemeCheck::Verified, SchemeCheck::Missing));
        assert_eq!(verdicts(&without("webhook-id")), (SchemeCheck::Verified, SchemeCheck::Malformed));
        let mut headers = without("growsurf-signature");
        headers.push(HeaderView { name: PRODUCT_SIGNATURE.to_owned(), value: "sha256=abc".to_owned() });
        assert_eq!(verdicts(&headers), (SchemeCheck::Malformed, SchemeCheck::Verified));
    }

    #[test]
    fn the_webhook_whose_secret_fits_is_named() {
        let headers = signed("two");
        let request = Request { headers: &headers, body: BODY, received_at_ms: NOW };
        let signers =
            [signer(Some("primary"), &["one"]), signer(Some("wh_2"), &["new", "two"]), signer(None, &[])];
        let check = check(&signers, request, None);
        assert_eq!(check.webhook_id, WebhookId::parse("wh_2").ok());
        assert!(check.is_verified());
        assert!(!is_in_doubt(&check));
    }
}
