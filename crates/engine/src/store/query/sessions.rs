//! Who is signed in, and with what one can sign in: sessions, one-time links, devices. Nothing secret is kept but hashes.

use groundswell_types::{TeamId, UserId};

use super::people::{memberships, user_id, user_of};
use super::{Columns, Connection};
use crate::access::SIGN_IN_LINK_MS;
use crate::store::{DeviceRecord, LinkMaker, SessionRecord, SignInLinkRecord, SignedIn, StoreError};

const SAVE_LINK: &str = "
    INSERT INTO sign_in_link (token_hash, user_id, expires_at_ms, made_by) VALUES ($1, $2, $3, $4)
    ON CONFLICT (token_hash) DO UPDATE SET
        user_id = excluded.user_id,
        expires_at_ms = excluded.expires_at_ms,
        made_by = excluded.made_by";

/// No key has this id.
const MAIL: &str = "mail";

const LINK: &str =
    "SELECT token_hash, user_id, expires_at_ms, made_by FROM sign_in_link WHERE token_hash = $1";

const DELETE_LINK: &str = "DELETE FROM sign_in_link WHERE token_hash = $1";

const DELETE_LINKS_OF: &str = "DELETE FROM sign_in_link WHERE user_id = $1";

/// Links are few and short-lived, so each one that is made or used sweeps; nothing else has to.
const DELETE_EXPIRED_LINKS: &str = "DELETE FROM sign_in_link WHERE expires_at_ms <= $1";

