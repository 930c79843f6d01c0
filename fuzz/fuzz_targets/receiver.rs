//! What a receiver answers, as deliveries read it: two bytes of status, `Retry-After` in the first line, `Location` in the second,
//! the headers up to an empty line, the body. What the webhook's own headers say is kept of none of it, wherever it comes back.

#![no_main]

use bytes::Bytes;
use groundswell_engine::delivery::outcome::{Exchange, judge, retry_after_ms, with_location};
use groundswell_engine::delivery::own_headers::OwnHeaders;
use groundswell_engine::delivery::sender::{Exchanged, head_lines};
use groundswell_types::WebhookHeaders;
use libfuzzer_sys::fuzz_target;

const TOKEN: &str = "planted-token-0";

fuzz_target!(|answer: &[u8]| {
    let [high, low, rest @ ..] = answer else { return };
    let status = u16::from_be_bytes([*high, *low]) % 1_000;
    let mut lines = rest.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (retry_after, location, rest) = (line(), line(), line());
    let [retry_after, location] =
        [retry_after, location].map(|text| String::from_utf8_lossy(text).into_owned());
    let end = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
    let head = String::from_utf8_lossy(&rest[..end]).into_owned();
    let body = rest.get(end + 2..).unwrap_or_default();
    waits(&retry_after);
    judged(status, &location, &head);
    let exchanged = |planted: &str| Exchanged {
        exchange: Exchange::Answer {
            status,
            location: Some(format!("{location}{planted}")),
            content_type: None,
        },
        status: Some(status),
        head: format!("{planted}{head}{planted}"),
        body: Bytes::from([planted.as_bytes(), body, planted.as_bytes(), body].concat()),
        is_truncated: status % 2 == 1,
        is_restricted: false,
        retry_after: Some(retry_after.clone()),
        duration_ms: 1,
    };
    hidden(&head, exchanged);
});

/// Whatever it says, there is no time before now, and a number of seconds is one.
fn waits(text: &str) {
    for now_ms in [0, 784_111_777_000, 1_772_368_205_000, 253_402_300_799_000] {
        let wait_ms = retry_after_ms(text, now_ms);
        assert!(wait_ms.is_none_or(|wait_ms| wait_ms >= 0), "{text:?}: {wait_ms:?}");
        if let Ok(seconds) = text.trim().parse::<u32>()
            && !text.contains('+')
        {
            assert_eq!(wait_ms, Some(i64::from(seconds) * 1_000));
        }
    }
}

fn judged(status: u16, location: &str, head: &str) {
    let content_type =
        head_lines(head).find(|(name, _)| *name == "content-type").map(|(_, kind)| kind.to_owned());
    let judge = |location: Option<&str>| {
        let (location, content_type) = (location.map(str::to_owned), content_type.clone());
        judge(&Exchange::Answer { status, location, content_type })
    };
    let (with, without) = (judge(Some(location)), judge(None));
    assert_eq!(with.failure.is_none(), (200..300).contains(&status));
    assert!(with.failure.is_none() || with.advice.is_some(), "a failure comes with advice");
    assert_eq!(with_location(without.message, status, Some(location)), with.message);
}

/// The first values of the answer's own head are taken for the webhook's, beside one that is planted.
fn hidden(head: &str, exchanged: impl Fn(&str) -> Exchanged) {
    let pairs: Vec<(&str, &str)> = head_lines(head).take(3).collect();
    let with_token = [("authorization", "Bearer planted-token-0")];
    let own =
        [WebhookHeaders::parse(pairs.iter().copied().chain(with_token)), WebhookHeaders::parse(with_token)];
    for headers in own.into_iter().flatten() {
        let ready = OwnHeaders::from(&headers);
        assert_eq!(ready.len(), headers.len());
        for planted in ["", TOKEN, "Bearer planted-token-0"] {
            let mut kept = exchanged(planted);
            ready.hide_in(&mut kept);
            // Shorter ones are found by chance.
            for value in
                headers.expose().map(|(_, value)| value).chain([TOKEN]).filter(|value| value.len() >= 8)
            {
                assert!(!says(&kept, value), "{value:?} is kept in {kept:?}");
            }
        }
    }
    let (mut kept, before) = (exchanged(TOKEN), exchanged(TOKEN));
    OwnHeaders::NONE.hide_in(&mut kept);
    assert_eq!((&kept.exchange, &kept.head, &kept.body), (&before.exchange, &before.head, &before.body));
}

fn says(kept: &Exchanged, value: &str) -> bool {
    let is_in_body = kept.body.windows(value.len()).any(|part| part == value.as_bytes());
    let Exchange::Answer { location: Some(location), .. } = &kept.exchange else { return true };
    is_in_body || kept.head.contains(value) || location.contains(value)
}
