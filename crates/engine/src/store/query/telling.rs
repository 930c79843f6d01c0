//! Letters to people, and who gets them.

use groundswell_types::{Email, ProgramId, RecipientState, TeamId, UserId};

use super::deliveries::limit_of;
use super::notices::notice;
use super::{Columns, Connection, addresses};
use crate::store::{
    DigestRecord, EndpointId, LetterRecord, NoticeRecord, Posting, RecipientRecord, StoreError,
};

const RECIPIENTS: &str = "
    SELECT id, token, program_id, endpoint_id, email, language, added_by, state, created_at_ms
    FROM mail_recipient WHERE endpoint_id = $1 ORDER BY id";

const RECIPIENT: &str = "
    SELECT id, token, program_id, endpoint_id, email, language, added_by, state, created_at_ms
    FROM mail_recipient WHERE token = $1";

const SAVE_RECIPIENT: &str = "
    INSERT INTO mail_recipient
        (id, token, program_id, endpoint_id, email, language, added_by, state, created_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (id) DO UPDATE SET
        language = excluded.language, added_by = excluded.added_by, state = excluded.state,
        created_at_ms = excluded.created_at_ms";

const DELETE_DIGEST_OF: &str = "DELETE FROM mail_digest WHERE endpoint_id = $1";

const REFUSE: &str = "INSERT INTO mail_refusal (email, at_ms) VALUES ($1, $2) ON CONFLICT (email) DO NOTHING";

const REFUSE_ALL: &str = "UPDATE mail_recipient SET state = 'unsubscribed' WHERE email = $1";

const ALLOW: &str = "DELETE FROM mail_refusal WHERE email = $1";

const REFUSES: &str = "SELECT 1 FROM mail_refusal WHERE email = $1";

const SAVE_LANGUAGE: &str = "
    INSERT INTO mail_person (user_id, language) VALUES ($1, $2)
    ON CONFLICT (user_id) DO UPDATE SET language = excluded.language";

const LANGUAGE: &str = "SELECT language FROM mail_person WHERE user_id = $1";

const UNTOLD: &str = "
    SELECT id, program_id, endpoint_id, kind, at_ms, since_ms
    FROM notice WHERE is_told = 0 ORDER BY id LIMIT $1";

const TOLD: &str = "
    SELECT n.id, n.program_id, n.endpoint_id, n.kind, n.at_ms, n.since_ms
    FROM notice n JOIN program p ON p.id = n.program_id
    WHERE p.team_id = $1 AND n.at_ms >= $2 AND n.is_told = 1
    ORDER BY n.id DESC LIMIT $3";

const TELL: &str = "UPDATE notice SET is_told = 1 WHERE id = $1 AND is_told = 0";

const INSERT_LETTER: &str = "
    INSERT INTO mail_outbox (id, email, language, token, content_json, attempts, due_at_ms, created_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const DUE: &str = "
    SELECT id, email, language, token, content_json, attempts, due_at_ms, created_at_ms
    FROM mail_outbox WHERE due_at_ms <= $1 ORDER BY due_at_ms, id LIMIT $2";

const WAITING: &str = "
    SELECT COUNT(*) FROM (SELECT id FROM mail_outbox WHERE token IS NOT NULL LIMIT $1) AS waiting";

const REMOVE_LETTER: &str = "DELETE FROM mail_outbox WHERE id = $1";

const PUT_OFF: &str = "UPDATE mail_outbox SET due_at_ms = $2, attempts = attempts + 1 WHERE id = $1";

const DIGESTS: &str = "SELECT endpoint_id, hour, counted, at_ms FROM mail_digest ORDER BY endpoint_id";

const SAVE_DIGEST: &str = "
    INSERT INTO mail_digest (endpoint_id, hour, counted, at_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT (endpoint_id) DO UPDATE SET
        hour = excluded.hour, counted = excluded.counted, at_ms = excluded.at_ms";

pub(in crate::store) async fn recipients(
    db: &mut impl Connection,
    endpoint: EndpointId,
) -> Result<Vec<RecipientRecord>, StoreError> {
    let rows = db.fetch(RECIPIENTS, vec![endpoint.0.into()]).await?;
    rows.iter().map(recipient_of).collect()
}

pub(in crate::store) async fn recipient(
    db: &mut impl Connection,
    token: &str,
) -> Result<Option<RecipientRecord>, StoreError> {
    let rows = db.fetch(RECIPIENT, vec![token.into()]).await?;
    rows.first().map(recipient_of).transpose()
}

/// What is known of a webhook that is deleted, within the caller's transaction. Its recipients are forgotten later, by
/// [`super::addresses::forget_unanswered`].
pub(in crate::store) async fn forget_webhook(
    db: &mut impl Connection,
    endpoint: EndpointId,
) -> Result<(), StoreError> {
    db.execute(DELETE_DIGEST_OF, [endpoint.0.into()]).await?;
    Ok(())
}

/// Within the caller's transaction.
pub(in crate::store) async fn refuse(
    db: &mut impl Connection,
    email: &Email,
    at_ms: i64,
) -> Result<(), StoreError> {
    db.execute(REFUSE, [email.as_str().into(), at_ms.into()]).await?;
    db.execute(REFUSE_ALL, [email.as_str().into()]).await?;
    Ok(())
}

pub(in crate::store) async fn allow(db: &mut impl Connection, email: &Email) -> Result<(), StoreError> {
    db.execute(ALLOW, [email.as_str().into()]).await?;
    Ok(())
}

pub(in crate::store) async fn refuses(db: &mut impl Connection, email: &Email) -> Result<bool, StoreError> {
    Ok(!db.fetch(REFUSES, vec![email.as_str().into()]).await?.is_empty())
}

pub(in crate::store) async fn save_language(
    db: &mut impl Connection,
    user: &UserId,
    language: &str,
) -> Result<(), StoreError> {
    db.execute(SAVE_LANGUAGE, [user.as_str().into(), language.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn language(
    db: &mut impl Connection,
    user: &UserId,
) -> Result<Option<String>, StoreError> {
    let rows = db.fetch(LANGUAGE, vec![user.as_str().into()]).await?;
    rows.first().map(|row| row.text(0)).transpose()
}

pub(in crate::store) async fn untold(
    db: &mut impl Connection,
    limit: usize,
) -> Result<Vec<NoticeRecord>, StoreError> {
    let rows = db.fetch(UNTOLD, vec![limit_of(limit)]).await?;
    rows.iter().map(notice).collect()
}

pub(in crate::store) async fn told(
    db: &mut impl Connection,
    (team, since_ms): (&TeamId, i64),
    limit: usize,
) -> Result<Vec<NoticeRecord>, StoreError> {
    let values = vec![team.as_str().into(), since_ms.into(), limit_of(limit)];
    db.fetch(TOLD, values).await?.iter().map(notice).collect()
}

/// Within the caller's transaction.
pub(in crate::store) async fn post(db: &mut impl Connection, posting: &Posting) -> Result<(), StoreError> {
    if let Some(notice) = posting.notice
        && db.execute(TELL, [notice.number().into()]).await? == 0
    {
        return Err(StoreError::Rejected("the notice was told already, or is gone".into()));
    }
    if let Some(DigestRecord { endpoint_id, hour, counted, at_ms }) = posting.digest {
        db.execute(SAVE_DIGEST, [endpoint_id.0.into(), hour.into(), counted.into(), at_ms.into()]).await?;
    }
    for address in &posting.addresses {
        addresses::ask(db, address).await?;
    }
    for one in &posting.recipients {
        let values = [
            one.id.as_str().into(),
            one.token.as_str().into(),
            one.program_id.as_str().into(),
            one.endpoint_id.0.into(),
            one.email.as_str().into(),
            one.language.as_str().into(),
            one.added_by.as_deref().into(),
            one.state.as_str().into(),
            one.created_at_ms.into(),
        ];
        db.execute(SAVE_RECIPIENT, values).await?;
    }
    for letter in &posting.letters {
        let values = [
            letter.id.into(),
            letter.email.as_str().into(),
            letter.language.as_str().into(),
            letter.token.as_deref().into(),
            letter.content_json.as_str().into(),
            letter.attempts.into(),
            letter.due_at_ms.into(),
            letter.created_at_ms.into(),
        ];
        db.execute(INSERT_LETTER, values).await?;
    }
    Ok(())
}

pub(in crate::store) async fn due(
    db: &mut impl Connection,
    now_ms: i64,
    limit: usize,
) -> Result<Vec<LetterRecord>, StoreError> {
    let rows = db.fetch(DUE, vec![now_ms.into(), limit_of(limit)]).await?;
    rows.iter().map(letter_of).collect()
}

pub(in crate::store) async fn waiting(db: &mut impl Connection, cap: i64) -> Result<i64, StoreError> {
    let rows = db.fetch(WAITING, vec![cap.into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

pub(in crate::store) async fn remove_letter(db: &mut impl Connection, id: i64) -> Result<(), StoreError> {
    db.execute(REMOVE_LETTER, [id.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn put_off(
    db: &mut impl Connection,
    id: i64,
    due_at_ms: i64,
) -> Result<(), StoreError> {
    db.execute(PUT_OFF, [id.into(), due_at_ms.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn digests(db: &mut impl Connection) -> Result<Vec<DigestRecord>, StoreError> {
    let rows = db.fetch(DIGESTS, vec![]).await?;
    let digest = |row: &_| {
        Ok(DigestRecord {
            endpoint_id: EndpointId(Columns::int(row, 0)?),
            hour: Columns::int(row, 1)?,
            counted: Columns::int(row, 2)?,
            at_ms: Columns::int(row, 3)?,
        })
    };
    rows.iter().map(digest).collect()
}

fn email(row: &impl Columns, column: usize) -> Result<Email, StoreError> {
    row.parsed(column, |text| Email::parse(text).ok())
}

fn recipient_of(row: &impl Columns) -> Result<RecipientRecord, StoreError> {
    Ok(RecipientRecord {
        id: row.text(0)?,
        token: row.text(1)?,
        program_id: row.parsed(2, |text| ProgramId::parse(text).ok())?,
        endpoint_id: EndpointId(row.int(3)?),
        email: email(row, 4)?,
        language: row.text(5)?,
        added_by: row.optional_text(6)?,
        state: row.parsed(7, RecipientState::parse)?,
        created_at_ms: row.int(8)?,
    })
}

fn letter_of(row: &impl Columns) -> Result<LetterRecord, StoreError> {
    Ok(LetterRecord {
        id: row.int(0)?,
        email: email(row, 1)?,
        language: row.text(2)?,
        token: row.optional_text(3)?,
        content_json: row.text(4)?,
        attempts: row.int(5)?,
        due_at_ms: row.int(6)?,
        created_at_ms: row.int(7)?,
    })
}
