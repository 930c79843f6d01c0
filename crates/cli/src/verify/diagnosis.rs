//! Why a signature does not fit. A signature alone tells nothing, so the usual mistakes are tried one after another: if one
//! of them makes it fit, that is the reason.

use groundswell_types::Secret;
use groundswell_types::json;
use groundswell_types::signature::{
    StandardHeaders, VerifyError, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, verify_product,
    verify_standard,
};

/// A request that was signed.
pub struct Request<'a> {
    pub secret: &'a Secret,
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
    pub now_ms: i64,
    pub tolerance_ms: i64,
}

/// What there is to say about one signature.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub header: &'static str,
    pub verdict: Verdict,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// Why not, and what to do.
    Wrong(String),
}

/// Looks at each signature that is there.
pub fn examine(request: &Request<'_>) -> Vec<Finding> {
    let product = request
        .header("growsurf-signature")
        .map(|header| Finding { header: "GrowSurf-Signature", verdict: product(request, header) });
    let standard = request
        .header(WEBHOOK_SIGNATURE)
        .map(|header| Finding { header: "webhook-signature", verdict: standard(request, header) });
    let mut findings: Vec<Finding> = product.into_iter().chain(standard).collect();
    // When one signature fits, body and secret are right, whatever the other one is.
    if findings.iter().any(|finding| finding.verdict == Verdict::Right) {
        for finding in &mut findings {
            if matches!(&finding.verdict, Verdict::Wrong(why) if *why == NO_IDEA) {
                finding.verdict = Verdict::Wrong(
                    "the other signature fits, so the secret and the body are right and this header was changed on its \
                     way."
                        .to_owned(),
                );
            }
        }
    }
    findings
}

impl Request<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn product(request: &Request<'_>, header: &str) -> Verdict {
    let check = |secret: &Secret, body: &[u8]| {
        verify_product(secret, header, body, (request.now_ms, request.tolerance_ms))
    };
    let signed_at_ms = header.split(',').find_map(|part| part.trim().strip_prefix("ts=")?.parse().ok());
    judge(request, check, signed_at_ms, "it must look like ts=<milliseconds>,v=<64 hexadecimal digits>.")
}

fn standard(request: &Request<'_>, signature: &str) -> Verdict {
    let (Some(id), Some(timestamp)) = (request.header(WEBHOOK_ID), request.header(WEBHOOK_TIMESTAMP)) else {
        return Verdict::Wrong(
            "webhook-id and webhook-timestamp are signed with the body, so give both with --header, too."
                .to_owned(),
        );
    };
    let headers = StandardHeaders { id, timestamp, signature };
    let times = (request.now_ms.div_euclid(1000), request.tolerance_ms.div_euclid(1000));
    let check = |secret: &Secret, body: &[u8]| verify_standard(secret, headers, body, times);
    let signed_at_ms = timestamp.parse::<i64>().ok().map(|seconds| seconds.saturating_mul(1000));
    judge(request, check, signed_at_ms, "it must look like v1,<base64>, and webhook-timestamp be in seconds.")
}

/// The first that is true of: right, malformed, too old, a known mistake, no idea.
fn judge(
    request: &Request<'_>,
    check: impl Fn(&Secret, &[u8]) -> Result<(), VerifyError>,
    signed_at_ms: Option<i64>,
    form: &str,
) -> Verdict {
    match check(request.secret, request.body) {
        Ok(()) => Verdict::Right,
        Err(VerifyError::Malformed) => Verdict::Wrong(format!("the header is malformed: {form}")),
        Err(VerifyError::Expired) => Verdict::Wrong(age(request, signed_at_ms)),
        Err(VerifyError::Mismatch) => {
            // What is too old fits all the same.
            let fits =
                |secret: &Secret, body: &[u8]| !matches!(check(secret, body), Err(VerifyError::Mismatch));
            let mistakes = changed_bodies(request.body)
                .into_iter()
                .find(|(body, _)| fits(request.secret, body))
                .map(|(_, why)| why)
                .or_else(|| {
                    let mut secrets = other_secrets(request.secret).into_iter();
                    secrets.find(|(secret, _)| fits(secret, request.body)).map(|(_, why)| why)
                });
            Verdict::Wrong(mistakes.unwrap_or(NO_IDEA).to_owned())
        }
    }
}

fn age(request: &Request<'_>, signed_at_ms: Option<i64>) -> String {
    let off_s = signed_at_ms.map_or(0, |at_ms| request.now_ms.saturating_sub(at_ms).div_euclid(1000));
    let allowed_s = request.tolerance_ms / 1000;
    if off_s >= 0 {
        format!(
            "the signature fits, but it was made {off_s} s ago and {allowed_s} s are allowed. A receiver refuses this: it \
             may be somebody's copy. --tolerance allows more."
        )
    } else {
        format!(
            "the signature fits, but it is from {} s in the future and {allowed_s} s are allowed: a clock is wrong, this \
             machine's or the server's.",
            -off_s
        )
    }
}

const NO_IDEA: &str = "secret and body do not belong together: the secret is another one (of another webhook, or from \
     before it was changed), or the body is not byte by byte the one that came (parsed and printed again, cut, or its \
     characters changed).";

/// The body as it may have been before something changed it, and what did.
fn changed_bodies(body: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let mut bodies = Vec::new();
    let trimmed = body.trim_ascii_end();
    if trimmed.len() < body.len() {
        bodies.push((
            trimmed.to_vec(),
            "the body has white space at its end that was not sent; editors and `echo` add a line break. `printf %s` does \
             not.",
        ));
    }
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        bodies.push((
            rest.to_vec(),
            "the body begins with a byte order mark that was not sent; an editor added it.",
        ));
    }
    // What is sent is as JavaScript prints it, so this undoes indenting, sorting by spelling, and other escapes.
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if let Ok(value) = json::parse(text) {
        let rendered = value.render();
        if rendered != body {
            bodies.push((
                rendered,
                "the body was parsed and printed again (other white space, escapes or numbers). Check the bytes as they \
                 came, before anything parses them.",
            ));
        }
    }
    bodies
}

/// Secrets that are taken for this one.
fn other_secrets(secret: &Secret) -> Vec<(Secret, &'static str)> {
    let text = secret.expose();
    let mut secrets = Vec::new();
    let mut try_as = |text: &str, why: &'static str| {
        if let Ok(secret) = Secret::parse(text) {
            secrets.push((secret, why));
        }
    };
    if text.trim() != text {
        try_as(text.trim(), "the secret has a space at its beginning or end that does not belong to it.");
    }
    if !text.starts_with(Secret::PREFIX) {
        let prefixed = format!("{}{}", Secret::PREFIX, text.trim());
        try_as(&prefixed, "the secret's beginning, whsec_, is missing; give it whole.");
    }
    secrets
}

#[cfg(test)]
mod tests;