const SAVE_SESSION: &str = "
    INSERT INTO session
        (token_hash, user_id, team_id, created_at_ms, last_seen_at_ms, expires_at_ms, address, user_agent, api_key_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (token_hash) DO UPDATE SET
        user_id = excluded.user_id,
        team_id = excluded.team_id,
        created_at_ms = excluded.created_at_ms,
        last_seen_at_ms = excluded.last_seen_at_ms,
        expires_at_ms = excluded.expires_at_ms,
        address = excluded.address,
        user_agent = excluded.user_agent,
        api_key_id = excluded.api_key_id";

const DELETE_EXPIRED_SESSIONS: &str = "DELETE FROM session WHERE expires_at_ms <= $1";

/// Outlives the session, because "has anybody ever signed in" does.
const REMEMBER_SESSION: &str = "
    INSERT INTO meta (name, value) VALUES ('has_sessions', 1)
    ON CONFLICT (name) DO NOTHING";

const SESSION: &str = "
    SELECT u.id, u.name, u.email, u.password_hash, u.oidc_subject, u.created_at_ms,
        s.token_hash, s.user_id, s.team_id, s.created_at_ms, s.last_seen_at_ms, s.expires_at_ms, s.address, s.user_agent,
        s.api_key_id
    FROM session s JOIN user_account u ON u.id = s.user_id
    WHERE s.token_hash = $1 AND s.expires_at_ms > $2";

const SESSIONS_OF: &str = "
    SELECT token_hash, user_id, team_id, created_at_ms, last_seen_at_ms, expires_at_ms, address, user_agent, api_key_id
    FROM session WHERE user_id = $1 ORDER BY created_at_ms DESC, token_hash";

const TOUCH_SESSION: &str = "UPDATE session SET last_seen_at_ms = $2 WHERE token_hash = $1";

const CHOOSE_TEAM: &str = "UPDATE session SET team_id = $2 WHERE token_hash = $1";

const DELETE_SESSION: &str = "DELETE FROM session WHERE token_hash = $1";

const DELETE_SESSIONS_OF: &str = "DELETE FROM session WHERE user_id = $1 AND token_hash <> $2";

const HAS_SESSIONS: &str = "SELECT value FROM meta WHERE name = 'has_sessions'";

const SAVE_DEVICE: &str = "
    INSERT INTO device (token_hash, user_id, created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4)";

const DELETE_EXPIRED_DEVICES: &str = "DELETE FROM device WHERE expires_at_ms <= $1";

const DEVICE: &str = "SELECT user_id FROM device WHERE token_hash = $1 AND expires_at_ms > $2";

const DELETE_DEVICES_OF: &str = "DELETE FROM device WHERE user_id = $1";

/// Within the caller's transaction.
pub(in crate::store) async fn save_link(
    db: &mut impl Connection,
    link: &SignInLinkRecord,
) -> Result<(), StoreError> {
    let made_by = match &link.made_by {
        LinkMaker::Person => None,
        LinkMaker::Mail => Some(MAIL),
        LinkMaker::Key(id) => Some(id.as_str()),
    };
    let SignInLinkRecord { token_hash, user_id, expires_at_ms, .. } = link;
    let values = [token_hash.into(), user_id.as_str().into(), (*expires_at_ms).into(), made_by.into()];
    db.execute(SAVE_LINK, values).await?;
    // None lasts longer. Those that go out by e-mail may never be used, and so never be swept.
    db.execute(DELETE_EXPIRED_LINKS, [link.expires_at_ms.saturating_sub(SIGN_IN_LINK_MS).into()]).await?;
    Ok(())
}

/// Within the caller's transaction. Which it was, if it had not expired.
pub(in crate::store) async fn use_link(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<SignInLinkRecord>, StoreError> {
    db.execute(DELETE_EXPIRED_LINKS, [now_ms.into()]).await?;
    let rows = db.fetch(LINK, vec![token_hash.into()]).await?;
    let link = rows.first().map(link_of).transpose()?;
    let deleted = db.execute(DELETE_LINK, [token_hash.into()]).await?;
    Ok(link.filter(|_| deleted == 1))
}

pub(in crate::store) async fn save_session(
    db: &mut impl Connection,
    session: &SessionRecord,
) -> Result<(), StoreError> {
    db.execute(DELETE_EXPIRED_SESSIONS, [session.created_at_ms.into()]).await?;
    let values = [
        (&session.token_hash).into(),
        session.user_id.as_str().into(),
        session.team_id.as_ref().map(TeamId::as_str).into(),
        session.created_at_ms.into(),
        session.last_seen_at_ms.into(),
        session.expires_at_ms.into(),
        session.address.as_deref().into(),
        session.user_agent.as_deref().into(),
        session.api_key_id.as_deref().into(),
    ];
    db.execute(SAVE_SESSION, values).await?;
    db.execute(REMEMBER_SESSION, []).await?;
    Ok(())
}

pub(in crate::store) async fn session(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<SignedIn>, StoreError> {
    let rows = db.fetch(SESSION, vec![token_hash.into(), now_ms.into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (user, session) = (user_of(row)?, session_of(row, 6)?);
    let memberships = memberships(db, &user.id).await?;
    Ok(Some(SignedIn { session, user, memberships }))
}

pub(in crate::store) async fn sessions_of(
    db: &mut impl Connection,
    user: &UserId,
) -> Result<Vec<SessionRecord>, StoreError> {
    let rows = db.fetch(SESSIONS_OF, vec![user.as_str().into()]).await?;
    rows.iter().map(|row| session_of(row, 0)).collect()
}

pub(in crate::store) async fn touch_session(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    at_ms: i64,
) -> Result<(), StoreError> {
    db.execute(TOUCH_SESSION, [token_hash.into(), at_ms.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn choose_team(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    team: &TeamId,
) -> Result<(), StoreError> {
    db.execute(CHOOSE_TEAM, [token_hash.into(), team.as_str().into()]).await?;
    Ok(())
}

pub(in crate::store) async fn delete_session(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
) -> Result<(), StoreError> {
    db.execute(DELETE_SESSION, [token_hash.into()]).await?;
    Ok(())
}

/// All of them when `but` is nobody's hash.
pub(in crate::store) async fn delete_sessions_of(
    db: &mut impl Connection,
    user: &UserId,
    but: &[u8; 32],
) -> Result<u64, StoreError> {
    db.execute(DELETE_SESSIONS_OF, [user.as_str().into(), but.into()]).await
}

pub(in crate::store) async fn has_sessions(db: &mut impl Connection) -> Result<bool, StoreError> {
    Ok(!db.fetch(HAS_SESSIONS, vec![]).await?.is_empty())
}

pub(in crate::store) async fn save_device(
    db: &mut impl Connection,
    device: &DeviceRecord,
) -> Result<(), StoreError> {
    db.execute(DELETE_EXPIRED_DEVICES, [device.created_at_ms.into()]).await?;
    let values = [
        (&device.token_hash).into(),
        device.user_id.as_str().into(),
        device.created_at_ms.into(),
        device.expires_at_ms.into(),
    ];
    db.execute(SAVE_DEVICE, values).await?;
    Ok(())
}

pub(in crate::store) async fn device(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<UserId>, StoreError> {
    let rows = db.fetch(DEVICE, vec![token_hash.into(), now_ms.into()]).await?;
    rows.first().map(|row| user_id(row, 0)).transpose()
}

pub(in crate::store) async fn delete_links_of(
    db: &mut impl Connection,
    user: &UserId,
) -> Result<(), StoreError> {
    db.execute(DELETE_LINKS_OF, [user.as_str().into()]).await?;
    Ok(())
}

pub(in crate::store) async fn delete_devices_of(
    db: &mut impl Connection,
    user: &UserId,
) -> Result<(), StoreError> {
    db.execute(DELETE_DEVICES_OF, [user.as_str().into()]).await?;
    Ok(())
}

fn link_of(row: &impl Columns) -> Result<SignInLinkRecord, StoreError> {
    Ok(SignInLinkRecord {
        token_hash: row.hash(0)?,
        user_id: user_id(row, 1)?,
        expires_at_ms: row.int(2)?,
        made_by: match row.optional_text(3)? {
            None => LinkMaker::Person,
            Some(text) if text == MAIL => LinkMaker::Mail,
            Some(id) => LinkMaker::Key(id),
        },
    })
}

/// The column, and the eight behind it.
fn session_of(row: &impl Columns, column: usize) -> Result<SessionRecord, StoreError> {
    Ok(SessionRecord {
        token_hash: row.hash(column)?,
        user_id: user_id(row, column + 1)?,
        team_id: row.optional_parsed(column + 2, |text| TeamId::parse(text).ok())?,
        created_at_ms: row.int(column + 3)?,
        last_seen_at_ms: row.int(column + 4)?,
        expires_at_ms: row.int(column + 5)?,
        address: row.optional_text(column + 6)?,
        user_agent: row.optional_text(column + 7)?,
        api_key_id: row.optional_text(column + 8)?,
    })
}
