//! What people and clients write into settings: ids, names, URLs, secrets, headers, scopes, limits. What can be read is
//! shown as something that reads the same.

#![no_main]

use std::fmt::Display;

use groundswell_types::{
    DeliveryId, EventId, EventKind, InvalidUrl, NoticeId, PayloadUrl, ProgramId, RateLimit, ResendJobId,
    Scopes, Secret, StatusRange, TestId, WebhookHeaders, WebhookId, WebhookName, WebhookTimeout,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    survives(text, |text| EventId::parse(text).ok());
    survives(text, |text| DeliveryId::parse(text).ok());
    survives(text, |text| TestId::parse(text).ok());
    survives(text, |text| ResendJobId::parse(text).ok());
    survives(text, |text| NoticeId::parse(text).ok());
    survives(text, |text| ProgramId::parse(text).ok());
    survives(text, |text| WebhookId::parse(text).ok());
    survives(text, |text| WebhookName::parse(text).ok());
    survives(text, EventKind::parse);
    survives(text, |text| Scopes::parse(text).ok());
    survives(text, |text| RateLimit::parse(text).ok());
    survives(text, |text| StatusRange::parse(text).ok());
    if let Ok(event) = EventId::parse(text) {
        for slot in 0..8 {
            assert_eq!(DeliveryId::new(event, slot).event(), event);
        }
        assert!(DeliveryId::of_resend(event).is_resend());
    }
    if let Ok(timeout) = WebhookTimeout::parse(text) {
        assert!((1..=30).contains(&timeout.seconds()));
    }
    if let Ok(url) = PayloadUrl::parse(text) {
        // What is requested may be longer than what was typed, which alone is kept and has a limit.
        match PayloadUrl::parse(url.url().as_str()) {
            Ok(again) => assert_eq!(again.url(), url.url()),
            Err(problem) => assert_eq!(problem, InvalidUrl::TooLong),
        }
    }
    if let Ok(secret) = Secret::parse(text) {
        assert_eq!(secret.expose(), text);
        assert!((1..=256).contains(&secret.standard_key().len()));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
    headers(text);
});

fn survives<T: Display + PartialEq>(text: &str, parse: impl Fn(&str) -> Option<T>) {
    if let Some(value) = parse(text) {
        assert!(parse(&value.to_string()) == Some(value), "{text:?} does not survive");
    }
}

/// A line each, `name: value`.
fn headers(text: &str) {
    let pairs = text.lines().map(|line| line.split_once(": ").unwrap_or((line, "")));
    match WebhookHeaders::parse(pairs) {
        Ok(headers) => {
            assert!(headers.len() <= 20);
            let again = WebhookHeaders::parse(headers.expose()).expect("headers that were read are good");
            assert!(again == headers);
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
}
