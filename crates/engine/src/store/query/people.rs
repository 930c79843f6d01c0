//! People, the teams they are in, and invitations. Nothing secret is kept but hashes.

use groundswell_types::{Email, Role, TeamId, UserId};

use super::{Columns, Connection};
use crate::store::{
    InvitationRecord, MembershipChange, MembershipChanged, MembershipRecord, StoreError, TeamRecord,
    UserRecord,
};

const TEAMS: &str = "SELECT id, name, created_at_ms FROM team ORDER BY created_at_ms, id";

const SAVE_TEAM: &str = "
    INSERT INTO team (id, name, created_at_ms) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name";

const USER: &str = "
    SELECT id, name, email, password_hash, oidc_subject, created_at_ms FROM user_account WHERE id = $1";

const USER_BY_EMAIL: &str = "
    SELECT id, name, email, password_hash, oidc_subject, created_at_ms FROM user_account WHERE email = $1";

const USER_BY_SUBJECT: &str = "
    SELECT id, name, email, password_hash, oidc_subject, created_at_ms FROM user_account WHERE oidc_subject = $1";

const SAVE_USER: &str = "
    INSERT INTO user_account (id, name, email, password_hash, oidc_subject, created_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (id) DO UPDATE SET
        name = excluded.name,
        email = excluded.email,
        password_hash = excluded.password_hash,
        oidc_subject = excluded.oidc_subject";

const MEMBERS: &str = "
    SELECT u.id, u.name, u.email, u.password_hash, u.oidc_subject, u.created_at_ms, m.team_id, m.user_id, m.role, m.since_ms
    FROM membership m JOIN user_account u ON u.id = m.user_id
    WHERE m.team_id = $1
    ORDER BY m.since_ms, m.user_id";

const MEMBERSHIPS: &str = "
    SELECT team_id, user_id, role, since_ms FROM membership WHERE user_id = $1 ORDER BY since_ms, team_id";

const ADD_MEMBER: &str = "
    INSERT INTO membership (team_id, user_id, role, since_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT (team_id, user_id) DO NOTHING";

const ROLES: &str = "SELECT user_id, role FROM membership WHERE team_id = $1";

const SET_ROLE: &str = "UPDATE membership SET role = $3 WHERE team_id = $1 AND user_id = $2";

const DELETE_MEMBER: &str = "DELETE FROM membership WHERE team_id = $1 AND user_id = $2";

const DELETE_OLD_INVITATIONS: &str = "
    DELETE FROM invitation WHERE expires_at_ms <= $1 OR (team_id = $2 AND email = $3)";

const SAVE_INVITATION: &str = "
    INSERT INTO invitation (id, token_hash, team_id, email, role, invited_by, created_at_ms, expires_at_ms, made_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const INVITATIONS: &str = "
    SELECT id, token_hash, team_id, email, role, invited_by, created_at_ms, expires_at_ms, made_by
    FROM invitation WHERE team_id = $1 ORDER BY created_at_ms, id";

const INVITATION: &str = "
    SELECT id, token_hash, team_id, email, role, invited_by, created_at_ms, expires_at_ms, made_by
    FROM invitation WHERE token_hash = $1 AND expires_at_ms > $2";

const USE_INVITATION: &str = "DELETE FROM invitation WHERE token_hash = $1 AND expires_at_ms > $2";

const DELETE_INVITATIONS_BY: &str = "DELETE FROM invitation WHERE team_id = $1 AND made_by = $2";

const DELETE_INVITATION: &str = "DELETE FROM invitation WHERE team_id = $1 AND id = $2";

pub(in crate::store) async fn teams(db: &mut impl Connection) -> Result<Vec<TeamRecord>, StoreError> {
    let rows = db.fetch(TEAMS, vec![]).await?;
    rows.iter()
        .map(|row| Ok(TeamRecord { id: team_id(row, 0)?, name: row.text(1)?, created_at_ms: row.int(2)? }))
        .collect()
}

pub(in crate::store) async fn save_team(
    db: &mut impl Connection,
    team: &TeamRecord,
) -> Result<(), StoreError> {
    let values = [team.id.as_str().into(), team.name.as_str().into(), team.created_at_ms.into()];
    db.execute(SAVE_TEAM, values).await?;
    Ok(())
}

pub(in crate::store) async fn user(
    db: &mut impl Connection,
    id: &UserId,
) -> Result<Option<UserRecord>, StoreError> {
    let rows = db.fetch(USER, vec![id.as_str().into()]).await?;
    rows.first().map(user_of).transpose()
}

pub(in crate::store) async fn user_by_email(
    db: &mut impl Connection,
    email: &Email,
) -> Result<Option<UserRecord>, StoreError> {
    let rows = db.fetch(USER_BY_EMAIL, vec![email.as_str().into()]).await?;
    rows.first().map(user_of).transpose()
}

pub(in crate::store) async fn user_by_subject(
    db: &mut impl Connection,
    subject: &str,
) -> Result<Option<UserRecord>, StoreError> {
    let rows = db.fetch(USER_BY_SUBJECT, vec![subject.into()]).await?;
    rows.first().map(user_of).transpose()
}

pub(in crate::store) async fn save_user(
    db: &mut impl Connection,
    user: &UserRecord,
) -> Result<(), StoreError> {
    let values = [
        user.id.as_str().into(),
        user.name.as_str().into(),
        user.email.as_ref().map(Email::as_str).into(),
        user.password_hash.as_deref().into(),
        user.oidc_subject.as_deref().into(),
        user.created_at_ms.into(),
    ];
    db.execute(SAVE_USER, values).await?;
    Ok(())
}

pub(in crate::store) async fn members(
    db: &mut impl Connection,
    team: &TeamId,
) -> Result<Vec<(UserRecord, MembershipRecord)>, StoreError> {
    let rows = db.fetch(MEMBERS, vec![team.as_str().into()]).await?;
    rows.iter().map(|row| Ok((user_of(row)?, membership(row, 6)?))).collect()
}

pub(in crate::store) async fn memberships(
    db: &mut impl Connection,
    user: &UserId,
) -> Result<Vec<MembershipRecord>, StoreError> {
    let rows = db.fetch(MEMBERSHIPS, vec![user.as_str().into()]).await?;
    rows.iter().map(|row| membership(row, 0)).collect()
}

pub(in crate::store) async fn add_member(
    db: &mut impl Connection,
    membership: &MembershipRecord,
) -> Result<(), StoreError> {
    let MembershipRecord { team_id, user_id, role, since_ms } = membership;
    let values = [team_id.as_str().into(), user_id.as_str().into(), role.as_str().into(), (*since_ms).into()];
    db.execute(ADD_MEMBER, values).await?;
    Ok(())
}

/// Within the caller's transaction: of two owners who leave at once one stays.
pub(in crate::store) async fn change_member(
    db: &mut impl Connection,
    (team, user): (&TeamId, &UserId),
    change: MembershipChange,
) -> Result<MembershipChanged, StoreError> {
    let rows = db.fetch(ROLES, vec![team.as_str().into()]).await?;
    let roles = rows.iter().map(|row| Ok((row.text(0)?, row.parsed(1, Role::parse)?)));
    let roles: Vec<(String, Role)> = roles.collect::<Result<_, StoreError>>()?;
    let Some((_, now)) = roles.iter().find(|(id, _)| id == user.as_str()) else {
        return Ok(MembershipChanged::NotFound);
    };
    let owners = roles.iter().filter(|(_, role)| *role == Role::Owner).count();
    if *now == Role::Owner && owners == 1 && change != MembershipChange::Role(Role::Owner) {
        return Ok(MembershipChanged::IsLastOwner);
    }
    match change {
        MembershipChange::Role(role) => {
            db.execute(SET_ROLE, [team.as_str().into(), user.as_str().into(), role.as_str().into()]).await?
        }
        MembershipChange::End => {
            db.execute(DELETE_MEMBER, [team.as_str().into(), user.as_str().into()]).await?
        }
    };
    if change != MembershipChange::Role(Role::Owner) {
        db.execute(DELETE_INVITATIONS_BY, [team.as_str().into(), user.as_str().into()]).await?;
    }
    Ok(MembershipChanged::Changed)
}

pub(in crate::store) async fn save_invitation(
    db: &mut impl Connection,
    invitation: &InvitationRecord,
) -> Result<(), StoreError> {
    let InvitationRecord { id, token_hash, team_id, email, role, invited_by, made_by, .. } = invitation;
    let InvitationRecord { created_at_ms, expires_at_ms, .. } = invitation;
    let old = [(*created_at_ms).into(), team_id.as_str().into(), email.as_str().into()];
    db.execute(DELETE_OLD_INVITATIONS, old).await?;
    let values = [
        id.as_str().into(),
        token_hash.into(),
        team_id.as_str().into(),
        email.as_str().into(),
        role.as_str().into(),
        invited_by.as_str().into(),
        (*created_at_ms).into(),
        (*expires_at_ms).into(),
        made_by.as_deref().into(),
    ];
    db.execute(SAVE_INVITATION, values).await?;
    Ok(())
}

pub(in crate::store) async fn invitations(
    db: &mut impl Connection,
    team: &TeamId,
) -> Result<Vec<InvitationRecord>, StoreError> {
    let rows = db.fetch(INVITATIONS, vec![team.as_str().into()]).await?;
    rows.iter().map(invitation_of).collect()
}

pub(in crate::store) async fn invitation(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<InvitationRecord>, StoreError> {
    let rows = db.fetch(INVITATION, vec![token_hash.into(), now_ms.into()]).await?;
    rows.first().map(invitation_of).transpose()
}

/// Within the caller's transaction.
pub(in crate::store) async fn accept_invitation(
    db: &mut impl Connection,
    (invitation, user): (&InvitationRecord, &UserRecord),
    now_ms: i64,
) -> Result<bool, StoreError> {
    if db.execute(USE_INVITATION, [(&invitation.token_hash).into(), now_ms.into()]).await? == 0 {
        return Ok(false);
    }
    save_user(db, user).await?;
    let (team_id, user_id) = (invitation.team_id.clone(), user.id.clone());
    add_member(db, &MembershipRecord { team_id, user_id, role: invitation.role, since_ms: now_ms }).await?;
    Ok(true)
}

pub(in crate::store) async fn delete_invitation(
    db: &mut impl Connection,
    team: &TeamId,
    id: &str,
) -> Result<bool, StoreError> {
    Ok(db.execute(DELETE_INVITATION, [team.as_str().into(), id.into()]).await? == 1)
}

fn team_id(row: &impl Columns, column: usize) -> Result<TeamId, StoreError> {
    row.parsed(column, |text| TeamId::parse(text).ok())
}

pub(super) fn user_id(row: &impl Columns, column: usize) -> Result<UserId, StoreError> {
    row.parsed(column, |text| UserId::parse(text).ok())
}

/// The first six columns.
pub(super) fn user_of(row: &impl Columns) -> Result<UserRecord, StoreError> {
    Ok(UserRecord {
        id: user_id(row, 0)?,
        name: row.text(1)?,
        email: row.optional_parsed(2, |text| Email::parse(text).ok())?,
        password_hash: row.optional_text(3)?,
        oidc_subject: row.optional_text(4)?,
        created_at_ms: row.int(5)?,
    })
}

/// The column, and the three behind it.
fn membership(row: &impl Columns, column: usize) -> Result<MembershipRecord, StoreError> {
    Ok(MembershipRecord {
        team_id: team_id(row, column)?,
        user_id: user_id(row, column + 1)?,
        role: row.parsed(column + 2, Role::parse)?,
        since_ms: row.int(column + 3)?,
    })
}

fn invitation_of(row: &impl Columns) -> Result<InvitationRecord, StoreError> {
    Ok(InvitationRecord {
        id: row.text(0)?,
        token_hash: row.hash(1)?,
        team_id: team_id(row, 2)?,
        email: row.parsed(3, |text| Email::parse(text).ok())?,
        role: row.parsed(4, Role::parse)?,
        invited_by: row.text(5)?,
        created_at_ms: row.int(6)?,
        expires_at_ms: row.int(7)?,
        made_by: row.optional_text(8)?,
    })
}
