//! The database as a file: what stays in it, and who may open it.

use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::{FirstStepsStore, InboxRequestRecord, Store, StoreError};

use super::first_steps::request;
use super::upgrade::{fill, read};
use super::{File, make, options};

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    let file = File::new();
    let oracle = Memory::new();
    let store = file.open().await;
    fill(&oracle).await;
    fill(&store).await;
    store.close().await;

    let store = file.open().await;
    assert_eq!(read(&store).await, read(&oracle).await);
    store.close().await;
}

/// A crash leaves the write-ahead log behind, and whoever opens the file next reads it.
#[tokio::test]
async fn what_is_committed_is_there_without_closing() {
    let file = File::new();
    let store = file.open().await;
    make::accept_all(&store, 1..=10, &[10]).await;
    let copy = file.directory.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(&file.path()), name(&copy)).expect("copies");
    }
    let survivor = super::open(&copy).await;
    assert_eq!(make::queue(&survivor, 10).await, make::queue(&store, 10).await);
    assert_eq!(make::queue(&survivor, 10).await.len(), 10);
}

#[tokio::test]
async fn a_database_in_use_is_refused_and_says_who_has_it() {
    let file = File::new();
    // 2026-03-01T12:00:00Z
    let noon = Options { opened_at_ms: 1_772_366_400_000, ..options() };
    let store = Sqlite::open(&file.path(), noon).await.expect("opens");
    let error = Sqlite::open(&file.path(), options()).await.expect_err("is in use");
    assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
    let wanted = format!(
        "the database {} is in use by process {} since 2026-03-01T12:00:00Z; stop that process first, or use another \
         file",
        file.path().display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), wanted);

    // The refused one has done no harm, and the file is free once it is closed.
    make::accept_all(&store, [1], &[10]).await;
    store.close().await;
    let store = file.open().await;
    assert_eq!(make::queue(&store, 10).await.len(), 1);
}

#[tokio::test]
async fn directories_are_made() {
    let file = File::new();
    let path = file.directory.path().join("new/and/new.db");
    super::open(&path).await.close().await;
    assert!(path.exists());
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_a_clear_error() {
    let file = File::new();
    let in_the_way = file.directory.path().join("file");
    std::fs::write(&in_the_way, "").expect("writes");
    let error = Sqlite::open(&in_the_way.join("groundswell.db"), options()).await.expect_err("cannot open");
    assert!(error.to_string().starts_with("cannot create the directory "), "{error}");
}

/// The secrets of webhooks are in it.
#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let file = File::new();
    let store = file.open().await;
    make::accept_all(&store, [1], &[10]).await;
    store.save_inbox_request(&request(1)).await.expect("saves");
    for suffix in ["", "-wal", "-shm", ".lock", ".inbox", ".inbox-wal", ".inbox-shm"] {
        let metadata = std::fs::metadata(format!("{}{suffix}", file.path().display())).expect("is there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{suffix}");
    }
}

fn inbox_of(file: &File) -> std::path::PathBuf {
    file.directory.path().join("groundswell.db.inbox")
}

async fn inbox(store: &Sqlite) -> Vec<InboxRequestRecord> {
    let program = make::program(1);
    let mut found = Vec::new();
    for request in store.inbox_requests(&program, 0).await.expect("reads") {
        found.extend(store.inbox_request(&program, request.id).await.expect("reads"));
    }
    found
}

#[tokio::test]
async fn the_inbox_is_a_file_of_its_own_made_when_it_is_needed() {
    let file = File::new();
    let store = file.open().await;
    assert_eq!(inbox(&store).await, []);
    store.forget_inbox_requests(i64::MAX).await.expect("there is nothing");
    assert!(!inbox_of(&file).exists());
    let before = std::fs::read(format!("{}-wal", file.path().display())).expect("reads");
    store.save_inbox_request(&request(1)).await.expect("saves");
    let after = std::fs::read(format!("{}-wal", file.path().display())).expect("reads");
    assert!(before == after && inbox_of(&file).exists(), "the database has no part in it");
    store.close().await;

    let store = file.open().await;
    assert_eq!(inbox(&store).await, [request(1)]);
    store.close().await;
}

#[tokio::test]
async fn an_inbox_that_cannot_be_read_is_begun_anew() {
    let file = File::new();
    std::fs::write(inbox_of(&file), [7; 8192]).expect("writes");
    let store = file.open().await;
    assert_eq!(inbox(&store).await, []);
    store.save_inbox_request(&request(1)).await.expect("saves");
    assert_eq!(inbox(&store).await, [request(1)]);
    store.close().await;
}
