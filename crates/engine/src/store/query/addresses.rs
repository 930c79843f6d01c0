//! Whose an e-mail address is.

use groundswell_types::{Email, UserId};

use super::{Columns, Connection};
use crate::store::{AddressRecord, AddressState, StoreError};

const ADDRESS: &str = "
    SELECT user_id, email, token, state, at_ms FROM mail_address WHERE user_id = $1 AND email = $2";

const OF_LINK: &str = "SELECT user_id, email, token, state, at_ms FROM mail_address WHERE token = $1";

const SAVE: &str = "
    INSERT INTO mail_address (user_id, email, token, state, at_ms) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id, email) DO UPDATE SET
        token = excluded.token, state = excluded.state, at_ms = excluded.at_ms";

const ASK: &str = "
    INSERT INTO mail_address (user_id, email, token, state, at_ms) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id, email) DO UPDATE SET
        token = COALESCE(mail_address.token, excluded.token), at_ms = excluded.at_ms
    WHERE mail_address.state = 'asked'";

const FORGET: &str = "DELETE FROM mail_address WHERE state = 'asked' AND at_ms < $1";

const FORGET_RECIPIENTS: &str = "
    DELETE FROM mail_recipient
    WHERE (created_at_ms < $1 AND state = 'invited' AND added_by IS NULL)
        OR EXISTS (SELECT 1 FROM endpoint
            WHERE endpoint.id = mail_recipient.endpoint_id AND endpoint.deleted_at_ms < $1)
        OR (created_at_ms < $1
            AND NOT EXISTS (SELECT 1 FROM endpoint WHERE endpoint.id = mail_recipient.endpoint_id))";

pub(in crate::store) async fn address(
    db: &mut impl Connection,
    user: &UserId,
    email: &Email,
) -> Result<Option<AddressRecord>, StoreError> {
    let rows = db.fetch(ADDRESS, vec![user.as_str().into(), email.as_str().into()]).await?;
    rows.first().map(record_of).transpose()
}

pub(in crate::store) async fn of_link(
    db: &mut impl Connection,
    token: &str,
) -> Result<Option<AddressRecord>, StoreError> {
    let rows = db.fetch(OF_LINK, vec![token.into()]).await?;
    rows.first().map(record_of).transpose()
}

pub(in crate::store) async fn save(
    db: &mut impl Connection,
    record: &AddressRecord,
) -> Result<(), StoreError> {
    write(db, SAVE, record).await
}

/// Keeps that somebody is asked, unless they have answered meanwhile.
pub(in crate::store) async fn ask(
    db: &mut impl Connection,
    record: &AddressRecord,
) -> Result<(), StoreError> {
    write(db, ASK, record).await
}

async fn write(
    db: &mut impl Connection,
    statement: &'static str,
    record: &AddressRecord,
) -> Result<(), StoreError> {
    let AddressRecord { user_id, email, token, state, at_ms } = record;
    let values = [
        user_id.as_str().into(),
        email.as_str().into(),
        token.as_deref().into(),
        state.as_str().into(),
        (*at_ms).into(),
    ];
    db.execute(statement, values).await?;
    Ok(())
}

/// Within the caller's transaction.
pub(in crate::store) async fn forget_unanswered(
    db: &mut impl Connection,
    before_ms: i64,
) -> Result<(), StoreError> {
    db.execute(FORGET, [before_ms.into()]).await?;
    db.execute(FORGET_RECIPIENTS, [before_ms.into()]).await?;
    Ok(())
}

fn record_of(row: &impl Columns) -> Result<AddressRecord, StoreError> {
    Ok(AddressRecord {
        user_id: row.parsed(0, |text| UserId::parse(text).ok())?,
        email: row.parsed(1, |text| Email::parse(text).ok())?,
        token: row.optional_text(2)?,
        state: row.parsed(3, AddressState::parse)?,
        at_ms: row.int(4)?,
    })
}
