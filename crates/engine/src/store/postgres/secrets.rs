//! The secrets in a database: sealed with the right key when it is opened, sealed with another one when it is asked for,
//! and nothing left of what they replaced in the tables' files. What PostgreSQL writes ahead, and what is archived of it,
//! is older versions of rows as long as it is kept.

use sqlx::PgConnection;

use super::connector::transact;
use super::error::{ALONE_LIMIT, within};
use super::writer::Writer;
use crate::store::StoreError;
use crate::store::query::secrets;
use crate::store::sql::Transaction as _;
use crate::store::vault::Vault;

/// Old versions of rows go with the files they are in. Both tables are small.
const BEGIN_ANEW: &str = "VACUUM (FULL) endpoint, draft";

/// [`secrets::settle`], in a transaction of its own.
pub(super) async fn settle(writer: &Writer, vault: &Vault, now_ms: i64) -> Result<(), StoreError> {
    let mut db = writer.begin().await?;
    let result = secrets::settle(&mut *db, vault, now_ms).await;
    db.finish(result).await
}

/// Removes what is left of rows that were replaced by sealed ones, if that has not been done. Where it cannot be the
/// server works all the same, and the next start tries again.
pub(super) async fn remove_leftovers(db: &mut PgConnection) -> Result<(), StoreError> {
    if !transact(db, async |db| secrets::has_leftovers(db).await).await? {
        return Ok(());
    }
    if let Err(error) = within(ALONE_LIMIT, sqlx::raw_sql(BEGIN_ANEW).execute(&mut *db)).await {
        tracing::warn!(
            %error,
            "old secrets may still be in unused parts of the tables endpoint and draft; run `VACUUM (FULL) endpoint, draft`"
        );
        return Ok(());
    }
    transact(db, async |db| secrets::forget_leftovers(db).await).await
}

/// Seals everything with another key.
pub(super) async fn rotate(writer: &Writer, keys: (&Vault, &Vault), now_ms: i64) -> Result<(), StoreError> {
    let mut db = writer.begin().await?;
    let result = secrets::rotate(&mut *db, keys, now_ms).await;
    db.finish(result).await
}
