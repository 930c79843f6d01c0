//! API keys.

use groundswell_app::Language;
use groundswell_types::{RateLimit, Scope, Scopes};
use http::StatusCode;

use crate::memory::Memory;
use crate::site::{API_KEYS, Site};

#[tokio::test]
async fn a_key_is_shown_in_the_answer_that_makes_it_and_never_again() {
    let site = Site::new(Memory::full());
    site.api_keys().await.shows(&["No API keys yet", "Send events, and nothing else."]);
    let form = "intent=create&name=Shop&scope=events&scope=read&campaign=p1&second=5&minute=50&hour=500";
    let made = site.post(API_KEYS, form).await.expect_err("the page itself");
    assert_eq!(made.status, StatusCode::OK);
    made.shows(&["The key “Shop” is ready.", "Copy it now. It is not shown again."]);
    assert!(made.html.contains("gsk_secret0001"));
    assert!(!made.html.contains(".wasm"), "the page has no browser half");

    let key = site.backend.state.lock().expect("not poisoned").api_keys[0].clone();
    assert_eq!(key.scopes, Scopes::from_iter([Scope::Read, Scope::Events]));
    assert_eq!(key.campaign_id.as_ref().map(ToString::to_string), Some("p1".to_owned()));
    assert_eq!(key.rate_limit, Some(RateLimit { second: 5, minute: 50, hour: 500 }));
    let page = site.api_keys().await;
    page.shows(&["Shop", "gsk_…0001", "Bring a friend", "never used", "Its own limits: 5 per second"]);
    assert!(!page.html.contains("gsk_secret0001"));
    let revoked = site.post(API_KEYS, "intent=revoke&key=key_1").await;
    assert_eq!(revoked.ok().as_deref(), Some(API_KEYS));
    site.api_keys().await.shows(&["No API keys yet"]);
}

#[tokio::test]
async fn what_cannot_be_made_comes_back_with_what_was_typed() {
    let site = Site::in_language(Memory::full(), Language::German);
    let form = "intent=create&name=Shop&scope=admin&campaign=p1&second=5&minute=&hour=x";
    let page = site.post(API_KEYS, form).await.expect_err("it comes back");
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Entweder sind alle drei Grenzen ganze Zahlen über null, oder alle sind leer."]);
    for kept in ["value=\"Shop\"", "value=\"5\"", "value=\"x\""] {
        assert!(page.html.contains(kept), "{kept}");
    }
    let gone = site.post(API_KEYS, "intent=revoke&key=key_7").await.expect_err("it comes back");
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nobody_sees_keys_without_being_signed_in() {
    let site = Site::new(Memory::default());
    site.api_keys().await.shows(&["Sign in"]);
    let refused = site.post(API_KEYS, "intent=create&name=x&scope=admin").await.expect_err("it comes back");
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    refused.shows(&["Sign in"]);
}
