use groundswell_types::signature::sign;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &[u8] = br#"{"event":"CAMPAIGN_ENDED","createdAt":5,"data":{"id":"p","rate":1.5}}"#;
const AT_MS: i64 = 1_772_323_200_123;

fn headers() -> Vec<(String, String)> {
    let secret = Secret::parse(SECRET).expect("valid");
    let signed = sign(&[&secret], "evt_1", AT_MS, BODY);
    vec![
        ("growsurf-signature".to_owned(), signed.product.expect("signed")),
        ("webhook-id".to_owned(), "evt_1".to_owned()),
        ("webhook-timestamp".to_owned(), signed.timestamp),
        ("webhook-signature".to_owned(), signed.standard.expect("signed")),
    ]
}

/// What is said about each signature; nothing about one that is right.
fn said(secret: &str, headers: &[(String, String)], body: &[u8], now_ms: i64) -> Vec<String> {
    let secret = Secret::parse(secret).expect("valid");
    let request = Request { secret: &secret, headers, body, now_ms, tolerance_ms: 300_000 };
    let said = |finding: Finding| match finding.verdict {
        Verdict::Right => String::new(),
        Verdict::Wrong(why) => why,
    };
    examine(&request).into_iter().map(said).collect()
}

fn both_say(found: &[String], words: &str) {
    assert!(found.len() == 2 && found.iter().all(|why| why.contains(words)), "no `{words}` in {found:?}");
}

#[test]
fn both_signatures_of_a_request_are_right() {
    assert_eq!(said(SECRET, &headers(), BODY, AT_MS + 299_000), ["", ""]);
    assert_eq!(said(SECRET, &headers()[..1], BODY, AT_MS), [""]);
    assert_eq!(said(SECRET, &[], BODY, AT_MS), [] as [String; 0]);
}

#[test]
fn a_body_that_was_changed_on_the_way_is_told_from_another_secret() {
    let line = [BODY, b"\n"].concat();
    both_say(&said(SECRET, &headers(), &line, AT_MS), "white space at its end");
    both_say(&said(SECRET, &headers(), &[b"\xef\xbb\xbf", BODY].concat(), AT_MS), "byte order mark");
    let pretty =
        br#"{ "event": "CAMPAIGN\u005fENDED", "createdAt": 5, "data": { "id": "p", "rate": 1.50 } }"#;
    both_say(&said(SECRET, &headers(), pretty, AT_MS), "parsed and printed again");
    let other = String::from_utf8(BODY.to_vec()).expect("text").replace("\"p\"", "\"q\"");
    both_say(&said(SECRET, &headers(), other.as_bytes(), AT_MS), "the secret is another one");
    both_say(&said("another secret", &headers(), BODY, AT_MS), "the secret is another one");
}

#[test]
fn a_secret_that_is_not_whole_is_recognised() {
    both_say(&said(&SECRET[6..], &headers(), BODY, AT_MS), "whsec_, is missing");
    // With white space it is no secret of that form.
    both_say(&said(&format!(" {SECRET}"), &headers(), BODY, AT_MS), "a space at its beginning or end");
}

#[test]
fn what_is_late_early_malformed_or_not_whole_says_so() {
    both_say(&said(SECRET, &headers(), BODY, AT_MS + 400_000), "made 400 s ago");
    both_say(&said(SECRET, &headers(), BODY, AT_MS - 400_000), "s in the future");
    let mut malformed = headers();
    malformed[0].1 = "v=1".to_owned();
    malformed[3].1 = "x".to_owned();
    both_say(&said(SECRET, &malformed, BODY, AT_MS), "the header is malformed");
    let found = said(SECRET, &headers()[3..], BODY, AT_MS);
    assert!(found.len() == 1 && found[0].contains("webhook-id and webhook-timestamp"), "{found:?}");
}

#[test]
fn one_right_signature_says_that_the_other_header_was_changed() {
    let mut changed = headers();
    changed[1].1 = "evt_2".to_owned();
    let found = said(SECRET, &changed, BODY, AT_MS);
    assert_eq!(found[0], "");
    assert!(found[1].contains("the other signature fits"), "{found:?}");
}
