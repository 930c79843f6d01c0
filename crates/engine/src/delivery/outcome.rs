//! From what came back to what it means: success or which failure, in plain words, with advice. Pure.

use groundswell_types::FailureClass;

/// Statuses by which a receiver says that it is asked too much: they slow the whole endpoint.
pub const OVERLOAD: [u16; 4] = [429, 502, 503, 504];

/// How an exchange with a receiver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// There was an answer within the time.
    Answer {
        /// The HTTP status.
        status: u16,
        /// `Location`, for the words about redirects.
        location: Option<String>,
        /// `Content-Type`, to recognise web pages.
        content_type: Option<String>,
    },
    /// There was none.
    Failure {
        /// Why.
        class: FailureClass,
        /// What exactly, for people; no addresses that a name resolved to.
        detail: String,
    },
}

/// What an exchange means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `None` is success.
    pub failure: Option<FailureClass>,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do about a failure, in a sentence.
    pub advice: Option<&'static str>,
}

/// Judges an exchange: any 2xx is success, everything else fails, redirects are not followed.
pub fn judge(exchange: &Exchange) -> Verdict {
    match exchange {
        Exchange::Answer { status, location, content_type } => {
            judge_answer(*status, location.as_deref(), content_type.as_deref())
        }
        Exchange::Failure { class, detail } => {
            Verdict { failure: Some(*class), message: detail.clone(), advice: Some(advice_for(*class)) }
        }
    }
}

/// The sentence about a redirect with where it leads, if it was made without: of a restricted answer only the head tells
/// that, so that the sentence can be kept where everybody reads it.
pub fn with_location(message: String, status: u16, location: Option<&str>) -> String {
    let sentence = |location| judge_answer(status, location, None).message;
    match message.strip_prefix(&sentence(None)) {
        Some(rest) if location.is_some() => sentence(location) + rest,
        _ => message,
    }
}

fn judge_answer(status: u16, location: Option<&str>, content_type: Option<&str>) -> Verdict {
    let reason =
        http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("");
    let shown = format!("{status} {reason}").trim_end().to_owned();
    let is_page = content_type.is_some_and(|kind| kind.starts_with("text/html"));
    let (failure, message, advice) = match status {
        200..=299 if is_page => (
            None,
            format!("The receiver accepted it with {shown}, but answered with a web page."),
            Some(
                "Check that the URL is your webhook handler and not a page of your site: a page accepts anything.",
            ),
        ),
        200..=299 => (None, format!("The receiver accepted it with {shown}."), None),
        300..=399 => {
            let target = location.map_or(String::new(), |to| format!(" to {to}"));
            (
                Some(FailureClass::Redirect),
                format!("The receiver redirected{target} with {shown}. Redirects are not followed."),
                Some(
                    "Enter the final URL, often the one with https:// or with (or without) www or a slash at the end.",
                ),
            )
        }
        _ => (
            Some(FailureClass::Status),
            format!("The receiver answered {shown}, which is not a success."),
            Some(advice_for_status(status)),
        ),
    };
    Verdict { failure, message, advice }
}

fn advice_for_status(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "The endpoint asks for a login or blocks us. Let requests to it through without one and check their \
             signature instead."
        }
        404 => {
            "Nothing is at this path. Compare it with your server's routes, and check that the handler is deployed."
        }
        405 => "The path exists but does not take POST. Let your handler accept POST requests.",
        408 | 504 => "The receiver took too long. Answer at once and do the work afterwards.",
        410 => "The receiver says this endpoint is gone for good. Enter the new URL, or remove the webhook.",
        413 => {
            "The receiver refuses bodies of this size. Raise its limit; events can be some hundred kilobytes."
        }
        415 => "The receiver does not take JSON here. Let the handler read Content-Type: application/json.",
        429 => "The receiver limits how often we may call. Raise its limit for us; we slow down meanwhile.",
        400 | 422 => {
            "The handler refused the body. Look at its answer below: often it is a signature check with another \
             secret, or a check of fields."
        }
        500..=599 => "The receiver failed while handling the request. Look into its log at this time.",
        _ => "Let the handler answer with a status from 200 to 299.",
    }
}

