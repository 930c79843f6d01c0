//! What a long snapshot has made large becomes small again.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use super::Database;
use crate::clock::Stopwatch;
use crate::store::postgres::compact::Compaction;
use crate::store::{EndpointId, Store as _};

/// 16 MB of rows, of which only one in `kept` is left.
fn grow(database: &Database<'_>, kept: u32) {
    database.sql(&format!(
        "ALTER TABLE pending SET (autovacuum_enabled = off);
        INSERT INTO pending SELECT 10, number, number * 8, 0, 1, 9 FROM generate_series(1, 200000) AS number;
        DELETE FROM pending WHERE due_at_ms % {kept} <> 0"
    ));
}

fn size(database: &Database<'_>) -> u64 {
    database.sql("SELECT pg_table_size('pending')").parse().expect("is a number")
}

async fn connect(database: &Database<'_>) -> PgConnection {
    PgConnection::connect(&database.url()).await.expect("connects")
}

/// Looks again and again, as statistics come late, until the table is small or the time is over.
async fn look(database: &Database<'_>, limit: Duration) -> bool {
    let mut db = connect(database).await;
    let since = Stopwatch::start();
    while since.elapsed() < limit {
        Compaction::default().look(&mut db).await.expect("the database answers");
        if size(database) < 1 << 20 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test]
async fn room_is_given_back_once_nothing_waits_to_be_cleared_away() {
    let database = Database::new();
    let store = database.open().await;
    grow(&database, 1_000);
    // A table of which the most is not cleared away yet would be written anew with all of it.
    assert!(!look(&database, Duration::from_secs(2)).await);
    database.sql("VACUUM (TRUNCATE off) pending");
    assert!(size(&database) > 8 << 20);
    let reader = store.pending(EndpointId(10), None, 1).await.expect("reads");
    assert!(look(&database, Duration::from_secs(20)).await, "{}", size(&database));
    let rows = store.pending(EndpointId(10), None, 1_000).await.expect("reads");
    assert_eq!(rows.len(), 200);
    assert_eq!(rows.first(), reader.first());
    assert!(rows.iter().map(|row| row.key.due_at_ms).eq((1..=200).map(|number| number * 1_000)));
    store.close().await;
}

#[tokio::test]
async fn what_has_many_rows_is_left_as_it_is() {
    let database = Database::new();
    let store = database.open().await;
    grow(&database, 2);
    database.sql("VACUUM (TRUNCATE off) pending");
    // As after a crash of the server: nothing is known of the rows.
    database.sql("SELECT pg_stat_reset()");
    assert!(!look(&database, Duration::from_secs(2)).await);
    store.close().await;
}

#[tokio::test]
async fn nobody_waits_for_it_behind_somebody_who_reads_for_long() {
    let database = Database::new();
    let store = database.open().await;
    grow(&database, 1_000);
    database.sql("VACUUM (TRUNCATE off) pending");
    let mut other = connect(&database).await;
    let mut reads = other.begin().await.expect("begins");
    sqlx::raw_sql("SELECT COUNT(*) FROM pending").execute(&mut *reads).await.expect("reads");

    let looks = async {
        let since = Stopwatch::start();
        assert!(!look(&database, Duration::from_secs(3)).await);
        since.elapsed()
    };
    let waits = async {
        let mut longest = Duration::ZERO;
        for _ in 0..30 {
            let since = Stopwatch::start();
            store.pending(EndpointId(10), None, 1).await.expect("reads");
            longest = longest.max(since.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        longest
    };
    let (_, longest) = tokio::join!(looks, waits);
    assert!(longest > Duration::from_millis(100), "nobody has tried: {longest:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    reads.commit().await.expect("ends");
    assert!(look(&database, Duration::from_secs(20)).await);
    store.close().await;
}
