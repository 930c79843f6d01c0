//! Coming into a further team.

use super::{Connection, people, sessions};
use crate::store::{self, Joining, MembershipRecord, StoreError};

const USE_INVITATION: &str = "DELETE FROM invitation WHERE token_hash = $1 AND expires_at_ms > $2";

const DISCONNECT: &str = "UPDATE user_account SET oidc_subject = NULL WHERE id = $1";

/// Within the caller's transaction.
pub(in crate::store) async fn join(
    db: &mut impl Connection,
    joining: Joining<'_>,
) -> Result<bool, StoreError> {
    let Joining { invitation, user, session, connection, at_ms } = joining;
    if db.execute(USE_INVITATION, [(&invitation.token_hash).into(), at_ms.into()]).await? == 0 {
        return Ok(false);
    }
    let (team_id, user_id) = (invitation.team_id.clone(), user.clone());
    people::add_member(db, &MembershipRecord { team_id, user_id, role: invitation.role, since_ms: at_ms })
        .await?;
    sessions::choose_team(db, &session, &invitation.team_id).await?;
    sessions::delete_sessions_of(db, user, &session).await?;
    sessions::delete_links_of(db, user).await?;
    if connection == store::Connection::Ends {
        db.execute(DISCONNECT, [user.as_str().into()]).await?;
    }
    Ok(true)
}
