//! Statements that a session keeps, or not.

use sqlx::postgres::PgArguments;
use sqlx::query::{Query, QueryScalar};
use sqlx::{Connection as _, PgConnection, Postgres};

pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Whether what is prepared may be kept under a name, to be used again in the same session. Not in a transaction that sqlx
/// knows of: in those is done what is rare, or done through a pooler, behind which a session is nobody's own. Transactions of
/// the connection that writes are unknown to it where there is no pooler.
pub(super) fn may_be_kept(db: &PgConnection) -> bool {
    !db.is_in_transaction()
}

/// A statement for this connection.
pub(super) fn statement(db: &PgConnection, sql: &'static str) -> Statement<'static> {
    sqlx::query(sql).persistent(may_be_kept(db))
}

/// A statement for this connection whose answer is one column.
pub(super) fn scalar<T>(
    db: &PgConnection,
    sql: &'static str,
) -> QueryScalar<'static, Postgres, T, PgArguments>
where
    (T,): for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    sqlx::query_scalar(sql).persistent(may_be_kept(db))
}
