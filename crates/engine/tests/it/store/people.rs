//! API keys, sign-in links and sessions.

use groundswell_engine::store::{ApiKeyRecord, SessionRecord, Store, StoreError};
use groundswell_types::{RateLimit, Scope, Scopes};

use super::make;

fn key(number: u8) -> ApiKeyRecord {
    ApiKeyRecord {
        id: format!("key_{number}"),
        name: format!("Key {number}"),
        key_hash: [number; 32],
        scopes: Scopes::USUAL,
        program_id: None,
        rate_limit: None,
        ends_with: None,
        created_at_ms: 100 - i64::from(number),
        last_used_at_ms: None,
    }
}

pub async fn api_keys_are_kept_until_removed(store: &dyn Store) {
    for number in [1, 2] {
        store.save_api_key(&key(number)).await.expect("saves");
    }
    assert_eq!(store.api_keys().await.expect("reads"), [key(2), key(1)]);
    assert!(store.delete_api_key("key_2").await.expect("deletes"));
    assert!(!store.delete_api_key("key_2").await.expect("answers"));
    assert_eq!(store.api_keys().await.expect("reads"), [key(1)]);
}

pub async fn an_api_key_keeps_what_it_may_do_and_when_it_was_used(store: &dyn Store) {
    let narrow = ApiKeyRecord {
        scopes: Scopes::from_iter([Scope::Events]),
        program_id: Some(make::program(1)),
        rate_limit: Some(RateLimit { second: 1, minute: 2, hour: 3 }),
        ends_with: Some("a1B2".to_owned()),
        last_used_at_ms: Some(5),
        ..key(1)
    };
    store.save_api_key(&narrow).await.expect("saves");
    assert_eq!(store.api_keys().await.expect("reads"), std::slice::from_ref(&narrow));
    store.note_api_keys_used(&[("key_1", 77), ("key_2", 78)]).await.expect("saves");
    let used = ApiKeyRecord { last_used_at_ms: Some(77), ..narrow };
    assert_eq!(store.api_keys().await.expect("reads"), [used]);
}

pub async fn an_api_key_used_twice_is_rejected(store: &dyn Store) {
    store.save_api_key(&key(1)).await.expect("saves");
    for same in
        [ApiKeyRecord { id: key(1).id, ..key(2) }, ApiKeyRecord { key_hash: key(1).key_hash, ..key(2) }]
    {
        let result = store.save_api_key(&same).await;
        assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    }
    assert_eq!(store.api_keys().await.expect("reads"), [key(1)]);
}

pub async fn a_sign_in_link_works_once_and_in_time(store: &dyn Store) {
    store.save_sign_in_link([1; 32], 1000).await.expect("saves");
    store.save_sign_in_link([2; 32], 1000).await.expect("saves");
    assert!(!store.use_sign_in_link([3; 32], 10).await.expect("answers"), "nobody made that one");
    assert!(store.use_sign_in_link([1; 32], 999).await.expect("answers"));
    assert!(!store.use_sign_in_link([1; 32], 999).await.expect("answers"), "it was used");
    assert!(!store.use_sign_in_link([2; 32], 1000).await.expect("answers"), "it has expired");
}

pub async fn a_session_lasts_until_it_ends(store: &dyn Store) {
    let session =
        |number: u8| SessionRecord { token_hash: [number; 32], created_at_ms: 10, expires_at_ms: 1000 };
    store.save_session(&session(1)).await.expect("saves");
    store.save_session(&session(2)).await.expect("saves");
    assert_eq!(store.session([1; 32], 999).await.expect("reads"), Some(session(1)));
    assert_eq!(store.session([1; 32], 1000).await.expect("reads"), None);

    let longer = SessionRecord { expires_at_ms: 2000, ..session(1) };
    store.save_session(&longer).await.expect("saves");
    assert_eq!(store.session([1; 32], 1000).await.expect("reads"), Some(longer));
    store.delete_session([1; 32]).await.expect("deletes");
    assert_eq!(store.session([1; 32], 20).await.expect("reads"), None);
    assert_eq!(store.session([2; 32], 20).await.expect("reads"), Some(session(2)));
}

pub async fn that_somebody_signed_in_is_remembered(store: &dyn Store) {
    assert!(!store.has_sessions().await.expect("reads"));
    let session = SessionRecord { token_hash: [1; 32], created_at_ms: 10, expires_at_ms: 1000 };
    store.save_session(&session).await.expect("saves");
    store.delete_session(session.token_hash).await.expect("deletes");
    assert!(store.has_sessions().await.expect("reads"), "signing out does not undo it");
}

pub async fn starts_after_an_unclean_end_are_known(store: &dyn Store) {
    let boots = async || {
        let boots = store.boots().await.expect("reads");
        boots.iter().map(|boot| (boot.at_ms, boot.is_clean)).collect::<Vec<_>>()
    };
    store.begin_boot(100, 0).await.expect("writes");
    assert_eq!(boots().await, [(100, true)]);
    store.end_boot().await.expect("writes");
    store.begin_boot(200, 0).await.expect("writes");
    store.begin_boot(300, 0).await.expect("writes");
    assert_eq!(boots().await, [(100, true), (200, true), (300, false)]);
    store.end_boot().await.expect("writes");
    store.begin_boot(400, 300).await.expect("writes");
    assert_eq!(boots().await, [(300, false), (400, true)]);
}
