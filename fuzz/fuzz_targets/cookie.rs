//! Cookies as browsers send them, a line for each header: among whatever others there are, ours are found.

#![no_main]

#[path = "../../crates/server/src/cookies.rs"]
#[allow(dead_code)]
mod cookies;

use cookies::{Cookie, Cookies};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const TOKEN: &str = "an-A_token-0";

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|byte| *byte == b'\n');
    let sent: Vec<HeaderValue> = lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let request =
        |lines: &[HeaderValue]| -> HeaderMap { lines.iter().map(|line| (COOKIE, line.clone())).collect() };
    for cookies in [Cookies::OverHttps, Cookies::OverHttp] {
        let all = [Cookie::Session, Cookie::Device, Cookie::ProviderSignIn, Cookie::Editor, Cookie::Language];
        for cookie in all {
            let headers = request(&sent);
            let found = cookies.read(cookie, &headers);
            if let Some(value) = found {
                assert!(!value.contains(';') && value.trim_end() == value, "{value:?}");
            }
            // As a browser makes it of what we set.
            let set = cookies.set(cookie, TOKEN, 60);
            let pair = set.split(';').next().expect("a pair");
            let own = HeaderValue::from_str(pair).expect("is a header's value");
            let first = [&[own.clone()], &*sent].concat();
            assert_eq!(cookies.read(cookie, &request(&first)), Some(TOKEN));
            let last = [&*sent, &[own]].concat();
            assert_eq!(cookies.read(cookie, &request(&last)), found.or(Some(TOKEN)));
            // Behind others in their header, as browsers send all of them.
            if let Some(line) = sent.first().and_then(|line| line.to_str().ok()) {
                let together =
                    HeaderValue::from_str(&format!("{line}; {pair}")).expect("is a header's value");
                let alone = request(&sent[..1]);
                let wanted = cookies.read(cookie, &alone).or(Some(TOKEN));
                assert_eq!(cookies.read(cookie, &request(&[together])), wanted);
            }
        }
    }
});