fn advice_for(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Dns => "Check the spelling of the host name, and that it is in public DNS.",
        FailureClass::Blocked => {
            "Use a public address. For a receiver on a private network, the operator can allow it with `egress.allow`."
        }
        FailureClass::Connect => {
            "Check host and port, that the server is running, and that its firewall lets us through."
        }
        FailureClass::Tls => {
            "Check the certificate: it must be valid, for this host name, with all intermediates."
        }
        FailureClass::Timeout => "Answer with 200 at once and do the work afterwards.",
        FailureClass::Broken => {
            "Look into the receiver's log: it closed the connection or answered with no HTTP."
        }
        FailureClass::Redirect => "Enter the final URL.",
        FailureClass::Status => "Let the handler answer with a status from 200 to 299.",
        FailureClass::Misconfigured => "Enter a URL that starts with https:// or http://.",
    }
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds or an HTTP date. Returns milliseconds from now.
pub fn retry_after_ms(value: &str, now_ms: i64) -> Option<i64> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(1000));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let at_ms = i64::try_from(since_epoch.as_millis()).ok()?;
    Some((at_ms - now_ms).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Verdict {
        judge(&Exchange::Answer {
            status,
            location: Some("https://b.example/".to_owned()),
            content_type: None,
        })
    }

    #[test]
    fn only_2xx_is_success() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answer(status).failure, None, "{status}");
        }
        for status in [301, 302, 307, 308] {
            assert_eq!(answer(status).failure, Some(FailureClass::Redirect), "{status}");
        }
        for status in [100, 400, 401, 404, 410, 429, 500, 503, 599] {
            assert_eq!(answer(status).failure, Some(FailureClass::Status), "{status}");
        }
        assert!(answer(302).message.contains("https://b.example/"));
    }

    #[test]
    fn where_a_redirect_leads_can_be_added_to_its_sentence() {
        let judged =
            |location| judge(&Exchange::Answer { status: 308, location, content_type: None }).message;
        let (without, with) = (judged(None), judged(Some("/b".to_owned())));
        assert_eq!(with_location(without.clone(), 308, Some("/b")), with);
        let told = with_location(format!("{without} That was all."), 308, Some("/b"));
        assert_eq!(told, format!("{with} That was all."));
        assert_eq!(with_location(without.clone(), 308, None), without);
        assert_eq!(with_location(with.clone(), 308, Some("/c")), with);
        let refused = answer(500).message;
        assert_eq!(with_location(refused.clone(), 500, Some("/b")), refused);
    }

    #[test]
    fn every_failure_has_advice() {
        for status in (300..600).step_by(1) {
            assert!(answer(status).advice.is_some());
        }
        for class in FailureClass::ALL {
            let verdict = judge(&Exchange::Failure { class, detail: "x".to_owned() });
            assert_eq!((verdict.failure, verdict.advice.is_some()), (Some(class), true));
        }
    }

    #[test]
    fn each_diagnosis_says_what_happened_and_what_to_do() {
        for (status, happened, to_do) in [
            (308, "redirected to https://b.example/ with 308 Permanent Redirect", "Enter the final URL"),
            (400, "answered 400 Bad Request", "often it is a signature check"),
            (401, "answered 401 Unauthorized", "asks for a login or blocks us"),
            (403, "answered 403 Forbidden", "asks for a login or blocks us"),
            (404, "answered 404 Not Found", "Nothing is at this path"),
            (405, "answered 405 Method Not Allowed", "does not take POST"),
            (410, "answered 410 Gone", "gone for good"),
            (413, "answered 413 Payload Too Large", "Raise its limit"),
            (415, "answered 415 Unsupported Media Type", "does not take JSON"),
            (429, "answered 429 Too Many Requests", "limits how often"),
            (500, "answered 500 Internal Server Error", "failed while handling"),
            (503, "answered 503 Service Unavailable", "failed while handling"),
            (504, "answered 504 Gateway Timeout", "took too long"),
        ] {
            let verdict = answer(status);
            assert!(verdict.message.contains(happened), "{}", verdict.message);
            assert!(verdict.advice.is_some_and(|advice| advice.contains(to_do)), "{:?}", verdict.advice);
        }
        for (class, to_do) in [
            (FailureClass::Dns, "spelling of the host name"),
            (FailureClass::Connect, "Check host and port"),
            (FailureClass::Tls, "Check the certificate"),
            (FailureClass::Timeout, "Answer with 200 at once"),
            (FailureClass::Broken, "closed the connection"),
            (FailureClass::Blocked, "Use a public address"),
        ] {
            let verdict = judge(&Exchange::Failure { class, detail: "It failed.".to_owned() });
            assert_eq!(verdict.message, "It failed.");
            assert!(verdict.advice.is_some_and(|advice| advice.contains(to_do)), "{class:?}");
        }
        let page = Some("text/html; charset=utf-8".to_owned());
        let verdict = judge(&Exchange::Answer { status: 200, location: None, content_type: page });
        assert_eq!(verdict.failure, None);
        assert!(verdict.message.contains("answered with a web page"));
        assert!(verdict.advice.is_some_and(|advice| advice.contains("not a page of your site")));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_date() {
        let now_ms = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        assert_eq!(retry_after_ms("120", now_ms), Some(120_000));
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:50:37 GMT", now_ms), Some(60_000));
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:40:37 GMT", now_ms), Some(0));
        assert_eq!(retry_after_ms("99999999999999999999", now_ms), Some(i64::MAX));
        assert_eq!(retry_after_ms("soon", now_ms), None);
        assert_eq!(retry_after_ms("", now_ms), None);
    }
}
