//! Editor links and what becomes of them.

use groundswell_engine::store::{EditorLinkRecord, EditorSessionStart, Store};
use groundswell_types::Theme;

use super::make;

fn link(number: u8) -> EditorLinkRecord {
    EditorLinkRecord {
        id: format!("edl_{number}"),
        token_hash: [number; 32],
        is_used: false,
        program_id: make::program(1),
        api_key_id: (number == 1).then(|| "key_1".to_owned()),
        label: (number == 1).then(|| "Ada of Acme".to_owned()),
        theme: Theme::Dark,
        last_seen_at_ms: 10,
        expires_at_ms: 1000,
    }
}

fn start(number: u8, at_ms: i64) -> EditorSessionStart {
    EditorSessionStart { token_hash: [number; 32], at_ms, expires_at_ms: 5000 }
}

async fn session(store: &dyn Store, number: u8, now_ms: i64) -> Option<EditorLinkRecord> {
    store.editor_session([number; 32], now_ms).await.expect("answers")
}

pub async fn an_editor_link_becomes_a_session_once_and_in_time(store: &dyn Store) {
    for number in [1, 2] {
        store.save_editor_link(&link(number)).await.expect("saves");
    }
    let used = async |number: u8, start| store.use_editor_link([number; 32], start).await.expect("answers");
    assert!(!used(3, start(13, 20)).await, "nobody made that one");
    assert_eq!(session(store, 1, 20).await, None, "a link is no session");
    assert!(used(1, start(11, 999)).await);
    assert!(!used(1, start(12, 999)).await, "it was used");
    assert!(!used(11, start(12, 999)).await, "a session is no link");
    assert!(!used(2, start(12, 1000)).await, "it has expired");

    let begun = EditorLinkRecord {
        token_hash: [11; 32],
        is_used: true,
        last_seen_at_ms: 999,
        expires_at_ms: 5000,
        ..link(1)
    };
    assert_eq!(session(store, 11, 4999).await, Some(begun.clone()));
    assert_eq!(session(store, 1, 999).await, None, "the link's token is no session's");
    store.touch_editor_session([11; 32], 2000).await.expect("saves");
    assert_eq!(session(store, 11, 4999).await, Some(EditorLinkRecord { last_seen_at_ms: 2000, ..begun }));
    assert_eq!(session(store, 11, 5000).await, None);
}

pub async fn an_editor_link_ends_before_and_after_it_was_used(store: &dyn Store) {
    for number in [1, 2, 3] {
        store.save_editor_link(&link(number)).await.expect("saves");
    }
    for number in [2, 3] {
        let start = start(10 + number, 20);
        assert!(store.use_editor_link([number; 32], start).await.expect("answers"));
    }
    let deleted = async |program, id| store.delete_editor_link(&program, id).await.expect("answers");
    assert!(!deleted(make::program(2), "edl_1").await, "it is another program's");
    assert!(deleted(make::program(1), "edl_1").await);
    assert!(!deleted(make::program(1), "edl_1").await);
    assert!(!store.use_editor_link([1; 32], start(11, 20)).await.expect("answers"));
    assert!(deleted(make::program(1), "edl_2").await);
    assert_eq!(session(store, 12, 20).await, None);
    store.delete_editor_session([13; 32]).await.expect("deletes");
    assert_eq!(session(store, 13, 20).await, None);
}

pub async fn editor_links_that_have_expired_are_swept(store: &dyn Store) {
    store.save_editor_link(&link(1)).await.expect("saves");
    store.save_editor_link(&EditorLinkRecord { last_seen_at_ms: 999, ..link(2) }).await.expect("saves");
    assert!(store.delete_editor_link(&make::program(1), "edl_1").await.expect("answers"), "it can be used");
    let late = EditorLinkRecord { last_seen_at_ms: 1000, expires_at_ms: 2000, ..link(3) };
    store.save_editor_link(&late).await.expect("saves");
    assert!(!store.delete_editor_link(&make::program(1), "edl_2").await.expect("answers"));
}
